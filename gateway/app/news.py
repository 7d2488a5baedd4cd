"""What is new about the sources: written down once for all processes of the gateway, and told to whoever wants events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec

from gateway.app.changes import SEEN, Change
from gateway.app.events import DRIFT_DETECTED, SCHEMA_CHANGED, Emitter, Event
from gateway.app.history import History

CHANGES = 100
"""Changes that one event lists; it counts all."""
PENDING = 100
"""Values that did not fit and are about to be written down; more at once are not news worth the memory."""
WEIGHTS = ("breaking", "dangerous", "safe")
Whose = Callable[[str], tuple[str | None, Mapping[str, Any]]]
Start = Callable[[str, Coroutine[None, None, None]], None]


class News:
    """`whose` tells of a source its owner's name in the configuration, and the owner as errors show it.

    `start` runs a named background task. `noted` is called when something was written down.
    """

    def __init__(self, history: History, emitter: Emitter, whose: Whose, start: Start, noted: Callable[[], None]) -> None:
        self.history = history
        self._emitter = emitter
        self._whose = whose
        self._start = start
        self._noted = noted
        self._pending: set[tuple[str, str, str]] = set()

    async def changed(self, changes: Sequence[Change], state: str) -> None:
        await self._record([msgspec.structs.replace(change, state=state) for change in changes])

    def drifted(self, error: Mapping[str, Any]) -> None:
        """A value that did not fit is news like a schema that changed: somebody changed something without saying so.

        Called while an answer is made, so it only looks whether this is news at all.
        """
        coordinate, expected, actual = (str(error.get(name, "")) for name in ("coordinate", "expected", "actual"))
        message = f"{coordinate} should be {expected}, and was {actual}."
        change = Change(self.history.clock(), error["service"], "breaking", coordinate, message, SEEN)
        key = (change.source, coordinate, message)
        if key not in self._pending and len(self._pending) < PENDING and not self.history.knows(change):
            self._pending.add(key)
            self._start(f"drift of {change.source}", self._seen(change, key))

    async def _seen(self, change: Change, key: tuple[str, str, str]) -> None:
        try:
            await self._record([change])
        finally:
            self._pending.discard(key)

    async def _record(self, changes: Sequence[Change]) -> None:
        news = await asyncio.to_thread(self.history.add, changes)
        for event in self._events(news):
            self._emitter.emit(event)
        if news:
            self._noted()

    def _events(self, news: Iterable[Change]) -> Iterable[Event]:
        """One for each value that did not fit, one for all that a new schema brought."""
        for (_, state), group in groupby(news, key=lambda each: (each.source, each.state)):
            changes = list(group)
            if state == SEEN:
                yield from (self._event(DRIFT_DETECTED, each, _told(each)) for each in changes)
            else:
                counts = {weight: sum(each.criticality == weight for each in changes) for weight in WEIGHTS}
                told = {"state": state, "counts": counts, "changes": [_told(each) for each in changes[:CHANGES]]}
                yield self._event(SCHEMA_CHANGED, changes[0], told)

    def _event(self, kind: str, change: Change, data: Mapping[str, Any]) -> Event:
        owned_by, owner = self._whose(change.source)
        return Event(kind, change.source, owner, data, change.at, owned_by)


def _told(change: Change) -> dict[str, Any]:
    return {"criticality": change.criticality, "coordinate": change.coordinate, "message": change.message}
