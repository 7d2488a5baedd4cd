"""Buckets in Redis, for gateways that share them. Where it does not answer in time, everyone is let in: a store that is down
must not take the gateway down. The only door to redis for rates.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from hashlib import sha256
from time import monotonic
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.server.house import Allowance
from gateway.server.rate.bucket import Bucket

PATIENCE = 0.1
"""Seconds a request waits for it."""
SILENCE = 30.0
"""Seconds between two lines of the log about it."""
PREFIX = "signpost:rate:"
SCRIPT = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local interval, depth, count = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local after = full_at + interval * count
if after - now - depth > interval * 0.000001 then
  return {tostring(full_at - now)}
end
redis.call('SET', KEYS[1], string.format('%.6f', after), 'PX', math.ceil((after - now) * 1000) + 1000)
return {tostring(full_at - now)}
"""
"""Gives what was missing before this request; what it finds follows from that by `Bucket.take`."""
log = logging.getLogger("gateway.server")


class RedisRate:
    def __init__(self, bucket: Bucket, url: str, header: bytes | None = None, clock: Callable[[], float] = monotonic) -> None:
        self.requests = bucket.requests
        self.per = bucket.per
        self.header = header
        self._bucket = bucket
        self._clock = clock
        self._redis: Any = Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        self._script: Callable[..., Awaitable[Any]] = self._redis.register_script(SCRIPT)
        self._told = -SILENCE
        self.patience = PATIENCE

    async def take(self, key: str, count: int = 1) -> Allowance:
        name = PREFIX + sha256(key.encode()).hexdigest()[:32]
        try:
            async with asyncio.timeout(self.patience):
                (missing,) = await self._script(keys=[name], args=[self._bucket.interval, self._bucket.depth, count])
        except (RedisError, OSError, TimeoutError) as error:
            self._tell(error)
            return Allowance(True, self._bucket.burst, 0.0)
        return self._bucket.take(float(missing), 0.0, count)[0]

    async def close(self) -> None:
        await self._redis.aclose()

    def _tell(self, error: Exception) -> None:
        if self._clock() - self._told >= SILENCE:
            self._told = self._clock()
            log.warning("rates are not limited, because Redis does not answer: %s", type(error).__name__)
