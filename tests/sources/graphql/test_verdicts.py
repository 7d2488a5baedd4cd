"""What a reply is taken for, by status, content type and envelope."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from gateway.errors import UpstreamBadContent, UpstreamError, UpstreamGraphQLError
from gateway.sources.graphql.verify import CARRIED, verifier
from gateway.upstream.call import Reply

GRAPHQL = "application/graphql-response+json"
REFUSED = {"errors": [{"message": "no", "extensions": {"code": "NOT_TODAY"}}]}


class Rows(msgspec.Struct):
    n: int


class Envelope(msgspec.Struct):
    data: Rows
    errors: None = None


def judge(body: Any, status: int = 200, content_type: str | None = "application/json", **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = headers if content_type is None else {"content-type": content_type, **headers}
    return verifier(msgspec.json.Decoder(Envelope).decode)(Reply(status, told, raw))


def failure(*args: Any, **kwargs: Any) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        judge(*args, **kwargs)
    return caught.value


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", GRAPHQL, None])
def test_rows_that_fit_come_with_the_reply(content_type: str | None) -> None:
    reply = judge({"data": {"n": 1}}, content_type=content_type)
    assert reply.rows == Envelope(Rows(1))
    assert reply.complete


def test_values_that_do_not_fit_are_left_to_the_exact_reader() -> None:
    reply = judge({"data": {"n": "one"}})
    assert (reply.rows, reply.complete) == (None, True)


def test_errors_beside_data_are_left_to_the_exact_reader_and_never_stored() -> None:
    reply = judge({"data": {"n": 1}, **REFUSED})
    assert (reply.rows, reply.complete) == (None, False)


@pytest.mark.parametrize("status", [200, 400, 404, 422])
@pytest.mark.parametrize("content_type", ["application/json", GRAPHQL])
@pytest.mark.parametrize("data", [{}, {"data": None}])
def test_errors_without_data_are_the_services_own_refusal(status: int, content_type: str, data: Any) -> None:
    error = failure({**REFUSED, **data}, status, content_type, **{"x-request-id": "their-1"})
    assert isinstance(error, UpstreamGraphQLError)
    assert (error.status, error.upstream_code, error.upstream_request_id) == (status, "NOT_TODAY", "their-1")
    assert error.errors == REFUSED["errors"]
    assert not error.retryable
    assert "no" not in error.said.split()


def test_partial_data_under_another_status_is_still_an_answer() -> None:
    assert not judge({"data": {"n": 1}, **REFUSED}, 400, GRAPHQL).complete


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "UPSTREAM_UNAUTHENTICATED"),
        (403, "UPSTREAM_FORBIDDEN"),
        (429, "UPSTREAM_RATE_LIMITED"),
        (500, "UPSTREAM_ERROR"),
        (503, "UPSTREAM_ERROR"),
    ],
)
def test_a_status_that_speaks_for_itself_is_the_verdict_and_carries_the_errors(status: int, code: str) -> None:
    error = failure(REFUSED, status, GRAPHQL)
    assert (error.code, error.status, error.upstream_code) == (code, status, "NOT_TODAY")
    assert error.errors == REFUSED["errors"]


@pytest.mark.parametrize(("status", "code"), [(400, "UPSTREAM_REJECTED"), (404, "NOT_FOUND"), (502, "UPSTREAM_ERROR")])
@pytest.mark.parametrize("body", [b"<html>", b"", {"errors": "x"}, {"errors": []}, {"errors": [1]}, [1]])
def test_without_graphql_in_it_the_status_is_all_there_is(status: int, code: str, body: Any) -> None:
    error = failure(body, status)
    assert (error.code, error.errors) == (code, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"data": {"n": 1}',
        b"[]",
        b"null",
        b"{}",
        b'{"data": null}',
        b'{"data": 5}',
        b'{"data": null, "errors": []}',
        b"[" * 100_000,
    ],
)
def test_garbage_with_a_good_status_is_a_failure(body: bytes) -> None:
    assert isinstance(failure(body), UpstreamBadContent)


def test_the_place_where_json_broke_is_told() -> None:
    assert failure(b'{"data": {"n": 1}, }').details["offset"] == 19


def test_html_with_a_good_status_is_told_by_its_content_type() -> None:
    assert failure(b"<html></html>", content_type="text/html").details["content_type"] == "text/html"


@pytest.mark.parametrize(("code", "retryable"), [("TIMEOUT", True), ("SERVICE_UNAVAILABLE", True), ("BAD_USER_INPUT", False)])
def test_whether_it_may_be_asked_again_is_said_by_its_code(code: str, retryable: bool) -> None:
    assert failure({"errors": [{"message": "m", "extensions": {"code": code}}]}).retryable is retryable


@pytest.mark.parametrize("code", ["lower", "A" * 65, "", 5, None, "A\n"])
def test_a_code_that_does_not_look_like_one_is_not_passed_on(code: Any) -> None:
    assert failure({"errors": [{"message": "m", "extensions": {"code": code}}]}).upstream_code is None


def test_only_so_many_errors_are_carried() -> None:
    assert len(failure({"errors": [{"message": "m"}] * 5000}).errors or ()) == CARRIED
