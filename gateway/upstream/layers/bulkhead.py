"""At most so many calls to one source at once, and a short queue before them: one slow source must not take all there is.

A slot belongs to the wire call, not to its caller: a caller that leaves frees it only when its connection is free
(`Orphans`), so that calls on the wire never exceed `max`.

A queue is there for bursts. One that stands, empty at no moment of `max_wait`, only makes everybody wait as long as possible for
the same number of answers; so new calls then wait a fraction of it (the idea of CoDel, RFC 8289), until it has been empty.
"""

from __future__ import annotations

import asyncio
from collections import deque

from gateway.config.model import Concurrency
from gateway.errors import DeadlineExceeded, SourceSaturated, UpstreamError
from gateway.telemetry.metrics import Distribution
from gateway.upstream.call import Call, Layer, Reply, Send
from gateway.upstream.clock import Clock
from gateway.upstream.layers.limit import Adaptive
from gateway.upstream.transport import Orphans

STANDING = 0.2
"""Part of `max_wait` that a call waits in a queue that stands."""
RETRY_AFTER = 1.0
"""Seconds after which a call that was turned away may be tried again."""

Ticket = asyncio.Future[bool]
"""A place in the queue: True when the slot is yours, False when you waited too long."""


class Slots:
    """Who may call now, and who is next. First come, first served.

    While anyone waits, every slot is taken: a slot that comes free goes to the queue in the same step. So nobody overtakes.
    """

    def __init__(self, policy: Concurrency, orphans: Orphans) -> None:
        self.open = 0
        self.shed = 0
        """Calls turned away so far."""
        self.queue: deque[Ticket] = deque()
        self.adaptive = Adaptive(policy.max) if policy.adaptive else None
        self._max = policy.max
        self._places = policy.queue
        self._max_wait = policy.max_wait
        self._orphans = orphans
        self._since = 0.0
        orphans.freed = self.call_next
        self.waits: Distribution | None = None
        """Seconds in the queue, where somebody measures them."""

    @property
    def limit(self) -> int:
        """Calls that may be open at once, at this moment."""
        return int(self.adaptive.limit) if self.adaptive else self._max

    def take(self) -> bool:
        if self.open + self._orphans.count >= (self._max if self.adaptive is None else self.limit):
            return False
        self.open += 1
        return True

    def line_up(self, ticket: Ticket, now: float) -> float:
        """The seconds it may wait, at most."""
        if len(self.queue) >= self._places:
            raise self.saturated()
        if not self.queue:
            self._since = now
        self.queue.append(ticket)
        return self._max_wait * STANDING if now - self._since > self._max_wait else self._max_wait

    def saturated(self, waited: float | None = None) -> SourceSaturated:
        """`waited`: seconds in the queue; None: there was no place in it."""
        self.shed += 1
        sentence = f"has as many calls open as it may have, and none ended within {round((waited or 0) * 1000)} ms"
        error = SourceSaturated(None if waited is None else sentence, queue_depth=len(self.queue))
        error.retry_after = RETRY_AFTER
        return error

    def leave(self, ticket: Ticket) -> None:
        self.queue.remove(ticket)

    def give(self) -> None:
        self.open -= 1
        self.call_next()

    def call_next(self) -> None:
        """Give free slots to those who wait, passing over those who have gone."""
        while self.queue and self.open + self._orphans.count < self.limit:
            ticket = self.queue.popleft()
            if not ticket.done():
                self.open += 1
                ticket.set_result(True)


def bulkhead(slots: Slots, clock: Clock) -> Layer:
    async def wait(call: Call) -> None:
        began = clock.monotonic()
        remaining = call.deadline - began
        ticket: Ticket = asyncio.get_running_loop().create_future()
        patience = slots.line_up(ticket, began)
        timer = clock.call_later(min(patience, remaining), lambda: None if ticket.done() else ticket.set_result(False))
        try:
            admitted = await ticket
        except asyncio.CancelledError:
            _withdraw(ticket)
            raise
        finally:
            timer.cancel()
            waited = clock.monotonic() - began
            call.request.tally.queued += waited
            if slots.waits is not None:
                slots.waits.record(waited)
        if not admitted:
            _withdraw(ticket)
            raise DeadlineExceeded(deadline_ms=round(remaining * 1000)) if remaining < patience else slots.saturated(patience)

    def _withdraw(ticket: Ticket) -> None:
        """Leave the queue, or pass on the slot that came in the very moment of leaving."""
        if ticket.done() and not ticket.cancelled() and ticket.result():
            slots.give()
        elif ticket in slots.queue:
            slots.leave(ticket)

    def layer(send: Send) -> Send:
        async def bounded(call: Call) -> Reply:
            if not slots.take():
                await wait(call)
            try:
                return await send(call)
            finally:
                slots.give()

        if slots.adaptive is None:
            return bounded
        adaptive = slots.adaptive

        async def observed(call: Call) -> Reply:
            """One slot is given back after the limit has been moved, so that it goes by the new one."""
            if not slots.take():
                await wait(call)
            busy, began = slots.open, clock.monotonic()
            try:
                reply = await send(call)
                adaptive.answered(busy)
                return reply
            except UpstreamError as error:
                adaptive.failed(error, began, clock.monotonic())
                raise
            finally:
                slots.give()

        return observed

    return layer
