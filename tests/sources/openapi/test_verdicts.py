"""Is the reply what was promised? Statuses, content types, JSON, and values that misfit (rules S2-S4, E1, E2)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway import errors
from gateway.sources.openapi.verify import verifier
from gateway.upstream.call import Reply


class Row(msgspec.Struct):
    id: int


DECODE = msgspec.json.Decoder(Row).decode
JSON = {"content-type": "application/json"}


def judged(
    body: bytes, status: int = 200, kind: str = "json", absent_is_null: bool = False, decode: Any = DECODE, **headers: str
) -> Reply:
    said = {name.replace("_", "-"): value for name, value in headers.items()} or JSON
    return verifier(kind, absent_is_null)(decode)(Reply(status, said, body))


def test_a_good_reply_has_its_rows() -> None:
    assert judged(b'{"id": 1}').rows == Row(1)


def test_a_value_that_misfits_is_drift_and_left_to_the_exact_reader() -> None:
    reply = judged(b'{"id": "one"}')
    assert (reply.rows, reply.body) == (None, b'{"id": "one"}')


@pytest.mark.parametrize(
    ("body", "offset", "kind"),
    [
        (b"<html>", 0, "http_protocol_error"),
        (b'{"id": }', 7, "http_protocol_error"),
        (b'{"id": 1', 8, "http_response_incomplete"),
        (b'{"id": "one", ', 14, "http_response_incomplete"),
    ],
)
def test_what_is_no_json_is_a_failure_that_says_where(body: bytes, offset: int, kind: str) -> None:
    with pytest.raises(errors.UpstreamBadContent) as raised:
        judged(body)
    assert raised.value.error_type == kind
    assert raised.value.details == {"content_type": "application/json", "offset": offset}


def test_another_content_type_is_a_failure() -> None:
    with pytest.raises(errors.UpstreamBadContent):
        judged(b'{"id": 1}', content_type="text/html")


def test_json_of_any_name_is_json() -> None:
    assert judged(b'{"id": 1}', content_type="application/vnd.api+json; charset=utf-8").rows == Row(1)


def test_nested_without_end_is_a_failure_and_no_crash() -> None:
    with pytest.raises(errors.UpstreamBadContent):
        judged(b'{"id": ' + b"[" * 100_000)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, errors.UpstreamRejected),
        (401, errors.UpstreamUnauthenticated),
        (403, errors.UpstreamForbidden),
        (404, errors.UpstreamNotFound),
        (410, errors.UpstreamNotFound),
        (429, errors.UpstreamRateLimited),
        (503, errors.UpstreamFailed),
    ],
)
def test_a_status_becomes_its_error(status: int, error: type[errors.UpstreamError]) -> None:
    with pytest.raises(error) as raised:
        judged(b"{}", status)
    assert raised.value.status == status


def test_a_problem_document_travels_with_the_error() -> None:
    with pytest.raises(errors.UpstreamRejected) as raised:
        judged(b'{"title": "No."}', 409, content_type="application/problem+json")
    assert raised.value.problem == {"title": "No."}


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_found_is_null_where_the_configuration_says_so(status: int) -> None:
    reply = judged(b"<gone>", status, absent_is_null=True)
    assert (reply.rows, reply.body, reply.status) == (None, b"null", status)


def test_nothing_at_all_is_null() -> None:
    assert judged(b"", 204, decode=msgspec.json.Decoder(Row | None).decode).body == b"null"


def test_a_text_is_the_value_in_its_charset() -> None:
    reply = judged("é".encode("latin-1"), kind="text", decode=msgspec.json.decode, content_type="text/plain; charset=latin-1")
    assert (reply.rows, reply.body) == ("é", '"é"'.encode())


def test_a_text_that_was_stored_is_read_the_same_way_again() -> None:
    reply = judged(b"hello", kind="text", decode=msgspec.json.decode, content_type="text/plain")
    again = verifier("text", False)(msgspec.json.decode)(reply)
    assert again.rows == "hello"


@pytest.mark.parametrize("charset", ["nonsense", "base64", "hex"])
def test_a_charset_that_does_not_exist_is_read_as_utf_8(charset: str) -> None:
    assert judged(b"ok", kind="text", decode=msgspec.json.decode, content_type=f"text/plain; charset={charset}").rows == "ok"


def test_bytes_become_base64_and_an_empty_success_true() -> None:
    assert judged(b"\x00\xff", kind="binary", decode=msgspec.json.decode, content_type="image/png").rows == "AP8="
    assert judged(b"", 204, kind="empty", decode=msgspec.json.decode).rows is True
