"""Several payloads in one HTTP answer: server-sent events (graphql-sse, distinct connections), or the parts of a multipart body.

A part is closed by the boundary that begins the next, so that a client can read it when it is there. Silence is broken every
few seconds: whoever stands in between keeps the connection, and a caller that has gone is noticed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from starlette.types import Send

from gateway.engine import Answer
from gateway.server.negotiation import Frame
from gateway.server.reply import NO_STORE, RawHeaders

BEAT = 12.0
"""Seconds of silence."""
UNBUFFERED: tuple[bytes, bytes] = (b"x-accel-buffering", b"no")
"""nginx and others otherwise keep what is small until there is more."""
HEAD = b"\r\ncontent-type: application/json; charset=utf-8\r\n\r\n"


class Framing(msgspec.Struct, frozen=True):
    """What stands around payloads. `beat` empty: silence is not broken."""

    begin: bytes
    before: bytes
    after: bytes
    end: bytes
    beat: bytes = b""


FRAMINGS = {
    Frame.EVENTS: Framing(b":\n\n", b"event: next\ndata: ", b"\n\n", b"event: complete\ndata:\n\n", b":\n\n"),
    Frame.PARTS: Framing(b"\r\n---", HEAD, b"\r\n---", b"--\r\n"),
    Frame.SUBSCRIPTION: Framing(b"\r\n--graphql", HEAD + b'{"payload":', b"}\r\n--graphql", b"--\r\n", HEAD + b"{}\r\n--graphql"),
}


async def stream(send: Send, frame: Frame, answer: Answer, headers: RawHeaders, beat: float = BEAT) -> None:
    """The answer's parts as they come; an answer without parts as one payload. A caller is told at once that it is heard: until
    the first event nothing else may come for long."""
    framing = FRAMINGS[frame]
    about = [(b"content-type", frame.value), NO_STORE, UNBUFFERED, *headers]
    await send({"type": "http.response.start", "status": 200, "headers": about})
    begin = framing.begin
    if answer.parts is not None:
        await send({"type": "http.response.body", "body": begin, "more_body": True})
        begin = b""
    async with aclosing(beating(answer.parts, beat) if answer.parts is not None else _once(answer.body)) as payloads:
        async for payload in payloads:
            told = framing.beat if payload is None else framing.before + payload + framing.after
            if told:
                await send({"type": "http.response.body", "body": begin + told, "more_body": True})
                begin = b""
    await send({"type": "http.response.body", "body": begin + framing.end})


async def _once(body: bytes) -> AsyncGenerator[bytes | None]:
    yield body


async def beating(payloads: AsyncGenerator[bytes], every: float) -> AsyncGenerator[bytes | None]:
    """The payloads, and None for each so many seconds without one. What is left early is closed."""
    coming: asyncio.Future[bytes] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(payloads))
            await asyncio.wait((coming,), timeout=every)
            if not coming.done():
                yield None
                continue
            try:
                payload = coming.result()
            except StopAsyncIteration:
                return
            coming = None
            yield payload
    finally:
        if coming is not None and not coming.done():
            coming.cancel()
            await asyncio.wait((coming,))
        await payloads.aclose()
