from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.config.model import CachePolicy
from gateway.errors import (
    DeadlineExceeded,
    SourceError,
    SourceHeld,
    SourceSaturated,
    SourceUnavailable,
    UpstreamBadContent,
    UpstreamCallsExhausted,
    UpstreamFailed,
    UpstreamForbidden,
    UpstreamGraphQLError,
    UpstreamNotFound,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnauthenticated,
    UpstreamUnreachable,
)
from gateway.upstream.call import Reply, Send
from gateway.upstream.layers.cache import Cache, Store, cache
from gateway.upstream.layers.cache.freshness import Copy, copy_of, directives, is_silent, seconds, silent_copy, unsaid
from tests.upstream.conftest import call
from tests.upstream.world import START, Source, Time, reply, settle

AS_TOLD = CachePolicy(stale_if_error=None)
KEEP_10M = CachePolicy()


class World:
    """One source behind its cache."""

    def __init__(self, *script: Any, policy: CachePolicy = AS_TOLD, capacity: int = 1 << 20) -> None:
        self.time = Time()
        self.source = Source(*script)
        self.store = Store(capacity)
        self.cache = Cache("s", policy, self.store, self.time.clock)
        self.send: Send = cache(self.cache, self.time.clock)(self.source.send)

    async def served(self, **more: Any) -> str:
        return (await self.send(call(**more))).served

    @property
    def asked(self) -> int:
        return len(self.source.calls)


# ---------------------------------------------------------------- fresh copies


async def test_a_fresh_copy_is_served_without_a_call() -> None:
    world = World(reply(b"[1]", cache_control="max-age=60"))
    first = await world.send(call())
    world.time.advance(59)
    made = call()
    again = await world.send(made)
    assert (first.served, again.served, again.body, world.asked) == ("network", "hit", b"[1]", 1)
    assert made.request.tally.cached == 1
    assert again.freshness.age == 59
    assert first.freshness.expires == again.freshness.expires == START + 1060


async def test_past_its_freshness_the_source_is_asked_again() -> None:
    world = World(reply(cache_control="max-age=60"))
    await world.served()
    world.time.advance(60)
    assert await world.served() == "network"


async def test_each_operation_reads_the_copy_itself() -> None:
    world = World(reply(cache_control="max-age=60"))
    await world.served()
    seen: list[Reply] = []

    def reads(received: Reply) -> Reply:
        seen.append(received)
        return received

    await world.send(call(verify=reads))
    assert [received.rows for received in seen] == [None]


@pytest.mark.parametrize(
    ("headers", "fresh"),
    [
        ({"cache_control": "max-age=60"}, 60),
        ({"cache_control": "MAX-AGE=60, public"}, 60),
        ({"cache_control": 'max-age="60"'}, 60),
        ({"cache_control": "s-maxage=10, max-age=60"}, 10),
        ({"cache_control": "max-age=60, max-age=5"}, 60),
        ({"cache_control": "max-age=60", "age": "45"}, 15),
        ({"cache_control": "max-age=60", "age": "nonsense"}, 60),
        ({"expires": "Fri, 15 Jan 2027 08:10:00 GMT", "date": "Fri, 15 Jan 2027 08:09:00 GMT"}, 60),
        ({"expires": "0", "date": "Fri, 15 Jan 2027 08:09:00 GMT"}, 0),
        ({"expires": "Fri, 15 Jan 2027 08:10:00 GMT", "cache_control": "max-age=5"}, 5),
        ({"cache_control": "max-age=nonsense"}, 0),
        ({"cache_control": "max-age=-1"}, 0),
        ({"cache_control": "no-cache, max-age=60"}, 0),
        ({"cache_control": 'no-cache="set-cookie", max-age=60'}, 0),
        ({"cache_control": "no-store, max-age=60"}, 0),
        ({"cache_control": "private, max-age=60"}, 0),
        ({"cache_control": "max-age=60", "vary": "*"}, 0),
        ({"cache_control": "max-age=60", "vary": "Accept, Traceparent"}, 0),
        ({"cache_control": "max-age=60", "vary": "Accept-Language, Origin"}, 60),
        ({"cache_control": "max-age=99999999999999999999"}, 2**31),
        ({}, 0),
    ],
)
async def test_freshness_is_what_the_origin_says(headers: dict[str, str], fresh: float) -> None:
    copy = copy_of(call(), reply(**headers), AS_TOLD, now=START)
    assert (copy.fresh - START if copy else 0) == fresh


@pytest.mark.parametrize(
    ("said", "fresh"),
    [(None, 30), ("max-age=5", 5), ("max-age=90", 90), ("no-store", 0), ("no-cache", 0), ("private", 0), ("public", 30)],
)
async def test_a_configured_ttl_speaks_where_the_origin_says_nothing(said: str | None, fresh: float) -> None:
    headers = {"cache_control": said} if said else {}
    copy = copy_of(call(), reply(**headers), CachePolicy(ttl=30.0), now=START)
    assert (copy.fresh - START if copy else 0) == fresh


SECONDS = st.sampled_from([0.0, 1.0, 30.0])


@given(
    st.builds(
        CachePolicy,
        ttl=SECONDS | st.just("from_upstream"),
        stale_while_revalidate=SECONDS | st.just("from_upstream"),
        stale_if_error=SECONDS | st.none(),
        scope=st.sampled_from(["auto", "public", "private"]),
    ),
    st.booleans(),
    st.sampled_from([{}, {"date": "Tue, 01 Dec 2026 12:00:00 GMT"}, {"content_type": "application/json"}]),
    SECONDS,
)
def test_of_a_source_that_says_nothing_of_freshness_the_same_is_kept_by_the_short_way(
    policy: CachePolicy, private: bool, headers: dict[str, str], took: float
) -> None:
    made, came = call(private=private), reply(**headers)
    assert is_silent(came)
    short = silent_copy(made, came, unsaid(policy, private=private), START, took)
    assert short == copy_of(made, came, policy, START, took)


@pytest.mark.parametrize("header", ["cache_control", "age", "expires", "vary", "etag", "last_modified"])
def test_what_says_anything_of_freshness_is_not_silent(header: str) -> None:
    assert not is_silent(reply(**{header: "1"}))


async def test_a_reply_with_errors_in_its_envelope_is_not_kept() -> None:
    world = World(reply(cache_control="max-age=60", complete=False))
    assert [await world.served(), await world.served()] == ["network", "network"]
    assert (await world.send(call())).freshness.expires == 0


async def test_a_copy_that_could_never_be_used_takes_no_room() -> None:
    world = World(reply(cache_control="no-cache"))
    await world.served()
    assert len(world.store) == 0


async def test_rows_are_their_operation_s_and_not_kept() -> None:
    world = World(replace(reply(cache_control="max-age=60"), rows=["decoded"]))
    assert (await world.send(call())).rows == ["decoded"]
    assert (await world.send(call())).rows is None


async def test_a_shared_answer_is_kept_by_its_leader_alone_and_fresh_for_all() -> None:
    world = World(replace(reply(cache_control="max-age=60"), served="collapsed"))
    assert (await world.send(call())).freshness.expires == START + 1060
    assert len(world.store) == 0


async def test_an_answer_that_may_not_be_stored_puts_the_older_copy_away() -> None:
    world = World(reply(cache_control="max-age=1"), reply(cache_control="no-store"), UpstreamFailed(), policy=KEEP_10M)
    await world.served()
    world.time.advance(2)
    await world.served()
    assert len(world.store) == 0
    with pytest.raises(UpstreamFailed):
        await world.served()


# ---------------------------------------------------------------- whose copies they are


async def test_nothing_is_shared_across_identities() -> None:
    world = World(reply(b'"for A"', cache_control="max-age=60"), reply(b'"for B"', cache_control="max-age=60"))
    for who, body in [("A", b'"for A"'), ("B", b'"for B"'), ("A", b'"for A"'), ("B", b'"for B"')]:
        answer = await world.send(call(headers=[("authorization", who)], private=True))
        assert (answer.body, answer.freshness.private) == (body, True)
    assert world.asked == 2


@pytest.mark.parametrize(
    ("said", "private_call", "scope", "stored", "private"),
    [
        ("max-age=9", False, "auto", True, False),
        ("max-age=9", True, "auto", True, True),
        ("max-age=9, private", False, "auto", False, None),
        ("max-age=9, private", True, "auto", True, True),
        ("max-age=9, private", True, "public", True, True),
        ("max-age=9", True, "public", True, False),
        ("max-age=9", False, "private", False, None),
        ("max-age=9", True, "private", True, True),
    ],
)
def test_privacy_is_the_source_s_word_then_the_policy_s(
    said: str, private_call: bool, scope: str, stored: bool, private: bool | None
) -> None:
    copy = copy_of(call(private=private_call), reply(cache_control=said), CachePolicy(scope=scope), now=START)
    assert (copy is not None) == stored
    assert copy is None or copy.private == private


async def test_two_sources_never_share_a_copy() -> None:
    world = World(reply(cache_control="max-age=60"))
    await world.served()
    other = cache(Cache("other", AS_TOLD, world.store, world.time.clock), world.time.clock)(world.source.send)
    assert (await other(call())).served == "network"


# ---------------------------------------------------------------- stale copies

STALE = [
    UpstreamUnreachable(),
    UpstreamTimeout(),
    UpstreamFailed(),
    UpstreamBadContent(),
    DeadlineExceeded(),
    SourceUnavailable(),
    SourceSaturated(),
]


@pytest.mark.parametrize("error", STALE)
async def test_while_the_source_fails_its_last_answer_is_served(error: SourceError) -> None:
    world = World(reply(b"[1]", cache_control="max-age=60"), error, policy=KEEP_10M)
    await world.served()
    world.time.advance(372)
    answer = await world.send(call())
    assert (answer.served, answer.stale_cause, answer.body) == ("stale", error.code, b"[1]")
    assert answer.freshness.age == 372
    assert answer.freshness.expires == START + 1060


async def test_stale_ends_where_the_policy_says() -> None:
    world = World(reply(cache_control="max-age=60"), UpstreamFailed(), policy=KEEP_10M)
    await world.served()
    world.time.advance(659)
    assert await world.served() == "stale"
    world.time.advance(1)
    with pytest.raises(UpstreamFailed):
        await world.served()


async def test_an_answer_without_any_word_on_freshness_is_kept_for_bad_times_only() -> None:
    world = World(reply(), reply(), UpstreamFailed(), policy=KEEP_10M)
    assert [await world.served() for _ in range(3)] == ["network", "network", "stale"]


@pytest.mark.parametrize("error", [UpstreamUnauthenticated(), UpstreamForbidden(), UpstreamNotFound()])
async def test_after_a_verdict_of_the_source_the_copy_is_gone_for_good(error: SourceError) -> None:
    world = World(reply(cache_control="max-age=1"), error, UpstreamFailed(), policy=KEEP_10M)
    await world.served()
    world.time.advance(2)
    with pytest.raises(type(error)):
        await world.served()
    with pytest.raises(UpstreamFailed):
        await world.served()


@pytest.mark.parametrize("error", [UpstreamRejected(), UpstreamGraphQLError(), UpstreamCallsExhausted(), SourceHeld()])
async def test_what_is_no_outage_is_not_papered_over(error: SourceError) -> None:
    world = World(reply(cache_control="max-age=1"), error, policy=KEEP_10M)
    await world.served()
    world.time.advance(2)
    with pytest.raises(type(error)):
        await world.served()


@pytest.mark.parametrize("strict", ["must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=1"])
async def test_the_origin_may_forbid_stale_copies(strict: str) -> None:
    world = World(reply(cache_control=f"max-age=1, {strict}"), UpstreamFailed(), policy=KEEP_10M)
    await world.served()
    world.time.advance(2)
    with pytest.raises(UpstreamFailed):
        await world.served()


@pytest.mark.parametrize(("said", "last"), [("stale-if-error=5", 5), ("stale-if-error=0", 0), ("stale-if-error=900", 900)])
def test_the_origin_s_stale_if_error_goes_before_ours(said: str, last: float) -> None:
    copy = copy_of(call(), reply(cache_control=f"max-age=10, {said}"), KEEP_10M, now=START)
    assert copy is not None
    assert copy.on_error - copy.fresh == last


async def test_while_revalidating_one_call_fetches_it_anew() -> None:
    world = World(reply(b"[1]", cache_control="max-age=10, stale-while-revalidate=30"), reply(b"[2]", cache_control="max-age=10"))
    await world.served()
    world.time.advance(20)
    answers = [await world.send(call()) for _ in range(3)]
    assert [(a.served, a.stale_cause, a.body) for a in answers] == [("stale", "REVALIDATING", b"[1]")] * 3
    await settle()
    fresh = await world.send(call())
    assert (fresh.served, fresh.body, world.asked) == ("hit", b"[2]", 2)


async def test_a_refresh_costs_its_trigger_nothing() -> None:
    world = World(reply(cache_control="max-age=10, stale-while-revalidate=30"))
    await world.served()
    world.time.advance(20)
    made = call(deadline=world.time.now + 0.1)
    await world.send(made)
    await settle()
    refresh = world.source.calls[-1]
    assert refresh.request.tally is not made.request.tally
    assert refresh.deadline == refresh.request.deadline == float("inf")


async def test_a_failed_refresh_keeps_the_copy_and_a_verdict_drops_it() -> None:
    world = World(
        reply(cache_control="max-age=10, stale-while-revalidate=30"), UpstreamFailed(), UpstreamNotFound(), UpstreamFailed()
    )
    await world.served()
    world.time.advance(20)
    for _ in range(2):
        assert await world.served() == "stale"
        await settle()
    with pytest.raises(UpstreamFailed):
        await world.served()


@pytest.mark.parametrize(("configured", "past"), [("from_upstream", 0), (7.0, 7)])
def test_beyond_the_origin_s_word_only_by_an_explicit_duration(configured: float | str, past: float) -> None:
    policy = CachePolicy(stale_while_revalidate=configured)
    copy = copy_of(call(), reply(cache_control="max-age=10"), policy, now=START)
    assert copy is not None
    assert copy.while_revalidated - copy.fresh == past


async def test_close_ends_the_refreshes_under_way() -> None:
    never = asyncio.get_running_loop().create_future()
    world = World(reply(cache_control="max-age=10, stale-while-revalidate=30"), never)
    await world.served()
    world.time.advance(20)
    await world.served()
    await settle()
    assert world.source.open == 1
    await world.cache.close()
    assert world.source.open == 0


# ---------------------------------------------------------------- the store


def kept(body: bytes) -> Copy:
    copy = copy_of(call(), reply(body, cache_control="max-age=60"), AS_TOLD, now=START)
    assert copy is not None
    return copy


def test_the_least_recently_used_leaves_first() -> None:
    size = kept(b"x" * 1000).size
    store = Store(size * 20)
    for n in range(20):
        store.put(n, kept(b"x" * 1000))
    assert store.peek(0) is not None
    store.put(20, kept(b"x" * 1000))
    assert (store.peek(0) is not None, store.peek(1)) == (True, None)


def test_one_copy_may_not_push_out_all_others() -> None:
    store = Store(64_000)
    store.put("small", kept(b"x"))
    store.put("large", kept(b"x" * 4000))
    assert (store.peek("large"), store.peek("small") is not None) == (None, True)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["put", "drop", "peek"]), st.integers(0, 9), st.integers(0, 3000)), max_size=60))
def test_the_store_never_holds_more_than_its_bytes(steps: list[tuple[str, int, int]]) -> None:
    store = Store(40_000)
    for step, key, size in steps:
        if step == "put":
            store.put(key, kept(b"x" * size))
        else:
            getattr(store, step)(key)
        assert store.used == sum(copy.size for copy in store._copies.values()) <= store.capacity


async def test_it_speaks_the_interface_of_aiocache() -> None:
    store, copy = Store(1 << 20), kept(b"x")
    await store.set("k", copy)
    assert await store.get("k") is copy
    assert await store.exists("k")
    assert await store.delete("k") == 1
    assert await store.get("k") is None
    await store.set("k", copy)
    await store.clear()
    assert (store.used, len(store)) == (0, 0)


# ---------------------------------------------------------------- reading headers


@given(st.text(max_size=60))
def test_no_cache_control_breaks_its_reader(text: str) -> None:
    copy = copy_of(call(), reply(cache_control=text, age=text, expires=text, date=text, vary=text), KEEP_10M, now=START)
    assert copy is None or START <= copy.fresh <= START + 2**31


def test_directives_are_read_in_lower_case_the_first_of_a_name_counting() -> None:
    assert directives('Max-Age=5, no-cache="a", max-age=9,,') == {"max-age": "5", "no-cache": "a", "": ""}


@pytest.mark.parametrize("text", ["", " 5", "-5", "5.0", "٣", None])
def test_delta_seconds_are_plain_digits(text: str | None) -> None:
    assert seconds(text) is None
