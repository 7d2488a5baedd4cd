"""A real service, asked over real HTTP: what is sent arrives, and what comes back is judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from graphql import parse_type

from gateway.config.model import Schema
from gateway.errors import UpstreamNotFound
from gateway.sources.base import Argument, Batch, Entry, Fetch, Input, Subgraph
from gateway.sources.openapi import load
from gateway.upstream.call import Reply, Request
from tests.sources.openapi.conftest import Service
from tests.sources.openapi.world import a_fetch, a_source, plain_sends

KEY = Input("key", ("user_id",), parse_type("Int"))


@pytest.fixture
async def graph(service: str) -> Subgraph:
    schema = Schema.model_construct(from_=f"{service}/openapi.yaml", snapshot=None, headers={})
    (loaded,) = await load(a_source(schema_=schema, url=None), plain_sends())
    return loaded


async def ask(graph: Subgraph, fetch: Fetch, keys: Sequence[tuple[Any, ...]] = (), **variables: Any) -> list[Reply]:
    prepared = graph.prepare(fetch)
    calls = prepared.calls(keys, variables, Request("req_1"), prepared.verifier(msgspec.json.decode))
    return [await graph.send(chunk.call) for chunk in calls]


async def test_one_is_asked_by_its_path(graph: Subgraph) -> None:
    (reply,) = await ask(graph, a_fetch(graph, "query { getUser(id: $id) { id first_name } }"), id=3)
    assert reply.rows == {"id": 3, "first-name": "User 3", "extra": True}
    assert graph.wire.names == {("User", "first_name"): "first-name"}


async def test_what_is_not_there_is_an_error_at_the_root_and_null_by_key(graph: Subgraph) -> None:
    with pytest.raises(UpstreamNotFound) as raised:
        await ask(graph, a_fetch(graph, "{ getUser(id: 99) { id } }"))
    assert raised.value.problem == {"title": "No such user."}
    entry = Entry("getUser", (KEY,), (Argument("id", input="key", type=parse_type("Int!")),))
    found, missing = await ask(graph, a_fetch(graph, "{ getUser(id: 0) { id } }", entry), [(4,), (99,)])
    assert (found.rows["id"], missing.body, missing.rows) == (4, b"null", None)


async def test_many_are_asked_at_once(graph: Subgraph) -> None:
    batch = Entry(
        "listUsers",
        (KEY,),
        (Argument("ids", input="key", type=parse_type("[Int!]")),),
        Batch("listUsers", "ids", "id", ("data",), 2),
    )
    fetch = a_fetch(graph, "{ getUser(id: 0) { id } }", batch)
    replies = await ask(graph, fetch, [(1,), (2,), (3,)])
    assert [[row["id"] for row in reply.rows["data"]] for reply in replies] == [[2, 1], [3]]
    assert Service.asked == ["/v1/users?ids%5B%5D=1&ids%5B%5D=2", "/v1/users?ids%5B%5D=3"]


async def test_every_place_of_a_parameter_arrives(graph: Subgraph) -> None:
    query = '{ echo(matrix: ["a", "b/c"], label: [1, 2], where: {q: 1}, filter: {a: "x"}, X_Id: "h", session: "s") }'
    (reply,) = await ask(graph, a_fetch(graph, query))
    assert reply.rows == {
        "path": "/v1/echo/;matrix=a;matrix=b%2Fc/.1,2?where=%7B%22q%22%3A1%7D&filter%5Ba%5D=x",
        "x-id": "h",
        "cookie": "session=s",
        "accept": "application/json",
    }


async def test_a_text_is_its_fields_value(graph: Subgraph) -> None:
    (reply,) = await ask(graph, a_fetch(graph, "{ hello }"))
    assert reply.rows == "héllo"
