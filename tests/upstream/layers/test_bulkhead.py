from __future__ import annotations

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.config.model import Concurrency
from gateway.errors import DeadlineExceeded, SourceSaturated, UpstreamFailed
from gateway.upstream.call import Call, Send
from gateway.upstream.layers.bulkhead import STANDING, Slots, Ticket, bulkhead
from gateway.upstream.transport import Orphans
from tests.upstream.conftest import call
from tests.upstream.world import Source, Time, begin, later, reply, settle

POLICY = Concurrency(max=2, queue=2, max_wait=0.25)


def bounded(source: Source, time: Time) -> tuple[Send, Slots]:
    slots = Slots(POLICY, Orphans())
    return bulkhead(slots, time.clock)(source.send), slots


def named(time: Time, *names: str) -> list[Call]:
    return [call(f"http://source.test/{name}", deadline=time.now + 5) for name in names]


def asked(source: Source) -> str:
    return "".join(made.url[-1] for made in source.calls)


async def test_calls_beyond_max_wait_their_turn_in_order() -> None:
    time, answers = Time(), [later() for _ in range(4)]
    source = Source(*answers)
    send, slots = bounded(source, time)
    tasks = begin(send, named(time, "a", "b", "c", "d"))
    await settle()
    assert (asked(source), slots.open, len(slots.queue)) == ("ab", 2, 2)
    answers[1].set_result(reply())
    await settle()
    assert asked(source) == "abc"
    for answer in (answers[0], answers[2], answers[3]):
        answer.set_result(reply())
    await asyncio.gather(*tasks)
    assert (asked(source), source.most_open, slots.open) == ("abcd", 2, 0)
    assert time.alarms == 0


async def test_a_full_queue_turns_away_at_once() -> None:
    time = Time()
    source = Source(later())
    send, _ = bounded(source, time)
    tasks = begin(send, named(time, "a", "b", "c", "d"))
    await settle()
    with pytest.raises(SourceSaturated) as caught:
        await send(named(time, "e")[0])
    assert caught.value.details == {"queue_depth": 2}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_nobody_waits_longer_than_max_wait() -> None:
    time = Time()
    source = Source(later())
    send, slots = bounded(source, time)
    tasks = begin(send, named(time, "a", "b", "c"))
    await settle()
    time.advance(0.25)
    await settle()
    with pytest.raises(SourceSaturated, match="none ended within 250 ms"):
        tasks[2].result()
    assert (len(slots.queue), slots.open) == (0, 2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert slots.open == 0


async def test_nobody_waits_past_the_deadline() -> None:
    time = Time()
    source = Source(later())
    send, _ = bounded(source, time)
    tasks = begin(send, [*named(time, "a", "b"), call(deadline=time.now + 0.1)])
    await settle()
    time.advance(0.1)
    await settle()
    with pytest.raises(DeadlineExceeded):
        tasks[2].result()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_failed_call_gives_its_slot_back() -> None:
    time = Time()
    source = Source(UpstreamFailed())
    send, slots = bounded(source, time)
    for made in named(time, *"abcdef"):
        with pytest.raises(UpstreamFailed):
            await send(made)
    assert slots.open == 0


async def test_one_who_leaves_the_queue_is_passed_over() -> None:
    time, answers = Time(), [later() for _ in range(4)]
    source = Source(*answers)
    send, slots = bounded(source, time)
    tasks = begin(send, named(time, "a", "b", "c", "d"))
    await settle()
    tasks[2].cancel()
    await settle()
    answers[0].set_result(reply())
    await settle()
    assert asked(source) == "abd"
    assert len(slots.queue) == 0
    for answer in answers[1:3]:
        answer.set_result(reply())
    await asyncio.gather(*tasks, return_exceptions=True)
    assert slots.open == 0


@pytest.mark.parametrize("gone", ["cancelled", "out of time"])
async def test_a_slot_that_comes_free_while_one_is_leaving_goes_to_the_next(gone: str) -> None:
    time, answers = Time(), [later() for _ in range(4)]
    source = Source(*answers)
    send, slots = bounded(source, time)
    tasks = begin(send, named(time, "a", "b", "c"))
    await settle()
    time.advance(0.2)
    tasks += begin(send, named(time, "d"))
    await settle()
    if gone == "cancelled":
        tasks[2].cancel()
    else:
        time.advance(0.05)
    slots.give()  # before the leaver has had its turn to run
    await settle()
    assert (asked(source), slots.open, len(slots.queue)) == ("abd", 2, 0)
    slots.open += 1  # the slot given above is still held by its call
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert slots.open == 0


async def test_a_slot_given_to_one_who_leaves_at_that_moment_is_passed_on() -> None:
    time, answers = Time(), [later() for _ in range(4)]
    source = Source(*answers)
    send, slots = bounded(source, time)
    tasks = begin(send, named(time, "a", "b", "c", "d"))
    await settle()
    slots.open -= 1  # what `give` does, with the cancellation between the slot and its taker
    slots.call_next()
    tasks[2].cancel()
    await settle()
    assert asked(source) == "abd"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_an_orphan_keeps_its_slot_until_its_connection_is_free() -> None:
    time, orphans = Time(), Orphans()
    source = Source()
    slots = Slots(POLICY, orphans)
    send = bulkhead(slots, time.clock)(source.send)
    orphans.count = 2
    [task] = begin(send, named(time, "a"))
    await settle()
    assert source.calls == []
    orphans.count = 1
    orphans.freed()
    await task
    assert asked(source) == "a"


async def test_a_queue_that_stands_makes_new_calls_wait_less() -> None:
    slots = Slots(POLICY, Orphans())
    patience = [slots.line_up(later(), now) for now in (0.0, POLICY.max_wait + 0.01)]
    assert patience == [POLICY.max_wait, POLICY.max_wait * STANDING]
    slots.queue.clear()
    assert slots.line_up(later(), 1.0) == POLICY.max_wait


async def test_a_call_that_is_turned_away_is_told_when_to_come_back() -> None:
    slots = Slots(POLICY, Orphans())
    error = slots.saturated()
    assert (error.retry_after, slots.shed) == (1.0, 1)


async def test_an_adaptive_limit_bounds_the_calls_and_grows_back() -> None:
    time, source = Time(), Source(later())
    slots = Slots(POLICY.model_copy(update={"adaptive": True, "max": 4}), Orphans())
    assert slots.adaptive is not None
    send = bulkhead(slots, time.clock)(source.send)
    slots.adaptive.limit = 2.0
    tasks = begin(send, named(time, "a", "b", "c"))
    await settle()
    assert (asked(source), slots.limit) == ("ab", 2)
    source.script[0].set_result(reply())
    await asyncio.gather(*tasks)
    assert slots.adaptive.limit > 2.0
    assert (slots.open, source.most_open) == (0, 2)


class Model(RuleBasedStateMachine):
    """Slots next to plain counting: never over `max`, first come first served, no slot lost."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.orphans = Orphans()
        self.slots = Slots(POLICY, self.orphans)
        self.held = 0
        self.waiting: list[Ticket] = []

    def teardown(self) -> None:
        self.loop.close()

    @rule()
    def arrive(self) -> None:
        if self.slots.take():
            assert not [t for t in self.waiting if not t.done()]
            self.held += 1
            return
        ticket: Ticket = self.loop.create_future()
        try:
            self.slots.line_up(ticket, 0.0)
        except SourceSaturated:
            assert len(self.slots.queue) == 2
        else:
            self.waiting.append(ticket)

    def _turn(self) -> None:
        """Those whose turn has come hold a slot; they are the first of the line."""
        turns = [ticket for ticket in self.waiting if ticket.done()]
        assert turns == self.waiting[: len(turns)]
        self.held += len(turns)
        self.waiting = self.waiting[len(turns) :]

    @precondition(lambda self: self.held)
    @rule()
    def finish(self) -> None:
        self.held -= 1
        self.slots.give()
        self._turn()

    @precondition(lambda self: self.held)
    @rule()
    def leave_an_orphan(self) -> None:
        self.held -= 1
        self.orphans.count += 1
        self.slots.give()
        self._turn()

    @precondition(lambda self: self.orphans.count)
    @rule()
    def orphan_ends(self) -> None:
        self.orphans.count -= 1
        self.orphans.freed()
        self._turn()

    @precondition(lambda self: self.waiting)
    @rule(which=st.integers(0))
    def give_up(self, which: int) -> None:
        ticket = self.waiting.pop(which % len(self.waiting))
        ticket.cancel()
        self.slots.leave(ticket)

    @invariant()
    def never_too_many_and_never_idle(self) -> None:
        used = self.held + self.orphans.count
        assert self.slots.open == self.held
        assert used <= 2
        assert not self.waiting or used == 2


TestSlotsAreAsTheModel = Model.TestCase
TestSlotsAreAsTheModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
