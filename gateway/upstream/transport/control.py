"""The control plane's client, over httpx: schema documents, introspection, probes, and sources with `transport: httpx`.

Each call has its own connection: httpx hands what a server sends after one answer to the next call on that connection.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from tempfile import NamedTemporaryFile
from time import monotonic
from typing import Any

import httpx

from gateway.errors import (
    SourceError,
    SourceSaturated,
    SourceUnavailable,
    UpstreamBadContent,
    UpstreamBlocked,
    UpstreamFailed,
    UpstreamTls,
    UpstreamUnreachable,
)
from gateway.upstream.call import Call, Reply
from gateway.upstream.transport.addresses import Lookup, callable_addresses, literal, lookup, origin, permitted
from gateway.upstream.transport.limits import (
    LET_GO,
    REFUSED,
    UNSENDABLE,
    Limits,
    Meaning,
    Orphans,
    Trust,
    budget,
    refuse_by_proxy,
    refuse_redirect,
    timed_out,
    too_large,
)
from gateway.upstream.transport.proxies import proxy_for


class HttpxClient:
    """The same `send`, `close` and `open_calls` as `Client`. A cancelled call ends its connection, so there are no orphans."""

    def __init__(self, limits: Limits, *, look_up: Lookup = lookup) -> None:
        self.open_calls = 0
        self._look_up = look_up
        self.orphans = Orphans()
        self._limits = limits
        self._clients: dict[str | None, httpx.AsyncClient] = {}
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
                return await self._exchange(call, proxy)
        except TimeoutError as error:
            raise timed_out(allowed) from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, ExceptionGroup) as error:  # a port over 65535 comes in a group
            raise failure(error) from error
        finally:
            self.open_calls -= 1
            self._drained.set()

    async def close(self) -> None:
        """Wait until no call is on the wire, then let go."""
        while self.open_calls:
            await self._drained.wait()
        self._closed = True
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    async def _checked(self, url: str) -> str | None:
        """The proxy to go through, if any. Raises `UpstreamBlocked` where it, or the address in the URL, may not be called."""
        where = origin(url)
        proxy = proxy_for(self._limits.proxy, where)
        if literal(where.host) is not None:
            permitted((where.host,))
        next_hop = origin(proxy) if proxy else where
        await callable_addresses(next_hop.host, next_hop.port, self._look_up)
        return proxy

    def _client(self, proxy: str | None) -> httpx.AsyncClient:
        if proxy not in self._clients:
            self._clients[proxy] = _client(self._limits, proxy)
        return self._clients[proxy]

    async def _exchange(self, call: Call, proxy: str | None) -> Reply:
        request = self._client(proxy).stream(
            call.method, call.url, headers=list(call.headers), content=call.body, extensions={"trace": _check_peer}
        )
        async with request as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._limits.max_response:
                    raise too_large(self._limits.max_response)
        headers = {name: ", ".join(response.headers.get_list(name)) for name in response.headers}
        refuse_redirect(response.status_code, headers)
        if proxy is not None:
            refuse_by_proxy(response.status_code)
        return Reply(status=response.status_code, headers=headers, body=bytes(body))


async def _check_peer(event: str, about: Mapping[str, Any]) -> None:
    """Told by the library what it does. A name may lead elsewhere by now than when it was looked up: what it is connected to is
    checked before a word is sent. Raises `UpstreamBlocked`."""
    if event == "connection.connect_tcp.complete":
        stream = about["return_value"]
        try:
            permitted((str(stream.get_extra_info("server_addr")[0]),))
        except UpstreamBlocked:
            await stream.aclose()
            raise


def _client(limits: Limits, proxy: str | None) -> httpx.AsyncClient:
    trust = _trust(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"), limits.tls)
    return httpx.AsyncClient(
        http1=limits.http2 != "always",
        http2=limits.http2 != "off",
        proxy=httpx.Proxy(str(proxy), ssl_context=trust if proxy.startswith("https") else None) if proxy else None,
        follow_redirects=False,
        trust_env=False,
        timeout=None,  # noqa: S113 - `send` has one total limit instead
        limits=httpx.Limits(max_connections=limits.max_connections, max_keepalive_connections=0),
        headers={"user-agent": "signpost", "accept-encoding": "identity"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        verify=trust,
    )


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


def failure(error: Exception) -> SourceError:
    """Our error for one of httpx's; what lies beneath tells refused, reset, DNS and TLS apart."""
    if isinstance(error, httpx.ConnectError):
        return _connect(error)
    for kind in type(error).__mro__:
        if kind in _MEANINGS:
            meaning, sentence, error_type = _MEANINGS[kind]
            return meaning(sentence, error_type=error_type)
    return UpstreamBlocked(UNSENDABLE)


def _connect(error: httpx.ConnectError) -> SourceError:
    for cause in _beneath(error):
        for kind, (meaning, sentence, error_type) in _CONNECT.items():
            if isinstance(cause, kind):
                return meaning(sentence, error_type=error_type)
    return UpstreamUnreachable(error_type="destination_unavailable")


def _beneath(error: BaseException) -> Iterator[BaseException]:
    below = error.__cause__ or error.__context__
    while below is not None:
        yield below
        if isinstance(below, BaseExceptionGroup):
            yield from below.exceptions
        below = below.__cause__ or below.__context__


_CONNECT: Mapping[type[BaseException], Meaning] = {
    socket.gaierror: (UpstreamUnreachable, "could not be found: its host name does not resolve", "dns_error"),
    ssl.SSLCertVerificationError: (UpstreamTls, "showed a certificate that is not trusted", "tls_certificate_error"),
    ssl.SSLError: (UpstreamTls, "broke off the TLS handshake", "tls_protocol_error"),
    ConnectionRefusedError: (UpstreamUnreachable, "refused the connection", "connection_refused"),
    ConnectionResetError: (UpstreamUnreachable, "closed the connection before it had answered", "connection_terminated"),
}

_MEANINGS: Mapping[type[BaseException], Meaning] = {
    httpx.ProxyError: (UpstreamUnreachable, REFUSED, "proxy_configuration_error"),
    httpx.PoolTimeout: (SourceSaturated, None, None),
    httpx.NetworkError: (UpstreamUnreachable, "closed the connection before it had answered", "connection_terminated"),
    httpx.RemoteProtocolError: (UpstreamBadContent, "answered with something that is not HTTP", "http_protocol_error"),
    httpx.DecodingError: (UpstreamBadContent, None, None),
    httpx.TooManyRedirects: (UpstreamBlocked, None, None),
    httpx.HTTPStatusError: (UpstreamFailed, None, "http_protocol_error"),
    httpx.LocalProtocolError: (UpstreamBlocked, UNSENDABLE, None),
    httpx.UnsupportedProtocol: (UpstreamBlocked, UNSENDABLE, None),
    httpx.TransportError: (UpstreamUnreachable, None, "destination_unavailable"),
    httpx.HTTPError: (UpstreamUnreachable, None, "destination_unavailable"),
}
