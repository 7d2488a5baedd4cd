"""The layers together: over a scripted source in virtual time, and over a real client against a hostile server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.config.model import CircuitBreaker, Concurrency, Policy, Timeout
from gateway.errors import (
    DeadlineExceeded,
    SourceError,
    SourceUnavailable,
    UpstreamBadContent,
    UpstreamFailed,
    UpstreamTimeout,
)
from gateway.upstream.call import Call, Reply, Request, Send
from gateway.upstream.layers.cache import Store
from gateway.upstream.layers.verify import json_content, status_error
from gateway.upstream.onion import Shared, SourceState, client_for, onion
from gateway.upstream.transport import Client, HttpxClient
from tests.upstream.conftest import OK, Conversation, Hostile, call, silence
from tests.upstream.world import Source, Time, begin, later, reply, settle

Start = Callable[..., Awaitable[Hostile]]
OFF = Policy(cache=None, retry=None, circuit_breaker=None)


def around(source: Source, policy: Policy, time: Time) -> tuple[Send, SourceState]:
    shared = Shared(store=Store(1 << 20), clock=time.clock, random=lambda: 1.0)
    state = SourceState("inventory", policy, None, shared)
    return onion(policy, source.send, state, shared), state


def judged(received: Reply) -> Reply:
    """The verifier of a JSON protocol."""
    if error := status_error(received):
        raise error
    json_content(received)
    return received


async def outcomes(send: Send, calls: list[Call]) -> list[str]:
    results = await asyncio.gather(*begin(send, calls), return_exceptions=True)
    return [result.code if isinstance(result, SourceError) else type(result).__name__ for result in results]


# ---------------------------------------------------------------- order


async def test_garbage_with_status_200_is_a_failure_to_retry_breaker_and_cache() -> None:
    html = reply(b"<html>", content_type="text/html", cache_control="max-age=60")
    source, time = Source(html), Time()
    send, state = around(source, Policy(), time)
    with pytest.raises(UpstreamBadContent) as caught:
        await send(call(verify=judged))
    assert (caught.value.attempts, len(source.calls)) == (2, 2)
    assert state.breaker is not None
    assert state.breaker.whole._window.faults == 2
    with pytest.raises(UpstreamBadContent):
        await send(call(verify=judged))


async def test_an_open_breaker_is_not_retried() -> None:
    source, time = Source(UpstreamFailed()), Time()
    policy = Policy(circuit_breaker=CircuitBreaker(volume_threshold=3), cache=None)
    send, _ = around(source, policy, time)
    with pytest.raises(UpstreamFailed):
        await send(call())
    asked, slept = len(source.calls), len(time.slept)
    with pytest.raises(SourceUnavailable):
        await send(call())
    assert (len(source.calls), len(time.slept)) == (asked, slept)


async def test_a_pause_before_a_retry_holds_no_slot() -> None:
    time, seen = Time(), []
    source, policy = Source(UpstreamFailed(), reply()), Policy(cache=None)
    _, state = around(source, policy, time)

    async def sleep(_seconds: float) -> None:
        seen.append(state.slots.open)

    await onion(policy, source.send, state, Shared(clock=replace(time.clock, sleep=sleep)))(call())
    assert seen == [0]


async def test_a_saturated_source_answers_from_its_stale_copy() -> None:
    source, time = Source(reply(b"[1]", cache_control="max-age=1"), later()), Time()
    send, _ = around(source, Policy(concurrency=Concurrency(max=1, queue=0)), time)
    await send(call())
    time.advance(2)
    busy = begin(send, [call("http://source.test/other")])
    await settle()
    answer = await send(call())
    assert (answer.served, answer.stale_cause) == ("stale", "SOURCE_SATURATED")
    busy[0].cancel()
    await asyncio.gather(*busy, return_exceptions=True)


async def test_the_same_question_at_the_same_time_is_asked_once() -> None:
    answer = later()
    source, time = Source(answer), Time()
    send, _ = around(source, OFF, time)
    tasks = begin(send, [call() for _ in range(5)])
    await settle()
    answer.set_result(reply())
    assert sorted(r.served for r in await asyncio.gather(*tasks)) == ["collapsed"] * 4 + ["network"]
    assert len(source.calls) == 1


async def test_a_hit_costs_no_call_no_slot_and_no_trial() -> None:
    source, time = Source(reply(cache_control="max-age=60")), Time()
    send, state = around(source, Policy(), time)
    await send(call())
    made = call()
    assert (await send(made)).served == "hit"
    assert (made.request.tally.calls, made.request.tally.cached, len(source.calls)) == (0, 1, 1)
    assert state.slots.open == 0


async def test_every_error_names_its_source_even_if_nothing_was_sent() -> None:
    source, time = Source(), Time()
    send, _ = around(source, Policy(), time)
    with pytest.raises(DeadlineExceeded) as caught:
        await send(call(request=Request(id="r", deadline=time.now - 1)))
    assert (caught.value.service, caught.value.operation) == ("inventory", "GET /")


async def test_what_is_off_is_absent() -> None:
    source, time = Source(UpstreamFailed()), Time()
    send, state = around(source, OFF, time)
    for _ in range(30):
        with pytest.raises(UpstreamFailed) as caught:
            await send(call())
    assert (len(source.calls), caught.value.attempts) == (30, 1)
    assert (state.breaker, state.cache, state.retry_budget) == (None, None, None)


async def test_a_transport_of_another_make_gets_a_timeout() -> None:
    source = Source(later())
    policy = Policy(timeout=Timeout(per_try=0.02, total=5.0), cache=None, retry=None)
    shared = Shared()
    state = SourceState("local", policy, None, shared)
    with pytest.raises(UpstreamTimeout) as caught:
        await onion(policy, source.send, state, shared)(call())
    assert caught.value.details == {"budget_ms": 20}
    assert source.open == 0


async def test_uncontended_it_makes_no_task_and_no_timer() -> None:
    source, time = Source(), Time()
    policy = Policy()
    client = client_for(policy)
    shared = Shared(store=Store(1 << 20), clock=time.clock)
    send = onion(policy, source.send, SourceState("s", policy, client, shared), shared)
    loop, before = asyncio.get_running_loop(), asyncio.all_tasks()
    scheduled = len(getattr(loop, "_scheduled", ()))
    await send(call())
    assert asyncio.all_tasks() == before
    assert len(getattr(loop, "_scheduled", ())) == scheduled
    assert time.alarms == 0
    await client.close()


async def test_the_view_shows_what_the_layers_know() -> None:
    failed = UpstreamFailed("answered 503")
    failed.status = 503
    source, time = Source(failed), Time()
    send, state = around(source, Policy(cache=None), time)
    for _ in range(10):
        with pytest.raises(SourceError):
            await send(call())
    view = state.view()
    assert (view.source, view.breaker, view.open_calls, view.queued, view.orphans) == ("inventory", "open", 0, 0, 0)
    assert view.last_failure is not None
    assert (view.last_failure.code, view.last_failure.said, view.last_failure.status) == ("UPSTREAM_ERROR", "answered 503", 503)
    assert view.opened is not None
    assert view.opened.code == "UPSTREAM_ERROR"


# ---------------------------------------------------------------- on the wire

QUICK = Policy(timeout=Timeout(per_try=0.3, total=1.0), cache=None, retry=None, concurrency=Concurrency(max=2, queue=0))


def wired(policy: Policy) -> tuple[Send, SourceState]:
    client, shared = client_for(policy), Shared()
    state = SourceState("inventory", policy, client, shared)
    return onion(policy, client.send, state, shared), state


@pytest.mark.parametrize(("transport", "kind"), [("pyreqwest", Client), ("httpx", HttpxClient)])
async def test_the_policy_chooses_the_client(transport: Any, kind: type) -> None:
    client = client_for(Policy(transport=transport))
    assert isinstance(client, kind)
    await client.close()


async def test_calls_on_the_wire_never_exceed_max_though_their_callers_leave(hostile: Start) -> None:
    server = await hostile(silence)
    send, state = wired(QUICK)
    tasks = begin(send, [call(server.url + str(n)) for n in range(2)])
    await server.until(lambda: server.open == 2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert state.view().orphans == 2
    assert await outcomes(send, [call(server.url + "late")]) == ["SOURCE_SATURATED"]
    assert server.opened == 2
    await state.close()
    await server.until(lambda: server.open == 0)


async def test_one_who_waits_is_served_when_an_orphan_s_connection_is_free(hostile: Start) -> None:
    gate = asyncio.Event()

    async def gated(conversation: Conversation) -> None:
        while True:
            await conversation.asked()
            await gate.wait()
            await conversation.say(OK)

    server = await hostile(gated)
    policy = QUICK.model_copy(update={"concurrency": Concurrency(max=1, queue=1, max_wait=5.0)})
    send, state = wired(policy)
    [leaver] = begin(send, [call(server.url + "a")])
    await server.until(lambda: server.open == 1)
    leaver.cancel()
    await asyncio.gather(leaver, return_exceptions=True)
    [waiter] = begin(send, [call(server.url + "b")])
    await settle()
    assert state.view().queued == 1
    gate.set()
    assert (await waiter).status == 200
    assert server.opened == 1
    await state.close()


async def test_a_handed_over_flight_is_answered_while_the_first_call_is_an_orphan(hostile: Start) -> None:
    first = asyncio.Event()

    async def second_only(conversation: Conversation) -> None:
        await conversation.asked()
        if not first.is_set():
            first.set()
            await conversation.until_closed()
        await conversation.say(OK)

    server = await hostile(second_only)
    send, state = wired(QUICK)
    leader, waiter = begin(send, [call(server.url), call(server.url)])
    await first.wait()
    leader.cancel()
    assert (await waiter).status == 200
    assert server.opened == 2
    await state.close()


async def test_a_silent_source_trips_its_breaker_even_if_total_is_shorter_than_per_try(hostile: Start) -> None:
    policy = QUICK.model_copy(
        update={"timeout": Timeout(per_try=10.0, total=0.05), "circuit_breaker": CircuitBreaker(volume_threshold=2)}
    )
    server = await hostile(silence)
    send, state = wired(policy)
    for _ in range(2):
        assert await outcomes(send, [call(server.url)]) == ["UPSTREAM_TIMEOUT"]
    assert await outcomes(send, [call(server.url)]) == ["SOURCE_UNAVAILABLE"]
    await state.close()


async def test_a_storm_of_cancellations_leaves_nothing_behind(hostile: Start) -> None:
    async def slow(conversation: Conversation) -> None:
        while True:
            await conversation.asked()
            await asyncio.sleep(0.01)
            await conversation.say(OK)

    server = await hostile(slow)
    policy = Policy(concurrency=Concurrency(max=8, queue=500, max_wait=10.0), retry=None)
    send, state = wired(policy)
    tasks = begin(send, [call(f"{server.url}{n % 7}/{n % 11}") for n in range(300)])
    for wave in range(6):
        await asyncio.sleep(0.01)
        for task in tasks[wave::9]:
            task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(r) for r in results} <= {Reply, asyncio.CancelledError}
    await state.close()
    view = state.view()
    assert (view.open_calls, view.queued, view.orphans, view.breaker) == (0, 0, 0, "closed")
    assert state.client is not None
    assert state.client.open_calls == 0
    await server.until(lambda: server.open == 0)
