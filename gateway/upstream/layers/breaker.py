"""The circuit breaker. The only door to pybreaker, which keeps the state and tells listeners.

Admission, the rolling window, the trials and generations are ours: pybreaker counts consecutive failures only, takes a
cancelled caller for a failure, and lets every concurrent call through while half open.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.config.model import CircuitBreaker
from gateway.errors import (
    DeadlineExceeded,
    SourceUnavailable,
    UpstreamBadContent,
    UpstreamError,
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamTls,
    UpstreamUnreachable,
)
from gateway.upstream.call import Call, Layer, Reply, Send
from gateway.upstream.clock import Clock
from gateway.upstream.optional import without

with without("redis"):
    import pybreaker

FAULTS = (UpstreamUnreachable, UpstreamTimeout, UpstreamTls, UpstreamFailed, UpstreamBadContent)
"""The source's own failures. Another answer (4xx, a GraphQL error, drift, one too large) shows that it is there."""
SILENT = (UpstreamRateLimited, DeadlineExceeded)
"""They say nothing about its health: too many calls, or a caller without time."""
SLOW = "SLOW_CALL"
"""Opened by a call that was answered, but later than `slow_call` allows."""
SLICES = 10
TRIAL_PAUSE = 1.0
"""Seconds to suggest as `retry_after` while the trials are under way."""
MOST_CIRCUITS = 256
"""With `scope: operation`: circuits of one source, the least recently used closed one leaving first."""


class Window:
    """Calls and faults of the last `span` seconds, kept in ten slices: constant memory, constant time."""

    def __init__(self, span: float) -> None:
        self._width = span / SLICES
        self._slices = [[0, 0] for _ in range(SLICES)]
        self._newest = 0
        self._until = self._width
        """When the newest slice ends."""
        self.calls = 0
        self.faults = 0

    def add(self, now: float, fault: bool) -> None:
        if now >= self._until:
            self.advance(now)
        slice_ = self._slices[self._newest % SLICES]
        slice_[0] += 1
        slice_[1] += fault
        self.calls += 1
        self.faults += fault

    def advance(self, now: float) -> None:
        """Forget what is older than the span."""
        current = int(now / self._width)
        if current <= self._newest:
            return
        for index in range(max(self._newest + 1, current - SLICES + 1), current + 1):
            slice_ = self._slices[index % SLICES]
            self.calls -= slice_[0]
            self.faults -= slice_[1]
            slice_[0] = slice_[1] = 0
        self._newest = current
        self._until = (current + 1) * self._width

    def clear(self) -> None:
        self._slices = [[0, 0] for _ in range(SLICES)]
        self.calls = self.faults = 0


class Opened(msgspec.Struct, frozen=True):
    """When a circuit opened, and the failure that did it."""

    since: float
    """`time.time` clock."""
    until: float
    """`time.monotonic` clock: from then on, trials."""
    code: str
    status: int | None


class Breaker:
    """Ask with `admit`, await, tell with `record`. A generation is the time between two changes of state."""

    def __init__(self, policy: CircuitBreaker, clock: Clock) -> None:
        self.circuit = pybreaker.CircuitBreaker()
        self.opened: Opened | None = None
        self._policy = policy
        self._clock = clock
        self._window = Window(policy.window)
        self._enough = policy.volume_threshold
        """Calls that say something."""
        self._generation = 0
        self._trials = 0
        self._passed = 0

    @property
    def state(self) -> str:
        """closed, open or half-open."""
        return self.circuit.current_state

    def listen(self, told: Callable[[str, str], None]) -> None:
        """Tell `told` the old and the new state at every change."""
        self.circuit.add_listener(_Listener(told))

    def warn(self, warned: bool) -> None:
        """Another replica's circuit is open: what was before counts no more, and until it is closed one call says something."""
        if warned and self._enough > 1 and self.opened is None:
            self._window.clear()
        self._enough = 1 if warned else self._policy.volume_threshold

    def admit(self) -> int:
        """The generation this call belongs to; to be given back with `record` or `release`."""
        if self.opened is None:
            return self._generation
        if self._clock.monotonic() < self.opened.until:
            raise self._unavailable(self.opened, self.opened.until - self._clock.monotonic())
        if self.state == pybreaker.STATE_OPEN:
            self._generation += 1
            self._trials = self._policy.half_open_attempts
            self._passed = 0
            self.circuit.half_open()
        if not self._trials:
            raise self._unavailable(self.opened, TRIAL_PAUSE)
        self._trials -= 1
        return self._generation

    def record(self, generation: int, error: UpstreamError | None, elapsed: float = 0.0) -> None:
        """What came of an admitted call. One begun before the last change of state tells of the past: it does not count.

        `elapsed`: seconds on the wire of a call that was answered.
        """
        if generation != self._generation:
            return
        if isinstance(error, SILENT):
            self.release(generation)
            return
        slow = self._policy.slow_call is not None and elapsed >= self._policy.slow_call
        fault = slow or isinstance(error, FAULTS)
        if self.opened is None:
            self._window.add(self._clock.monotonic(), fault)
            if fault and self._is_too_much():
                self._open(error)
        elif fault:
            self._open(error)
        else:
            self._pass()

    def release(self, generation: int) -> None:
        """An admitted call that says nothing: cancelled, or never sent. A trial may be made by another."""
        if generation == self._generation and self.opened is not None:
            self._trials += 1

    def _is_too_much(self) -> bool:
        calls, faults = self._window.calls, self._window.faults
        return calls >= self._enough and faults >= calls * self._policy.error_threshold

    def _pass(self) -> None:
        self._passed += 1
        if self._passed >= self._policy.half_open_attempts:
            self._generation += 1
            self.opened = None
            self._window.clear()
            self.circuit.close()

    def _open(self, error: UpstreamError | None) -> None:
        """None: the call was answered, too late."""
        self._generation += 1
        until = self._clock.monotonic() + self._policy.reset_timeout
        code, status = (error.code, error.status) if error else (SLOW, None)
        self.opened = Opened(since=self._clock.wall(), until=until, code=code, status=status)
        self.circuit.open()

    @staticmethod
    def _unavailable(opened: Opened, retry_after: float) -> SourceUnavailable:
        since = datetime.fromtimestamp(opened.since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        opened_by = {"code": opened.code, "status": opened.status, "at": since}
        error = SourceUnavailable(open_since=since, opened_by=opened_by)
        error.retry_after = retry_after
        return error


class _Listener(pybreaker.CircuitBreakerListener):
    def __init__(self, told: Callable[[str, str], None]) -> None:
        self._told = told

    def state_change(self, _cb: Any, old_state: Any, new_state: Any) -> None:
        self._told(old_state.name, new_state.name)


class Circuits:
    """The circuits of one source: a single one, or one for each operation. Listeners are told of every one of them."""

    def __init__(self, policy: CircuitBreaker, clock: Clock) -> None:
        self.whole = Breaker(policy, clock) if policy.scope == "source" else None
        self._policy = policy
        self._clock = clock
        self._listeners: list[Callable[[str, str], None]] = []
        self._by_operation: OrderedDict[str, Breaker] = OrderedDict()

    def of(self, operation: str) -> Breaker:
        if self.whole is not None:
            return self.whole
        circuit = self._by_operation.get(operation)
        if circuit is None:
            circuit = self._by_operation[operation] = Breaker(self._policy, self._clock)
            for told in self._listeners:
                circuit.listen(told)
            if len(self._by_operation) > MOST_CIRCUITS:
                self._forget_one()
        self._by_operation.move_to_end(operation)
        return circuit

    def listen(self, told: Callable[[str, str], None]) -> None:
        """Tell `told` the old and the new state at every change of any circuit."""
        self._listeners.append(told)
        for circuit in (self.whole,) if self.whole else tuple(self._by_operation.values()):
            circuit.listen(told)

    def worst(self) -> Breaker | None:
        """The circuit to show for the source: an open one, where there is one."""
        if self.whole is not None:
            return self.whole
        circuits = self._by_operation.values()
        return next((c for c in circuits if c.opened is not None), next(iter(circuits), None))

    def _forget_one(self) -> None:
        closed = (name for name, circuit in self._by_operation.items() if circuit.opened is None)
        del self._by_operation[next(closed, next(iter(self._by_operation)))]


def breaker(circuits: Circuits) -> Layer:
    whole = circuits.whole

    def layer(send: Send) -> Send:
        async def guarded(call: Call) -> Reply:
            state = whole if whole is not None else circuits.of(call.operation)
            generation = state.admit()
            try:
                reply = await send(call)
            except UpstreamError as error:
                state.record(generation, error)
                raise
            except BaseException:
                state.release(generation)
                raise
            state.record(generation, None, reply.elapsed)
            return reply

        return guarded

    return layer
