"""Connections without a network, on a clock of the test's own."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

from uvicorn import Config
from uvicorn.server import ServerState

from gateway.server.wire import Wire, wire

from .conftest import StubHouse


class Clock:
    """An event loop as far as a connection looks at it."""

    def __init__(self) -> None:
        self.now = 100.0

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, *_: Any) -> Any:
        return SimpleNamespace(when=lambda: self.now + delay, cancel=lambda: None)


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closing = False
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.aborted = True


async def nothing(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001  what an ASGI application takes
    raise AssertionError("no request was complete")


class Server:
    """The connections of one server, which may be five."""

    def __init__(self, clock: Clock) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self.kind = wire(StubHouse(), 5)
        self.clock = clock
        self.state = ServerState()

    def connect(self, transport: Transport) -> Wire:
        made = self.kind(Config(nothing, http=self.kind, lifespan="off", log_config=None), self.state, {}, self.clock)
        made.connection_made(transport)
        return made
