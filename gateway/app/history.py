"""The latest changes of all sources, kept in `state` as one JSON object a line and shared by all processes of a gateway.

Each process notices a change by itself. Who is first to write it down has the news; for the others it is none, so that a change
is logged once and told once, however many workers there are.
"""

from __future__ import annotations

import fcntl
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from gateway.app.changes import Change

KEPT = 500
FILE, LOCK = "history.jsonl", "history.lock"
log = logging.getLogger("gateway.app")
Stamp = tuple[int, int, int]


class History:
    """Newest last. Where nothing can be written, in memory and of this process alone."""

    def __init__(self, state: Path | None, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._path = state / FILE if state is not None else None
        self._stamp: Stamp | None = None
        self._changes: deque[Change] = deque(maxlen=KEPT)
        self._refresh()

    def knows(self, change: Change) -> bool:
        """It is the latest word on its coordinate, as far as this process has read."""
        for each in reversed(self._changes):
            if (each.source, each.coordinate) == (change.source, change.coordinate):
                return (each.message, each.state) == (change.message, change.state)
        return False

    def add(self, changes: Sequence[Change]) -> tuple[Change, ...]:
        """Those that are news to every process. Reads and writes a file, so not on the event loop."""
        with self._alone():
            self._refresh()
            news = tuple(each for each in changes if not self.knows(each))
            self._changes.extend(news)
            if news:
                self._write()
        for each in news:
            log.warning("schema of %s: %s (%s, %s)", each.source, each.message, each.criticality, each.state)
        return news

    def latest(self) -> list[Change]:
        """Newest first."""
        self._refresh()
        return list(reversed(self._changes))

    def told(self) -> list[Mapping[str, Any]]:
        """Newest first, those of other processes included."""
        self._refresh()
        return [msgspec.to_builtins(each) for each in reversed(self._changes)]

    # ------------------------------------------------------------ the file

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process writes meanwhile. Where there can be no lock there is nothing to be shared either."""
        if self._path is None:
            yield
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = (self._path.parent / LOCK).open("ab")
        except OSError:
            yield
            return
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _refresh(self) -> None:
        """Read the file again where another process has written it."""
        stamp = self._stamp_now()
        if self._path is None or stamp is None or stamp == self._stamp:
            return
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError:
            return
        self._stamp = stamp
        self._changes = deque(_readable(lines), maxlen=KEPT)

    def _stamp_now(self) -> Stamp | None:
        try:
            found = self._path.stat() if self._path is not None else None
        except OSError:
            return None
        return (found.st_ino, found.st_mtime_ns, found.st_size) if found else None

    def _write(self) -> None:
        """Beside its place, then moved there: a reader sees the old file or the new one, never half of one."""
        if self._path is None:
            return
        try:
            fresh = self._path.with_suffix(".new")
            fresh.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in self._changes))
            fresh.replace(self._path)
            self._stamp = self._stamp_now()
        except OSError as error:
            log.warning("the history of changes is not kept: %s", error.strerror or error)


def _readable(lines: Iterable[bytes]) -> Iterator[Change]:
    """A line that another version wrote in another form costs that line."""
    for line in lines:
        with suppress(msgspec.MsgspecError):
            yield msgspec.json.decode(line, type=Change)
