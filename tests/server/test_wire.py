"""A connection whose client takes too long, on a clock of the test's own."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
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

    def call_later(self, *_: Any) -> asyncio.TimerHandle:
        raise AssertionError("no request was completed")


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


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def transport() -> Transport:
    return Transport()


@pytest.fixture
def connection(clock: Clock, transport: Transport) -> Wire:
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    config = Config(nothing, http=wire(StubHouse()), lifespan="off", log_config=None)
    made = wire(StubHouse())(config, ServerState(), {}, clock)
    made.connection_made(transport)
    return made


def test_a_client_that_says_nothing_is_told_and_closed(connection: Wire, clock: Clock, transport: Transport) -> None:
    connection.tick()
    assert transport.written == b""
    clock.now += 2.1
    connection.tick()
    assert transport.written.startswith(b"HTTP/1.1 408 ")
    assert transport.closing


def test_a_head_that_drips_gets_no_more_time_for_dripping(connection: Wire, clock: Clock, transport: Transport) -> None:
    for byte in b"GET /gra":
        clock.now += 0.5
        connection.data_received(bytes([byte]))
    connection.tick()
    assert transport.written.startswith(b"HTTP/1.1 408 ")


def test_a_client_that_never_takes_its_answer_is_cut_off(connection: Wire, clock: Clock, transport: Transport) -> None:
    transport.closing = True
    connection.tick()
    clock.now += 1.9
    connection.tick()
    assert not transport.aborted
    clock.now += 0.2
    connection.tick()
    assert transport.aborted
