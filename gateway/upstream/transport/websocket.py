"""Subscriptions over graphql-transport-ws (specified by the npm package graphql-ws). The door to websockets as a client."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncGenerator
from contextlib import suppress
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from gateway.errors import (
    SourceError,
    UpstreamBadContent,
    UpstreamBlocked,
    UpstreamError,
    UpstreamForbidden,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamTls,
    UpstreamUnauthenticated,
    UpstreamUnreachable,
)
from gateway.upstream.call import Call, Reply
from gateway.upstream.layers.verify import status_error
from gateway.upstream.transport.addresses import Lookup, callable_addresses, origin
from gateway.upstream.transport.control import trusted
from gateway.upstream.transport.limits import UNSENDABLE, Limits, refuse_redirect, too_large
from gateway.upstream.transport.streams import Message, broken_off, event, refused

PROTOCOL = Subprotocol("graphql-transport-ws")
ID = "1"
"""Of the one operation there is on a connection."""
GOING = 1.0
"""Seconds a service is given to close in good manners."""
BEAT = 20.0
"""Seconds between two pings, and until a missing pong means that nobody is there."""
TOO_BIG = 1009
CLOSED: dict[int, tuple[type[UpstreamError], str]] = {
    4400: (UpstreamRejected, "refused what it was sent"),
    4401: (UpstreamUnauthenticated, "does not know who is asking"),
    4403: (UpstreamForbidden, "does not allow this caller to subscribe"),
    4406: (UpstreamRejected, "does not speak graphql-transport-ws"),
    4409: (UpstreamRejected, "refused what it was sent"),
    4429: (UpstreamRejected, "refused what it was sent"),
}
"""What its close codes mean."""

_message = msgspec.json.Decoder(Message)
encode = msgspec.json.Encoder().encode


class _Connect(connect):
    """Without redirects: following one would let a source choose what the gateway calls."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Sockets:
    """Connections to one source, one per subscription."""

    def __init__(self, limits: Limits, look_up: Lookup, *, init: bool) -> None:
        self._limits = limits
        self._look_up = look_up
        self._init = init

    async def subscribe(self, call: Call) -> Reply:
        """Raises what a failure means for the source."""
        socket = await self._connected(call)
        try:
            await self._acknowledged(socket, call)
            await socket.send(encode({"id": ID, "type": "subscribe", "payload": msgspec.Raw(call.body or b"{}")}), text=True)
        except BaseException as failure:
            await _leave(socket)
            if isinstance(failure, ConnectionClosed):
                raise _closed(failure, self._limits) from failure
            raise
        return Reply(200, {}, b"", rows=_events(socket, self._limits))

    async def _connected(self, call: Call) -> ClientConnection:
        url = _websocket(call.url)
        secure = url.startswith("wss:")
        try:
            where = origin(call.url.replace("ws", "http", 1) if call.url.startswith("ws") else call.url)
            (address, *_) = await callable_addresses(where.host, where.port, self._look_up)
            tls = {"ssl": self._trust(), "server_hostname": where.host} if secure else {}
            return await _Connect(
                url,
                subprotocols=[PROTOCOL],
                additional_headers=list(call.headers),
                user_agent_header="signpost",
                compression=None,
                proxy=None,
                open_timeout=None,
                close_timeout=GOING,
                ping_interval=BEAT,
                ping_timeout=BEAT,
                max_size=self._limits.max_response,
                host=address,
                port=where.port,
                **tls,  # type: ignore[arg-type]  # what `create_connection` takes
            )
        except SourceError:
            raise
        except Exception as failure:
            raise _unopened(failure) from failure

    def _trust(self) -> ssl.SSLContext:
        return trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"), self._limits.tls)

    async def _acknowledged(self, socket: ClientConnection, call: Call) -> None:
        init = {"type": "connection_init"} | ({"payload": dict(call.headers)} if self._init else {})
        await socket.send(encode(init), text=True)
        while (message := await _heard(socket)).type != "connection_ack":
            if message.type != "ping":
                raise UpstreamBadContent(f"answered the opening of a subscription with {message.type[:40]!r}")
            await socket.send(b'{"type":"pong"}', text=True)


def _websocket(url: str) -> str:
    scheme = {"http": "ws", "https": "wss"}.get(urlsplit(url).scheme)
    return f"{scheme}:{url.partition(':')[2]}" if scheme else url


async def _events(socket: ClientConnection, limits: Limits) -> AsyncGenerator[Reply]:
    complete = False
    try:
        while True:
            message = await _heard(socket)
            if message.type == "ping":
                await socket.send(b'{"type":"pong"}', text=True)
            elif message.type == "next" and message.id == ID:
                yield event(bytes(message.payload))
            elif message.type == "error" and message.id == ID:
                complete = True
                raise refused(bytes(message.payload))
            elif message.type == "complete" and message.id == ID:
                complete = True
                return
            elif message.type != "pong":
                raise UpstreamBadContent(f"sent a message of type {message.type[:40]!r} in a subscription")
    except ConnectionClosed as failure:
        complete = True
        raise _closed(failure, limits) from failure
    finally:
        await _leave(socket, said=complete)


async def _heard(socket: ClientConnection) -> Message:
    try:
        return _message.decode(await socket.recv(decode=False))
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise UpstreamBadContent("sent something that is no message of graphql-transport-ws") from fault


async def _leave(socket: ClientConnection, *, said: bool = True) -> None:
    """In good manners, where there is somebody to have them with; and never for long."""
    with suppress(ConnectionClosed, TimeoutError, OSError):
        async with asyncio.timeout(GOING):
            if not said:
                await socket.send(encode({"id": ID, "type": "complete"}), text=True)
            await socket.close()
    socket.transport.abort()


# ---------------------------------------------------------------- what failures mean


def _closed(failure: ConnectionClosed, limits: Limits) -> UpstreamError:
    if failure.sent is not None and failure.sent.code == TOO_BIG:
        return too_large(limits.max_response)
    code = failure.rcvd.code if failure.rcvd is not None else 0
    if code in CLOSED:
        kind, sentence = CLOSED[code]
        return kind(f"{sentence} (it closed with {code})", error_type="connection_terminated")
    return broken_off(
        f"closed the connection of a subscription ({code})" if code else "broke off the connection of a subscription"
    )


def _unopened(failure: Exception) -> SourceError:
    if isinstance(failure, InvalidStatus):
        headers = {name.lower(): value for name, value in failure.response.headers.raw_items()}
        reply = Reply(failure.response.status_code, headers, bytes(failure.response.body or b""))
        try:
            refuse_redirect(reply.status, headers)
        except UpstreamBlocked as blocked:
            return blocked
        return status_error(reply) or UpstreamBadContent(f"answered {reply.status} instead of opening a websocket")
    if isinstance(failure, InvalidHandshake):
        return UpstreamBadContent("did not open a websocket as asked")
    if isinstance(failure, ssl.SSLCertVerificationError):
        return UpstreamTls("showed a certificate that is not trusted", error_type="tls_certificate_error")
    if isinstance(failure, ssl.SSLError):
        return UpstreamTls("broke off the TLS handshake", error_type="tls_protocol_error")
    if isinstance(failure, TimeoutError):
        return UpstreamTimeout("did not accept a connection in time", error_type="connection_timeout")
    if isinstance(failure, ConnectionRefusedError):
        return UpstreamUnreachable("refused the connection")
    if isinstance(failure, OSError | EOFError):
        return broken_off("closed the connection before it had answered")
    return UpstreamBlocked(UNSENDABLE)
