from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.model import Backoff, Retry
from gateway.errors import (
    DeadlineExceeded,
    SourceError,
    SourceSaturated,
    SourceUnavailable,
    UpstreamBadContent,
    UpstreamFailed,
    UpstreamGraphQLError,
    UpstreamNotFound,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamTls,
    UpstreamUnreachable,
)
from gateway.upstream.call import Send
from gateway.upstream.clock import Clock
from gateway.upstream.layers.retry import FLOOR, RESERVE, RetryBudget, backoff, retry
from tests.upstream.conftest import call
from tests.upstream.world import Source, Time, reply

POLICY = Retry(max_attempts=3, backoff=Backoff(initial=0.1, max=1.0), budget=0.1)


def retried(source: Source, time: Time, policy: Retry = POLICY, budget: RetryBudget | None = None) -> Send:
    return retry(policy, budget or RetryBudget(policy.budget, time.clock), time.clock, lambda: 1.0)(source.send)


@pytest.mark.parametrize("error", [UpstreamUnreachable(), UpstreamTimeout(), UpstreamFailed(), UpstreamRateLimited()])
async def test_what_may_help_is_tried_again(error: SourceError) -> None:
    time, source = Time(), Source(error, error, reply(b"[]"))
    made = call(deadline=time.now + 100)
    assert (await retried(source, time)(made)).body == b"[]"
    assert time.slept == [0.1, 0.2]
    assert made.request.tally.retries == 2


@pytest.mark.parametrize(
    "error",
    [
        UpstreamTls(),
        UpstreamNotFound(),
        UpstreamRejected(),
        UpstreamGraphQLError(),
        DeadlineExceeded(),
        SourceUnavailable(),
        SourceSaturated(),
    ],
)
async def test_what_cannot_help_or_was_never_sent_is_not_tried_again(error: SourceError) -> None:
    time, source = Time(), Source(error)
    with pytest.raises(type(error)):
        await retried(source, time)(call(deadline=time.now + 100))
    assert len(source.calls) == 1


async def test_the_last_failure_tells_how_often_and_how_long_it_was_tried() -> None:
    time, source = Time(), Source(UpstreamFailed("answered 502"), UpstreamFailed("answered 503"))
    with pytest.raises(UpstreamFailed) as caught:
        await retried(source, time)(call(deadline=time.now + 100))
    assert (caught.value.said, caught.value.attempts) == ("answered 503", 3)
    assert caught.value.elapsed == pytest.approx(0.3)


async def test_bad_content_is_looked_at_once_more_only() -> None:
    time, source = Time(), Source(UpstreamBadContent())
    with pytest.raises(UpstreamBadContent):
        await retried(source, time)(call(deadline=time.now + 100))
    assert len(source.calls) == 2


async def test_a_breaker_that_opens_meanwhile_does_not_hide_the_failure() -> None:
    time, source = Time(), Source(UpstreamFailed("answered 503"), SourceUnavailable())
    with pytest.raises(UpstreamFailed) as caught:
        await retried(source, time)(call(deadline=time.now + 100))
    assert (caught.value.said, caught.value.attempts) == ("answered 503", 1)


async def test_retry_after_is_the_least_it_waits() -> None:
    limited = UpstreamRateLimited()
    limited.retry_after = 4.0
    time, source = Time(), Source(limited, reply())
    await retried(source, time)(call(deadline=time.now + 100))
    assert time.slept == [4.0]


async def test_a_pause_that_would_outlast_the_deadline_is_not_begun() -> None:
    limited = UpstreamRateLimited()
    limited.retry_after = 4.0
    time, source = Time(), Source(limited, reply())
    with pytest.raises(UpstreamRateLimited):
        await retried(source, time)(call(deadline=time.now + 4))
    assert time.slept == []


async def test_one_budget_bounds_the_retries_of_all_calls() -> None:
    time, source = Time(), Source(UpstreamFailed())
    began, budget = time.now, RetryBudget(0.1, time.clock)
    send = retried(source, time, budget=budget)
    for _ in range(100):
        with pytest.raises(UpstreamFailed):
            await send(call(deadline=time.now + 1000))
    floor = (time.now - began) / FLOOR
    assert 100 + RESERVE + 8 <= len(source.calls) <= 100 + RESERVE + 100 * 0.1 + floor


async def test_a_source_that_is_seldom_called_still_has_a_retry_now_and_then() -> None:
    time = Time()
    budget = RetryBudget(0.1, time.clock)
    while budget.spend():
        pass
    time.now += FLOOR
    assert budget.spend()
    assert not budget.spend()


def test_a_budget_of_nothing_has_no_floor() -> None:
    time = Time()
    budget = RetryBudget(0.0, time.clock)
    budget.tokens = 0.0
    time.now += 100
    assert not budget.spend()


async def test_a_cancelled_pause_sends_nothing_more() -> None:
    async def cancelled(_seconds: float) -> None:
        raise asyncio.CancelledError

    source = Source(UpstreamFailed())
    clock = Clock(monotonic=lambda: 0.0, sleep=cancelled)
    send = retry(POLICY, RetryBudget(0.1, clock), clock, lambda: 1.0)(source.send)
    with pytest.raises(asyncio.CancelledError):
        await send(call())
    assert len(source.calls) == 1


@given(attempts=st.integers(1, 20), share=st.floats(0, 1, exclude_max=True))
def test_full_jitter_stays_under_the_doubling_and_the_most(attempts: int, share: float) -> None:
    pause = backoff(Backoff(initial=0.05, max=1.0), attempts, lambda: share)
    assert 0 <= pause <= min(1.0, 0.05 * 2 ** (attempts - 1))


def test_without_jitter_the_whole_pause_is_made() -> None:
    assert [backoff(Backoff(initial=0.05, max=0.3, jitter="none"), n, lambda: 0.0) for n in (1, 2, 3, 4)] == [0.05, 0.1, 0.2, 0.3]


@given(steps=st.lists(st.sampled_from(["earn", "spend"]), max_size=300), ratio=st.floats(0, 1))
def test_the_budget_never_gives_more_than_its_reserve_and_its_share(steps: list[str], ratio: float) -> None:
    budget = RetryBudget(ratio, Time().clock)
    spent = sum(budget.spend() for step in steps if step == "spend" or budget.earn())  # type: ignore[func-returns-value]  # earns
    assert spent <= RESERVE + ratio * steps.count("earn") + 1e-6
    assert 0 <= budget.tokens <= RESERVE
