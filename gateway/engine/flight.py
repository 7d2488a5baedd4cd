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
        self._open: dict[K, asyncio.Future[list[V] | None]] = {}

    async def share(self, key: K, make: Callable[[], Awaitable[V]]) -> V:
        """Errors are not shared: whoever waited tries for itself."""
        while (leader := self._open.get(key)) is not None:
            landed: list[V] | None = await asyncio.shield(leader)
            if landed is not None:
                return landed[0]
        return await self._lead(key, make)

    async def _lead(self, key: K, make: Callable[[], Awaitable[V]]) -> V:
        flight: asyncio.Future[list[V] | None] = asyncio.get_running_loop().create_future()
        self._open[key] = flight
        landed: list[V] | None = None
        try:
            landed = [await make()]
            return landed[0]
        finally:
            del self._open[key]
            flight.set_result(landed)
