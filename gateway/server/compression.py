"""Large answers, smaller (RFC 9110, section 8.4): zstd, br or gzip, as the client has it. Only there when it is configured.

Levels are the quick ones: an answer is compressed once and read once.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from functools import lru_cache

import brotli
import zstandard
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGE = 256 * 1024
"""Bytes from which it is done off the event loop."""
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": lambda body: zstandard.ZstdCompressor(level=3).compress(body),
    "br": lambda body: brotli.compress(body, quality=4),
    "gzip": lambda body: gzip.compress(body, 5, mtime=0),
}
"""In the order that is preferred among equals."""
VARY = (b"vary", b"accept-encoding")


@lru_cache(256)
def coding_of(accept: bytes) -> str | None:
    """What to send to a client that says this; None: as it is. RFC 9110, section 12.5.3."""
    weights: dict[str, float] = {}
    for item in accept.decode("latin-1").lower().split(",")[:20]:
        name, _, rest = item.partition(";")
        weights[name.strip()] = _weight(rest)
    best = max(CODINGS, key=lambda name: weights.get(name, weights.get("*", 0.0)))
    return best if weights.get(best, weights.get("*", 0.0)) > 0 else None


def _weight(text: str) -> float:
    name, _, value = text.partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 1.0


class Compression:
    """`least`: bytes of a body from which it is worth the while. What comes in parts is left as it is."""

    def __init__(self, least: int, inside: ASGIApp) -> None:
        self._least = least
        self._inside = inside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An answer that is stored nowhere (to a POST) need not say that another client would have been sent another form."""
        accept = next((value for name, value in scope["headers"] if name == b"accept-encoding"), None)
        if scope["type"] != "http" or (accept is None and scope["method"] == "POST"):
            await self._inside(scope, receive, send)
        else:
            await self._inside(scope, receive, self._sending(send, coding_of(accept[:1024]) if accept else None))

    def _sending(self, send: Send, coding: str | None) -> Send:
        started: list[Message] = []

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.append(message)
                return
            if started:
                start = started.pop()
                body = message.get("body", b"")
                whole = not message.get("more_body", False)
                start["headers"] = [*start["headers"], VARY]
                if coding and whole and len(body) >= self._least and start["status"] == 200:
                    body = await _compressed(coding, body)
                    start["headers"] = _about(start["headers"], coding, len(body))
                    message = {**message, "body": body}
                await send(start)
            await send(message)

        return sending


async def _compressed(coding: str, body: bytes) -> bytes:
    compress = CODINGS[coding]
    return await asyncio.to_thread(compress, body) if len(body) >= LARGE else compress(body)


def _about(headers: list[tuple[bytes, bytes]], coding: str, length: int) -> list[tuple[bytes, bytes]]:
    kept = [each for each in headers if each[0] != b"content-length"]
    return [*kept, (b"content-length", b"%d" % length), (b"content-encoding", coding.encode("ascii"))]
