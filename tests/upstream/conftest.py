"""A server that does what no server should, and the calls to send it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest

from gateway.upstream.call import Call, Reply, Request

Script = Callable[["Conversation"], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class Conversation:
    """One connection as its script sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heads: list[bytes]) -> None:
        self.reader = reader
        self.writer = writer
        self.heads = heads

    async def asked(self) -> bytes:
        """Wait for the head of a request."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        return head

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def until_closed(self) -> None:
        """Stay silent until the client hangs up."""
        while await self.reader.read(65536):
            pass

    def reset(self) -> None:
        """Hang up with a RST."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Hostile:
    """A raw TCP server whose connections each follow the script."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.opened = 0
        self.open = 0
        self.heads: list[bytes] = []
        self.changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self, context: ssl.SSLContext | None = None) -> None:
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=context, limit=2**20)
        self.port: int = self.server.sockets[0].getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}/"

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.append(writer)
        await self._count(1)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self.script(Conversation(reader, writer, self.heads))
        finally:
            writer.close()
            await self._count(-1)
            self._tasks.discard(task)

    async def _count(self, step: int) -> None:
        async with self.changed:
            self.open += step
            self.opened += step > 0
            self.changed.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is looked at whenever a connection comes or goes."""
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(condition)

    async def stop(self) -> None:
        self.server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)


@pytest.fixture
async def hostile() -> AsyncIterator[Callable[..., Awaitable[Hostile]]]:
    """`await hostile(script)` starts a server; all are stopped after the test."""
    started: list[Hostile] = []

    async def start(script: Script, context: ssl.SSLContext | None = None) -> Hostile:
        server = Hostile(script)
        await server.start(context)
        started.append(server)
        return server

    yield start
    for server in started:
        await server.stop()


def answers(*replies: bytes, hold: bool = False) -> Script:
    """Answer one request after another with these bytes, then hang up (or stay silent)."""

    async def script(conversation: Conversation) -> None:
        for reply in replies:
            await conversation.asked()
            await conversation.say(reply)
        if hold:
            await conversation.until_closed()

    return script


async def silence(conversation: Conversation) -> None:
    """Take the request and never answer it."""
    await conversation.asked()
    await conversation.until_closed()


def call(url: str = "http://source.test/", headers: Sequence[tuple[str, str]] = (), **more: Any) -> Call:
    """A GET whose envelope is always right."""
    more = {"method": "GET", "body": None, "operation": "GET /", "request": Request(id="req_1"), "verify": accept} | more
    return Call(url=url, headers=tuple(headers), **more)


def accept(reply: Reply) -> Reply:
    return reply
