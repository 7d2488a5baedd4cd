from __future__ import annotations

import asyncio
import gc

import pytest
from msgspec.structs import replace

from gateway.errors import (
    DeadlineExceeded,
    SourceSaturated,
    UpstreamBadContent,
    UpstreamCallsExhausted,
    UpstreamFailed,
)
from gateway.upstream.call import Call, Reply, Request, Send
from gateway.upstream.layers.single_flight import single_flight
from tests.upstream.conftest import call
from tests.upstream.world import Source, Time, begin, later, reply, settle

TOTAL = 5.0


class Repeats:
    """A budget for repeating calls."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens

    def spend(self) -> bool:
        self.tokens -= 1
        return self.tokens >= 0


def flown(source: Source, time: Time, repeats: int = 10) -> Send:
    return single_flight(TOTAL, Repeats(repeats).spend, time.clock)(source.send)


def asks(*deadlines: float) -> list[Call]:
    """The same question from several requests."""
    return [call(request=Request(id=f"req_{n}", deadline=deadline)) for n, deadline in enumerate(deadlines)]


async def test_the_same_question_at_the_same_time_is_one_call() -> None:
    time, answer = Time(), later()
    source = Source(answer)
    tasks = begin(flown(source, time), asks(*[2000] * 5))
    await settle()
    answer.set_result(reply(b"[1]"))
    replies = await asyncio.gather(*tasks)
    assert len(source.calls) == 1
    assert [r.body for r in replies] == [b"[1]"] * 5
    assert [r.served for r in replies] == ["network"] + ["collapsed"] * 4
    assert time.alarms == 0


async def test_a_waiter_is_counted_as_deduped() -> None:
    time, answer = Time(), later()
    made = asks(2000, 2000)
    tasks = begin(flown(Source(answer), time), made)
    await settle()
    answer.set_result(reply())
    await asyncio.gather(*tasks)
    assert [ask.request.tally.deduped for ask in made] == [0, 1]


async def test_alone_it_makes_neither_task_nor_timer() -> None:
    time = Time()
    before = asyncio.all_tasks()
    await flown(Source(), time)(call())
    assert asyncio.all_tasks() == before
    assert time.alarms == 0


@pytest.mark.parametrize("other", [{"url": "http://source.test/other"}, {"headers": [("authorization", "B")]}, {"body": b"x"}])
async def test_another_question_or_another_identity_is_another_call(other: dict[str, object]) -> None:
    source = Source(later())
    tasks = begin(
        flown(source, Time()), [call(headers=[("authorization", "A")]), call(**{"headers": [("authorization", "A")], **other})]
    )
    await settle()
    assert len(source.calls) == 2
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_later_question_is_a_new_call() -> None:
    source = Source()
    send = flown(source, Time())
    await send(call())
    await send(call())
    assert len(source.calls) == 2


async def test_each_reads_the_shared_bytes_itself() -> None:
    def picky(received: Reply) -> Reply:
        assert received.rows is None
        raise UpstreamBadContent

    answer = later()
    tasks = begin(flown(Source(answer), Time()), [call(), call(verify=picky)])
    await settle()
    answer.set_result(replace(reply(), rows=["the leader's own"]))
    first, second = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(first, Reply)
    assert first.rows == ["the leader's own"]
    assert isinstance(second, UpstreamBadContent)


async def test_a_failure_is_everyone_s_each_with_a_copy_of_its_own() -> None:
    answer = later()
    tasks = begin(flown(Source(answer), Time()), asks(2000, 2000, 2000))
    await settle()
    failed = UpstreamFailed("answered 503", hint="x")
    failed.status = 503
    answer.set_result(failed)
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert {(type(e), e.said, e.status, tuple(e.details.items())) for e in errors} == {  # type: ignore[union-attr]  # errors all
        (UpstreamFailed, "answered 503", 503, (("hint", "x"),))
    }
    assert len({id(e) for e in errors}) == 3


async def test_a_cancelled_leader_hands_over_to_the_waiter_with_most_time() -> None:
    time, first, second = Time(), later(), later()
    source = Source(first, second)
    tasks = begin(flown(source, time), asks(2000, 1001, 1003, 1002))
    await settle()
    tasks[0].cancel()
    await settle()
    assert [made.request.id for made in source.calls] == ["req_0", "req_2"]
    assert source.calls[1].deadline == 1003
    second.set_result(reply(b"[2]"))
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert [r.body for r in results[1:] if isinstance(r, Reply)] == [b"[2]"] * 3
    assert time.alarms == 0


@pytest.mark.parametrize("own", [DeadlineExceeded(), UpstreamCallsExhausted()])
async def test_what_is_the_leader_s_alone_is_not_shared(own: Exception) -> None:
    first = later()
    source = Source(first, reply(b"[2]"))
    tasks = begin(flown(source, Time()), asks(1001, 2000))
    await settle()
    first.set_result(own)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results[0] is own
    assert isinstance(results[1], Reply)
    assert results[1].body == b"[2]"


async def test_hand_overs_spend_from_the_retry_budget() -> None:
    source = Source(later())
    tasks = begin(flown(source, Time(), repeats=1), asks(2000, 1003, 1002, 1001))
    await settle()
    tasks[0].cancel()
    await settle()
    tasks[1].cancel()
    await settle()
    assert len(source.calls) == 2
    for task in tasks[2:]:
        with pytest.raises(SourceSaturated, match="budget for repeating"):
            task.result()


async def test_a_waiter_s_deadline_bounds_its_own_wait_only() -> None:
    time, answer = Time(), later()
    tasks = begin(flown(Source(answer), time), asks(2000, 1001, 2000))
    await settle()
    time.advance(1)
    await settle()
    with pytest.raises(DeadlineExceeded):
        tasks[1].result()
    assert not tasks[0].done()
    assert not tasks[2].done()
    answer.set_result(reply())
    await asyncio.gather(tasks[0], tasks[2])


async def test_no_waiter_waits_longer_than_the_policy_s_total() -> None:
    time = Time()
    tasks = begin(flown(Source(later()), time), asks(9000, 9000))
    await settle()
    time.advance(TOTAL)
    await settle()
    with pytest.raises(DeadlineExceeded):
        tasks[1].result()
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_cancelled_waiter_disturbs_nobody() -> None:
    answer = later()
    source = Source(answer)
    tasks = begin(flown(source, Time()), asks(2000, 2000, 2000))
    await settle()
    tasks[1].cancel()
    answer.set_result(reply())
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [Reply, asyncio.CancelledError, Reply]
    assert len(source.calls) == 1


async def test_an_heir_cancelled_in_the_moment_it_inherits_passes_it_on() -> None:
    first, third = later(), later()
    source = Source(first, third)
    tasks = begin(flown(source, Time()), asks(2000, 1009, 1001))
    await settle()
    tasks[0].cancel()
    await asyncio.sleep(0)  # the leader is gone, and the heir has been chosen but has not run
    tasks[1].cancel()
    await settle()
    assert [made.request.id for made in source.calls] == ["req_0", "req_2"]
    third.set_result(reply(b"[3]"))
    assert (await tasks[2]).body == b"[3]"
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_when_everyone_has_gone_nothing_remains() -> None:
    source = Source(later(), reply())
    send = flown(source, Time())
    tasks = begin(send, asks(2000, 2000, 2000))
    await settle()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (await send(call())).served == "network"
    gc.collect()


async def test_a_bug_in_the_leader_leaves_nobody_waiting() -> None:
    first = later()
    tasks = begin(flown(Source(first, reply()), Time()), asks(2000, 2000))
    await settle()
    first.set_result(RuntimeError("a bug"))
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], RuntimeError)
    assert isinstance(results[1], Reply)
