"""What tools that look for weak GraphQL servers try: graphql-cop's twelve checks, graphql-armor's vectors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.engine import Limits
from gateway.server.house import Front
from tests.graphs import an_engine, shop
from tests.server.conftest import behind


@pytest.fixture(scope="module")
def open_door() -> Iterator[httpx.Client]:
    with behind(Front()) as (client, house):
        house.engine = an_engine(*shop())
        yield client


@pytest.fixture(scope="module")
def shut_door() -> Iterator[httpx.Client]:
    """As one would put it on the internet."""
    with behind(Front(csrf=True, page=False)) as (client, house):
        house.engine = an_engine(*shop(), limits=Limits(introspection=False, suggestions=False, cost=1_000))
        yield client


def post(client: httpx.Client, query: Any, **more: Any) -> Any:
    return client.post("/graphql", json={"query": query}, **more).json()


def code(body: Any) -> str:
    assert "data" not in body
    return str(body["errors"][0]["extensions"]["code"])


def chain(links: int) -> str:
    """A document of fragments, each of which spreads the next one twice: 2 to the power of `links` selections."""
    fragments = [f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(links)]
    return "{ ...F0 } " + " ".join(fragments) + f" fragment F{links} on Query {{ me {{ id }} }}"


CIRCLES = "{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }"
REFUSED = {
    "alias overloading": ("{ " + " ".join(f"alias{n}: __typename" for n in range(101)) + " }", "LIMIT_EXCEEDED"),
    "directive overloading": ("{ __typename " + "@aa " * 500 + "}", "LIMIT_EXCEEDED"),
    "field duplication": ("{ " + "__typename " * 500 + "}", "LIMIT_EXCEEDED"),
    "circular introspection": (CIRCLES, "GRAPHQL_VALIDATION_FAILED"),
    "depth": ("{ products { " + "reviews { product { " * 8 + "id " + "} } " * 8 + "} }", "LIMIT_EXCEEDED"),
    "root fields": ("{ " + " ".join(f"products a{n}: me {{ id }}" for n in range(60)) + " }", "LIMIT_EXCEEDED"),
    "tokens": ("{ " + "me { id } " * 2_000 + "}", "LIMIT_EXCEEDED"),
    "fragments of fragments": (chain(40), "LIMIT_EXCEEDED"),
    "circular fragments": ("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }", "GRAPHQL_VALIDATION_FAILED"),
    "list size": ("{ products(first: 1000000) { id } }", "LIMIT_EXCEEDED"),
    "deep nesting": ("{ a " * 4_000, None),
    "deep lists": ("{ products(first: " + "[" * 3_000 + "]" * 3_000 + ") { id } }", None),
}


@pytest.mark.parametrize(("query", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_would_cost_too_much_is_refused_before_anyone_is_asked(open_door: httpx.Client, query: str, expected: str) -> None:
    assert code(post(open_door, query)) in ((expected,) if expected else ("LIMIT_EXCEEDED", "GRAPHQL_PARSE_FAILED"))


def test_ten_faulty_directives_are_not_answered_by_ten_errors(open_door: httpx.Client) -> None:
    assert len(post(open_door, "{ __typename " + "@aa" * 10 + " }")["errors"]) == 1


def test_a_batch_of_queries_is_not_run(open_door: httpx.Client) -> None:
    answer = open_door.post("/graphql", json=[{"query": "{ __typename }"}] * 10)
    assert isinstance(answer.json(), dict)
    assert code(answer.json()) == "BAD_USER_INPUT"


def test_nothing_is_written_and_nothing_is_run_from_a_form(open_door: httpx.Client) -> None:
    assert "data" not in open_door.get("/graphql", params={"query": "mutation { __typename }"}).json()
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"):
        answer = open_door.post("/graphql", content=b"query=%7B__typename%7D", headers={"content-type": kind})
        assert (answer.status_code, code(answer.json())) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_no_trace_and_no_traceback_reach_anyone(open_door: httpx.Client) -> None:
    answer = open_door.post("/graphql", json={"query": "{ __typename }"}, headers={"x-apollo-tracing": "1"})
    assert "extensions" not in answer.json()
    for body in (b"{", b"null", b'{"query": {}}', b"\xff", b"[" * 50_000):
        refused = open_door.post("/graphql", content=body[:19_000], headers={"content-type": "application/json"})
        assert refused.status_code == 400
        assert "Traceback" not in refused.text


def test_a_shut_door_tells_neither_its_schema_nor_names_that_are_like_it(shut_door: httpx.Client) -> None:
    assert code(post(shut_door, "{ __schema { types { name } } }")) == "INTROSPECTION_DISABLED"
    assert "Did you mean" not in str(post(shut_door, "{ produts { id } }"))
    assert shut_door.get("/graphql", headers={"accept": "text/html"}).status_code == 406
    assert shut_door.get("/graphql", params={"query": "{ __typename }"}).status_code == 403


def test_a_shut_door_estimates_what_a_query_costs(shut_door: httpx.Client) -> None:
    assert code(post(shut_door, "{ products(first: 500) { reviews(first: 500) { id } } }")) == "LIMIT_EXCEEDED"
    assert post(shut_door, "{ products(first: 2) { reviews(first: 2) { id } } }")["data"]["products"]


# ---------------------------------------------------------------- by the names the tools have for them


def refused(client: httpx.Client, query: str) -> bool:
    answer = post(client, query)
    return "data" not in answer and bool(answer["errors"])


def form(client: httpx.Client) -> httpx.Response:
    return client.post("/graphql", content=b"query=query+%7B+__typename+%7D", headers={"content-type": FORM})


FORM = "application/x-www-form-urlencoded"
BATCH = [{"query": "query { __typename }"}] * 10
COP = {
    "Alias Overloading": lambda c: refused(c, "query cop { " + " ".join(f"alias{n}:__typename" for n in range(101)) + " }"),
    "Array-based Query Batching": lambda c: isinstance(c.post("/graphql", json=BATCH).json(), dict),
    "Directive Overloading": lambda c: len(post(c, "query cop { __typename @aa@aa@aa@aa@aa@aa@aa@aa@aa@aa }")["errors"]) < 10,
    "Field Duplication": lambda c: refused(c, "query cop { " + "__typename " * 500 + "}"),
    "Field Suggestions": lambda c: "Did you mean" not in str(post(c, "query cop { __schema { directive } }")),
    "GET Method Query Support": lambda c: "data" not in c.get("/graphql?query=query+cop+%7B__typename%7D").json(),
    "GraphQL IDE": lambda c: "graphiql" not in c.get("/graphql", headers={"accept": "text/html"}).text.lower(),
    "Introspection": lambda c: refused(c, "query cop { __schema { types { name fields { name } } } }"),
    "Introspection-based Circular Query": lambda c: refused(c, f"query cop {CIRCLES}"),
    "Mutation is allowed over GET": lambda c: "data" not in c.get("/graphql?query=mutation+cop+%7B__typename%7D").json(),
    "POST based url-encoded query": lambda c: form(c).status_code == 415,
    "Trace Mode": lambda c: "tracing" not in str(post(c, "query cop { __typename }")),
    "Unhandled Errors Detection": lambda c: (
        "exception" not in str(c.post("/graphql", json={"query": "qwerty cop { abc }"}).json())
    ),
}
ARMOR = {
    "maxAliases": lambda c: refused(c, "{ " + " ".join(f"a{n}: me {{ id }}" for n in range(31)) + " }"),
    "maxDepth": lambda c: refused(c, "{ products { " + "reviews { product { " * 8 + "id " + "} } " * 8 + "} }"),
    "maxDirectives": lambda c: refused(c, "{ me { id " + "@include(if: true) " * 51 + "} }"),
    "maxTokens": lambda c: refused(c, "{ me { " + "id " * 5_000 + "} }"),
    "costLimit": lambda c: refused(c, "{ products(first: 500) { reviews(first: 500) { id } } }"),
    "characterLimit": lambda c: c.post("/graphql", json={"query": "{ me { id } } #" + "x" * 20_000}).status_code == 413,
    "blockFieldSuggestion": lambda c: "Did you mean" not in str(post(c, "{ m { id } }")),
    "circular fragments": lambda c: refused(c, "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"),
}


@pytest.mark.parametrize("check", COP)
def test_graphql_cop_finds_nothing(shut_door: httpx.Client, check: str) -> None:
    assert COP[check](shut_door)


@pytest.mark.parametrize("vector", ARMOR)
def test_what_graphql_armor_guards_against_is_refused(shut_door: httpx.Client, vector: str) -> None:
    assert ARMOR[vector](shut_door)
