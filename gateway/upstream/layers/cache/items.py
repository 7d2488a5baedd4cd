"""Single rows out of batches, kept by their keys: so that a batch asks only for the rows that nobody has.

The bytes of a row are kept as they came; every operation reads them itself, like any other reply.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from weakref import WeakValueDictionary

import msgspec

from gateway.upstream.call import Freshness

PER_ITEM, PER_ROW = 360, 45
"""Bytes of Python objects that come with an item and its key, and with each of its rows; measured."""
SHARE = 4
"""Items have a quarter of the cache's bytes beside it."""


class Item(msgspec.Struct, frozen=True):
    """`rows`: one, or those of a key that has many. `born` on the `time.time` clock, as all of `freshness`."""

    rows: tuple[bytes, ...]
    freshness: Freshness
    born: float

    @property
    def size(self) -> int:
        return PER_ITEM + sum(PER_ROW + len(row) for row in self.rows)


class Shelf:
    """Where the rows of one kind of fetch are. Whether there are any at all costs one look."""

    __slots__ = ("__weakref__", "coming", "count", "keeps")

    def __init__(self) -> None:
        self.count = 0
        self.keeps = False
        """Whether the latest reply could be kept."""
        self.coming: dict[Hashable, asyncio.Future[None]] = {}
        """The rows that are being asked for at this moment."""

    def expect(self, keys: Sequence[Hashable]) -> Callable[[], None]:
        """These are being asked for; what is returned is to be called when they have come, or will not."""
        arrival: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.coming.update(dict.fromkeys(keys, arrival))

        def arrived() -> None:
            for key in keys:
                if self.coming.get(key) is arrival:
                    del self.coming[key]
            if not arrival.done():
                arrival.set_result(None)

        return arrived


class Items:
    """Together at most `capacity` bytes, the least recently used leaving first."""

    def __init__(self, capacity: int, wall: Callable[[], float]) -> None:
        self.capacity = capacity
        self.used = 0
        self.wall = wall
        self._items: OrderedDict[tuple[Shelf, Hashable], Item] = OrderedDict()
        self._shelves: WeakValueDictionary[Hashable, Shelf] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._items)

    def shelf(self, fetch: Hashable) -> Shelf:
        """The same one for all operations that fetch the same."""
        return self._shelves.setdefault(fetch, Shelf())

    def find(self, shelf: Shelf, key: Hashable, *, stale: bool = False) -> Item | None:
        """A fresh one; with `stale` one that may be used because its source fails."""
        item = self._items.get((shelf, key))
        if item is None or self.wall() >= (item.freshness.on_error if stale else item.freshness.expires):
            return None
        self._items.move_to_end((shelf, key))
        return item

    def put(self, shelf: Shelf, key: Hashable, item: Item) -> None:
        self.drop(shelf, key)
        if item.size > self.capacity // 16:
            return
        self._items[shelf, key] = item
        self.used += item.size
        shelf.count += 1
        while self.used > self.capacity:
            (other, _), last = self._items.popitem(last=False)
            other.count -= 1
            self.used -= last.size

    def drop(self, shelf: Shelf, key: Hashable) -> None:
        item = self._items.pop((shelf, key), None)
        if item is not None:
            self.used -= item.size
            shelf.count -= 1
