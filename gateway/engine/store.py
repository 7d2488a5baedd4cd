"""Bounded memories: of operations by document, of ready answers by what was asked and who asked."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from itertools import islice
from typing import Any, Generic, TypeVar

import msgspec

from gateway.execution.run import Outcome

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

ANSWERS = 500
ANSWER_BYTES = 16 * 1024 * 1024
PER_ANSWER = 500
"""Bytes of Python objects that come with an answer and its key; measured."""


class Lru(Generic[K, V]):
    """Keeps the `size` entries used last, and no more than `bound` of what they weigh together (0: whatever they weigh)."""

    __slots__ = ("_bound", "_entries", "_size", "_weight")

    def __init__(self, size: int, bound: int = 0) -> None:
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._size = size
        self._bound = bound
        self._weight = 0

    def get(self, key: K) -> V | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: K, entry: V, weight: int = 0) -> None:
        if (known := self._entries.pop(key, None)) is not None:
            self._weight -= known[1]
        self._entries[key] = (entry, weight)
        self._weight += weight
        while self._entries and (len(self._entries) > self._size or self._weight > self._bound > 0):
            self._weight -= self._entries.popitem(last=False)[1][1]

    def latest(self, count: int) -> list[tuple[K, V]]:
        """Those used last, the very last first."""
        return [(key, entry) for key, (entry, _) in islice(reversed(self._entries.items()), count)]

    def __len__(self) -> int:
        return len(self._entries)


class Stored(msgspec.Struct, frozen=True):
    """An answer without errors or warnings, until its strictest part expires."""

    outcome: Outcome
    size: int = 0
    """Bytes, about, with its key and what Python adds."""


def weighed(key: tuple[Any, ...], outcome: Outcome) -> Stored:
    """`key`: the operation, its variables as bytes, who asks as texts, and what else tells answers apart."""
    _, variables, identity, *_ = key
    asked = len(variables) + sum(len(value) for value in identity if value is not None)
    return Stored(outcome, PER_ANSWER + asked + len(outcome.data))


class AnswerStore:
    """Ready answers keyed by (operation and variant, variables, identity); bounded by number and by bytes."""

    __slots__ = ("_bytes", "_entries")

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[Any, ...], Stored] = OrderedDict()
        self._bytes = 0

    def get(self, key: tuple[Any, ...], now: float) -> Stored | None:
        stored = self._entries.get(key)
        if stored is None:
            return None
        if stored.outcome.expires <= now:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return stored

    def put(self, key: tuple[Any, ...], stored: Stored) -> None:
        if key in self._entries:
            self._drop(key)
        self._entries[key] = stored
        self._bytes += stored.size
        while len(self._entries) > ANSWERS or self._bytes > ANSWER_BYTES:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: tuple[Any, ...]) -> None:
        self._bytes -= self._entries.pop(key).size

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """Bytes of all that is kept, about."""
        return self._bytes
