"""The whole gateway, asked over HTTP: every refusal has a code, an owner and ids, and disturbs nobody."""

from __future__ import annotations

import json
from typing import Any

import httpx

from .conftest import Configure, Service
from .test_serving import serving

PLATFORM = {"email": "platform@example.com"}
GRAPHQL = {"accept": "application/graphql-response+json"}
GOOD = {"query": '{ book(id: "1") { title author { name } } }'}
ANSWER = {"data": {"book": {"title": "Book 1", "author": {"name": "Person 7"}}}}

BY_ID = "query ($id: ID!) { book(id: $id) { title } }"
ALIASES = " ".join(f"a{n}: book(id: {n}) {{ id }}" for n in range(100))
REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("syntax", {"query": "{ book("}, 400, "GRAPHQL_PARSE_FAILED"),
    ("unknown field", {"query": "{ nope }"}, 400, "GRAPHQL_VALIDATION_FAILED"),
    ("missing variable", {"query": BY_ID}, 400, "BAD_USER_INPUT"),
    ("wrong variable", {"query": BY_ID, "variables": {"id": []}}, 400, "BAD_USER_INPUT"),
    ("unknown operation", {"query": "query A { __typename }", "operationName": "B"}, 400, "BAD_USER_INPUT"),
    ("mutation", {"query": "mutation { lend }"}, 400, "OPERATION_NOT_SUPPORTED"),
    ("subscription", {"query": "subscription { news }"}, 400, "OPERATION_NOT_SUPPORTED"),
    ("100 kB of braces", {"query": "{" * 100_000}, 400, "GRAPHQL_PARSE_FAILED|LIMIT_EXCEEDED"),
    ("10 000 tokens", {"query": "{ " + "a " * 10_000 + "}"}, 400, "LIMIT_EXCEEDED"),
    ("100 aliases", {"query": f"{{ {ALIASES} }}"}, 400, "LIMIT_EXCEEDED"),
    ("half a megabyte", {"query": "#" * 500_000}, 413, "LIMIT_EXCEEDED"),
]


def test_every_refusal_has_its_status_code_owner_and_ids(configure: Configure) -> None:
    with serving(configure()) as gateway, httpx.Client(trust_env=False, timeout=20) as client:
        for name, body, status, codes in REFUSED:
            request_id = f"test:{name.replace(' ', '-'):_<10}"
            response = client.post(gateway.url, json=body, headers={**GRAPHQL, "x-request-id": request_id})
            told = response.json()
            assert response.status_code == status, (name, response.text)
            assert "data" not in told, name
            for error in told["errors"]:
                extensions = error["extensions"]
                assert error["message"], name
                assert extensions["code"] in codes.split("|"), (name, extensions["code"])
                assert extensions["owner"]["contact"] == PLATFORM, name
                assert extensions["request_id"] == response.headers["x-request-id"] == request_id, name
                assert extensions["error_id"].startswith("err_"), name
        assert client.post(gateway.url, json=GOOD).json() == ANSWER


def test_a_service_that_stops_costs_its_own_fields_and_names_its_team(
    configure: Configure, books: Service, people: Service
) -> None:
    with serving(configure()) as gateway, httpx.Client(trust_env=False, timeout=20) as client:
        assert client.post(gateway.url, json=GOOD).json() == ANSWER
        people.stop()
        stale = client.post(gateway.url, json={"query": '{ book(id: "2") { author { name } } }'})
        books.root["book"] = lambda _, id: {"id": id, "title": f"Book {id}", "authorId": "8"}
        other = {"query": '{ book(id: "3") { title author { name } } }'}
        failed = client.post(gateway.url, json=other, headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})

    [warning] = stale.json()["extensions"]["warnings"]
    assert stale.json()["data"] == {"book": {"author": {"name": "Person 7"}}}
    assert (warning["code"], warning["owner"]["team"], warning["path"]) == ("STALE_DATA", "Staff Office", ["book", "author"])

    told = failed.json()
    assert (failed.status_code, told["data"]) == (200, {"book": {"title": "Book 3", "author": None}})
    [error] = told["errors"]
    assert error["path"] == ["book", "author"]
    assert error["extensions"]["code"] == "UPSTREAM_UNREACHABLE"
    assert error["extensions"]["owner"]["team"] == "Staff Office"
    assert error["extensions"]["trace_id"] == "a" * 32
    assert "127.0.0.1" not in json.dumps(told)
    for response in (stale, failed):
        assert response.headers["cache-control"] == "no-store"
