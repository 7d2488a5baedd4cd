"""A second level behind the memory of each replica: copies that all replicas share, in Redis or Valkey.

It may be slow, empty, full of nonsense or gone: then every replica is as good as it is alone. What is private to a caller never
goes there. A copy travels with how long it may still be used, and loses what Redis says has passed since: nobody's clock counts.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from hashlib import sha256
from typing import Any, Protocol

import msgspec

from gateway.upstream.call import Call, Reply
from gateway.upstream.clock import Clock
from gateway.upstream.layers.cache.freshness import PER_COPY, Copy

log = logging.getLogger("gateway.upstream")
FORM = 1
"""Of what is written. Another one is another key: replicas of two versions do not disturb each other."""
PATIENCE = 0.05
"""Seconds for one command."""
LEASE = 1.0
"""Seconds for which one replica is trusted to fetch what the others wait for."""
POLL = 0.01
SILENCE = 1.0
"""Seconds without asking again, after it failed."""
TOLD_EVERY = 30.0
WRITES = 256
"""At once. What comes on top is not written: it is a cache."""
COMPRESSED_FROM = 1024
LARGEST = 64 * 1024 * 1024
"""Bytes of a reply, unpacked."""


class Cache(Protocol):
    """What is needed of a server. Every call may raise, and may take longer than anyone waits."""

    async def get(self, key: str) -> bytes | None: ...
    async def set(self, key: str, value: bytes, ttl: float) -> Any: ...
    async def delete(self, key: str) -> Any: ...
    async def close(self) -> Any: ...
    async def left(self, key: str) -> float: ...
    async def claim(self, key: str, lease: float) -> bool: ...


class Packed(msgspec.Struct, array_like=True, frozen=True):
    """A copy on its way. Times in seconds from when it was written; `kept` is for how long it was."""

    form: int
    key: bytes
    """In full length: two keys that are one in short would show one caller what is another's."""
    status: int
    headers: dict[str, str]
    body: bytes
    zipped: bool
    age: float
    fresh: float
    while_revalidated: float
    on_error: float
    lead: float
    kept: float


class Counts(msgspec.Struct):
    hits: int = 0
    misses: int = 0
    waited: int = 0
    """Times another replica fetched what was wanted."""
    writes: int = 0
    unwritten: int = 0
    """Copies that were not written because too many were on their way."""
    refused: int = 0
    """Values that were no copies of ours."""
    failures: int = 0


class SharedCopies:
    """One per process; `cache` is any of aiocache's, with what `Cache` has beside it."""

    def __init__(self, cache: Cache, clock: Clock, failures: tuple[type[Exception], ...] = (OSError,)) -> None:
        self.counts = Counts()
        self._cache = cache
        self._clock = clock
        self._failures: tuple[type[Exception], ...] = (*failures, OSError, TimeoutError)
        self._lookups: dict[str, asyncio.Task[Copy | None]] = {}
        self._writes: set[asyncio.Task[Any]] = set()
        self._silent_until = 0.0
        self._told = -TOLD_EVERY

    async def find(self, key: Hashable) -> Copy | None:
        """All who want it at once are one lookup. None: fetch it; the other replicas wait a moment for what comes."""
        name = name_of(key)
        if self._clock.monotonic() < self._silent_until:
            return None
        lookup = self._lookups.get(name)
        if lookup is None:
            lookup = self._lookups[name] = asyncio.get_running_loop().create_task(self._find(name, full_name(key)))
            lookup.add_done_callback(lambda _: self._lookups.pop(name, None))
        return await asyncio.shield(lookup)

    def keep(self, key: Hashable, copy: Copy) -> None:
        """In the background. What is private is not."""
        if copy.private:
            return
        now, name = self._clock.wall(), name_of(key)
        kept = max(copy.while_revalidated, copy.on_error, copy.fresh) - now
        if kept > 0:
            self._later(partial(self._put, name, _packed(full_name(key), copy, now, kept), kept))

    def drop(self, key: Hashable) -> None:
        """In the background: the source has taken it back."""
        self._later(partial(self._delete, name_of(key)))

    async def look(self, key: Hashable) -> bytes | None:
        """What some replica has noted under this key. None: nothing, or nobody answers."""
        if self._clock.monotonic() < self._silent_until:
            return None
        try:
            return await self._cache.get(name_of(key))
        except self._failures as error:
            self._failed(error)
            return None

    def note(self, key: Hashable, value: bytes, lives: float) -> None:
        """In the background: for all replicas to see, so many seconds."""
        self._later(partial(self._cache.set, name_of(key), value, ttl=lives))

    def free(self, key: Hashable) -> None:
        """In the background: it could not be fetched, so that nobody need wait for it."""
        self._later(partial(self._delete, _lock(name_of(key))))

    async def close(self) -> None:
        tasks = [*self._lookups.values(), *self._writes]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            await self._cache.close()
        except self._failures as error:
            self._failed(error)

    # ------------------------------------------------------------ one command after another

    async def _find(self, name: str, full: bytes) -> Copy | None:
        try:
            copy = await self._get(name, full)
            if copy is None and not await self._cache.claim(_lock(name), LEASE):
                copy = await self._wait_for(name, full)
        except self._failures as error:
            self._failed(error)
            return None
        if copy is None:
            self.counts.misses += 1
        else:
            self.counts.hits += 1
        return copy

    async def _get(self, name: str, full: bytes) -> Copy | None:
        value = await self._cache.get(name)
        if value is None:
            return None
        left = await self._cache.left(name)
        copy = _unpacked(value, full, left, self._clock.wall())
        if copy is None and left > 0:
            self.counts.refused += 1
            self._tell("a value in the shared cache is no copy of ours and is deleted: %s", name)
            await self._cache.delete(name)
        return copy

    async def _wait_for(self, name: str, full: bytes) -> Copy | None:
        """Another replica is fetching it: until it has, has given up, or has taken too long."""
        until = self._clock.monotonic() + LEASE
        self.counts.waited += 1
        while self._clock.monotonic() < until:
            await self._clock.sleep(POLL)
            if (copy := await self._get(name, full)) is not None:
                return copy
            if await self._cache.claim(_lock(name), LEASE):
                return None
        return None

    async def _put(self, name: str, packed: bytes, kept: float) -> None:
        await self._cache.set(name, packed, ttl=max(kept, 0.001))
        await self._cache.delete(_lock(name))
        self.counts.writes += 1

    async def _delete(self, name: str) -> None:
        await self._cache.delete(name)

    def _later(self, work: Callable[[], Awaitable[None]]) -> None:
        if len(self._writes) >= WRITES or self._clock.monotonic() < self._silent_until:
            self.counts.unwritten += 1
            return
        task = asyncio.get_running_loop().create_task(self._quietly(work))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _quietly(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except self._failures as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self.counts.failures += 1
        self._silent_until = self._clock.monotonic() + SILENCE
        self._tell("the shared cache does not answer, and is left alone for a moment: %s", type(error).__name__)

    def _tell(self, text: str, about: str) -> None:
        if self._clock.monotonic() - self._told >= TOLD_EVERY:
            self._told = self._clock.monotonic()
            log.warning(text, about)


def full_name(key: Hashable) -> bytes:
    return sha256(msgspec.msgpack.encode(key)).digest()


def name_of(key: Hashable) -> str:
    return f"signpost:{FORM}:{{{full_name(key).hex()[:40]}}}"


def _lock(name: str) -> str:
    """In the same slot of a cluster."""
    return f"{name}:lock"


def _packed(full: bytes, copy: Copy, now: float, kept: float) -> bytes:
    body = copy.reply.body
    zipped = len(body) >= COMPRESSED_FROM
    return msgspec.msgpack.encode(
        Packed(
            FORM,
            full,
            copy.reply.status,
            dict(copy.reply.headers),
            zlib.compress(body, 1) if zipped else body,
            zipped,
            now - copy.born,
            copy.fresh - now,
            copy.while_revalidated - now,
            copy.on_error - now,
            copy.lead,
            kept,
        )
    )


_decode = msgspec.msgpack.Decoder(Packed).decode


def _unpacked(value: bytes, full: bytes, left: float, now: float) -> Copy | None:
    """None: it is gone meanwhile, or it is nothing that we wrote."""
    try:
        packed = _decode(value)
        body = _unzipped(packed.body) if packed.zipped else packed.body
    except (msgspec.MsgspecError, zlib.error, ValueError, RecursionError):
        return None
    if packed.form != FORM or packed.key != full or not 0 < left <= packed.kept + 1:
        return None
    written = now - max(packed.kept - left, 0.0)
    reply = Reply(packed.status, packed.headers, body)
    ends = (written + packed.fresh, written + packed.while_revalidated, written + packed.on_error)
    return Copy(reply, written - packed.age, *ends, private=False, size=PER_COPY + len(value), lead=packed.lead)


def _unzipped(body: bytes) -> bytes:
    """Raises ValueError for more than a reply may be."""
    inflater = zlib.decompressobj()
    whole = inflater.decompress(body, LARGEST)
    if inflater.unconsumed_tail or not inflater.eof:
        raise ValueError("not a whole body")
    return whole


def is_shareable(call: Call, scope: str) -> bool:
    """May what this call brings be another caller's, too?"""
    return scope == "public" or (scope == "auto" and not call.private)
