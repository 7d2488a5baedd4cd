"""An execution that hands out its answer in parts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec

from gateway.execution.compile import ReadyStep
from gateway.execution.incremental.delivery import Delivery
from gateway.execution.incremental.parts import Part
from gateway.execution.incremental.schedule import Schedule
from gateway.execution.reading import attribute_of
from gateway.execution.run import Run
from gateway.execution.shape import Entry


class IncrementalRun(Run):
    """Fetches start as in any other run, as soon as what they need is there: only the answer does not wait for all of them."""

    __slots__ = ("_completing", "_done", "_news", "_told_exchanges", "_told_loose", "_told_stale")

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._completing: set[int] = set()
        """Steps whose rows are placed and still wait to complete others."""
        self._done: set[int] = set()
        self._news = asyncio.Event()
        self._told_loose = self._told_stale = self._told_exchanges = 0

    async def parts(self, schedule: Schedule, introspected: Mapping[str, bytes], on_error: str) -> AsyncGenerator[Part]:
        """When the caller leaves early, what is still under way is cancelled."""
        for key, value in introspected.items():
            setattr(self.root, attribute_of(key), msgspec.Raw(value))
        delivery = Delivery(self.ready.cases, on_error, self.listed, schedule)
        running = asyncio.ensure_future(self._all(self.ready.first))
        running.add_done_callback(self._ended)
        try:
            while not schedule.first <= self._done:
                await self._next(running)
            data, errors, pending = delivery.first(self.root)
            yield self._part(data=data, errors=errors, pending=pending, more=bool(delivery.open))
            while delivery.open:
                if not self._complete(delivery, schedule):
                    await self._next(running)
                    continue
                pieces, completed, pending = delivery.next()
                if pieces or completed or pending:
                    yield self._part(pieces=pieces, completed=completed, pending=pending, more=bool(delivery.open))
        finally:
            running.cancel()
            await asyncio.wait((running,))

    def _part(self, **members: Any) -> Part:
        """With what was noted since the last one."""
        told = {id(entry.error) for entry in members.get("errors", ())}
        loose = tuple(Entry(error) for error in self.loose[self._told_loose :] if id(error) not in told)
        stale, exchanges = tuple(self.stale[self._told_stale :]), tuple(self.exchanges[self._told_exchanges :])
        self._told_loose, self._told_stale, self._told_exchanges = len(self.loose), len(self.stale), len(self.exchanges)
        members["errors"] = (*members.get("errors", ()), *loose)
        return Part(stale=stale, exchanges=exchanges, private=self.private, **members)

    def _complete(self, delivery: Delivery, schedule: Schedule) -> bool:
        """True: there is a fragment that had to wait until now."""
        new = {each for each, steps in schedule.later.items() if each not in delivery.complete and steps <= self._done}
        delivery.complete |= new
        return bool(new)

    # ------------------------------------------------------------ what is done

    async def _next(self, running: asyncio.Future[None]) -> None:
        """Wait until another step is done. Raises what ended the execution before its time."""
        await self._news.wait()
        self._news.clear()
        if running.done():
            running.result()

    def _ended(self, _running: asyncio.Future[None]) -> None:
        """Every step is over, whatever became of it."""
        self._done |= {*range(len(self.ready.steps))}
        self._news.set()

    def _placed(self, index: int) -> None:
        super()._placed(index)
        if index not in self._completing:
            self._done.add(index)
            self._news.set()

    async def _others(self, index: int, step: ReadyStep) -> None:
        self._completing.add(index)
        try:
            await super()._others(index, step)
        finally:
            self._completing.discard(index)
