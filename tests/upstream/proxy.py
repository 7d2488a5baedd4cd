"""A forward proxy of a few lines: tunnels (CONNECT) and plain requests, with or without a password."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from contextlib import suppress
from urllib.parse import urlsplit

from tests.upstream.conftest import Conversation, Script


def forwarding(seen: list[bytes], *, user: str = "", refusing: bytes = b"") -> Script:
    """`seen` gets the head of each request; `user`: USER:PASSWORD it wants; `refusing`: a status for everyone."""
    wanted = b"proxy-authorization: basic " + b64encode(user.encode()).lower()

    async def script(conversation: Conversation) -> None:
        head = await conversation.asked()
        seen.append(head)
        status = refusing or (b"407 Proxy Authentication Required" if user and wanted not in head.lower() else b"")
        if status:
            await conversation.say(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            return
        method, target = head.split()[:2]
        place = urlsplit(target.decode() if method != b"CONNECT" else f"//{target.decode()}")
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        if method == b"CONNECT":
            await conversation.say(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            writer.write(_onward(head, place.path))
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_copied(conversation.reader, writer))
                both.create_task(_copied(reader, conversation.writer))
        finally:
            writer.transport.abort()

    return script


def _onward(head: bytes, path: str) -> bytes:
    first, *fields = head.split(b"\r\n")
    kept = [field for field in fields if not field.lower().startswith(b"proxy-")]
    return b"\r\n".join([b"%s %s HTTP/1.1" % (first.split()[0], (path or "/").encode()), *kept])


async def _copied(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    with suppress(OSError):
        target.close()
