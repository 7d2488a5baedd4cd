from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.model import Hedge
from gateway.errors import UpstreamFailed, UpstreamTimeout
from gateway.upstream.call import Reply, Send
from gateway.upstream.layers.hedge import KEPT, SAVED, Hedges, hedge
from tests.upstream.conftest import call
from tests.upstream.world import Source, Time, later, reply, settle

ONE, TWO = reply(b'"first"'), reply(b'"second"')


def hedged(source: Source, time: Time, *, tokens: float = SAVED, allowed: bool = True) -> tuple[Send, Hedges]:
    state = Hedges(Hedge(after=0.1, max_extra=0.05), lambda: allowed)
    state.tokens = tokens
    return hedge(state, time.clock)(source.send), state


async def racing(first: object, second: object, **more: object) -> tuple[asyncio.Task[Reply], Source, Time, Hedges]:
    """A call whose first copy takes longer than it should."""
    time, source = Time(), Source(first, second)
    send, state = hedged(source, time, **more)  # type: ignore[arg-type]  # the keyword arguments of `hedged`
    task = asyncio.ensure_future(send(call()))
    await settle()
    time.advance(0.1)
    await settle()
    return task, source, time, state


async def test_a_quick_call_has_no_second_copy_and_leaves_no_timer() -> None:
    time, source = Time(), Source(ONE)
    send, _ = hedged(source, time)
    assert await send(call()) is ONE
    assert (len(source.calls), time.alarms) == (1, 0)


async def test_the_second_copy_wins_and_the_first_is_cancelled() -> None:
    slow = later()
    task, source, time, _ = await racing(slow, TWO)
    assert await task is TWO
    assert (slow.cancelled(), source.open, len(source.calls), time.alarms) == (True, 0, 2, 0)
    assert source.calls[0].request.tally.hedges == 1


async def test_the_first_copy_wins_and_the_second_is_cancelled() -> None:
    first, second = later(), later()
    task, source, _, _ = await racing(first, second)
    first.set_result(ONE)
    assert await task is ONE
    await settle()
    assert (second.cancelled(), source.open) == (True, 0)


async def test_a_caller_that_leaves_takes_both_copies_along() -> None:
    first, second = later(), later()
    task, source, _, _ = await racing(first, second)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await settle()
    assert (first.cancelled(), second.cancelled(), source.open) == (True, True, 0)


async def test_a_caller_that_leaves_as_the_second_copy_wins_is_still_cancelled() -> None:
    first, second = later(), later()
    task, _, _, _ = await racing(first, second)
    second.set_result(TWO)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_second_copy_that_fails_changes_nothing() -> None:
    first = later()
    task, _, _, _ = await racing(first, UpstreamFailed())
    assert not task.done()
    first.set_result(ONE)
    assert await task is ONE


async def test_a_second_copy_makes_up_for_a_first_that_fails() -> None:
    first, second = later(), later()
    task, _, _, _ = await racing(first, second)
    first.set_exception(UpstreamTimeout())
    await settle()
    second.set_result(TWO)
    assert await task is TWO


async def test_when_both_fail_the_first_failure_is_told() -> None:
    first, second = later(), later()
    task, _, _, _ = await racing(first, second)
    first.set_exception(UpstreamTimeout())
    await settle()
    second.set_exception(UpstreamFailed())
    with pytest.raises(UpstreamTimeout):
        await task


@pytest.mark.parametrize("why", ["tokens", "allowed"])
async def test_none_without_a_token_or_against_breaker_and_budget(why: str) -> None:
    first = later()
    more = {"tokens": 0.0} if why == "tokens" else {"allowed": False}
    task, source, time, _ = await racing(first, TWO, **more)
    assert len(source.calls) == 1
    first.set_result(ONE)
    assert await task is ONE
    assert time.alarms == 0


async def test_a_call_that_still_hangs_when_a_second_copy_may_be_made_gets_it() -> None:
    slow = later()
    task, source, time, state = await racing(slow, TWO, tokens=0.0)
    state.tokens = 1.0
    time.advance(0.19)
    await settle()
    assert len(source.calls) == 1
    time.advance(0.01)
    assert await task is TWO
    assert (slow.cancelled(), len(source.calls), time.alarms) == (True, 2, 0)


async def test_what_is_only_just_late_leaves_second_copies_to_what_hangs() -> None:
    slow = later()
    task, source, time, _ = await racing(slow, TWO, tokens=KEPT)
    assert len(source.calls) == 1
    time.advance(0.2)
    assert await task is TWO


async def test_after_a_percentile_waits_until_that_is_known() -> None:
    state = Hedges(Hedge(), lambda: True)
    time, source = Time(), Source(ONE)
    send = hedge(state, time.clock)(source.send)
    for _ in range(60):
        assert await send(call()) is ONE
    assert state.after is not None


@given(st.lists(st.sampled_from(["call", "due", "late"]), max_size=400), st.floats(0, 1))
def test_second_copies_never_exceed_their_share(steps: list[str], share: float) -> None:
    state = Hedges(Hedge(after=0.1, max_extra=share), lambda: True)
    spent = 0
    for step in steps:
        if step == "call":
            state.begin()
        else:
            spent += state.spend(late=step == "late")
    assert spent <= share * steps.count("call") + 1e-6
    assert 0 <= state.tokens <= SAVED
