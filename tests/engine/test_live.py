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
from gateway.engine.channels import Channel, Inbox, Open
from gateway.errors import InternalError, LimitExceeded, UpstreamUnreachable
from gateway.upstream.call import Call, Reply, Request
from gateway.upstream.caller import Caller
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


# ---------------------------------------------------------------- queues, and who shares what


def a_channel(*inboxes: Inbox, patience: float = 60.0) -> Channel:
    channel = Channel(patience)
    channel.moved = asyncio.Event()
    channel.inboxes.update(inboxes)
    return channel


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_queue_that_stays_full_ends_with_what_it_could_not_take() -> None:
    inbox = Inbox(2)
    channel = a_channel(inbox, patience=0.001)
    for number in (1, 2):
        await channel.tell(reply(number))
    assert not inbox.over
    await channel.tell(reply(3))
    with pytest.raises(LimitExceeded) as ended:
        await inbox.next()
    assert (ended.value.details["which"], ended.value.details["limit"], ended.value.details["actual"]) == ("events", 2, 3)


async def test_what_nobody_foresaw_ends_all_who_hear_and_is_told_to_the_log() -> None:
    async def events(_call: Call) -> AsyncGenerator[Reply]:
        yield reply(1)
        raise bug

    bug, inboxes = ZeroDivisionError("a bug"), (Inbox(2), Inbox(2))
    request = Request("req_1")
    call = Call("POST", "http://rooms.test/", (), b"{}", "subscription", request, lambda reply: reply)
    await a_channel(*inboxes).read(call, events)
    for inbox in inboxes:
        assert await inbox.next() == reply(1)
        with pytest.raises(InternalError) as ended:
            await inbox.next()
        assert ended.value.__cause__ is bug


async def test_room_in_the_queue_lets_the_source_go_on() -> None:
    channel = a_channel()
    inbox = Inbox(1, channel.moved.set)
    channel.inboxes.add(inbox)
    await channel.tell(reply(1))
    waiting = asyncio.ensure_future(channel.tell(reply(2)))
    await turns()
    assert not waiting.done()
    assert await inbox.next() == reply(1)
    await waiting
    assert await inbox.next() == reply(2)


async def test_who_is_behind_is_cut_off_when_others_wait_and_they_are_told_everything() -> None:
    channel = a_channel()
    slow, quick = Inbox(2, channel.moved.set), Inbox(2, channel.moved.set)
    slow.grace = 0.0
    channel.inboxes.update((slow, quick))
    for number in range(4):
        await channel.tell(reply(number))
        assert await quick.next() == reply(number)
    assert slow.over
    with pytest.raises(LimitExceeded, match="while others waited"):
        await slow.next()


async def test_while_nobody_waits_a_full_queue_holds_the_source_back_for_all() -> None:
    channel = a_channel()
    one, other = Inbox(1, channel.moved.set), Inbox(1, channel.moved.set)
    channel.inboxes.update((one, other))
    await channel.tell(reply(1))
    waiting = asyncio.ensure_future(channel.tell(reply(2)))
    await turns()
    assert not waiting.done()
    assert [await one.next(), await other.next()] == [reply(1)] * 2
    await waiting
    assert [await one.next(), await other.next()] == [reply(2)] * 2


class Source:
    """Sends what it is told to, and counts who has it open."""

    def __init__(self) -> None:
        self.opened = self.open = 0
        self.events: asyncio.Queue[Reply | Exception] = asyncio.Queue()

    async def __call__(self, _call: Call) -> AsyncGenerator[Reply]:
        self.opened += 1
        self.open += 1
        try:
            while True:
                event = await self.events.get()
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self.open -= 1


async def subscriber(engine: Engine, query: str = "subscription { counted }", **headers: str) -> AsyncGenerator[bytes]:
    request = Request("req_1", headers, deadline=asyncio.get_running_loop().time() + 60)
    answer = await engine.answer(Asked(query, request, form=Form.WHOLE))
    assert answer.parts is not None
    return answer.parts


async def test_those_who_want_the_same_hear_one_subscription_and_the_last_to_leave_ends_it() -> None:
    source = Source()
    engine = an_engine(source)
    first, second = await subscriber(engine), await subscriber(engine)
    coming = [asyncio.ensure_future(anext(each)) for each in (first, second)]
    await turns()
    source.events.put_nowait(reply({"counted": 1}))
    assert await asyncio.gather(*coming) == [b'{"data":{"counted":1}}'] * 2
    assert (source.opened, source.open) == (1, 1)
    await first.aclose()
    source.events.put_nowait(reply({"counted": 2}))
    assert await anext(second) == b'{"data":{"counted":2}}'
    await second.aclose()
    assert (source.opened, source.open) == (1, 0)


async def test_what_ends_it_is_told_to_each_and_the_next_one_opens_another() -> None:
    source = Source()
    engine = an_engine(source)
    hearing = [asyncio.ensure_future(anext(await subscriber(engine))) for _ in range(2)]
    await turns()
    source.events.put_nowait(UpstreamUnreachable("broke off"))
    told = [msgspec.json.decode(payload)["errors"][0]["extensions"] for payload in await asyncio.gather(*hearing)]
    assert [each["code"] for each in told] == ["UPSTREAM_UNREACHABLE"] * 2
    assert told[0]["error_id"] != told[1]["error_id"]
    again = await subscriber(engine)
    source.events.put_nowait(reply({"counted": 1}))
    assert await anext(again) == b'{"data":{"counted":1}}'
    assert source.opened == 2
    await again.aclose()


async def test_what_is_asked_differently_is_a_subscription_of_its_own() -> None:
    source = Source()
    engine = an_engine(source)
    hearing = [await subscriber(engine, query) for query in ("subscription { counted }", "subscription { joined { at } }")]
    coming = [asyncio.ensure_future(anext(each)) for each in hearing]
    await turns()
    assert source.opened == 2
    for each in coming:
        each.cancel()
    await asyncio.wait(coming)
    assert source.open == 0


async def test_it_ends_when_its_caller_no_longer_proves_who_it_is() -> None:
    source = Source()
    engine = an_engine(source)
    engine.clock = lambda: 100.0
    loop = asyncio.get_running_loop()

    async def heard(until: float) -> bytes:
        request = Request("req_1", deadline=loop.time() + 60, caller=Caller("login#ann", until=until))
        answer = await engine.answer(Asked("subscription { counted }", request, form=Form.WHOLE))
        assert answer.parts is not None
        try:
            return await anext(answer.parts)
        finally:
            await answer.parts.aclose()

    (error,) = msgspec.json.decode(await heard(100.0))["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    source.events.put_nowait(reply({"counted": 1}))
    assert await heard(200.0) == b'{"data":{"counted":1}}'


async def test_beyond_what_a_process_serves_one_more_is_refused_and_room_is_given_back() -> None:
    opened = Open(most=2)
    engine = an_engine(Source(), opened=opened)
    both = [await subscriber(engine) for _ in range(2)]
    coming = [asyncio.ensure_future(anext(each)) for each in both]
    await turns()
    request = Request("req_1", deadline=asyncio.get_running_loop().time() + 60)
    refused = await engine.answer(Asked("subscription { counted }", request, form=Form.WHOLE))
    (error,) = msgspec.json.decode(refused.body)["errors"]
    assert (refused.parts, error["extensions"]["which"], error["extensions"]["limit"], error["extensions"]["actual"]) == (
        None,
        "subscriptions",
        2,
        3,
    )
    for each in coming:
        each.cancel()
    await asyncio.wait(coming)
    assert len(opened) == 0
    assert (await engine.answer(Asked("subscription { counted }", request, form=Form.WHOLE))).parts is not None


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
