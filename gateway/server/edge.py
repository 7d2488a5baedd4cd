"""The outermost application: whatever goes wrong inside, the caller gets an answer of our shape and the log gets the rest."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from math import inf

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import InternalError, MethodNotAllowed, PathNotFound, RequestError, ShuttingDown
from gateway.server import refusal
from gateway.server.caller import fields, request_of
from gateway.server.graphql import REQUEST_KEY
from gateway.server.house import House
from gateway.upstream.call import Request

log = logging.getLogger("gateway.server")
INTERNAL_CLOSE = 1011
"""RFC 6455 section 7.4.1."""


class Edge:
    """Pure ASGI, and free for a request that goes well."""

    def __init__(self, house: House, inside: ASGIApp) -> None:
        self._house = house
        self._inside = inside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._inside(scope, receive, send)
        except asyncio.CancelledError:
            # Either the caller has gone, and what is sent reaches nobody, or the time for finishing is over.
            await self._refused(ShuttingDown("The gateway is shutting down and could not finish this request."), scope, send)
        except HTTPException as fault:
            error = MethodNotAllowed("Only GET is served here.") if fault.status_code == 405 else unknown_path()
            await self._refused(error, scope, send)
        except Exception:
            await self._bug(scope, send)

    async def _refused(self, error: RequestError, scope: Scope, send: Send) -> None:
        await self._say(refusal.entry(error, caller(scope), self._house), error.status, scope, send)

    async def _bug(self, scope: Scope, send: Send) -> None:
        request = caller(scope)
        entry = refusal.entry(InternalError(), request, self._house)
        log.exception("%s: request %s failed by a fault of the gateway", entry["extensions"]["error_id"], request.id)
        await self._say(entry, 500, scope, send)

    async def _say(self, entry: refusal.Entry, status: int, scope: Scope, send: Send) -> None:
        """Of an answer that has begun already, the server closes the connection: no half answer looks whole."""
        with suppress(RuntimeError):
            if scope["type"] == "http":
                await refusal.say(send, status, [entry], caller(scope))
            elif scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": INTERNAL_CLOSE})


class NotFound:
    """What the router falls back to."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  what an ASGI application takes
        if scope["type"] != "websocket":
            await refusal.refuse(send, unknown_path(), caller(scope), self._house)
        elif "websocket.http.response" in scope.get("extensions", {}):
            await refusal.refuse(denying(send), unknown_path(), caller(scope), self._house)
        else:
            await send({"type": "websocket.close"})


def denying(send: Send) -> Send:
    """An HTTP answer to a handshake that is refused (ASGI, "WebSocket Denial Response")."""

    async def deny(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    return deny


def unknown_path() -> PathNotFound:
    return PathNotFound("There is nothing at this path. GraphQL is at /graphql; /livez and /readyz tell how the gateway is.")


def caller(scope: Scope) -> Request:
    """The caller's request, made now if no endpoint made it."""
    made: Request | None = scope.get(REQUEST_KEY)
    return made or request_of(fields(scope["headers"]), deadline=inf, calls_total=0)
