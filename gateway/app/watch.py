"""Files that are looked at again and again: mounted volumes, renewed certificates and editors tell nobody what they changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

Signature = Mapping[Path, tuple[int, int, int] | None]


def signature(paths: Iterable[Path]) -> Signature:
    """What tells one content of these files from another, without reading them. None: it is not there."""
    return {path: _of(path) for path in paths}


def _of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class Watch:
    """`files` are asked for anew at every look: what a configuration is made of changes with it."""

    def __init__(self, files: Callable[[], Iterable[Path]], sleep: Callable[[float], Awaitable[None]]) -> None:
        self._files = files
        self._sleep = sleep
        self._known = signature(files())

    async def changed(self, every: float) -> None:
        """Returns when something has changed, and was then left alone for one pause: nobody is in the middle of writing."""
        before = self._known
        while True:
            await self._sleep(every)
            now = signature(self._files())
            if now == before != self._known:
                self._known = now
                return
            before = now

    def settled(self) -> None:
        """What is there now is what is served."""
        self._known = signature(self._files())
