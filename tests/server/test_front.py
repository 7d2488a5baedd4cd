"""What is configured around the endpoint: batches, compression, CORS, CSRF, 294, tags, variables."""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

import brotli
import pytest
import zstandard

from gateway.engine import Answer
from gateway.server.compression import coding_of
from gateway.server.cors import CorsRules
from gateway.server.house import Front
from tests.server.conftest import StubEngine, StubHouse, behind

QUERY = {"query": "{ hello }"}
BAD = {"query": "{ nothing }"}
STRICT = {"accept": "application/graphql-response+json"}


def stub(house: StubHouse) -> StubEngine:
    assert isinstance(house.engine, StubEngine)
    return house.engine


def large(_: Any) -> Answer:
    return Answer(json.dumps({"data": {"hello": "x" * 5_000}}).encode(), expires=time.time() + 60, tags=(b"Product", b"catalog"))


# ---------------------------------------------------------------- batches


def test_a_batch_is_answered_in_its_order_each_operation_for_itself():
    with behind(Front(batch=3)) as (client, house):
        answer = client.post("/graphql", json=[QUERY, BAD, {"query": 1}])
        assert answer.status_code == 200
        first, second, third = answer.json()
        assert first == {"data": {"hello": "world"}}
        assert "errors" in second
        assert third["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert len(stub(house).asked) == 2


@pytest.mark.parametrize(
    ("batch", "body", "code"),
    [(3, [QUERY] * 4, "LIMIT_EXCEEDED"), (3, [], "BAD_USER_INPUT"), (0, [QUERY], "BAD_USER_INPUT")],
)
def test_a_batch_too_long_empty_or_not_wanted_is_refused(batch, body, code):
    with behind(Front(batch=batch)) as (client, house):
        answer = client.post("/graphql", json=body)
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["extensions"]["code"]) == (400, code)
        assert stub(house).asked == []


# ---------------------------------------------------------------- compression


@pytest.mark.parametrize(
    ("accept", "coding", "read"),
    [
        ("gzip, deflate, br, zstd", "zstd", lambda body: zstandard.ZstdDecompressor().decompress(body)),
        ("gzip, br;q=0.9", "gzip", gzip.decompress),
        ("br", "br", brotli.decompress),
        ("identity", None, bytes),
        ("gzip;q=0, *;q=0", None, bytes),
    ],
)
def test_a_large_answer_comes_in_the_coding_the_client_likes_best(accept, coding, read):
    with behind(Front(compress=1_000)) as (client, house):
        stub(house).answer_with = large
        with client.stream("POST", "/graphql", json=QUERY, headers={"accept-encoding": accept}) as answer:
            raw = b"".join(answer.iter_raw())
        assert answer.headers.get("content-encoding") == coding
        assert int(answer.headers["content-length"]) == len(raw)
        assert "accept-encoding" in answer.headers["vary"]
        assert json.loads(read(raw)) == {"data": {"hello": "x" * 5_000}}
        stub(house).answer_with = None
        assert "content-encoding" not in client.post("/graphql", json=QUERY, headers={"accept-encoding": accept}).headers


@pytest.mark.parametrize(
    ("accept", "coding"),
    [(b"*", "zstd"), (b"gzip;q=nonsense", "gzip"), (b"", None), (b"BR", "br"), (b"gzip;q=0.1, br;q=0.2", "br")],
)
def test_odd_preferences(accept, coding):
    assert coding_of(accept) == coding


def test_a_stream_is_left_as_it_is():
    with behind(Front(compress=1)) as (client, _):
        streamed = client.post("/graphql", json=QUERY, headers={"accept": "text/event-stream", "accept-encoding": "gzip"})
        assert "content-encoding" not in streamed.headers
        assert "world" in streamed.text


# ---------------------------------------------------------------- pages of other origins


SHOP = "https://shop.example.com"


def test_a_page_that_may_is_let_and_others_are_not():
    with behind(Front(cors=CorsRules(frozenset({SHOP.encode()}), b"content-type"))) as (client, _):
        asking = {"origin": SHOP, "access-control-request-method": "POST", "access-control-request-headers": "content-type"}
        preflight = client.options("/graphql", headers=asking)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == SHOP
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert preflight.headers["access-control-max-age"] == "600"
        answer = client.post("/graphql", json=QUERY, headers={"origin": SHOP})
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert "x-request-id" in answer.headers["access-control-expose-headers"]
        for headers in ({"origin": "https://evil.example.com"}, {"origin": "null"}, {}):
            for refused in (
                client.options("/graphql", headers=asking | headers),
                client.post("/graphql", json=QUERY, headers=headers),
            ):
                if headers:
                    assert "access-control-allow-origin" not in refused.headers
                    assert "origin" in refused.headers["vary"]


def test_any_page_may_where_that_is_said_but_never_with_cookies():
    with behind(Front(cors=CorsRules(frozenset({b"*"}), b"content-type"))) as (client, _):
        assert client.post("/graphql", json=QUERY, headers={"origin": SHOP}).headers["access-control-allow-origin"] == "*"
    with behind(Front(cors=CorsRules(frozenset({b"*"}), b"content-type", credentials=True))) as (client, _):
        assert "access-control-allow-origin" not in client.post("/graphql", json=QUERY, headers={"origin": SHOP}).headers


def test_a_request_any_page_could_send_needs_a_header_that_it_could_not():
    with behind(Front(csrf=True)) as (client, house):
        refused = client.get("/graphql", params=QUERY)
        assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (403, "CSRF_BLOCKED")
        assert stub(house).asked == []
        for name in ("Apollo-Require-Preflight", "X-Apollo-Operation-Name"):
            assert client.get("/graphql", params=QUERY, headers={name: "x"}).status_code == 200
        assert client.post("/graphql", json=QUERY).status_code == 200
        assert client.get("/graphql", headers={"accept": "text/html"}).status_code == 200


# ---------------------------------------------------------------- statuses, names, sizes


@pytest.mark.parametrize(("accept", "status"), [("application/graphql-response+json", 294), ("application/json", 200)])
def test_a_partial_answer_may_have_a_status_of_its_own(accept, status):
    with behind(Front(partial_success=294)) as (client, house):
        stub(house).answer_with = lambda _: Answer(b'{"data":{"hello":null},"errors":[{"message":"x"}]}', has_errors=True)
        assert client.post("/graphql", json=QUERY, headers={"accept": accept}).status_code == status
        assert client.post("/graphql", json={"query": "{ hello"}, headers=STRICT).status_code in (294, 400)
        stub(house).answer_with = None
        assert client.post("/graphql", json=QUERY, headers=STRICT).status_code == 200
        assert client.post("/graphql", json=BAD, headers=STRICT).status_code == 400


def test_an_answer_names_what_it_is_made_of():
    with behind(Front(tag_headers=(b"surrogate-key", b"cache-tag"))) as (client, house):
        stub(house).answer_with = large
        answer = client.get("/graphql", params=QUERY)
        assert (answer.headers["surrogate-key"], answer.headers["cache-tag"]) == ("Product catalog", "Product,catalog")
        again = client.get("/graphql", params=QUERY, headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.headers["surrogate-key"]) == (304, "Product catalog")


def test_where_only_known_callers_are_answered_no_answer_is_everyones():
    with behind(Front(known_only=True, known_by=(b"x-key",))) as (client, house):
        stub(house).answer_with = large
        answer = client.get("/graphql", params=QUERY)
        assert answer.headers["cache-control"].endswith("private")
        assert answer.headers["vary"] == "accept, x-key"


def test_the_page_may_be_left_out():
    with behind(Front(page=False)) as (client, _):
        assert client.get("/graphql", headers={"accept": "text/html"}).status_code == 406


@pytest.mark.parametrize(("size", "refused"), [(0, False), (1, True)])
def test_variables_of_the_limit_and_one_byte_more(client, house, size, refused):
    variables = {"a": "x" * (house.limits.variables - len('{"a":""}') + size)}
    answer = client.post("/graphql", json=QUERY | {"variables": variables})
    assert ("errors" in answer.json()) is refused
    if refused:
        told = answer.json()["errors"][0]["extensions"]
        assert (told["which"], told["limit"], told["actual"]) == ("variables", house.limits.variables, house.limits.variables + 1)
