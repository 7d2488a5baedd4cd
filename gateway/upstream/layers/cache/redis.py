"""The way to Redis or Valkey: one server, a cluster, or whatever sentinels say is the primary. The only door to redis for caches.

redis://[[user]:password@]host[:port][/db]          rediss:// is the same over TLS
redis+cluster://[user:password@]host:port[,host:port ...]
redis+sentinel://[user:password@]host:port[,host:port ...]/primary[/db]
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import Any
from urllib.parse import unquote, urlsplit

from aiocache.backends.redis import RedisCache
from aiocache.serializers import NullSerializer
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.sentinel import Sentinel
from redis.exceptions import RedisError, ResponseError

__all__ = ["RedisError", "SharedCache"]

CONNECTIONS = 32
"""Open to one server at once; who finds none waits, and is given up on like any other that waits."""
NEVER = -1
PORTS = {"redis+cluster": 6379, "redis+sentinel": 26379}


class SharedCache(RedisCache):  # type: ignore[misc]  # aiocache has no types
    """aiocache's, over any of these addresses. Values are bytes. `patience`: seconds for one command."""

    def __init__(self, url: str, patience: float) -> None:
        super().__init__(serializer=NullSerializer(), timeout=patience)
        self.client = _client(url, {"socket_timeout": 1.0, "socket_connect_timeout": 1.0, "max_connections": CONNECTIONS})

    async def _get(self, key: str, encoding: str = "utf-8", _conn: Any = None) -> bytes | None:  # noqa: ARG002 - values are bytes
        """Empty for what is no text: a list, a hash."""
        try:
            value: bytes | None = await self.client.get(key)
        except ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            return b""
        return value

    async def left(self, key: str) -> float:
        """Seconds until it is gone; inf: it never goes; not above 0: it is gone."""
        async with asyncio.timeout(self.timeout):
            left = int(await self.client.pttl(key))
            return inf if left == NEVER else left / 1000

    async def claim(self, key: str, lease: float) -> bool:
        """True for one of all who ask, until the lease is over or the key is deleted."""
        async with asyncio.timeout(self.timeout):
            return bool(await self.client.set(key, b"1", nx=True, px=int(lease * 1000)))

    async def _close(self, *_: Any, **__: Any) -> None:
        """With the connections to sentinels, which belong to no client."""
        await self.client.aclose()
        manager = getattr(getattr(self.client, "connection_pool", None), "sentinel_manager", None)
        for sentinel in manager.sentinels if manager else ():
            await sentinel.aclose()


def _client(url: str, options: dict[str, Any]) -> Any:
    """Connects when it is first used. Raises ValueError for an address that is none."""
    parts = urlsplit(url)
    if parts.scheme in ("redis", "rediss"):
        return Redis.from_url(url, **options)
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    known: dict[str, Any] = {"username": unquote(user) or None, "password": unquote(password) or None}
    nodes = [_host(each, PORTS[parts.scheme]) for each in hosts.split(",")]
    if parts.scheme == "redis+cluster":
        return RedisCluster(startup_nodes=[ClusterNode(host, port) for host, port in nodes], **options, **known)
    primary, _, db = parts.path.strip("/").partition("/")
    if not primary or not (db or "0").isdigit():
        raise ValueError("the address of sentinels ends with the primary's name, and perhaps a number: /primary/0")
    sentinels: Any = Sentinel(nodes, sentinel_kwargs={"socket_timeout": 1.0}, **options, **known)  # type: ignore[no-untyped-call]  # redis has no type here
    return sentinels.master_for(primary, db=int(db or 0))


def _host(text: str, default: int) -> tuple[str, int]:
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, port = text, str(default)
    if not host or not port.isdigit():
        raise ValueError(f"{text} is no HOST:PORT")
    return host.strip("[]"), int(port)
