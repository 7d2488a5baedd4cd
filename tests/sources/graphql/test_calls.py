"""The call around an operation: address, headers, whose it is, and what it is called."""

from __future__ import annotations

import pytest

from gateway.upstream.call import Call, HeaderRules, Request
from tests.sources.graphql.world import PLAIN, URL, a_fetch, a_subgraph, by_key

FORWARDS = HeaderRules(lambda incoming: (("authorization", incoming.get("authorization", "")),), frozenset({"authorization"}))
INSERTS = HeaderRules(lambda _: (("accept", "application/json"), ("x-api-key", "k")))


def a_call(rules: HeaderRules = PLAIN, asked: str = "{ count(of: 1) }", **headers: str) -> Call:
    prepared = a_subgraph(rules=rules).prepare(a_fetch(a_subgraph(), asked))
    return prepared.calls((), {}, Request("req_1", headers), lambda reply: reply)[0].call


def test_a_call_is_a_post_of_json_that_prefers_the_graphql_media_type() -> None:
    call = a_call()
    assert (call.method, call.url, call.private) == ("POST", URL, False)
    assert call.headers == (
        ("content-type", "application/json"),
        ("accept", "application/graphql-response+json, application/json;q=0.9"),
    )


def test_headers_of_the_caller_go_along_and_make_the_call_private() -> None:
    call = a_call(FORWARDS, authorization="Bearer a")
    assert ("authorization", "Bearer a") in call.headers
    assert call.private
    assert a_call(FORWARDS, authorization="Bearer b").key != call.key


def test_what_is_propagated_is_told_to_whoever_keeps_answers() -> None:
    for entry in (None, by_key("count", "of")):
        subgraph = a_subgraph(rules=FORWARDS)
        assert subgraph.prepare(a_fetch(subgraph, "{ count(of: 1) }", entry)).propagates == {"authorization"}


def test_a_header_of_the_source_takes_the_place_of_ours() -> None:
    assert a_call(INSERTS).headers == (("content-type", "application/json"), ("accept", "application/json"), ("x-api-key", "k"))


@pytest.mark.parametrize(
    ("asked", "operation"),
    [
        ("{ count(of: 1) page(ids: []) { total } c: count(of: 2) }", "query { count page }"),
        ("{ " + " ".join(f"c{i}: count(of: {i})" for i in range(100)) + " }", "query { count }"),
    ],
)
def test_the_operation_is_named_by_its_root_fields_whatever_their_arguments(asked: str, operation: str) -> None:
    assert a_call(asked=asked).operation == operation


def test_an_operation_of_very_many_root_fields_is_cut_short() -> None:
    sdl = "type Query { " + " ".join(f"f{i}: Int" for i in range(30)) + " }"
    subgraph = a_subgraph(sdl)
    fetch = a_fetch(subgraph, "{ " + " ".join(f"f{i}" for i in range(30)) + " }")
    (chunk,) = subgraph.prepare(fetch).calls((), {}, Request("req_1"), lambda reply: reply)
    assert chunk.call.operation == "query { f0 f1 f2 f3 f4 f5 f6 f7 … }"
