"""Identical reads under way share one execution."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Flights(Generic[K, V]):
    """The first one to come does the work inline; the others wait for it. If it ends without a result (its caller has gone),
    one of those who wait does the work again: an impatient caller never takes the others along."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[K, list[asyncio.Future[list[V] | None]]] = {}
        """For each key under way: those who wait, each for its own future, so that leaving is nobody else's business."""

    async def share(self, key: K, make: Callable[[], Awaitable[V]]) -> V:
        """Errors are not shared: whoever waited tries for itself."""
        while (landing := self.join(key)) is not None:
            if (landed := await landing) is not None:
                return landed[0]
        return await self._lead(key, make)

    def join(self, key: K) -> asyncio.Future[list[V] | None] | None:
        """To wait without a task for what is under way. Its result None: the leader has gone. None: nothing is under way."""
        waiting = self._open.get(key)
        if waiting is None:
            return None
        landing: asyncio.Future[list[V] | None] = asyncio.get_running_loop().create_future()
        waiting.append(landing)
        return landing

    async def _lead(self, key: K, make: Callable[[], Awaitable[V]]) -> V:
        self._open[key] = []
        landed: list[V] | None = None
        try:
            landed = [await make()]
            return landed[0]
        finally:
            for landing in self._open.pop(key):
                if not landing.done():
                    landing.set_result(landed)
