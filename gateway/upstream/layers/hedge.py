"""A second copy of a call that takes longer than nearly all others do; whichever answers first is the answer.

The first copy runs inline with one timer beside it. Only when that rings is there a task, for the second copy. The loser is
cancelled: no longer awaited, and off the wire within per_try.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.config.model import Hedge
from gateway.errors import SourceError
from gateway.upstream.call import Call, Layer, Reply, Send
from gateway.upstream.clock import Clock, Timer
from gateway.upstream.layers.latency import Latency

SAVED = 10.0
"""Second calls a source may have saved up."""
KEPT = 5.0
"""Of these, as many are left for calls that take longer still: by its meaning one call in twenty takes longer than the 95th
percentile, most of them only just, and they would leave nothing for those that hang."""


class Hedges:
    """When a second copy is due, and whether one may be made. `allowed`: what the breaker and the shared budget say to it."""

    def __init__(self, policy: Hedge, allowed: Callable[[], bool]) -> None:
        after = policy.after
        self._latency = Latency(float(after[1:]) / 100) if isinstance(after, str) else None
        self._after = None if isinstance(after, str) else after
        self._share = policy.max_extra
        self._allowed = allowed
        self.tokens = 0.0
        self.made = 0
        """Second copies so far."""

    @property
    def after(self) -> float | None:
        """Seconds; None: not known yet."""
        return self._latency.value if self._latency else self._after

    def begin(self) -> float | None:
        """A call is made: it earns its share of a second one. The seconds until that is due; None: not known yet."""
        self.tokens = min(SAVED, self.tokens + self._share)
        return self.after

    def spend(self, *, late: bool = False) -> bool:
        """`late`: for a call that has waited longer than until its second copy was first due."""
        if self.tokens < (1 if late else 1 + KEPT) or not self._allowed():
            return False
        self.tokens -= 1
        self.made += 1
        return True

    def took(self, seconds: float) -> None:
        """A copy's time; that of a loser, cut short, is at least known to be long."""
        if self._latency:
            self._latency.add(seconds)


class Race:
    """One call and perhaps its second copy. The first copy is the running task itself."""

    __slots__ = ("_call", "_first", "_hedges", "_send", "_timer", "second", "won")

    def __init__(self, hedges: Hedges, send: Send, call: Call) -> None:
        self._hedges = hedges
        self._send = send
        self._call = call
        self._first = asyncio.current_task()
        self._timer: Timer | None = None
        self.second: asyncio.Task[Reply] | None = None
        self.won = False

    def due(self, after: float, clock: Clock, *, late: bool = False) -> None:
        """Start the second copy in so many seconds. If none may be made then, look again after twice as long, and so on."""

        def start() -> None:
            if not self._hedges.spend(late=late):
                self.due(2 * after, clock, late=True)
                return
            self._call.request.tally.hedges += 1
            self.second = asyncio.get_running_loop().create_task(self._run())
            self.second.add_done_callback(self._finished)

        self._timer = clock.call_later(after, start)

    async def _run(self) -> Reply:
        return await self._send(self._call)

    def _finished(self, second: asyncio.Task[Reply]) -> None:
        """A second copy that failed changes nothing; one that answered ends the first."""
        if not second.cancelled() and second.exception() is None and self._first is not None:
            self.won = True
            self._first.cancel()

    def settle(self) -> None:
        """The first copy has ended: whatever the second one does now is of no interest, and none is begun."""
        self._first = None
        if self._timer is not None:
            self._timer.cancel()


def hedge(state: Hedges, clock: Clock) -> Layer:
    def layer(send: Send) -> Send:
        async def hedged(call: Call) -> Reply:
            after, began = state.begin(), clock.monotonic()
            if after is None:
                reply = await send(call)
                state.took(clock.monotonic() - began)
                return reply
            race = Race(state, send, call)
            race.due(after, clock)
            try:
                return await _first(race, send, call)
            finally:
                race.settle()
                state.took(clock.monotonic() - began)

        return hedged

    return layer


async def _first(race: Race, send: Send, call: Call) -> Reply:
    """The first copy's answer, or the second's where that came first or the first one failed."""
    task = asyncio.current_task()
    cancelled = task.cancelling() if task else 0
    try:
        reply = await send(call)
    except asyncio.CancelledError:
        race.settle()
        if race.won and race.second and task and task.uncancel() <= cancelled:
            return race.second.result()
        _drop(race)
        raise
    except SourceError as error:
        race.settle()
        return await _only_second(race, error)
    race.settle()
    _drop(race)
    return reply


async def _only_second(race: Race, error: SourceError) -> Reply:
    """The failure that is told is the first copy's, unless the second one makes up for it."""
    if race.second is None:
        raise error
    try:
        return await race.second
    except SourceError:
        raise error from None
    finally:
        _drop(race)


def _drop(race: Race) -> None:
    if race.second is not None and not race.second.done():
        race.second.cancel()
