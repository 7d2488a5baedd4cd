"""Where copies are kept: in memory, bounded by bytes, the least recently used leaving first. The only door to aiocache.

aiocache's own memory store is unbounded and keeps a timer per key. The hot path looks up with `peek`, without an await; the
rest of aiocache's interface is there for a second store behind this one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from gateway.upstream.layers.cache.freshness import Copy
from gateway.upstream.optional import without

with without("redis"):
    from aiocache.base import BaseCache
    from aiocache.serializers import NullSerializer


class Store(BaseCache):  # type: ignore[misc]  # aiocache has no types
    """Copies by key, together at most `capacity` bytes; one larger than a sixteenth of that is not kept."""

    NAME = "memory"

    def __init__(self, capacity: int) -> None:
        super().__init__(serializer=NullSerializer(), timeout=0)
        self.capacity = capacity
        self.used = 0
        self._copies: OrderedDict[Hashable, Copy] = OrderedDict()

    def __len__(self) -> int:
        return len(self._copies)

    def peek(self, key: Hashable) -> Copy | None:
        copy = self._copies.get(key)
        if copy is not None:
            self._copies.move_to_end(key)
        return copy

    def put(self, key: Hashable, copy: Copy) -> None:
        self.drop(key)
        if copy.size > self.capacity // 16:
            return
        self._copies[key] = copy
        self.used += copy.size
        while self.used > self.capacity:
            self.used -= self._copies.popitem(last=False)[1].size

    def drop(self, key: Hashable) -> bool:
        copy = self._copies.pop(key, None)
        if copy is None:
            return False
        self.used -= copy.size
        return True

    async def _get(self, key: Hashable, encoding: str = "utf-8", _conn: Any = None) -> Copy | None:  # noqa: ARG002 - its form
        return self.peek(key)

    async def _set(self, key: Hashable, value: Copy, **_: Any) -> bool:
        self.put(key, value)
        return True

    async def _delete(self, key: Hashable, _conn: Any = None) -> int:
        return int(self.drop(key))

    async def _exists(self, key: Hashable, _conn: Any = None) -> bool:
        return key in self._copies

    async def _clear(self, namespace: str | None = None, _conn: Any = None) -> bool:  # noqa: ARG002 - keys are not text
        self._copies.clear()
        self.used = 0
        return True
