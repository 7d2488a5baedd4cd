"""Subscriptions at the engine: the queue between a source and its caller, and what each event is answered with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from gateway.composition import compose
from gateway.config.problem import ConfigError
from gateway.engine import Asked, Engine, Form, Limits
from gateway.engine.live import Inbox, Open
from gateway.errors import LimitExceeded, UpstreamUnreachable
from gateway.upstream.call import Call, Reply, Request
from gateway.upstream.streaming import REOPENED
from tests.graphs import GATEWAY_OWNER, Service

SDL = """
type Query { user(id: ID!): User }
type User { id: ID! name: String! }
type Subscription { joined(room: ID): Joined! counted: Int }
type Joined { at: Int userId: ID! }
"""
Events = Callable[[Call], AsyncGenerator[Reply]]


def reply(data: Any, **more: Any) -> Reply:
    return Reply(200, {"content-type": "application/json"}, msgspec.json.encode({"data": data, **more}))


def an_engine(events: Events, *others: Service, opened: Open | None = None) -> Engine:
    rooms = replace(Service("rooms", SDL).subgraph(), stream=events)
    subgraphs = [rooms, *(other.subgraph() for other in others)]
    numbers = iter(range(1_000_000))
    return Engine(compose(subgraphs), owner=GATEWAY_OWNER, limits=Limits(), new_id=lambda p: f"{p}{next(numbers)}", opened=opened)


async def subscribed(engine: Engine, query: str, **variables: Any) -> list[dict[str, Any]]:
    request = Request("req_1", deadline=asyncio.get_running_loop().time() + 60)
    answer = await engine.answer(Asked(query, request, variables, form=Form.WHOLE))
    assert answer.parts is not None, answer.body
    return [msgspec.json.decode(payload) async for payload in answer.parts]


async def test_the_source_is_asked_for_what_is_wanted_of_it_with_its_variables() -> None:
    calls: list[Call] = []

    async def events(call: Call) -> AsyncGenerator[Reply]:
        calls.append(call)
        yield reply({"joined": {"at": 1}})

    answered = await subscribed(an_engine(events), "subscription ($r: ID) { joined(room: $r) { at } }", r="7")
    assert answered == [{"data": {"joined": {"at": 1}}}]
    body = msgspec.json.decode(calls[0].body or b"")
    assert body == {"query": "subscription($r: ID) { joined(room: $r) { at } }", "variables": {"r": "7"}}
    assert calls[0].operation == "subscription { joined }"


async def test_a_null_that_may_not_be_takes_its_event_and_the_next_one_comes() -> None:
    async def events(_call: Call) -> AsyncGenerator[Reply]:
        yield reply({"joined": None}, errors=[{"message": "no", "path": ["joined"]}])
        yield reply({"joined": {"at": 2}})

    first, second = await subscribed(an_engine(events), "subscription { joined { at } }")
    assert (first["data"], first["errors"][0]["extensions"]["owner"]["team"]) == (None, "Team rooms")
    assert second == {"data": {"joined": {"at": 2}}}


async def test_an_event_that_is_no_graphql_says_so_and_ends_nothing() -> None:
    async def events(_call: Call) -> AsyncGenerator[Reply]:
        yield Reply(200, {"content-type": "application/json"}, b"<html>")
        yield reply({"counted": 2})

    first, second = await subscribed(an_engine(events), "subscription { counted }")
    assert first["errors"][0]["extensions"]["code"] == "UPSTREAM_BAD_CONTENT"
    assert second == {"data": {"counted": 2}}


async def test_what_ends_it_before_its_time_is_the_last_payload_and_says_whose_it_is() -> None:
    async def events(_call: Call) -> AsyncGenerator[Reply]:
        yield reply({"counted": 1})
        raise UpstreamUnreachable("broke off")

    engine = an_engine(events)
    _first, last = await subscribed(engine, "subscription { counted }")
    assert "data" not in last
    (error,) = last["errors"]
    assert (error["message"], error["extensions"]["owner"]["url"]) == ("Rooms broke off.", "http://rooms.example.com/graphql")
    assert engine.stories.find(error["extensions"]["error_id"]) is not None


async def test_after_a_gap_the_first_event_says_that_some_may_be_missing() -> None:
    async def events(_call: Call) -> AsyncGenerator[Reply]:
        yield replace(reply({"counted": 5}), served=REOPENED)

    (event,) = await subscribed(an_engine(events), "subscription { counted }")
    (warning,) = event["extensions"]["warnings"]
    assert (warning["code"], warning["owner"]["team"]) == ("EVENTS_MISSED", "Team rooms")


async def test_who_leaves_ends_it_at_the_source() -> None:
    ended = asyncio.Event()

    async def events(_call: Call) -> AsyncGenerator[Reply]:
        try:
            while True:
                yield reply({"counted": 1})
        finally:
            ended.set()

    opened = Open()
    engine = an_engine(events, opened=opened)
    request = Request("req_1", deadline=asyncio.get_running_loop().time() + 60)
    answer = await engine.answer(Asked("subscription { counted }", request, form=Form.WHOLE))
    assert answer.parts is not None
    await anext(answer.parts)
    assert len(opened) == 1
    await answer.parts.aclose()
    assert (ended.is_set(), len(opened)) == (True, 0)


async def test_a_full_queue_holds_the_source_back_and_then_ends_it() -> None:
    inbox = Inbox(2)
    assert await inbox.put(reply(1), 0.001)
    assert await inbox.put(reply(2), 0.001)
    assert not await inbox.put(reply(3), 0.001)
    with pytest.raises(LimitExceeded) as ended:
        await inbox.next()
    assert (ended.value.details["which"], ended.value.details["limit"]) == ("events", 2)


async def test_room_in_the_queue_lets_the_source_go_on() -> None:
    inbox = Inbox(1)
    await inbox.put(reply(1), 60)
    waiting = asyncio.ensure_future(inbox.put(reply(2), 60))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert await inbox.next() == reply(1)
    assert await waiting


async def test_introspection_knows_the_root() -> None:
    async def events(_call: Call) -> AsyncGenerator[Reply]:
        yield reply({})

    asked = Asked("{ __schema { subscriptionType { name fields { name } } } }", Request("req_1"))
    answer = msgspec.json.decode((await an_engine(events).answer(asked)).body)
    assert answer["data"]["__schema"]["subscriptionType"] == {
        "name": "Subscription",
        "fields": [{"name": "joined"}, {"name": "counted"}],
    }


def test_a_subscription_of_two_sources_is_a_clash_with_both_owners() -> None:
    with pytest.raises(ConfigError) as refused:
        compose([Service(name, SDL.replace("user(", f"{name}(")).subgraph() for name in ("one", "two")])
    assert {p.code for p in refused.value.problems} == {"INVALID_FIELD_SHARING"}
    assert "Subscription.joined" in str(refused.value)


def test_a_type_that_is_only_called_subscription_is_no_root() -> None:
    plain = Service("billing", "schema { query: Q } type Q { plan: Subscription } type Subscription { id: ID }")
    assert compose([plain.subgraph()]).schema.subscription_type is None


def test_a_plain_type_beside_a_root_of_its_name_is_told_with_the_way_out() -> None:
    plain = Service("billing", "schema { query: Q } type Q { plan: Subscription } type Subscription { id: ID }")
    with pytest.raises(ConfigError) as refused:
        compose([plain.subgraph(), Service("rooms", SDL).subgraph()])
    assert "prefix: {types: Billing_, only: [Subscription]}" in (refused.value.problems[0].fix or "")


def test_only_what_is_exposed_is_offered() -> None:
    supergraph = compose([Service("rooms", SDL, expose=("user", "counted")).subgraph()])
    assert supergraph.schema.subscription_type is not None
    assert list(supergraph.schema.subscription_type.fields) == ["counted"]
    assert "Joined" not in supergraph.schema.type_map
