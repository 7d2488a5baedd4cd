"""A clock that moves when told to, a source that answers from a script, policies in one line."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterable
from itertools import count
from typing import Any

from gateway.upstream.call import Call, Reply, Send
from gateway.upstream.clock import Clock

START = 1_800_000_000.0
"""A `time.time` of this world; its `monotonic` begins at 1000."""


class Alarm:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class Time:
    """Virtual time. `sleep` returns at once and moves it, so that a test reads what was slept from `slept`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._alarms: list[tuple[float, int, Alarm]] = []
        self._order = count()
        self.clock = Clock(
            monotonic=lambda: self.now, wall=lambda: self.now + START, sleep=self._sleep, call_later=self._call_later
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def _call_later(self, delay: float, callback: Callable[[], None]) -> Alarm:
        alarm = Alarm(callback)
        heapq.heappush(self._alarms, (self.now + delay, next(self._order), alarm))
        return alarm

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while self._alarms and self._alarms[0][0] <= until:
            self.now, _, alarm = heapq.heappop(self._alarms)
            if alarm.callback is not None:
                alarm.callback()
        self.now = until

    @property
    def alarms(self) -> int:
        """Timers that are still set."""
        return sum(alarm.callback is not None for _, _, alarm in self._alarms)


class Source:
    """Answers call after call from a script: a reply, an error to raise, or a future to wait for. The last one repeats."""

    def __init__(self, *script: Any) -> None:
        self.script = list(script) or [reply()]
        self.calls: list[Call] = []
        self.open = 0
        self.most_open = 0

    async def send(self, call: Call) -> Reply:
        self.calls.append(call)
        said = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            if isinstance(said, asyncio.Future):
                said = await said
        finally:
            self.open -= 1
        if isinstance(said, Exception):
            raise said
        assert isinstance(said, Reply)
        return said


def reply(body: bytes = b"{}", status: int = 200, complete: bool = True, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, headers={"content-type": "application/json"} | named, body=body, complete=complete)


def later() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


async def settle() -> None:
    """Let every task run until it waits for something."""
    for _ in range(10):
        await asyncio.sleep(0)


def begin(send: Send, calls: Iterable[Call]) -> list[asyncio.Task[Reply]]:
    async def run(made: Awaitable[Reply]) -> Reply:
        return await made

    return [asyncio.create_task(run(send(call))) for call in calls]
