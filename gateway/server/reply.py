"""Writing an answer: status, headers and bytes as two ASGI messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from gateway.upstream.call import Request

RawHeaders = tuple[tuple[bytes, bytes], ...]
NO_STORE: tuple[bytes, bytes] = (b"cache-control", b"no-store")
READING = ("GET", "HEAD")
CLOSE: tuple[bytes, bytes] = (b"connection", b"close")


def head_of(status: int, fields: Sequence[tuple[bytes, bytes]]) -> bytes | None:
    """The head of an answer as it goes out. None: a name or value could end its line, and begin another."""
    head = b"".join([STATUS_LINE[status], *[b"%b: %b\r\n" % field for field in fields], b"\r\n"])
    lines = len(fields) + 2
    return head if head.count(b"\n") == head.count(b"\r") == lines and b"\0" not in head else None


async def reply(send: Send, status: int, media: bytes, body: bytes, headers: RawHeaders = ()) -> None:
    about = [(b"content-type", media), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": about})
    await send({"type": "http.response.body", "body": body})


def check_reading(scope: Scope) -> None:
    """Raises `HTTPException` for a method that would do more than read."""
    if scope["method"] not in READING:
        raise HTTPException(405)


class Said(msgspec.Struct, frozen=True):
    """A whole answer."""

    status: int
    media: bytes
    body: bytes
    headers: RawHeaders = ()


class Saying:
    """An endpoint that needs nothing of the request but to be read."""

    def __init__(self, say: Callable[[], Said]) -> None:
        self._say = say

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  what an ASGI application takes
        check_reading(scope)
        said = self._say()
        await reply(send, said.status, said.media, said.body, said.headers)


def identity(request: Request) -> RawHeaders:
    """The ids a caller quotes to find this answer again."""
    if request.correlation_id is None:
        return ((b"x-request-id", request.id.encode("ascii")),)
    return ((b"x-request-id", request.id.encode("ascii")), (b"x-correlation-id", request.correlation_id.encode("ascii")))
