"""Single rows out of batches, kept by their keys: so that a batch asks only for the rows that nobody has.

The bytes of a row are kept as they came; every operation reads them itself, like any other reply.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

import msgspec

from gateway.upstream.call import Freshness

PER_ITEM = 400
"""Bytes of Python objects that come with an item and its key; measured."""
SHARE = 4
"""Items have a quarter of the cache's bytes beside it."""


class Item(msgspec.Struct, frozen=True):
    """`rows`: one, or those of a key that has many. `born` on the `time.time` clock, as all of `freshness`."""

    rows: tuple[bytes, ...]
    freshness: Freshness
    born: float

    @property
    def size(self) -> int:
        return PER_ITEM + sum(map(len, self.rows))


class Items:
    """Together at most `capacity` bytes, the least recently used leaving first."""

    def __init__(self, capacity: int, wall: Callable[[], float]) -> None:
        self.capacity = capacity
        self.used = 0
        self.wall = wall
        self._items: OrderedDict[Hashable, Item] = OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def find(self, key: Hashable, *, stale: bool = False) -> Item | None:
        """A fresh one; with `stale` one that may be used because its source fails."""
        item = self._items.get(key)
        if item is None or self.wall() >= (item.freshness.on_error if stale else item.freshness.expires):
            return None
        self._items.move_to_end(key)
        return item

    def put(self, key: Hashable, item: Item) -> None:
        self.drop(key)
        if item.size > self.capacity // 16:
            return
        self._items[key] = item
        self.used += item.size
        while self.used > self.capacity:
            self.used -= self._items.popitem(last=False)[1].size

    def drop(self, key: Hashable) -> None:
        item = self._items.pop(key, None)
        if item is not None:
            self.used -= item.size
