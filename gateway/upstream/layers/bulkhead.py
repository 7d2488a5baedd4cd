"""At most so many calls to one source at once, and a short queue before them: one slow source must not take all there is.

A slot belongs to the wire call, not to its caller: a caller that leaves frees it only when its connection is free
(`Orphans`), so that calls on the wire never exceed `max`.
"""

from __future__ import annotations

import asyncio
from collections import deque

from gateway.config.model import Concurrency
from gateway.errors import DeadlineExceeded, SourceSaturated
from gateway.upstream.call import Call, Layer, Reply, Send
from gateway.upstream.clock import Clock
from gateway.upstream.transport import Orphans

Ticket = asyncio.Future[bool]
"""A place in the queue: True when the slot is yours, False when you waited too long."""


class Slots:
    """Who may call now, and who is next. First come, first served.

    While anyone waits, every slot is taken: a slot that comes free goes to the queue in the same step. So nobody overtakes.
    """

    def __init__(self, policy: Concurrency, orphans: Orphans) -> None:
        self.open = 0
        self.queue: deque[Ticket] = deque()
        self._max = policy.max
        self._places = policy.queue
        self._orphans = orphans
        orphans.freed = self.call_next

    def take(self) -> bool:
        if self.open + self._orphans.count >= self._max:
            return False
        self.open += 1
        return True

    def line_up(self, ticket: Ticket) -> None:
        if len(self.queue) >= self._places:
            raise SourceSaturated(queue_depth=len(self.queue))
        self.queue.append(ticket)

    def leave(self, ticket: Ticket) -> None:
        self.queue.remove(ticket)

    def give(self) -> None:
        self.open -= 1
        self.call_next()

    def call_next(self) -> None:
        """Give free slots to those who wait, passing over those who have gone."""
        while self.queue and self.open + self._orphans.count < self._max:
            ticket = self.queue.popleft()
            if not ticket.done():
                self.open += 1
                ticket.set_result(True)


def bulkhead(slots: Slots, max_wait: float, clock: Clock) -> Layer:
    async def wait(call: Call) -> None:
        began = clock.monotonic()
        remaining = call.deadline - began
        ticket: Ticket = asyncio.get_running_loop().create_future()
        slots.line_up(ticket)
        timer = clock.call_later(min(max_wait, remaining), lambda: None if ticket.done() else ticket.set_result(False))
        try:
            admitted = await ticket
        except asyncio.CancelledError:
            _withdraw(ticket)
            raise
        finally:
            timer.cancel()
            call.request.tally.queued += clock.monotonic() - began
        if not admitted:
            _withdraw(ticket)
            raise _too_long(max_wait, remaining, len(slots.queue))

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

        return bounded

    return layer


def _too_long(max_wait: float, remaining: float, depth: int) -> SourceSaturated | DeadlineExceeded:
    if remaining < max_wait:
        return DeadlineExceeded(deadline_ms=round(remaining * 1000))
    sentence = f"has as many calls open as it may have, and none ended within {round(max_wait * 1000)} ms"
    return SourceSaturated(sentence, queue_depth=depth)
