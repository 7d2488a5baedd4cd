"""Against real GraphQL servers: introspection of any age, and fetches that come back with rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from graphql import print_ast

from gateway.config.model import Schema
from gateway.config.problem import ConfigError
from gateway.errors import UpstreamGraphQLError
from gateway.sources.base import Batch, Subgraph
from gateway.sources.document import SchemaMissing
from gateway.sources.graphql import load
from gateway.upstream.call import Call, HeaderRules, Reply, Request
from tests.sources.graphql.services import SCHEMA, closed, listening, modern, of_2018, serving
from tests.sources.graphql.world import a_fetch, a_source, by_key, over_http, sends

USER = '''"""Someone who may log in."""
type User implements Node {
  id: ID!
  name: String!
  role: Role!
  mail: String @deprecated(reason: "Ask for contact.")
}'''
NEVER_DOWN = {"type": "User", "key": "id", "via": "user", "arg": "id"}


class Broken(msgspec.Struct):
    broken: int


class Envelope(msgspec.Struct):
    data: Broken


async def loaded(url: str, **keys: Any) -> Subgraph:
    (subgraph,) = await load(a_source("accounts", url=url, **keys), sends())
    return subgraph


async def rows(subgraph: Subgraph, asked: str, entry: Any = None, keys: Any = ()) -> list[Any]:
    """Every reply of the fetch, as the one who placed it would read it."""
    prepared = subgraph.prepare(a_fetch(subgraph, asked, entry))
    verify = prepared.verifier(msgspec.json.decode)
    chunks = prepared.calls(keys, {}, Request("req_1"), verify)
    return [(await subgraph.send(chunk.call)).rows for chunk in chunks]


async def test_a_service_is_read_by_introspection(accounts: str) -> None:
    subgraph = await loaded(accounts)
    assert print_ast(subgraph.types["User"]) == USER
    assert subgraph.refused.keys() == {"rename"}
    assert subgraph.available


@pytest.mark.parametrize("probe_works", [True, False])
async def test_a_server_of_2018_is_asked_what_it_knows(probe_works: bool, accounts: str) -> None:
    with listening(of_2018(probe_works)) as url:
        old, new = await loaded(url), await loaded(accounts)
    assert {name: print_ast(t) for name, t in old.types.items()} == {name: print_ast(t) for name, t in new.types.items()}


async def test_the_schemas_own_headers_go_along_when_it_is_read() -> None:
    seen: list[Call] = []

    async def recording(call: Call) -> Reply:
        seen.append(call)
        return await over_http(call)

    rules = HeaderRules(lambda _: (("x-api-key", "data"), ("x-team", "gateway")))
    with listening(modern()) as url:
        schema = Schema.model_construct(from_="introspect", headers={"X-Api-Key": "schema"})
        await load(a_source(url=url, schema_=schema), sends(headers=rules, around=recording))
    for call in seen:
        assert dict(call.headers)["x-api-key"] == "schema"
        assert dict(call.headers)["x-team"] == "gateway"


async def test_a_service_that_refuses_introspection_is_missing_its_schema() -> None:
    with listening(closed()) as url, pytest.raises(SchemaMissing) as caught:
        await loaded(url)
    assert isinstance(caught.value.cause, UpstreamGraphQLError)
    assert caught.value.problem.owners == ("Stock & Supply (stock@example.com)",)


async def test_a_page_instead_of_graphql_is_not_a_schema() -> None:
    with listening(serving("text/html", b"<html>welcome</html>")) as url, pytest.raises(SchemaMissing):
        await loaded(url)


async def test_without_an_address_there_is_nothing_to_ask() -> None:
    with pytest.raises(ConfigError, match="needs a url"):
        await load(a_source(url=None), sends())


async def test_a_url_may_give_sdl_or_an_introspection_answer(accounts: str, tmp_path: Path) -> None:
    with listening(serving("text/plain", SCHEMA.as_str().encode())) as place:
        (subgraph,) = await load(a_source(schema=place, url=accounts), sends(tmp_path))
    assert print_ast(subgraph.types["User"]) == USER
    assert await rows(subgraph, "{ user(id: 1) { name } }") == [{"data": {"user": {"name": "user 1"}}}]


@pytest.mark.parametrize("body", [b'{"message": "not today"}', b"The type of page you asked for is not here."])
async def test_words_instead_of_a_schema_never_become_the_copy(body: bytes, tmp_path: Path) -> None:
    with listening(serving("text/plain", SCHEMA.as_str().encode())) as place:
        (before,) = await load(a_source(schema=place), sends(tmp_path))
    with listening(serving("text/plain", body)) as place:
        (after,) = await load(a_source(schema=place), sends(tmp_path))
    assert not after.available
    assert after.types == before.types


# ---------------------------------------------------------------- fetches


async def test_root_fields_come_back_under_the_clients_names(accounts: str) -> None:
    subgraph = await loaded(accounts)
    asked = """{
        some: find(matching: {name: "user", role: ADMIN}) { __typename ... on User { id label: name } }
        nodes { id ... on Bot { version } }
    }"""
    (reply,) = await rows(subgraph, asked)
    assert reply["data"]["some"] == [{"__typename": "User", "id": "1", "label": "user 1"}]
    assert reply["data"]["nodes"] == [{"id": "1"}, {"id": "b", "version": 1.5}]


async def test_keys_come_back_as_rows_of_a_batch(accounts: str) -> None:
    subgraph = await loaded(accounts)
    entry = by_key("user", "id", batch=Batch("users", "ids", "id", ("items",), 2))
    replies = await rows(subgraph, "{ user(id: 1) { id name } }", entry, [("1",), ("9",), ("3",)])
    assert [reply["data"]["users"]["items"] for reply in replies] == [
        [{"id": "1", "name": "user 1"}],
        [{"id": "3", "name": "user 3"}],
    ]


async def test_keys_come_back_under_their_aliases(accounts: str) -> None:
    subgraph = await loaded(accounts)
    (reply,) = await rows(subgraph, "{ user(id: 1) { name } }", by_key("user", "id"), [("1",), ("9",), ("3",)])
    assert reply["data"] == {"_0": {"name": "user 1"}, "_1": None, "_2": {"name": "user 3"}}


async def test_new_names_are_undone_on_the_wire(accounts: str) -> None:
    subgraph = await loaded(accounts, prefix={"types": "Acc_"}, lookups=[NEVER_DOWN])
    assert subgraph.lookups[0].type == "Acc_User"
    asked = '{ find(matching: {name: "user 1"}) { __typename ... on Acc_User { name } } }'
    (reply,) = await rows(subgraph, asked)
    assert reply["data"]["find"] == [{"__typename": "User", "name": "user 1"}]
    assert subgraph.wire.types["User"] == "Acc_User"
    (reply,) = await rows(subgraph, "{ user(id: 1) { name } }", by_key("user", "id"), [("1",)])
    assert reply["data"] == {"_0": {"name": "user 1"}}


async def test_an_error_of_one_field_is_an_incomplete_answer(accounts: str) -> None:
    subgraph = await loaded(accounts)
    prepared = subgraph.prepare(a_fetch(subgraph, "{ broken }"))
    (chunk,) = prepared.calls((), {}, Request("req_1"), prepared.verifier(msgspec.json.Decoder(Envelope).decode))
    reply = await subgraph.send(chunk.call)
    assert (reply.rows, reply.complete) == (None, False)
