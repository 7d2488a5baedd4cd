"""Refreshes that failed, to be tried again: less and less often, and at once when the source is back. Pure.

So the copies that were served stale are fresh again before the next caller asks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

import msgspec

from gateway.upstream.call import Call

MOST = 256
"""Refreshes of one source; the oldest leave first."""
FIRST, LONGEST = 1.0, 30.0
"""Seconds before a refresh is tried again; doubled each time."""
TRIES = 12


class Rerun(msgspec.Struct, frozen=True):
    """`due` on the `time.monotonic` clock."""

    call: Call
    due: float
    tries: int = 1


class Reruns:
    """By key, in the order in which they failed first."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[Hashable, Rerun] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, key: Hashable, call: Call, now: float, tries: int = 1) -> None:
        """A call that carries something of its caller is not kept for longer than that caller waits."""
        if call.private or tries > TRIES or key in self._waiting:
            return
        self._waiting[key] = Rerun(call, now + min(LONGEST, FIRST * 2.0 ** (tries - 1)), tries)
        if len(self._waiting) > MOST:
            self._waiting.popitem(last=False)

    def forget(self, key: Hashable) -> None:
        """It has been fetched, or must not be kept."""
        self._waiting.pop(key, None)

    def due(self, now: float) -> list[tuple[Hashable, Rerun]]:
        """Those whose time has come; they are no longer waiting."""
        found = [(key, rerun) for key, rerun in self._waiting.items() if rerun.due <= now]
        for key, _ in found:
            del self._waiting[key]
        return found

    def recovered(self, now: float) -> None:
        """The source is back: all are due."""
        for key, rerun in self._waiting.items():
            self._waiting[key] = msgspec.structs.replace(rerun, due=now)

    def next_due(self) -> float | None:
        return min((rerun.due for rerun in self._waiting.values()), default=None)
