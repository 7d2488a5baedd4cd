"""The data plane's client, over pyreqwest."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any

from pyreqwest import exceptions as wire
from pyreqwest.client import ClientBuilder
from pyreqwest.http import HeaderMap
from pyreqwest.proxy import ProxyBuilder
from pyreqwest.request import RequestBuilder, StreamRequest
from pyreqwest.response import Response

from gateway.errors import (
    SourceError,
    SourceSaturated,
    SourceUnavailable,
    UpstreamBadContent,
    UpstreamBlocked,
    UpstreamFailed,
    UpstreamTls,
    UpstreamTooLarge,
    UpstreamUnreachable,
)
from gateway.upstream.call import Call, Reply
from gateway.upstream.transport.addresses import Lookup, lookup, origin
from gateway.upstream.transport.limits import (
    CREDENTIALS,
    LET_GO,
    REFUSED,
    UNSENDABLE,
    Budget,
    Limits,
    Meaning,
    Orphans,
    budget,
    incomplete,
    refuse_by_proxy,
    refuse_redirect,
    timed_out,
    too_large,
)
from gateway.upstream.transport.pool import Pool
from gateway.upstream.transport.proxies import proxy_for

IDLE = timedelta(seconds=30)
"""A pooled connection is dropped after this; common servers keep theirs for 5 to 75 s."""
HEAD_LIMIT = 8192 + 100 * 4096
"""Bytes of a response head hyper accepts (and at most 100 header fields)."""
ASK_EVERY = timedelta(seconds=15)
CONNECT_SHARE = 0.5
"""Part of the per-try budget that making a connection may take: what is left must do for the answer."""
MOST_POOLS = 16
"""Origins one source may have connections to; a document rarely names more than one."""
MOST_TURNS = 3
"""Further addresses tried within one call."""


class Client:
    """One source's pooled connections."""

    def __init__(self, limits: Limits, *, look_up: Lookup = lookup, now: Callable[[], float] = monotonic) -> None:
        self.open_calls = 0
        self.orphans = Orphans()
        self._limits = limits
        self._most = limits.max_response + 1
        self._look_up = look_up
        self._now = now
        self._pools: dict[str, Pool] = {}
        self._latest: Pool | None = None
        self._closed = False
        self._pooled = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._drained: asyncio.Future[None] | None = None

    async def send(self, call: Call) -> Reply:
        """Make the call, once; once more where it met a kept-alive connection that the server had just closed, and at each
        further address of the name where a connection is refused."""
        now = self._now()
        allowed = budget(call, self._limits.per_try, monotonic())
        try:
            pool = self._latest
            if pool is None or now >= pool.due or not call.url.startswith(pool.origin.prefix):
                pool = await self._pool(call.url, now)
            reply = await self._reached(pool, call, allowed)
        except (wire.PyreqwestError, ValueError) as error:
            raise failure(error, allowed) from error
        if self._pooled < self._limits.max_connections:
            self._pooled += 1
        return reply

    async def _reached(self, pool: Pool, call: Call, allowed: Budget) -> Reply:
        turns = 0
        while True:
            try:
                return await self._exchange(pool, call, allowed)
            except wire.ConnectError as error:
                if self._pooled and _is_stale(error):
                    self._pooled -= 1
                elif turns < MOST_TURNS and "refused" in _causes(error) and pool.turn():
                    turns += 1
                else:
                    pool.suspect(self._now())
                    raise
                allowed = budget(call, allowed.seconds, monotonic())
            except wire.RequestTimeoutError as error:
                if "(Connect)" in _causes(error):
                    pool.turn()
                    pool.suspect(self._now())
                raise

    async def _pool(self, url: str, now: float) -> Pool:
        """The connections for a URL, their address checked and not too old."""
        if self._closed:
            raise wire.ClientClosedError("closed", {"causes": None})
        where = origin(url)
        pool = self._pools.get(where.prefix)
        if pool is None:
            proxy = proxy_for(self._limits.proxy, where)
            make = partial(_client, self._limits, proxy)
            via = origin(proxy) if proxy else None
            pool = self._pools[where.prefix] = Pool(where, make, self._limits.max_age, self._look_up, via)
            if len(self._pools) > MOST_POOLS:
                self._pools.pop(next(iter(self._pools))).close()
        if now >= pool.due:
            await pool.renew(now)
        self._latest = pool
        return pool

    async def close(self) -> None:
        """Wait until no call is on the wire (at most per_try), then let the connections go.

        A process still has to leave by `os._exit`: pyreqwest's thread may be inside the interpreter a moment longer.
        """
        while self.open_calls:
            if self._drained is None:
                self._drained = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._drained)
        self._closed = True
        self._latest = None
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    async def _exchange(self, pool: Pool, call: Call, allowed: Budget) -> Reply:
        request = self._build(pool, call, allowed)
        self.open_calls += 1
        entering = request.__aenter__()
        try:
            response = await _resumable(entering)
        except asyncio.CancelledError:
            self._outlive(request, entering)
            raise
        except BaseException:
            self._ended()
            raise
        self._ended()
        reply = await self._read(request, response)
        if pool.via is not None:
            refuse_by_proxy(reply.status)
        return reply

    def _build(self, pool: Pool, call: Call, allowed: Budget) -> StreamRequest:
        """A call has a timeout of its own only where it has less time than the client gives to all."""
        builder = pool.request(call.method, call.url).headers(call.headers)
        if allowed.cut:
            builder = builder.timeout(timedelta(seconds=allowed.seconds))
        if call.body is not None:
            builder = builder.body_bytes(call.body)
        return builder.streamed_read_buffer_limit(self._most).build_streamed()

    async def _read(self, request: StreamRequest, response: Response) -> Reply:
        """The read-ahead buffer holds the whole body or one byte more than allowed: neither await here waits."""
        content = await response.body_reader.read(self._most)
        if content is not None and len(content) == self._most:
            content = None
            await request.__aexit__(None, None, None)
            raise too_large(self._limits.max_response)
        body = bytes(content) if content is not None else b""
        headers = _headers(response.headers)
        refuse_redirect(response.status, headers)
        return Reply(status=response.status, headers=headers, body=body)

    def _outlive(self, request: StreamRequest, entering: Coroutine[Any, Any, Response]) -> None:
        self.orphans.count += 1
        task = asyncio.get_running_loop().create_task(self._see_out(request, entering))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _see_out(self, request: StreamRequest, entering: Coroutine[Any, Any, Response]) -> None:
        """Await a call for its connection's sake alone; how it went interests nobody any more."""
        try:
            await _resumable(entering)
            await request.__aexit__(None, None, None)
        except wire.PyreqwestError:
            pass
        finally:
            self.orphans.count -= 1
            self._ended()
            self.orphans.freed()

    def _ended(self) -> None:
        self.open_calls -= 1
        if not self.open_calls and self._drained is not None:
            self._drained.set_result(None)
            self._drained = None


def _client(limits: Limits, proxy: str | None, pool: Pool, address: str | None) -> Callable[[str, str], RequestBuilder]:
    """`address`: the one the name of the next hop is pinned to; None: the host is an address itself."""
    next_hop = pool.via or pool.origin
    builder = ClientBuilder().follow_redirects(False).no_proxy().referer(False).user_agent("signpost")
    builder = builder.gzip(False).brotli(False).zstd(False).deflate(False).default_cookie_store(False)
    builder = builder.timeout(timedelta(seconds=limits.per_try)).max_connections(limits.max_connections)
    builder = builder.pool_max_idle_per_host(limits.max_connections).pool_idle_timeout(IDLE)
    builder = builder.connect_timeout(timedelta(seconds=limits.per_try * CONNECT_SHARE))
    if limits.tls is not None and limits.tls.authorities:
        builder = builder.add_root_certificate_pem(limits.tls.authorities)
    if limits.tls is not None and limits.tls.identity:
        builder = builder.identity_pem(limits.tls.identity)
    if address is not None:
        builder = builder.resolve(next_hop.host, address, next_hop.port)
    if proxy is not None:
        builder = builder.proxy(ProxyBuilder.all(str(proxy)))
    return _versions(builder, limits).http1_lower_case_headers().build().request


def _versions(builder: ClientBuilder, limits: Limits) -> ClientBuilder:
    """Where one HTTP/2 connection carries all calls, it is asked now and then whether it is still there."""
    if limits.http2 == "off":
        return builder
    builder = builder.http2_prior_knowledge() if limits.http2 == "always" else builder.http2(True)
    builder = builder.http2_keep_alive_interval(ASK_EVERY).http2_keep_alive_timeout(timedelta(seconds=limits.per_try))
    return builder.http2_adaptive_window(True)


@types.coroutine
def _resumable(coroutine: Coroutine[Any, Any, Response]) -> Generator[Any, None, Response]:
    """Await `coroutine`, but keep a cancellation from it, so that it can be awaited again to its end.

    Told of a cancellation, pyreqwest forgets the call and leaves it on the wire: nobody would know when the connection is free.
    """
    try:
        while True:
            yield coroutine.send(None)
    except StopIteration as end:
        response: Response = end.value
        return response


def _headers(raw: HeaderMap) -> dict[str, str]:
    """Fields of one name joined by a comma (RFC 9110, 5.3)."""
    try:
        headers: dict[str, Any] = raw.dict_multi_value()
    except ValueError:
        return dict(_readable(raw))
    if len(headers) != len(raw):
        headers = {name: value if isinstance(value, str) else ", ".join(value) for name, value in headers.items()}
    return headers


def _readable(raw: HeaderMap) -> Iterator[tuple[str, str]]:
    """A field whose value is not text is left out; it alone must not cost the reply."""
    for name in raw:
        try:
            yield name, ", ".join(raw.getall(name))
        except ValueError:
            continue


# ---------------------------------------------------------------- what pyreqwest's failures mean


def failure(error: Exception, allowed: Budget) -> SourceError:
    """Our error for one of pyreqwest's. A `ValueError` is a URL or header that no request can have."""
    causes = _causes(error)
    if isinstance(error, wire.RequestTimeoutError) and not isinstance(error, wire.PoolTimeoutError):
        return timed_out(allowed, "connection_timeout" if "(Connect)" in causes else "http_response_timeout")
    for kind in type(error).__mro__:
        if kind in _TELLING:
            return _TELLING[kind](causes)
        if kind in _PLAIN:
            meaning, sentence, error_type = _PLAIN[kind]
            return meaning(sentence, error_type=error_type)
    return UpstreamUnreachable(
        "could not be asked, because of a fault of the gateway's client", error_type="proxy_internal_error"
    )


def _causes(error: Exception) -> str:
    """pyreqwest tells refused, reset, DNS and TLS apart only in these texts. The first one quotes the URL: left out."""
    details = getattr(error, "details", None) or {}
    return " | ".join(cause["message"] for cause in (details.get("causes") or [])[1:])


def _is_stale(error: wire.ConnectError) -> bool:
    """The server closed the connection before any byte of an answer; on a pooled connection that is a race, not a fault."""
    causes = _causes(error)
    return "(SendRequest)" in causes and any(text in causes for text in ("closed before message", "reset by peer", "roken pipe"))


def _connect(causes: str) -> SourceError:
    for text, (meaning, sentence, error_type) in _CONNECT.items():
        if text in causes:
            return meaning(sentence, error_type=error_type)
    return UpstreamUnreachable(error_type="destination_unavailable")


def _head(causes: str) -> SourceError:
    if "head is too large" not in causes:
        return UpstreamBadContent("answered with something that is not HTTP")
    sentence = f"answered with headers larger than the {HEAD_LIMIT} bytes, or more than the 100 fields, the gateway accepts"
    return UpstreamTooLarge(sentence, error_type="http_response_header_section_size", limit_bytes=HEAD_LIMIT)


def _body(causes: str) -> SourceError:
    if "hunk size line: " in causes:
        return UpstreamBadContent("answered with a body that is not framed as HTTP says")
    return incomplete()


_CONNECT: Mapping[str, Meaning] = {
    "proxy authorization required": (UpstreamUnreachable, CREDENTIALS, "proxy_configuration_error"),
    "tunnel error": (UpstreamUnreachable, REFUSED, "proxy_configuration_error"),
    "dns error": (UpstreamUnreachable, "could not be found: its host name does not resolve", "dns_error"),
    "invalid peer certificate": (UpstreamTls, "showed a certificate that is not trusted", "tls_certificate_error"),
    "received corrupt message": (UpstreamTls, "does not speak TLS at this address", "tls_protocol_error"),
    "tls handshake eof": (UpstreamTls, "broke off the TLS handshake", "tls_protocol_error"),
    "received fatal alert": (UpstreamTls, "refused the TLS handshake", "tls_protocol_error"),
    "peer is incompatible": (UpstreamTls, "speaks no TLS version or cipher that the gateway accepts", "tls_protocol_error"),
    "peer misbehaved": (UpstreamTls, "broke the rules of the TLS handshake", "tls_protocol_error"),
    "refused": (UpstreamUnreachable, "refused the connection", "connection_refused"),
    "(SendRequest)": (UpstreamUnreachable, "closed the connection before it had answered", "connection_terminated"),
}

_TELLING: Mapping[type, Callable[[str], SourceError]] = {
    wire.ConnectError: _connect,
    wire.ReadError: _body,
    wire.BodyDecodeError: _body,
    wire.DecodeError: _head,
}

_PLAIN: Mapping[type, Meaning] = {
    wire.PoolTimeoutError: (SourceSaturated, None, None),
    wire.WriteError: (UpstreamUnreachable, "closed the connection while it was being asked", "connection_terminated"),
    wire.NetworkError: (UpstreamUnreachable, None, "destination_unavailable"),
    wire.TransportError: (UpstreamUnreachable, None, "destination_unavailable"),
    wire.RedirectError: (UpstreamBlocked, None, None),
    wire.StatusError: (UpstreamFailed, None, "http_protocol_error"),
    wire.ClientClosedError: (SourceUnavailable, LET_GO, None),
    wire.BuilderError: (UpstreamBlocked, UNSENDABLE, None),
    ValueError: (UpstreamBlocked, UNSENDABLE, None),
}
