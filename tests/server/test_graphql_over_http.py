"""The GraphQL-over-HTTP specification, as far as a client can see it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from gateway.engine import Answer
from gateway.errors import SourceUnavailable
from gateway.server.house import Refused

from .conftest import PLATFORM, StubEngine, StubHouse

GRAPHQL = "application/graphql-response+json"
HELLO = {"query": "{ hello }"}


def only_error(response: httpx.Response) -> dict[str, Any]:
    """The one error, which is of our shape and names who answers for it."""
    body = response.json()
    assert set(body) == {"errors"}
    [error] = body["errors"]
    assert error["message"].strip()
    assert error["extensions"]["owner"]["contact"] == PLATFORM.contact
    assert error["extensions"]["request_id"] == response.headers["x-request-id"]
    assert error["extensions"]["error_id"].startswith("err_")
    return error


def code_of(response: httpx.Response) -> str:
    return only_error(response)["extensions"]["code"]


def test_a_posted_query_is_answered(client: httpx.Client) -> None:
    response = client.post("/graphql", json=HELLO)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.json() == {"data": {"hello": "world"}}


def test_a_query_by_get_is_answered_and_marked_as_read_only(client: httpx.Client, engine: StubEngine) -> None:
    response = client.get(
        "/graphql", params={"query": "query A($n: String) { hello(name: $n) }", "variables": '{"n": "é"}', "operationName": "A"}
    )
    assert response.json() == {"data": {"hello": "world"}}
    [asked] = engine.asked
    assert (asked.variables, asked.operation_name, asked.read_only_method) == ({"n": "é"}, "A", True)


def test_the_newer_media_type_is_used_where_the_client_names_it(client: httpx.Client) -> None:
    response = client.post("/graphql", json=HELLO, headers={"accept": f"{GRAPHQL}, application/json;q=0.9"})
    assert response.headers["content-type"] == f"{GRAPHQL}; charset=utf-8"


@pytest.mark.parametrize("query", ["{", "{ nope }", "query ($n: String!) { hello(name: $n) }"])
def test_a_request_error_has_status_400_in_the_newer_media_type_and_200_in_plain_json(client: httpx.Client, query: str) -> None:
    newer = client.post("/graphql", json={"query": query}, headers={"accept": GRAPHQL})
    plain = client.post("/graphql", json={"query": query}, headers={"accept": "application/json"})
    assert (newer.status_code, plain.status_code) == (400, 200)
    assert "data" not in newer.json()


def test_a_refused_write_keeps_its_status_in_plain_json(client: httpx.Client, engine: StubEngine) -> None:
    engine.answer_with = lambda _: Answer(b'{"errors":[]}', 400, has_errors=True, refused=True)
    assert client.post("/graphql", json={"query": "mutation { hello }"}).status_code == 400


def test_a_mutation_by_get_is_refused_with_405_whatever_the_media_type(client: httpx.Client) -> None:
    for accept in (GRAPHQL, "application/json"):
        response = client.get("/graphql", params={"query": "mutation { hello }"}, headers={"accept": accept})
        assert response.status_code == 405
        assert "data" not in response.json()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused_and_told_which_are_allowed(client: httpx.Client, method: str) -> None:
    response = client.request(method, "/graphql")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD, POST"
    assert code_of(response) == "METHOD_NOT_ALLOWED"


def test_head_tells_what_get_would_without_a_body(client: httpx.Client) -> None:
    response = client.head("/graphql", params=HELLO)
    assert (response.status_code, response.content) == (200, b"")
    assert int(response.headers["content-length"]) > 0


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "multipart/form-data"],
)
def test_a_body_that_is_not_json_in_utf8_is_refused_with_415(client: httpx.Client, content_type: str) -> None:
    response = client.post("/graphql", content=b'{"query":"{ hello }"}', headers={"content-type": content_type})
    assert (response.status_code, code_of(response)) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_compressed_body_is_refused_and_never_unpacked(client: httpx.Client) -> None:
    response = client.post(
        "/graphql", content=b"\x1f\x8b", headers={"content-type": "application/json", "content-encoding": "gzip"}
    )
    assert (response.status_code, code_of(response)) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_missing_content_type_is_refused_with_415(client: httpx.Client) -> None:
    assert client.post("/graphql", content=b"{}").status_code == 415


def test_a_client_that_accepts_nothing_we_have_is_told_so(client: httpx.Client) -> None:
    response = client.post("/graphql", json=HELLO, headers={"accept": "image/png"})
    assert (response.status_code, code_of(response)) == (406, "NOT_ACCEPTABLE")


def test_a_body_that_is_not_json_is_refused_with_400_in_any_media_type(client: httpx.Client, engine: StubEngine) -> None:
    for body in (
        b"",
        b'{ "not a JSON',
        b"[]",
        b"null",
        b'{"query": 1}',
        b'{"query":"{hello}","variables":"x"}',
        b'{"query":"\xff"}',
        b"{}",
    ):
        response = client.post("/graphql", content=body, headers={"content-type": "application/json"})
        assert (response.status_code, code_of(response)) == (400, "BAD_USER_INPUT"), body
    assert engine.asked == []


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(client: httpx.Client, engine: StubEngine) -> None:
    response = client.post("/graphql", json={"query": "#" * 30_000})
    assert response.status_code == 413
    extensions = only_error(response)["extensions"]
    assert (extensions["code"], extensions["which"], extensions["limit"]) == ("LIMIT_EXCEEDED", "body", 20_000)
    assert engine.asked == []


def test_a_body_of_unknown_length_is_cut_off_at_the_limit(client: httpx.Client, engine: StubEngine) -> None:
    pieces = (b"#" * 1000 for _ in range(10_000))
    response = client.post("/graphql", content=pieces, headers={"content-type": "application/json"})
    assert response.status_code == 413
    assert engine.asked == []


def test_while_no_source_can_be_used_the_answer_names_each_of_them_and_its_owner(client: httpx.Client, house: StubHouse) -> None:
    error = SourceUnavailable()
    error.service = "inventory"
    house.engine, house.refused = None, [Refused(error, PLATFORM, "inventory")]
    response = client.post("/graphql", json=HELLO)
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    extensions = only_error(response)["extensions"]
    assert (extensions["code"], extensions["service"]) == ("SOURCE_UNAVAILABLE", "inventory")


def test_a_gateway_that_has_not_loaded_anything_yet_says_so(client: httpx.Client, house: StubHouse) -> None:
    house.engine = None
    assert client.post("/graphql", json=HELLO).status_code == 503


def test_while_shutting_down_requests_that_still_come_are_answered(client: httpx.Client, house: StubHouse) -> None:
    house.draining = True
    assert client.post("/graphql", json=HELLO).status_code == 200


def test_a_fault_of_the_gateway_is_answered_with_its_own_owner_and_no_word_of_the_fault(
    client: httpx.Client, engine: StubEngine, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(_: object) -> Answer:
        raise KeyError("secret detail")

    engine.answer_with = break_down
    response = client.post("/graphql", json=HELLO)
    assert response.status_code == 500
    error = only_error(response)
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "secret detail" not in response.text
    assert error["extensions"]["error_id"] in caplog.text
    assert "secret detail" in caplog.text


def test_headers_only_the_engine_can_know_are_passed_on(client: httpx.Client, engine: StubEngine) -> None:
    engine.answer_with = lambda _: Answer(b'{"data":{}}', headers=((b"cache-status", b'"signpost:catalog"; hit'),))
    assert client.post("/graphql", json=HELLO).headers["cache-status"] == '"signpost:catalog"; hit'


def test_what_the_engine_counted_is_told(client: httpx.Client) -> None:
    assert client.post("/graphql", json=HELLO).headers["x-upstream-calls"] == "2"
