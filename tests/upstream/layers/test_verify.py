from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import UpstreamBadContent, UpstreamError
from gateway.upstream.call import Reply
from gateway.upstream.layers.verify import bad_content, json_content, problem, retry_after, status_error, verify
from tests.upstream.conftest import call
from tests.upstream.world import START, Source, reply

PROBLEM = b'{"type": "https://errors.test/stock", "title": "Out", "status": 503, "detail": "secret"}'


def failed(status: int, body: bytes = b"", **headers: str) -> UpstreamError:
    error = status_error(reply(body, status, **headers))
    assert error is not None
    return error


async def test_the_call_s_own_verifier_has_the_last_word() -> None:
    def refuse(_received: Reply) -> Reply:
        raise UpstreamBadContent

    with pytest.raises(UpstreamBadContent):
        await verify()(Source().send)(call(verify=refuse))


@pytest.mark.parametrize("status", [200, 201, 203, 204, 206])
def test_a_success_is_no_error(status: int) -> None:
    assert status_error(reply(status=status)) is None


@pytest.mark.parametrize(
    ("status", "code", "retryable", "said"),
    [
        (500, "UPSTREAM_ERROR", True, "answered 500"),
        (503, "UPSTREAM_ERROR", True, "answered 503"),
        (599, "UPSTREAM_ERROR", True, "answered 599"),
        (429, "UPSTREAM_RATE_LIMITED", True, "is limiting how often it may be called (it answered 429)"),
        (401, "UPSTREAM_UNAUTHENTICATED", False, "does not know who is asking (it answered 401)"),
        (403, "UPSTREAM_FORBIDDEN", False, "does not allow this caller to read this (it answered 403)"),
        (404, "NOT_FOUND", False, "has nothing under this address (it answered 404)"),
        (410, "NOT_FOUND", False, "no longer has anything under this address (it answered 410)"),
        (400, "UPSTREAM_REJECTED", False, "rejected the call (it answered 400)"),
        (418, "UPSTREAM_REJECTED", False, "rejected the call (it answered 418)"),
        (304, "UPSTREAM_BAD_CONTENT", True, "answered 304, which is no answer to a read"),
        (101, "UPSTREAM_BAD_CONTENT", True, "answered 101, which is no answer to a read"),
    ],
)
def test_each_status_has_its_code(status: int, code: str, retryable: bool, said: str) -> None:
    error = failed(status)
    assert (error.code, error.retryable, error.said, error.status, error.error_type) == (
        code,
        retryable,
        said,
        status,
        str(status),
    )


def test_no_word_of_the_upstream_gets_into_the_sentence() -> None:
    error = failed(503, PROBLEM, content_type="application/problem+json; charset=utf-8")
    assert error.message == "answered 503"
    assert error.problem == {"type": "https://errors.test/stock", "title": "Out", "status": 503, "detail": "secret"}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", PROBLEM),
        ("application/problem+json", b"[]"),
        ("application/problem+json", b"{"),
        ("application/problem+json", b"[" * 60_000),
        ("application/problem+json", b'{"a":"' + b"x" * 65_536 + b'"}'),
    ],
)
def test_what_is_no_problem_document_is_not_taken_for_one(content_type: str, body: bytes) -> None:
    assert problem(reply(body, content_type=content_type)) is None


@pytest.mark.parametrize(
    ("headers", "quoted"),
    [
        ({"x_request_id": "abc-1"}, "abc-1"),
        ({"x_amzn_requestid": "amz"}, "amz"),
        ({"x_request_id": "has space", "request_id": "ok"}, "ok"),
        ({"x_request_id": "x" * 200}, None),
        ({}, None),
    ],
)
def test_the_upstream_s_own_request_id_is_quoted(headers: dict[str, str], quoted: str | None) -> None:
    assert failed(503, **headers).upstream_request_id == quoted


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("12", 12),
        (" 0 ", 0),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0),
        ("99999999999999999999", 86400),
        ("Fri, 15 Jan 2099 08:00:30 GMT", 86400),
        ("-3", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, START) == seconds


@given(st.text(max_size=40))
def test_no_retry_after_breaks_its_reader(text: str) -> None:
    seconds = retry_after(text, START)
    assert seconds is None or 0 <= seconds <= 86400


def test_a_rate_limit_carries_its_retry_after() -> None:
    soon = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 60))
    assert failed(429, retry_after="7").retry_after == 7
    assert failed(503, retry_after=soon).retry_after == pytest.approx(60, abs=2)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/graphql-response+json",
        "application/vnd.api+json;v=1",
        "text/json",
        " application/json ;x",
    ],
)
def test_json_by_any_of_its_names_passes(content_type: str) -> None:
    json_content(reply(content_type=content_type))


def test_a_reply_that_does_not_say_what_it_is_passes() -> None:
    json_content(Reply(status=200, headers={}, body=b"{}"))


@pytest.mark.parametrize("content_type", ["text/html", "application/jsonp", "application/xml", "", "json", "text/plain; a=+json"])
def test_anything_else_is_bad_content(content_type: str) -> None:
    with pytest.raises(UpstreamBadContent) as caught:
        json_content(reply(content_type=content_type))
    assert caught.value.details["content_type"] == (content_type or None)
    assert caught.value.status == 200


def test_compressed_data_is_bad_content() -> None:
    json_content(reply(content_encoding="identity"))
    with pytest.raises(UpstreamBadContent, match="compressed"):
        json_content(reply(content_encoding="gzip"))


def test_bad_content_keeps_its_place_and_the_upstream_s_id() -> None:
    error = bad_content(reply(x_request_id="u-1"), "ended in the middle", offset=17)
    assert (error.details, error.upstream_request_id) == ({"content_type": "application/json", "offset": 17}, "u-1")
