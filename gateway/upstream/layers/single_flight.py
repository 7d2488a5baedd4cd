"""Callers who ask the same at the same time share one call.

The first is the leader and sends inline, without a task; the others wait for it. They share bytes: each reads them itself.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable

from msgspec.structs import replace

from gateway.errors import DeadlineExceeded, SourceError, SourceSaturated, UpstreamCallsExhausted
from gateway.upstream.call import Call, Layer, Reply, Send
from gateway.upstream.clock import Clock

Key = tuple[object, ...]
OWN = (DeadlineExceeded, UpstreamCallsExhausted)
"""Errors that are the leader's alone: its time, its count of calls."""
GIVEN_UP = "is not asked again: those who asked have gone, and the budget for repeating calls is used up"


class Waiter:
    """A caller that waits for the leader's answer; `None` as the answer means: now you lead."""

    __slots__ = ("answer", "leader", "until")

    def __init__(self, answer: asyncio.Future[Reply | None], until: float) -> None:
        self.answer = answer
        self.until = until
        self.leader: Call | None = None
        """Whose call the answer is of, once it is there."""

    @property
    def waits(self) -> bool:
        return not self.answer.done()

    @property
    def leads(self) -> bool:
        answer = self.answer
        return answer.done() and not answer.cancelled() and answer.exception() is None and answer.result() is None


class Flights:
    """The calls in flight: by key, those who wait for each."""

    def __init__(self, may_repeat: Callable[[], bool]) -> None:
        self._waiting: dict[Key, list[Waiter]] = {}
        self._may_repeat = may_repeat

    def join(self, key: Key) -> list[Waiter] | None:
        """Those who wait already, to wait with; None: you lead."""
        own: list[Waiter] = []
        waiting = self._waiting.setdefault(key, own)
        return None if waiting is own else waiting

    def land(self, key: Key, reply: Reply, leader: Call) -> None:
        for waiter in self._waiting.pop(key):
            if waiter.waits:
                waiter.leader = leader
                waiter.answer.set_result(reply)

    def fail(self, key: Key, error: Exception, leader: Call | None = None) -> None:
        """A copy for each: an error is annotated by whoever it reaches."""
        for waiter in self._waiting.pop(key):
            if waiter.waits:
                waiter.leader = leader
                waiter.answer.set_exception(copy.copy(error))

    def hand_over(self, key: Key) -> None:
        """The leader is gone without an answer: whoever has most time left sends again, if the budget allows."""
        waiting = [waiter for waiter in self._waiting[key] if waiter.waits]
        if not waiting:
            del self._waiting[key]
        elif self._may_repeat():
            heir = max(waiting, key=lambda waiter: waiter.until)
            waiting.remove(heir)
            self._waiting[key] = waiting
            heir.answer.set_result(None)
        else:
            self.fail(key, SourceSaturated(GIVEN_UP))


def single_flight(total: float, may_repeat: Callable[[], bool], clock: Clock) -> Layer:
    """`may_repeat` spends from the retry budget; `total` bounds a waiter's own wait."""
    flights = Flights(may_repeat)

    async def wait(waiting: list[Waiter], key: Key, call: Call) -> tuple[Reply | None, float]:
        now = clock.monotonic()
        waiter = Waiter(asyncio.get_running_loop().create_future(), min(now + total, call.request.deadline))
        waiting.append(waiter)
        timer = clock.call_later(waiter.until - now, lambda: _expire(waiter, waiter.until - now))
        try:
            return await waiter.answer, waiter.until
        except asyncio.CancelledError:
            if waiter.leads:
                flights.hand_over(key)
            raise
        finally:
            timer.cancel()
            if call.fetch is not None and (leader := waiter.leader) is not None and leader.fetch is not None:
                call.fetch.link = leader.fetch.linked(leader.request.trace)

    def layer(send: Send) -> Send:
        async def flown(call: Call) -> Reply:
            key = call.key
            waiting = flights.join(key)
            if waiting is not None:
                reply, until = await wait(waiting, key, call)
                if reply is not None:
                    call.request.tally.deduped += 1
                    return call.verify(replace(reply, rows=None, served="collapsed"))
                call = replace(call, deadline=until)
            try:
                reply = await send(call)
            except OWN:
                flights.hand_over(key)
                raise
            except SourceError as error:
                flights.fail(key, error, call)
                raise
            except BaseException:
                flights.hand_over(key)
                raise
            flights.land(key, reply, call)
            return reply

        return flown

    return layer


def _expire(waiter: Waiter, waited: float) -> None:
    if waiter.waits:
        waiter.answer.set_exception(DeadlineExceeded(deadline_ms=round(waited * 1000)))
