"""Copies made fresh again: revalidation, early refresh, what could not be refreshed at first; and what is not there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.config.model import CachePolicy
from gateway.errors import UpstreamFailed, UpstreamNotFound
from gateway.upstream.call import Reply, Send
from gateway.upstream.layers.cache import Cache, Store, cache
from gateway.upstream.layers.cache.reruns import LONGEST, MOST, TRIES, Reruns
from gateway.upstream.layers.verify import status_error
from tests.upstream.conftest import call
from tests.upstream.world import Source, Time, reply, settle

AS_TOLD = CachePolicy(stale_if_error=None)
OLD = {"etag": '"v1"', "cache_control": "max-age=60"}


class World:
    def __init__(self, *script: Any, policy: CachePolicy = AS_TOLD, luck: float = 1.0) -> None:
        self.time = Time()
        self.source = Source(*script)
        self.store = Store(1 << 20)
        self.cache = Cache("s", policy, self.store, self.time.clock, lambda: luck)
        self.send: Send = cache(self.cache, self.time.clock)(self.source.send)

    async def ask(self, **more: Any) -> Reply:
        return await self.send(call(verify=judged, **more))


def judged(received: Reply) -> Reply:
    if error := status_error(received):
        raise error
    return received


def missing(status: int = 404) -> UpstreamNotFound:
    error = UpstreamNotFound()
    error.status = status
    return error


# ---------------------------------------------------------------- revalidation


async def test_a_stale_copy_with_a_validator_is_asked_about_and_not_sent_again() -> None:
    world = World(
        reply(b"[1]", **OLD, last_modified="Mon, 23 Nov 2026 04:00:00 GMT"), Reply(304, {"cache-control": "max-age=30"}, b"")
    )
    await world.ask()
    world.time.advance(61)
    again = await world.ask()
    assert (again.status, again.body, again.served) == (200, b"[1]", "network")
    assert world.source.calls[1].headers == (
        ("if-none-match", '"v1"'),
        ("if-modified-since", "Mon, 23 Nov 2026 04:00:00 GMT"),
    )
    world.time.advance(29)
    assert (await world.ask()).served == "hit"
    assert len(world.source.calls) == 2


async def test_what_has_changed_takes_the_place_of_the_copy() -> None:
    world = World(reply(b"[1]", **OLD), reply(b"[2]", etag='"v2"', cache_control="max-age=60"))
    await world.ask()
    world.time.advance(61)
    assert (await world.ask()).body == b"[2]"
    assert (await world.ask()).served == "hit"


async def test_no_cache_with_a_validator_is_asked_about_every_time() -> None:
    told = reply(b"[1]", etag='"v1"', cache_control="no-cache")
    world = World(told, Reply(304, {}, b""))
    bodies = [(await world.ask()).body for _ in range(3)]
    assert (bodies, len(world.source.calls)) == ([b"[1]"] * 3, 3)
    assert [bool(made.headers) for made in world.source.calls] == [False, True, True]


async def test_a_304_is_read_by_the_operation_that_asked() -> None:
    world, seen = World(reply(b"[1]", **OLD), Reply(304, {}, b"")), []
    await world.ask()
    world.time.advance(61)
    await world.send(call(verify=lambda received: seen.append(received.body) or received))  # type: ignore[func-returns-value]
    assert seen == [b"[1]"]


async def test_only_get_is_asked_conditionally() -> None:
    world = World(reply(b"[1]", **OLD))
    for _ in range(2):
        await world.ask(method="POST", body=b"q")
        world.time.advance(61)
    assert [made.headers for made in world.source.calls] == [(), ()]


# ---------------------------------------------------------------- what is not there


@pytest.mark.parametrize("status", [404, 410])
async def test_that_nothing_is_there_is_remembered_where_the_policy_says_so(status: int) -> None:
    world = World(missing(status), reply(), policy=CachePolicy(not_found=30.0))
    for _ in range(2):
        with pytest.raises(UpstreamNotFound) as caught:
            await world.ask()
        assert caught.value.status == status
    assert len(world.source.calls) == 1
    world.time.advance(30)
    assert (await world.ask()).served == "network"


async def test_without_that_word_it_is_asked_again() -> None:
    world = World(missing())
    for _ in range(2):
        with pytest.raises(UpstreamNotFound):
            await world.ask()
    assert len(world.source.calls) == 2


async def test_nothing_there_is_never_served_while_the_source_fails() -> None:
    world = World(missing(), UpstreamFailed(), policy=CachePolicy(not_found=30.0))
    with pytest.raises(UpstreamNotFound):
        await world.ask()
    world.time.advance(31)
    with pytest.raises(UpstreamFailed):
        await world.ask()


# ---------------------------------------------------------------- early refresh


@pytest.mark.parametrize(("luck", "calls"), [(1e-9, 2), (1.0, 1)])
async def test_a_copy_in_demand_is_fetched_anew_before_it_ends(luck: float, calls: int) -> None:
    world = World(reply(b"[1]", cache_control="max-age=100"), luck=luck)
    await world.ask()
    world.time.advance(98)
    assert (await world.ask()).served == "hit"
    await settle()
    assert len(world.source.calls) == calls


async def test_long_before_its_end_it_is_not() -> None:
    world = World(reply(b"[1]", cache_control="max-age=100"), luck=1e-9)
    await world.ask()
    world.time.advance(50)
    await world.ask()
    await settle()
    assert len(world.source.calls) == 1


# ---------------------------------------------------------------- tried again


async def stale_served() -> World:
    world = World(reply(b"[1]", cache_control="max-age=60"), UpstreamFailed(), reply(b"[2]", cache_control="max-age=60"))
    world = World(*world.source.script, policy=CachePolicy())
    await world.ask()
    world.time.advance(61)
    assert (await world.ask()).served == "stale"
    assert len(world.cache.reruns) == 1
    return world


async def test_what_was_served_stale_is_fetched_before_the_next_caller_asks() -> None:
    world = await stale_served()
    world.time.advance(1.0)
    await settle()
    assert ((await world.ask()).body, (await world.ask()).served) == (b"[2]", "hit")
    assert (len(world.cache.reruns), len(world.source.calls), world.time.alarms) == (0, 3, 0)


async def test_when_the_source_is_back_it_is_fetched_at_once() -> None:
    world = await stale_served()
    world.cache.recovered()
    await settle()
    assert (await world.ask()).body == b"[2]"


async def test_what_carries_something_of_its_caller_is_not_kept_for_later() -> None:
    world = World(reply(b"[1]", cache_control="max-age=60"), UpstreamFailed(), policy=CachePolicy())
    await world.ask(private=True)
    world.time.advance(61)
    assert (await world.ask(private=True)).served == "stale"
    assert len(world.cache.reruns) == 0


async def test_a_source_that_stays_down_is_asked_less_and_less_often() -> None:
    world = World(reply(b"[1]", cache_control="max-age=60"), UpstreamFailed(), policy=CachePolicy(stale_if_error=3600.0))
    await world.ask()
    world.time.advance(61)
    await world.ask()
    for _ in range(60):
        world.time.advance(1)
        await settle()
    assert 5 <= len(world.source.calls) <= 2 + 6
    await world.cache.close()
    assert world.time.alarms == 0


class RerunsModel(RuleBasedStateMachine):
    """Bounded, each key once, nothing early, nothing lost but the oldest and the hopeless."""

    def __init__(self) -> None:
        super().__init__()
        self.reruns, self.now = Reruns(), 0.0
        self.tries: dict[int, int] = {}

    @rule(key=st.integers(0, 400), tries=st.integers(1, TRIES + 1))
    def fail(self, key: int, tries: int) -> None:
        self.reruns.add(key, call(), self.now, tries)

    @rule(key=st.integers(0, 400))
    def fetched(self, key: int) -> None:
        self.reruns.forget(key)
        assert key not in [k for k, _ in self.reruns.due(float("-inf"))]

    @rule(seconds=st.floats(0, 40))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        due = self.reruns.due(self.now)
        assert all(rerun.due <= self.now and rerun.tries <= TRIES for _, rerun in due)
        assert len({key for key, _ in due}) == len(due)
        following = self.reruns.next_due()
        assert following is None or self.now < following <= self.now + LONGEST

    @rule()
    def recover(self) -> None:
        waiting = len(self.reruns)
        self.reruns.recovered(self.now)
        assert len(self.reruns.due(self.now)) == waiting
        assert len(self.reruns) == 0

    @invariant()
    def bounded(self) -> None:
        assert len(self.reruns) <= MOST


TestRerunsAreAsTheModel = RerunsModel.TestCase
TestRerunsAreAsTheModel.settings = settings(max_examples=40, stateful_step_count=60, deadline=None)
