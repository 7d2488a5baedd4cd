"""A house of one room: a stub engine over a small schema, and the real door, listening on a loopback port."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvloop
from graphql import GraphQLError, GraphQLSyntaxError, OperationType, build_schema, execute, get_operation_ast, parse, validate

from gateway.engine import Answer, Asked
from gateway.errors import Disclosure, Owner
from gateway.server.house import DoorLimits, Engine, Front, Refused
from gateway.server.listen import Listener, bind
from gateway.server.street import street

SCHEMA = build_schema("type Query { hello(name: String): String }")
PLATFORM = Owner("API Platform", contact={"email": "platform@example.com"})


class StubEngine:
    """Answers by graphql-core, keeps what it was asked, and does what a test tells it to."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.cancelled = threading.Event()
        self.entered = threading.Event()
        self.answer_with: Callable[[Asked], Answer] | None = None
        self.hang = False

    async def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        self.entered.set()
        if self.hang:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        return self.answer_with(asked) if self.answer_with else by_graphql_core(asked)

    def recalled(self, asked: Asked) -> None:
        """Nothing is remembered, so that a test that asks twice is heard twice."""


def by_graphql_core(asked: Asked) -> Answer:
    try:
        document = parse(asked.document)
    except GraphQLSyntaxError as fault:
        return failed(fault)
    operation = get_operation_ast(document, asked.operation_name)
    if operation is not None and operation.operation is not OperationType.QUERY:
        return failed(GraphQLError("only reads"), 405 if asked.read_only_method else 400)
    if faults := validate(SCHEMA, document):
        return failed(faults[0])
    result = execute(SCHEMA, document, {"hello": "world"}, None, dict(asked.variables), asked.operation_name)
    if result.data is None and result.errors:
        return failed(result.errors[0])
    return Answer(json.dumps(result.formatted).encode(), calls=2)


def failed(fault: GraphQLError, status: int = 400) -> Answer:
    return Answer(json.dumps({"errors": [fault.formatted]}).encode(), status, has_errors=True)


class StubHouse:
    """What the door needs of a house, as a test wants it."""

    owner = PLATFORM
    disclosure = Disclosure()
    limits = DoorLimits(body=20_000, headers=8_000, deadline=2.0, variables=10_000)

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.engine: Engine | None = StubEngine()
        self.draining = False
        self.is_ready = True
        self.refused: Sequence[Refused] = ()

    def waiting(self) -> Sequence[Refused]:
        return self.refused

    def ready(self) -> bool:
        return self.is_ready

    def status(self) -> dict[str, Any]:
        return {"sources": []}

    async def story_elsewhere(self, _wanted: str) -> dict[str, Any] | None:
        return None

    def joins(self) -> dict[str, Any]:
        return {"counted": False, "asked": {}, "owners": {}, "joins": []}

    async def whole_joins(self) -> dict[str, Any]:
        return self.joins()

    async def whole_status(self) -> dict[str, Any]:
        return self.status()


class Running:
    """The door of a house, served from a thread of its own."""

    def __init__(self, house: StubHouse, front: Front = Front()) -> None:
        self.house = house
        self.socket = bind("127.0.0.1", 0)
        self.port: int = self.socket.getsockname()[1]
        self.listener: Listener = Listener(street(house, front), house)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self.listener.serve(sockets=[self.socket]))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def raw(self, data: bytes, timeout: float = 10.0) -> bytes:
        """What the gateway writes to a client that sends exactly this, until it closes or the client has waited long enough."""
        with socket.create_connection(("127.0.0.1", self.port), timeout) as client:
            client.sendall(data)
            return drained(client)

    def stop(self) -> None:
        self.listener.should_exit = True
        self._thread.join(20)


def drained(client: socket.socket) -> bytes:
    received = bytearray()
    try:
        while chunk := client.recv(65536):
            received += chunk
    except (TimeoutError, ConnectionResetError):
        pass
    return bytes(received)


@contextmanager
def behind(front: Front) -> Iterator[tuple[httpx.Client, StubHouse]]:
    """A client of a door that is set up like this, and the house behind it."""
    server = Running(StubHouse(), front)
    try:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=10) as client:
            client.headers.pop("accept")
            yield client, server.house
    finally:
        server.stop()


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    server = Running(StubHouse())
    yield server
    server.stop()


@pytest.fixture
def house(running: Running) -> StubHouse:
    """The running house, as if nothing had happened yet."""
    running.house.reset()
    return running.house


@pytest.fixture
def engine(house: StubHouse) -> StubEngine:
    assert isinstance(house.engine, StubEngine)
    return house.engine


@pytest.fixture
def client(running: Running, house: StubHouse) -> Iterator[httpx.Client]:  # noqa: ARG001  the house is reset first
    with httpx.Client(base_url=running.url, trust_env=False, timeout=10) as client:
        client.headers.pop("accept")
        yield client
