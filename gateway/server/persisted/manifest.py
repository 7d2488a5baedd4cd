"""A manifest of trusted documents: the file a build wrote, read again when it changes.

Apollo's format (`{"format": "apollo-persisted-query-manifest", "operations": [{"id", "body"}]}`), or a plain object of id and
document, which the Relay compiler and GraphQL Code Generator write.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec

APOLLO = "apollo-persisted-query-manifest"
LARGEST = 64 * 1024 * 1024
LOOK = 1.0
"""Seconds between two looks at the file."""
log = logging.getLogger("gateway.server")


class Manifest:
    """`documents` by id, and `texts`, the same by themselves. Raises ValueError or OSError when it is made, never later."""

    def __init__(self, path: Path, clock: Callable[[], float] = monotonic) -> None:
        self._path = path
        self._clock = clock
        self._looked = clock()
        self._reading: asyncio.Task[None] | None = None
        self._stamp = _stamp(path)
        self._take(parse(_read(path)))

    def _take(self, documents: Mapping[str, str]) -> None:
        self.documents = documents
        self.texts = frozenset(documents.values())

    def look(self) -> None:
        """Every second or so: is there another file? It is read beside the requests, which are answered from the old one."""
        if self._clock() - self._looked < LOOK or self._reading is not None:
            return
        self._looked = self._clock()
        if (stamp := _stamp(self._path)) != self._stamp:
            self._stamp = stamp
            self._reading = asyncio.create_task(self._again())

    async def _again(self) -> None:
        try:
            self._take(await asyncio.to_thread(lambda: parse(_read(self._path))))
            log.info("%s was read again: %d documents", self._path, len(self.documents))
        except (OSError, ValueError) as fault:
            log.error("%s was changed and cannot be used, so the documents stay as they were: %s", self._path, fault)
        finally:
            self._reading = None


def parse(raw: bytes) -> Mapping[str, str]:
    """Raises ValueError saying what is wrong."""
    try:
        given = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("it is not a JSON object") from None
    if "operations" in given and given.get("format") == APOLLO:
        operations = given["operations"]
        if not isinstance(operations, list) or not all(isinstance(each, dict) for each in operations):
            raise ValueError("its `operations` is not a list of objects")
        given = {each.get("id"): each.get("body") for each in operations}
    if not all(isinstance(key, str) and key and isinstance(text, str) and text for key, text in given.items()):
        raise ValueError("it is neither an Apollo manifest nor an object of id and document")
    return given


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST // 2**20} MiB")
    return raw


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        about = path.stat()
    except OSError:
        return (0, 0, 0)
    return (about.st_mtime_ns, about.st_size, about.st_ino)
