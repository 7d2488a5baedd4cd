"""One exchange over httpx, and what its failures mean. The only door to httpx, imported by `control` when it is first needed."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

from gateway.errors import (
    SourceError,
    SourceSaturated,
    UpstreamBadContent,
    UpstreamBlocked,
    UpstreamFailed,
    UpstreamTls,
    UpstreamUnreachable,
)
from gateway.upstream.call import Call, Reply
from gateway.upstream.optional import without
from gateway.upstream.transport.addresses import permitted
from gateway.upstream.transport.events import events, unopened
from gateway.upstream.transport.limits import (
    REFUSED,
    UNSENDABLE,
    Limits,
    Meaning,
    refuse_by_proxy,
    refuse_redirect,
    too_large,
)

with without("click", "pygments", "rich"):  # for its command line
    import httpx


OK = 200
EVENTS = "text/event-stream"
HUNG_UP = "closed the connection before it had answered"


class Connections:
    """httpx's client, set up as the gateway calls. `proxy`: what they go through."""

    def __init__(self, limits: Limits, trust: ssl.SSLContext, proxy: str | None) -> None:
        self._most = limits.max_response
        self._proxy = proxy
        self._client = httpx.AsyncClient(
            http1=limits.http2 != "always",
            http2=limits.http2 != "off",
            proxy=httpx.Proxy(str(proxy), ssl_context=trust if proxy.startswith("https") else None) if proxy else None,
            follow_redirects=False,
            trust_env=False,
            timeout=None,  # noqa: S113 - `HttpxClient.send` has one total limit instead
            limits=httpx.Limits(max_connections=limits.max_connections, max_keepalive_connections=0),
            headers={"user-agent": "signpost", "accept-encoding": "identity"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            verify=trust,
        )

    async def exchange(self, call: Call) -> Reply:
        """Raises what a failure means for the source."""
        try:
            return await self._exchange(call)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, ExceptionGroup) as error:  # a port over 65535 comes in a group
            raise failure(error) from error

    async def subscribe(self, call: Call) -> Reply:
        """Raises what a failure means for the source."""
        headers = [*call.headers, ("accept", "text/event-stream"), ("content-type", "application/json")]
        try:
            request = self._client.build_request("POST", call.url, headers=headers, content=call.body)
            request.extensions["trace"] = _check_peer
            response = await self._client.send(request, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, ExceptionGroup) as error:
            raise failure(error) from error
        media = response.headers.get("content-type", "")
        if response.status_code == OK and media.startswith(EVENTS):
            return Reply(OK, {}, b"", rows=self._events(response))
        async with aclosing(self._chunks(response)) as chunks:
            body = b"".join([chunk async for chunk in chunks])
        headers_of = {name: response.headers[name] for name in response.headers}
        refuse_redirect(response.status_code, headers_of)
        raise unopened(Reply(response.status_code, headers_of, body))

    async def _events(self, response: httpx.Response) -> AsyncGenerator[Reply]:
        async with aclosing(self._chunks(response)) as chunks, aclosing(events(chunks, self._most)) as found:
            async for each in found:
                yield each

    async def _chunks(self, response: httpx.Response) -> AsyncGenerator[bytes]:
        size = 0
        try:
            async for chunk in response.aiter_raw():
                size += len(chunk)
                if response.status_code != OK and size > self._most:
                    raise too_large(self._most)
                yield chunk
        except httpx.HTTPError as error:
            raise failure(error) from error
        finally:
            await response.aclose()

    async def close(self) -> None:
        await self._client.aclose()

    async def _exchange(self, call: Call) -> Reply:
        request = self._client.stream(
            call.method, call.url, headers=list(call.headers), content=call.body, extensions={"trace": _check_peer}
        )
        async with request as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._most:
                    raise too_large(self._most)
        headers = {name: ", ".join(response.headers.get_list(name)) for name in response.headers}
        refuse_redirect(response.status_code, headers)
        if self._proxy is not None:
            refuse_by_proxy(response.status_code)
        return Reply(status=response.status_code, headers=headers, body=bytes(body))


async def _check_peer(event: str, about: Mapping[str, Any]) -> None:
    """Told by the library what it does. A name may lead elsewhere by now than when it was looked up: what it is connected to is
    checked before a word is sent. Raises `UpstreamBlocked`, or `UpstreamUnreachable`: who has hung up by then has no address."""
    if event == "connection.connect_tcp.complete":
        stream = about["return_value"]
        try:
            permitted((_peer(stream),))
        except SourceError:
            await stream.aclose()
            raise


def _peer(stream: Any) -> str:
    """Of a connection that its server has reset the event loops say None, or have no socket to ask any more."""
    try:
        return str(stream.get_extra_info("server_addr")[0])
    except (AttributeError, TypeError) as gone:
        raise UpstreamUnreachable(HUNG_UP, error_type="connection_terminated") from gone


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
    ConnectionResetError: (UpstreamUnreachable, HUNG_UP, "connection_terminated"),
}

_MEANINGS: Mapping[type[BaseException], Meaning] = {
    httpx.ProxyError: (UpstreamUnreachable, REFUSED, "proxy_configuration_error"),
    httpx.PoolTimeout: (SourceSaturated, None, None),
    httpx.NetworkError: (UpstreamUnreachable, HUNG_UP, "connection_terminated"),
    httpx.RemoteProtocolError: (UpstreamBadContent, "answered with something that is not HTTP", "http_protocol_error"),
    httpx.DecodingError: (UpstreamBadContent, None, None),
    httpx.TooManyRedirects: (UpstreamBlocked, None, None),
    httpx.HTTPStatusError: (UpstreamFailed, None, "http_protocol_error"),
    httpx.LocalProtocolError: (UpstreamBlocked, UNSENDABLE, None),
    httpx.UnsupportedProtocol: (UpstreamBlocked, UNSENDABLE, None),
    httpx.TransportError: (UpstreamUnreachable, None, "destination_unavailable"),
    httpx.HTTPError: (UpstreamUnreachable, None, "destination_unavailable"),
}
