"""The control plane's client: schema documents, introspection, probes, and sources with `transport: httpx`.

Each call has its own connection: httpx hands what a server sends after one answer to the next call on that connection.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from functools import cache
from tempfile import NamedTemporaryFile
from time import monotonic
from typing import TYPE_CHECKING

from gateway.errors import SourceUnavailable, UpstreamBlocked
from gateway.upstream.call import Call, Reply
from gateway.upstream.transport.addresses import Lookup, callable_addresses, literal, lookup, origin, permitted
from gateway.upstream.transport.limits import LET_GO, UNSENDABLE, Limits, Orphans, Trust, budget, timed_out
from gateway.upstream.transport.proxies import proxy_for

if TYPE_CHECKING:
    from gateway.upstream.transport.exchange import Connections


class HttpxClient:
    """The same `send`, `close` and `open_calls` as `Client`. A cancelled call ends its connection, so there are no orphans."""

    def __init__(self, limits: Limits, *, look_up: Lookup = lookup) -> None:
        self.open_calls = 0
        self._look_up = look_up
        self.orphans = Orphans()
        self._limits = limits
        self._connections: dict[str | None, Connections] = {}
        """By the proxy they go through."""
        self._closed = False
        self._drained = asyncio.Event()

    async def send(self, call: Call) -> Reply:
        allowed = budget(call, self._limits.per_try, monotonic())
        if self._closed:
            raise SourceUnavailable(LET_GO)
        self.open_calls += 1
        self._drained.clear()
        try:
            async with asyncio.timeout(allowed.seconds):
                proxy = await self._checked(call.url)
                return await self._through(proxy).exchange(call)
        except TimeoutError as error:
            raise timed_out(allowed) from error
        finally:
            self.open_calls -= 1
            self._drained.set()

    async def close(self) -> None:
        """Wait until no call is on the wire, then let go."""
        while self.open_calls:
            await self._drained.wait()
        self._closed = True
        for each in self._connections.values():
            await each.close()
        self._connections.clear()

    def ready(self) -> HttpxClient:
        """Itself, opened now rather than for its first call, in which somebody would wait a fifth of a second for it."""
        self._through(None)
        return self

    async def _checked(self, url: str) -> str | None:
        """The proxy to go through, if any. Raises `UpstreamBlocked` where it, or the address in the URL, may not be called."""
        try:
            where = origin(url)
            proxy = proxy_for(self._limits.proxy, where)
            if literal(where.host) is not None:
                permitted((where.host,))
            next_hop = origin(proxy) if proxy else where
            await callable_addresses(next_hop.host, next_hop.port, self._look_up)
        except ValueError as error:
            raise UpstreamBlocked(UNSENDABLE) from error
        return proxy

    def _through(self, proxy: str | None) -> Connections:
        if proxy not in self._connections:
            self._connections[proxy] = connections(self._limits, proxy)
        return self._connections[proxy]


def connections(limits: Limits, proxy: str | None) -> Connections:
    from gateway.upstream.transport.exchange import Connections  # noqa: PLC0415  6 MiB, and the schemas of many a gateway are files

    return Connections(limits, _trust(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"), limits.tls), proxy)


@cache
def _trust(_file: str | None, _folder: str | None, more: Trust | None) -> ssl.SSLContext:
    """The machine's trust store, where OpenSSL looks for it; reading it takes 30 ms, so it is read once."""
    context = ssl.create_default_context()
    if more is not None and more.authorities:
        context.load_verify_locations(cadata=more.authorities.decode("ascii"))
    if more is not None and more.identity:
        with NamedTemporaryFile() as file:  # OpenSSL reads a key from files alone; nobody else can read this one, soon gone
            file.write(more.identity)
            file.flush()
            context.load_cert_chain(file.name)
    return context


def check_trust(trust: Trust) -> None:
    """Raises SSLError or ValueError: it is nothing a client could use."""
    _trust(None, None, trust)
