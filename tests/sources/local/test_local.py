"""A schema in this very process: its types, its answers, and everything that can be wrong with its name."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from graphql import build_schema, graphql_sync, print_ast

from gateway.config.model import Schema
from gateway.config.problem import ConfigError, Problem
from gateway.errors import UpstreamFailed
from gateway.sources.base import Subgraph
from gateway.sources.local import in_process, load
from gateway.upstream.call import Call, HeaderRules, Reply, Request, Send
from tests.sources.graphql.world import a_fetch, a_source, sends

HERE = "python:tests.sources.local."


async def loaded(place: str = "shop:schema", rules: HeaderRules | None = None, **keys: Any) -> Subgraph:
    source = a_source("shop", kind="local", url=keys.pop("url", None), schema_=Schema.model_construct(from_=HERE + place), **keys)
    (subgraph,) = await load(source, sends(headers=rules or HeaderRules()))
    return subgraph


async def answer(subgraph: Subgraph, asked: str, **headers: str) -> Any:
    prepared = subgraph.prepare(a_fetch(subgraph, asked))
    (chunk,) = prepared.calls((), {}, Request("req_1", headers), prepared.verifier(msgspec.json.decode))
    return msgspec.json.decode((await subgraph.send(chunk.call)).body)


async def refused(place: str) -> Problem:
    with pytest.raises(ConfigError) as caught:
        await load(a_source("shop", schema_=Schema.model_construct(from_=place)), sends())
    (problem,) = caught.value.problems
    return problem


async def test_types_are_those_of_the_schemas_own_sdl() -> None:
    subgraph = await loaded()
    assert (
        print_ast(subgraph.types["Product"])
        == 'type Product @team(name: "shop") {\n  id: ID!\n  name: String!\n  price: Decimal!\n}'
    )
    assert [d.name.value for d in subgraph.directives] == ["team"]
    assert subgraph.url == f"{HERE}shop:schema"


async def test_a_strawberry_schema_answers_in_process() -> None:
    assert await answer(await loaded(), '{ product(id: "7") { label: name price } none: product(id: "0") { id } }') == {
        "data": {"product": {"label": "product 7", "price": "9.50"}, "none": None}
    }


async def test_a_graphql_core_schema_answers_in_process() -> None:
    assert await answer(await loaded("shop:core"), '{ hello(name: "Ada") }') == {"data": {"hello": "hello Ada"}}


async def test_resolvers_find_the_headers_of_the_call() -> None:
    rules = HeaderRules(lambda incoming: (("x-tenant", incoming["x-tenant"]),), frozenset({"x-tenant"}))
    assert await answer(await loaded(rules=rules), '{ header(name: "x-tenant") }', **{"x-tenant": "acme"}) == {
        "data": {"header": "acme"}
    }


async def test_an_error_of_a_resolver_is_the_sources_own_error() -> None:
    told = await answer(await loaded(), "{ broken }")
    assert told["data"] == {"broken": None}
    assert told["errors"][0]["path"] == ["broken"]


async def test_the_onion_stands_around_the_transport() -> None:
    seen: list[str] = []

    def around(transport: Send) -> Send:
        async def send(call: Call) -> Reply:
            seen.append(call.operation)
            return await transport(call)

        return send

    source = a_source("shop", schema_=Schema.model_construct(from_=HERE + "shop:schema"))
    (subgraph,) = await load(source, msgspec.structs.replace(sends(), around=around))
    await answer(subgraph, "{ broken }")
    assert seen == ["query { broken }"]


async def test_a_transport_that_breaks_is_the_sources_failure(caplog: pytest.LogCaptureFixture) -> None:
    async def execute(_asked: Any, _context: Any) -> Any:
        raise KeyError("inside")

    send = in_process(execute)
    with pytest.raises(UpstreamFailed):
        await send(Call("POST", "python:a:b", (), b'{"query": "{ a }"}', "query { a }", Request("req_1"), lambda reply: reply))
    assert "KeyError" in caplog.text


async def test_other_schemas_in_the_process_still_know_their_one_of_inputs() -> None:
    await loaded()
    other = build_schema("type Query { a(by: By, or: Or): Int } input By @oneOf { id: ID } input Or { id: ID }")
    told = graphql_sync(
        other, '{ by: __type(name: "By") { isOneOf } or: __type(name: "Or") { isOneOf } q: __type(name: "Query") { isOneOf } }'
    )
    assert told.data == {"by": {"isOneOf": True}, "or": {"isOneOf": False}, "q": {"isOneOf": None}}
    assert "input By @oneOf" in print_ast((await loaded()).types["By"])


@pytest.mark.parametrize(
    ("place", "code", "said", "fix"),
    [
        ("python:shop", "LOCAL_REFERENCE", "does not name a schema", "python:module:attribute"),
        ("./shop.graphql", "LOCAL_REFERENCE", "does not name a schema", "python:module:attribute"),
        ("python:no_such_shop.api:schema", "LOCAL_REFERENCE", "there is no module no_such_shop", "PYTHONPATH"),
        (HERE + "no_such:schema", "LOCAL_REFERENCE", "there is no module tests.sources.local.no_such", "PYTHONPATH"),
        (HERE + "shop:schemas", "LOCAL_REFERENCE", "has no schemas", "did you mean schema?"),
        (HERE + "shop:number", "LOCAL_NOT_A_SCHEMA", "is of type int", "strawberry.Schema"),
        (HERE + "shop:unprintable", "LOCAL_IMPORT_FAILED", "cannot be printed", None),
        (HERE + "broken:schema", "LOCAL_IMPORT_FAILED", "RuntimeError: no database here", None),
        (HERE + "needy:schema", "LOCAL_IMPORT_FAILED", "No module named 'no_such_library'", None),
    ],
)
async def test_a_name_that_is_no_schema_is_refused_in_words(place: str, code: str, said: str, fix: str | None) -> None:
    problem = await refused(place)
    assert problem.code == code
    assert said in problem.message
    assert problem.owners == ("Stock & Supply (stock@example.com)",)
    assert (fix is None and problem.fix is None) or (fix or "?") in (problem.fix or "")


async def test_a_module_that_fails_is_told_with_the_line_that_did() -> None:
    assert str((await refused(HERE + "broken:schema")).mark).endswith("tests/sources/local/broken.py:1:1")
