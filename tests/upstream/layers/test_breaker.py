from __future__ import annotations

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from gateway.config.model import CircuitBreaker
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
    UpstreamTimeout,
    UpstreamTooLarge,
    UpstreamUnreachable,
)
from gateway.upstream.call import Send
from gateway.upstream.layers.breaker import MOST_CIRCUITS, Breaker, Circuits, Window, breaker
from tests.upstream.conftest import call
from tests.upstream.world import Source, Time, begin, later, reply, settle

POLICY = CircuitBreaker(error_threshold=0.5, volume_threshold=4, window=30, reset_timeout=15, half_open_attempts=1)


def guarded(source: Source, time: Time, policy: CircuitBreaker = POLICY) -> tuple[Send, Breaker]:
    circuits = Circuits(policy, time.clock)
    assert circuits.whole is not None
    return breaker(circuits)(source.send), circuits.whole


async def opened(time: Time, *then: object, policy: CircuitBreaker = POLICY) -> tuple[Send, Breaker, Source]:
    """A breaker that four failures have opened just now; the source then goes on with `then`."""
    failed = UpstreamFailed("answered 503")
    failed.status = 503
    source = Source(*[failed] * 4, *then)
    send, state = guarded(source, time, policy)
    for _ in range(4):
        with pytest.raises(UpstreamFailed):
            await send(call())
    assert state.state == "open"
    source.calls.clear()
    return send, state, source


async def outcome(send: Send) -> str:
    try:
        await send(call())
    except SourceError as error:
        return error.code
    return "OK"


@pytest.mark.parametrize("error", [UpstreamFailed(), UpstreamTimeout(), UpstreamUnreachable(), UpstreamBadContent()])
async def test_the_source_s_own_faults_open_the_circuit(error: SourceError) -> None:
    send, state = guarded(Source(error), Time())
    outcomes = [await outcome(send) for _ in range(5)]
    assert outcomes == [error.code] * 4 + ["SOURCE_UNAVAILABLE"]
    assert state.state == "open"


@pytest.mark.parametrize(
    "error",
    [
        UpstreamNotFound(),
        UpstreamGraphQLError(),
        UpstreamRateLimited(),
        UpstreamTooLarge(),
        DeadlineExceeded(),
        SourceSaturated(),
    ],
)
async def test_other_answers_and_calls_never_made_do_not(error: SourceError) -> None:
    send, state = guarded(Source(error), Time())
    assert [await outcome(send) for _ in range(20)] == [error.code] * 20
    assert state.state == "closed"


async def test_a_cancelled_caller_is_nobody_s_failure() -> None:
    source = Source(later())
    send, state = guarded(source, Time())
    tasks = begin(send, [call() for _ in range(20)])
    await settle()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert state.state == "closed"


async def test_few_calls_or_a_small_share_of_faults_open_nothing() -> None:
    send, state = guarded(Source(UpstreamFailed(), UpstreamFailed(), UpstreamFailed(), *[reply()] * 4, UpstreamFailed()), Time())
    assert [await outcome(send) for _ in range(8)] == ["UPSTREAM_ERROR"] * 3 + ["OK"] * 4 + ["UPSTREAM_ERROR"]
    assert state.state == "open"  # the eighth made it half of the calls
    send, state = guarded(Source(UpstreamFailed()), Time())
    await outcome(send)
    assert state.state == "closed"


async def test_faults_older_than_the_window_are_forgotten() -> None:
    time = Time()
    send, state = guarded(Source(UpstreamFailed()), time)
    for _ in range(3):
        await outcome(send)
    time.advance(31)
    await outcome(send)
    assert state.state == "closed"


async def test_an_open_circuit_says_since_when_why_and_when_to_come_back() -> None:
    time = Time()
    send, _, source = await opened(time)
    time.advance(5)
    with pytest.raises(SourceUnavailable) as caught:
        await send(call())
    assert caught.value.retry_after == pytest.approx(10)
    assert caught.value.details == {
        "open_since": "2027-01-15T08:16:40Z",
        "opened_by": {"code": "UPSTREAM_ERROR", "status": 503, "at": "2027-01-15T08:16:40Z"},
    }
    assert source.calls == []


async def test_one_good_trial_closes_it() -> None:
    time = Time()
    send, state, _ = await opened(time, reply())
    time.advance(15)
    assert await outcome(send) == "OK"
    assert state.state == "closed"


async def test_a_recovered_circuit_starts_afresh() -> None:
    time = Time()
    send, state, _ = await opened(time, reply(), UpstreamFailed())
    time.advance(15)
    outcomes = [await outcome(send) for _ in range(4)]
    assert (outcomes, state.state) == (["OK", *["UPSTREAM_ERROR"] * 3], "closed")


async def test_a_bad_trial_opens_it_for_another_while() -> None:
    time = Time()
    send, _, source = await opened(time, UpstreamTimeout(), reply())
    time.advance(15)
    assert [await outcome(send) for _ in range(2)] == ["UPSTREAM_TIMEOUT", "SOURCE_UNAVAILABLE"]
    time.advance(14)
    assert await outcome(send) == "SOURCE_UNAVAILABLE"
    time.advance(1)
    assert await outcome(send) == "OK"
    assert len(source.calls) == 2


@pytest.mark.parametrize("trials", [1, 3])
async def test_half_open_admits_exactly_the_trials(trials: int) -> None:
    time, answer = Time(), later()
    policy = POLICY.model_copy(update={"half_open_attempts": trials})
    send, state, source = await opened(time, answer, policy=policy)
    time.advance(15)
    tasks = begin(send, [call() for _ in range(20)])
    await settle()
    assert len(source.calls) == trials
    assert state.state == "half-open"
    answer.set_result(reply())
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(result, SourceUnavailable) for result in results) == 20 - trials
    assert state.state == "closed"


@pytest.mark.parametrize("silent", ["cancelled", SourceSaturated(), UpstreamRateLimited(), DeadlineExceeded()])
async def test_a_trial_that_tells_nothing_is_given_to_another(silent: object) -> None:
    time = Time()
    send, state, _ = await opened(time, later() if silent == "cancelled" else silent, reply())
    time.advance(15)
    [trial] = begin(send, [call()])
    await settle()
    trial.cancel()
    await asyncio.gather(trial, return_exceptions=True)
    assert state.state == "half-open"
    assert await outcome(send) == "OK"
    assert state.state == "closed"


async def test_calls_begun_before_it_opened_do_not_touch_a_recovered_circuit() -> None:
    time, old = Time(), later()
    fresh, recovered = guarded(Source(*[old] * 8, *[UpstreamFailed()] * 4, reply()), time)
    waiting = begin(fresh, [call() for _ in range(8)])
    await settle()
    for _ in range(4):
        await outcome(fresh)
    assert recovered.state == "open"
    time.advance(15)
    assert await outcome(fresh) == "OK"
    assert recovered.state == "closed"
    old.set_exception(UpstreamFailed())
    await asyncio.gather(*waiting, return_exceptions=True)
    assert recovered.state == "closed"


async def test_listeners_are_told_each_change() -> None:
    time, changes = Time(), []
    send, state, _ = await opened(time, reply())
    state.listen(lambda old, new: changes.append((old, new)))
    time.advance(15)
    await outcome(send)
    assert changes == [("open", "half-open"), ("half-open", "closed")]


async def test_slow_answers_open_the_circuit_where_they_count() -> None:
    time, source = Time(), Source(replace(reply(), elapsed=2.0))
    circuits = Circuits(POLICY.model_copy(update={"slow_call": 2.0}), time.clock)
    send = breaker(circuits)(source.send)
    for _ in range(4):
        await send(call())
    with pytest.raises(SourceUnavailable) as caught:
        await send(call())
    assert caught.value.details["opened_by"]["code"] == "SLOW_CALL"
    quick = breaker(Circuits(POLICY, time.clock))(source.send)
    for _ in range(8):
        await quick(call())


async def test_each_operation_has_its_own_circuit_where_the_scope_says_so() -> None:
    time, source, changes = Time(), Source(UpstreamFailed()), list[tuple[str, str]]()
    circuits = Circuits(POLICY.model_copy(update={"scope": "operation"}), time.clock)
    circuits.listen(lambda old, new: changes.append((old, new)))
    send = breaker(circuits)(source.send)
    for _ in range(4):
        with pytest.raises(UpstreamFailed):
            await send(call(operation="GET /a"))
    with pytest.raises(SourceUnavailable):
        await send(call(operation="GET /a"))
    with pytest.raises(UpstreamFailed):
        await send(call(operation="GET /b"))
    worst = circuits.worst()
    assert worst is not None
    assert (worst.state, changes) == ("open", [("closed", "open")])


async def test_circuits_of_operations_are_bounded_and_open_ones_stay() -> None:
    circuits = Circuits(POLICY.model_copy(update={"scope": "operation"}), Time().clock)
    first = circuits.of("GET /open")
    for _ in range(4):
        first.record(first.admit(), UpstreamFailed())
    for number in range(2 * MOST_CIRCUITS):
        circuits.of(f"GET /{number}")
    assert circuits.of("GET /open") is first
    assert len(circuits._by_operation) <= MOST_CIRCUITS + 1


class Model(RuleBasedStateMachine):
    """The breaker next to a slow, obvious one: a list of every outcome, and the trials that are out."""

    def __init__(self) -> None:
        super().__init__()
        self.time = Time()
        self.policy = POLICY.model_copy(update={"half_open_attempts": 2})
        self.breaker = Breaker(self.policy, self.time.clock)
        self.out: list[tuple[int, int]] = []
        self.era = 0
        self.state = "closed"
        self.history: list[tuple[float, bool]] = []
        self.opened_at = 0.0
        self.trials = 0
        self.passed = 0

    @rule(seconds=st.sampled_from([0.5, 3.0, 10.0, 40.0]))
    def wait(self, seconds: float) -> None:
        self.time.advance(seconds)

    @rule()
    def admit(self) -> None:
        if self.state == "open" and self.time.now >= self.opened_at + 15:
            self.state, self.era, self.trials, self.passed = "half-open", self.era + 1, 2, 0
        allowed = self.state == "closed" or (self.state == "half-open" and self.trials > 0)
        if not allowed:
            with pytest.raises(SourceUnavailable) as caught:
                self.breaker.admit()
            assert caught.value.retry_after is not None
            assert 0 <= caught.value.retry_after <= 15
            return
        generation = self.breaker.admit()
        if self.state == "half-open":
            self.trials -= 1
        self.out.append((generation, self.era))

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0), fault=st.booleans())
    def record(self, which: int, fault: bool) -> None:
        generation, era = self.out.pop(which % len(self.out))
        self.breaker.record(generation, UpstreamFailed() if fault else None)
        if era != self.era:
            return
        if self.state == "half-open":
            self.passed += not fault
            if fault:
                self.open()
            elif self.passed == 2:
                self.state, self.era, self.history = "closed", self.era + 1, []
        elif self.state == "closed":
            self.history.append((self.time.now, fault))
            slice_ = int(self.time.now / 3)
            recent = [f for at, f in self.history if slice_ - int(at / 3) < 10]
            if fault and len(recent) >= 4 and sum(recent) >= len(recent) * 0.5:
                self.open()

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0))
    def cancel(self, which: int) -> None:
        generation, era = self.out.pop(which % len(self.out))
        self.breaker.release(generation)
        if era == self.era and self.state == "half-open":
            self.trials += 1

    def open(self) -> None:
        self.state, self.era, self.opened_at = "open", self.era + 1, self.time.now

    @invariant()
    def they_agree(self) -> None:
        assert self.breaker.state == self.state


TestTheBreakerIsAsTheModel = Model.TestCase
TestTheBreakerIsAsTheModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_the_window_is_empty_again_after_any_silence() -> None:
    window = Window(30)
    for now in (0.0, 2.9, 3.0, 29.9, 33.0, 1000.0):
        window.add(now, fault=True)
    assert (window.calls, window.faults) == (1, 1)
    window.advance(1e9)
    assert (window.calls, window.faults) == (0, 0)
