"""Hands events to the channels that want them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from gateway.app.events.event import Event

FAREWELL = 2.0
"""Seconds that what is still to be told may take when the process ends."""


class Channel(Protocol):
    """One way out."""

    name: str

    def offer(self, event: Event) -> None:
        """Take it if it is wanted. Never waits, never raises."""

    async def run(self) -> None:
        """Deliver what was taken, until cancelled."""

    async def idle(self) -> None:
        """Until nothing is left to be delivered."""

    async def close(self) -> None: ...

    def status(self) -> Mapping[str, Any]: ...


class Emitter:
    """Without channels, events go nowhere and cost nothing."""

    def __init__(self, channels: Sequence[Channel] = ()) -> None:
        self._channels = tuple(channels)

    def start(self, start: Callable[[str, Coroutine[None, None, None]], None]) -> None:
        """`start` runs a named background task."""
        for channel in self._channels:
            start(f"events to {channel.name}", channel.run())

    def emit(self, event: Event) -> None:
        for channel in self._channels:
            channel.offer(event)

    async def flush(self) -> None:
        """Give what was taken a little time to go out."""
        if self._channels:
            tasks = [asyncio.create_task(channel.idle()) for channel in self._channels]
            _, late = await asyncio.wait(tasks, timeout=FAREWELL)
            for task in late:
                task.cancel()

    async def close(self) -> None:
        await asyncio.gather(*(channel.close() for channel in self._channels))

    def status(self) -> list[Mapping[str, Any]]:
        return [channel.status() for channel in self._channels]


SILENT = Emitter()
