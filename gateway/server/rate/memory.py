"""Buckets in this process, as many as fit: the one that was used longest ago is forgotten first, and is then full."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from gateway.engine.store import Lru
from gateway.server.house import Allowance
from gateway.server.rate.bucket import Bucket

CALLERS = 100_000


class MemoryRate:
    def __init__(self, bucket: Bucket, header: bytes | None = None, clock: Callable[[], float] = monotonic) -> None:
        self.requests = bucket.requests
        self.per = bucket.per
        self.header = header
        self._bucket = bucket
        self._clock = clock
        self._full_at: Lru[str, float] = Lru(CALLERS)

    async def take(self, key: str, count: int = 1) -> Allowance:
        allowance, full_at = self._bucket.take(self._full_at.get(key) or 0.0, self._clock(), count)
        self._full_at.put(key, full_at)
        return allowance
