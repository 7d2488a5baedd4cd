"""A connection whose client takes too long, on a clock of the test's own."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import Server as Uvicorn
from uvicorn.server import ServerState

from gateway.server.wire import Wire, make_room, wire

from .conftest import StubHouse
from .connections import Clock, Server, Transport


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def transport() -> Transport:
    return Transport()


@pytest.fixture
def connection(clock: Clock, transport: Transport) -> Wire:
    return Server(clock).connect(transport)


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


def test_one_connection_more_than_there_may_be_is_told_to_come_again(clock: Clock) -> None:
    server = Server(clock)
    within = [Transport() for _ in range(5)]
    for each in within:
        server.connect(each)
    assert not any(each.closing for each in within)
    beyond = Transport()
    server.connect(beyond)
    assert beyond.written.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1\r\n" in beyond.written
    assert b'"code":"LIMIT_EXCEEDED"' in beyond.written
    assert b'"which":"connections","limit":5,"actual":6' in beyond.written
    assert beyond.closing


def test_where_it_gets_full_who_has_waited_longest_makes_room(clock: Clock) -> None:
    server = Server(clock)
    transports = [Transport() for _ in range(5)]
    connections = []
    for each in transports:
        connections.append(server.connect(each))
        clock.now += 0.1
    connections[0]._since = float("inf")  # at work
    make_room(server.state.connections, 5)
    assert [each.closing for each in transports] == [False, True, False, False, False]
    assert transports[1].written == b""


def test_half_a_request_that_has_to_make_room_is_told_why(clock: Clock, transport: Transport) -> None:
    server = Server(clock)
    slow = server.connect(transport)
    slow.data_received(b"POST /graphql HTTP/1.1\r\nx-slow: ")
    for _ in range(4):
        clock.now += 0.1
        server.connect(Transport())
    make_room(server.state.connections, 5)
    assert transport.written.startswith(b"HTTP/1.1 503 ")
    assert transport.closing


def test_a_connection_kept_alive_waits_from_its_last_answer_on(connection: Wire, clock: Clock) -> None:
    began = clock.now
    assert connection.waiting_since() == began
    connection._since = float("inf")
    assert connection.waiting_since() == float("inf")
    clock.now += 7
    connection.on_response_complete()
    assert connection.waiting_since() == began + 7


# ---------------------------------------------------------------- how answers go out


def start(*fields: tuple[bytes, bytes], status: int = 200) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": [*fields]}


def body(data: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


class Answering:
    """A connection whose application sends these messages in answer to one request."""

    def __init__(self, *messages: dict[str, Any], request: bytes = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n") -> None:
        self.writes: list[bytes] = []
        self.messages = messages
        self.request = request

    async def written(self) -> list[bytes]:
        async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001  what an ASGI application takes
            for message in self.messages:
                await send(message)

        transport = Transport()
        transport.write = lambda data: self.writes.append(bytes(data))  # type: ignore[method-assign]  # to see each write
        kind = wire(StubHouse(), 5)
        config = Config(app, http=kind, lifespan="off", log_config=None, access_log=False)
        made = kind(config, ServerState(), {}, asyncio.get_running_loop())
        made.connection_made(transport)
        made.data_received(self.request)
        task = made._task
        assert task is not None
        await task
        made._unset_keepalive_if_required()
        return self.writes


TEN = (b"content-length", b"10")


async def test_an_answer_in_one_piece_goes_out_in_one_write() -> None:
    (whole,) = await Answering(start((b"content-type", b"text/plain"), TEN), body(b"0123456789")).written()
    assert whole == b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 10\r\n\r\n0123456789"


async def test_an_answer_in_parts_goes_out_as_its_parts_are_there() -> None:
    writes = await Answering(start(), body(b"one", more=True), body(b"two")).written()
    assert writes[0].endswith(b"transfer-encoding: chunked\r\n\r\n")
    assert writes[1:] == [b"3\r\none\r\n", b"3\r\ntwo\r\n0\r\n\r\n"]


@pytest.mark.parametrize(
    "request_head",
    [b"HEAD / HTTP/1.1\r\nhost: h\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n"],
)
async def test_what_is_not_the_usual_way_is_left_to_the_server(request_head: bytes) -> None:
    writes = await Answering(start(TEN), body(b"0123456789"), request=request_head).written()
    assert writes[0].startswith(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n")
    assert b"0123456789" not in writes[0]


@pytest.mark.parametrize("field", [(b"x-bad", b"a\r\nx-more: b"), (b"x-bad", b"a\0b"), (b"x\nbad", b"a")])
async def test_a_value_that_would_end_its_line_is_never_sent(
    field: tuple[bytes, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    writes = await Answering(start(field, TEN), body(b"0123456789")).written()
    assert b"0123456789" not in b"".join(writes)
    assert b"x-more" not in b"".join(writes)
    assert "Invalid HTTP header" in caplog.text


INSIDE = {
    HttpToolsProtocol: (
        *("_start_asgi_task", "_unset_keepalive_if_required", "connection_made", "connection_lost", "data_received"),
        *("on_message_begin", "on_headers_complete", "on_message_complete", "on_response_complete", "send_400_response"),
    ),
    RequestResponseCycle: ("run_asgi", "send"),
    Uvicorn: ("on_tick", "capture_signals", "serve"),
}
CYCLE = (
    *(
        "access_log",
        "default_headers",
        "disconnected",
        "flow",
        "keep_alive",
        "message_event",
        "on_response",
        "scope",
        "transport",
    ),
    *("response_complete", "response_started", "waiting_for_100_continue"),
)
STATE = (
    *("cycle", "connections", "flow", "headers", "loop", "server_state", "tasks", "timeout_keep_alive"),
    *("timeout_keep_alive_task", "transport"),
)


@pytest.mark.parametrize("kind", INSIDE, ids=lambda kind: kind.__name__)
def test_what_the_gateway_stands_on_inside_uvicorn_is_still_there(kind: type, connection: Wire) -> None:
    assert [name for name in INSIDE[kind] if not callable(getattr(kind, name, None))] == []
    assert [name for name in STATE if not hasattr(connection, name)] == []
    assert [*inspect.signature(HttpToolsProtocol._start_asgi_task).parameters] == ["self", "cycle", "app"]
    source = inspect.getsource(RequestResponseCycle.__init__)
    assert [name for name in CYCLE if f"self.{name} = " not in source] == []
