"""What the gateway says about itself: once per engine, beside data, for the very variant that asks."""

from __future__ import annotations

from unittest.mock import patch

from graphql import execute_sync, get_introspection_query, parse

import gateway.engine as engine_room
from tests.graphs import Service, an_engine, ask


async def test_it_is_what_graphql_core_says_of_the_schema(people: Service) -> None:
    engine = an_engine([people])
    query = get_introspection_query()
    expected = execute_sync(engine.supergraph.schema, parse(query)).data
    assert (await ask(engine, query)) == {"data": expected}
    assert people.asked == []


async def test_it_is_computed_once_for_the_same_question(people: Service) -> None:
    engine = an_engine([people])
    query = "query($n: String!) { __type(name: $n) { name } }"
    with patch.object(engine_room, "introspect", wraps=engine_room.introspect) as introspect:
        answers = [(await ask(engine, query, {"n": name}))["data"]["__type"] for name in ("User", "User", "Nope", "User")]
    assert answers == [{"name": "User"}, {"name": "User"}, None, {"name": "User"}]
    assert introspect.call_count == 2


async def test_it_stands_beside_data_in_the_clients_order(people: Service) -> None:
    query = '{ __typename z: __type(name: "User") { ...T } '
    query += "me { id } __schema { queryType { ...T } } } fragment T on __Type { n: name }"
    answered = (await ask(an_engine([people]), query))["data"]
    assert list(answered.items()) == [
        ("__typename", "Query"),
        ("z", {"n": "User"}),
        ("me", {"id": "1"}),
        ("__schema", {"queryType": {"n": "Query"}}),
    ]


async def test_it_survives_a_source_that_fails(people: Service) -> None:
    people.raw = b"<html>"
    answered = await ask(an_engine([people]), "{ user(id: 1) { id } __schema { queryType { name } } }")
    assert answered["data"] == {"user": None, "__schema": {"queryType": {"name": "Query"}}}
    assert answered["errors"][0]["extensions"]["code"] == "UPSTREAM_BAD_CONTENT"
