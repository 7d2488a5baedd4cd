"""Which media type is chosen for an Accept header."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.engine import Form
from gateway.errors import NotAcceptable, UnsupportedMediaType
from gateway.server.negotiation import Frame, Media, check_request_media, response_media, streamed

BROWSER = b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, Media.JSON),
        (b"", Media.JSON),
        (b"*/*", Media.JSON),
        (b"application/*", Media.JSON),
        (b"application/json", Media.JSON),
        (b"Application/JSON; charset=utf-8", Media.JSON),
        (b"application/graphql-response+json", Media.GRAPHQL),
        (b"application/graphql-response+json, application/json;q=0.9", Media.GRAPHQL),
        (b"application/json, application/graphql-response+json", Media.GRAPHQL),
        (b"application/graphql-response+json;q=0.1, application/json", Media.JSON),
        (b"application/json;q=0, */*", Media.GRAPHQL),
        (b"application/json;q=nonsense", Media.JSON),
        (b"text/event-stream", Media.STREAM),
        (b"application/json, text/event-stream", Media.JSON),
        (b"multipart/mixed", Media.STREAM),
        (b"multipart/mixed;subscriptionSpec=1.0", Media.STREAM),
        (b"multipart/mixed;deferSpec=20220824, application/json", Media.JSON),
        (BROWSER, Media.JSON),
    ],
)
def test_a_post_is_answered_in_the_type_the_client_prefers(accept: bytes | None, media: Media) -> None:
    assert response_media(accept, page=False) is media


def test_a_browser_that_opens_the_address_gets_a_page() -> None:
    assert response_media(BROWSER, page=True) is Media.PAGE


def test_a_client_that_takes_anything_gets_json_and_no_page() -> None:
    assert response_media(b"*/*", page=True) is Media.JSON


@pytest.mark.parametrize("accept", [b"text/html", b"image/*", b"*/*;q=0", b"multipart/*", b"application/json;q=0"])
def test_nothing_that_could_be_accepted_is_an_error(accept: bytes) -> None:
    with pytest.raises(NotAcceptable):
        response_media(accept, page=False)


@given(st.binary(max_size=300), st.booleans())
def test_any_header_value_gives_a_type_or_not_acceptable(accept: bytes, page: bool) -> None:
    with suppress(NotAcceptable):
        assert response_media(accept, page=page) in Media


@pytest.mark.parametrize("content_type", [b"application/json", b'application/json;charset="UTF-8"', b"APPLICATION/JSON; x=y"])
def test_json_in_utf8_is_read(content_type: bytes) -> None:
    check_request_media(content_type, None)
    check_request_media(content_type, b"identity")


@pytest.mark.parametrize("content_type", [None, b"", b"application/jsonx", b"text/json", b"application/json;charset=utf-16"])
def test_anything_else_is_not_read(content_type: bytes | None) -> None:
    with pytest.raises(UnsupportedMediaType):
        check_request_media(content_type, None)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, None),
        (b"*/*", None),
        (b"application/json", None),
        (b"text/event-stream", (Frame.EVENTS, Form.CURRENT)),
        (b"multipart/mixed, application/json", (Frame.PARTS, Form.CURRENT)),
        (b"multipart/mixed;deferSpec=20220824,application/json", (Frame.PARTS, Form.APOLLO)),
        (b"text/event-stream;deferSpec=20220824", (Frame.EVENTS, Form.APOLLO)),
        (b'multipart/mixed;boundary="graphql";subscriptionSpec="1.0"', (Frame.SUBSCRIPTION, Form.CURRENT)),
        (b"application/json, text/event-stream, multipart/mixed", (Frame.EVENTS, Form.CURRENT)),
        (b"text/event-stream;q=0.5, multipart/mixed", (Frame.PARTS, Form.CURRENT)),
        (b"text/event-stream;q=0", None),
    ],
)
def test_payloads_come_in_what_the_client_names_first_or_likes_best(accept: bytes | None, expected: object) -> None:
    assert streamed(accept) == expected
