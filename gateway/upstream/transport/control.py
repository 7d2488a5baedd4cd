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
from gateway.upstream.transport.addresses import Lookup, callable_addresses, lookup, origin
from gateway.upstream.transport.limits import (
    LET_GO,
    UNSENDABLE,
    Limits,
    Meaning,
    Orphans,
    Trust,
    budget,
    refuse_redirect,
    timed_out,
    too_large,
)


class HttpxClient:
    """The same `send`, `close` and `open_calls` as `Client`. A cancelled call ends its connection, so there are no orphans."""

    def __init__(self, limits: Limits, *, look_up: Lookup = lookup) -> None:
        self.open_calls = 0
        self._look_up = look_up
        self.orphans = Orphans()
        self._limits = limits
        self._client = _client(limits)
        self._drained = asyncio.Event()

    async def send(self, call: Call) -> Reply:
        allowed = budget(call, self._limits.per_try, monotonic())
        if self._client.is_closed:
            raise SourceUnavailable(LET_GO)
        self.open_calls += 1
        self._drained.clear()
        try:
            async with asyncio.timeout(allowed.seconds):
                where = origin(call.url)
                await callable_addresses(where.host, where.port, self._look_up)
                return await self._exchange(call)
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
        await self._client.aclose()

    async def _exchange(self, call: Call) -> Reply:
        async with self._client.stream(call.method, call.url, headers=list(call.headers), content=call.body) as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._limits.max_response:
                    raise too_large(self._limits.max_response)
        headers = {name: ", ".join(response.headers.get_list(name)) for name in response.headers}
        refuse_redirect(response.status_code, headers)
        return Reply(status=response.status_code, headers=headers, body=bytes(body))


def _client(limits: Limits) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        follow_redirects=False,
        trust_env=False,
        timeout=None,  # noqa: S113 - `send` has one total limit instead
        limits=httpx.Limits(max_connections=limits.max_connections, max_keepalive_connections=0),
        headers={"user-agent": "signpost", "accept-encoding": "identity"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        verify=_trust(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"), limits.tls),
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
