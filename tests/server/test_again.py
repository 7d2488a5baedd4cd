"""The same bytes again: answered as at first, for whom they were answered at first, and by what stands now."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from gateway.engine import Answer, Asked, Engine
from gateway.errors import UpstreamTimeout
from gateway.server.house import Front
from gateway.server.street import street
from gateway.server.wire import Wire, wire
from gateway.upstream.call import Call, Freshness, HeaderRules, Reply
from tests.graphs import Service, an_engine

from .conftest import StubHouse
from .connections import Transport

SDL = "type Query { me: User now: Int } type User { id: ID! name: String }"
DATA = {"me": {"id": "1", "name": "Ann"}, "now": 1}
QUERY = "{ me { id name } }"


class Slow(Service):
    """Answers when it is let, and tells whom it was asked for."""

    def __init__(self, fresh: float = 60.0, **keys: Any) -> None:
        super().__init__("people", SDL, DATA, **keys)
        self.gate = asyncio.Event()
        self.gate.set()
        self.freshness = Freshness(time.time() + fresh) if fresh else Freshness()

    async def send(self, call: Call) -> Reply:
        await self.gate.wait()
        return await super().send(call)


class Wires(Transport):
    """A client's end."""

    def __init__(self) -> None:
        super().__init__()
        self.paused = False

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class Door:
    """A house with a real engine, the real door and connections without a network."""

    def __init__(self, engine: Engine, front: Front = Front()) -> None:
        self.asked: list[Asked] = []
        self.house = StubHouse()
        self.take(engine)
        self.kind = wire(self.house, 50)
        self.state = ServerState()
        self.app = street(self.house, front)

    def take(self, engine: Engine) -> None:
        """`asked`: what the engine was asked on the ordinary way."""
        whole = engine.answer

        async def answer(asked: Asked) -> Answer:
            self.asked.append(asked)
            return await whole(asked)

        engine.answer = answer  # type: ignore[method-assign]  # the real one, listened to
        self.house.engine = engine

    def connect(self) -> tuple[Wire, Wires]:
        quiet: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False}
        config = Config(self.app, http=self.kind, ws="none", lifespan="off", **quiet)
        config.load()
        transport = Wires()
        made = self.kind(config, self.state, {}, asyncio.get_running_loop())
        made.connection_made(transport)
        return made, transport

    async def ask(self, raw: bytes) -> tuple[bytes, dict[str, str], Any]:
        connection, transport = self.connect()
        connection.data_received(raw)
        answered = await written(transport)
        connection.connection_lost(None)
        return answered


async def written(transport: Wires, count: int = 1) -> tuple[bytes, dict[str, str], Any]:
    """The last of so many answers: status line, headers, body."""
    for _ in range(1000):
        if (whole := answers(transport.written)) and len(whole) >= count:
            return whole[-1]
        await asyncio.sleep(0)
    raise AssertionError(f"no answer: {transport.written!r}")


def answers(raw: bytes) -> list[tuple[bytes, dict[str, str], Any]]:
    found = []
    while b"\r\n\r\n" in raw:
        head, _, rest = raw.partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        headers = dict(field.split(": ", 1) for field in fields)
        length = int(headers["content-length"])
        if len(rest) < length:
            break
        found.append((line.encode(), headers, json.loads(rest[:length])))
        raw = rest[length:]
    return found


def post(query: str = QUERY, headers: Mapping[str, str] = {}, **more: Any) -> bytes:
    body = json.dumps({"query": query, **more})
    fields = {"Host": "x", "Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST /graphql HTTP/1.1\r\n{head}\r\n{body}".encode()


@asynccontextmanager
async def waiting(door: Door, service: Slow, raw: bytes, count: int) -> AsyncIterator[list[tuple[Wire, Wires]]]:
    """So many connections that sent these bytes while the first of them is being answered."""
    for _ in range(2):
        await door.ask(raw)
    service.gate.clear()
    made = [door.connect() for _ in range(count)]
    for connection, _ in made:
        connection.data_received(raw)
        await asyncio.sleep(0.001)
    yield made
    for connection, _ in made:
        connection.connection_lost(None)


@pytest.fixture
def service() -> Slow:
    return Slow()


@pytest.fixture
def passing() -> Slow:
    """Nothing of its answers may be kept."""
    return Slow(0.0)


async def test_a_kept_answer_is_the_same_on_both_ways(service: Slow) -> None:
    door = Door(an_engine([service]))
    for accept in ("application/json", "application/graphql-response+json", "*/*"):
        raw = post(headers={"Accept": accept, "X-Correlation-Id": "abc"}, variables={})
        told = [await door.ask(raw) for _ in range(5)]
        heard = len(door.asked)
        assert [line for line, _, _ in told] == [b"HTTP/1.1 200 OK"] * 5
        assert all(body == {"data": {"me": DATA["me"]}} for _, _, body in told)
        kept = [plain(headers) for _, headers, _ in told[1:]]
        assert kept == [kept[0]] * 4
        assert len({headers["x-request-id"] for _, headers, _ in told}) == 5
        door.asked.clear()
        assert heard == 2


def plain(headers: Mapping[str, str]) -> dict[str, str]:
    """In their order; what counts seconds, without."""
    return {
        name: re.sub(r"(ttl|max-age)=\d+", r"\1=n", value)
        for name, value in headers.items()
        if name not in ("x-request-id", "date")
    }


async def test_an_id_the_caller_gave_is_told_again(service: Slow) -> None:
    door = Door(an_engine([service]))
    for given, back in (("my-request-1", True), ("bad id", False)):
        told = [await door.ask(post(headers={"X-Request-Id": given})) for _ in range(4)]
        assert [headers["x-request-id"] == given for _, headers, _ in told] == [back] * 4


async def test_every_caller_has_an_answer_of_its_own() -> None:
    sent = HeaderRules(lambda given: (("authorization", given.get("authorization", "")),), frozenset({"authorization"}))
    service = Slow(rules=sent)
    door = Door(an_engine([service]))
    for _ in range(4):
        for caller in ("Bearer a", "Bearer b"):
            service.data = {"me": {"id": caller, "name": caller}}
            _, _, body = await door.ask(post(headers={"Authorization": caller}))
            assert body["data"]["me"]["id"] == caller
    assert len(door.asked) == 4


async def test_an_answer_under_way_is_waited_for_without_being_parsed(passing: Slow) -> None:
    door = Door(an_engine([passing]))
    async with waiting(door, passing, post(), 4) as made:
        door.asked.clear()
        asked = len(passing.asked)
        passing.gate.set()
        told = [await written(transport) for _, transport in made]
    assert [body for _, _, body in told] == [{"data": {"me": DATA["me"]}}] * 4
    assert [headers["cache-status"].endswith("collapsed") for _, headers, _ in told] == [False, True, True, True]
    assert len(passing.asked) == asked + 1
    assert not door.asked


async def test_requests_of_one_moment_are_one_execution_and_one_is_parsed(passing: Slow) -> None:
    door = Door(an_engine([passing]))
    for _ in range(2):
        await door.ask(post())
    door.asked.clear()
    asked = len(passing.asked)
    passing.gate.clear()
    made = [door.connect() for _ in range(4)]
    for connection, _ in made:
        connection.data_received(post())
    made[3][0].connection_lost(None)
    await asyncio.sleep(0.001)
    passing.gate.set()
    told = [await written(transport) for _, transport in made[:3]]
    assert [body for _, _, body in told] == [{"data": {"me": DATA["me"]}}] * 3
    assert (len(door.asked), len(passing.asked)) == (1, asked + 1)
    assert made[3][1].written == b""
    assert (await door.ask(post()))[2] == {"data": {"me": DATA["me"]}}


async def test_a_leader_that_leaves_takes_nobody_along(passing: Slow) -> None:
    door = Door(an_engine([passing]))
    async with waiting(door, passing, post(), 3) as ((leader, _), *others):
        leader.connection_lost(None)
        passing.gate.set()
        told = [await written(transport) for _, transport in others]
    assert [body for _, _, body in told] == [{"data": {"me": DATA["me"]}}] * 2


async def test_who_leaves_while_waiting_is_not_answered_and_the_others_are(passing: Slow) -> None:
    door = Door(an_engine([passing]))
    async with waiting(door, passing, post(), 3) as made:
        made[1][0].connection_lost(None)
        passing.gate.set()
        await written(made[2][1])
        assert made[1][1].written == b""


async def test_an_error_is_shared_with_who_waits_and_remembered_for_nobody(passing: Slow) -> None:
    door = Door(an_engine([passing]))
    async with waiting(door, passing, post(), 3) as made:
        passing.failure = UpstreamTimeout()
        passing.gate.set()
        told = [await written(transport) for _, transport in made]
    assert [body["errors"][0]["extensions"]["code"] for _, _, body in told] == ["UPSTREAM_TIMEOUT"] * 3
    assert len({body["extensions"]["request_id"] for _, _, body in told}) == 3
    passing.failure = None
    assert (await door.ask(post()))[2] == {"data": {"me": DATA["me"]}}


async def test_what_comes_while_waiting_is_answered_after_it(passing: Slow) -> None:
    door = Door(an_engine([passing]))
    async with waiting(door, passing, post(), 2) as (_, (connection, transport)):
        connection.data_received(post("{ now }"))
        assert transport.paused
        passing.gate.set()
        await written(transport, 2)
        assert not transport.paused
    first, second = answers(transport.written)
    assert (first[2], second[2]) == ({"data": {"me": DATA["me"]}}, {"data": {"now": 1}})


async def test_a_connection_that_waits_is_closed_after_its_answer_when_the_server_stops(passing: Slow) -> None:
    door = Door(an_engine([passing]))
    async with waiting(door, passing, post(), 2) as (_, (connection, transport)):
        connection.shutdown()
        assert not transport.closing
        passing.gate.set()
        await written(transport)
        assert transport.closing


async def test_another_engine_is_asked_anew(service: Slow) -> None:
    door = Door(an_engine([service]))
    for _ in range(3):
        await door.ask(post())
    later = Slow()
    later.data = {"me": {"id": "2", "name": "Bea"}}
    door.take(an_engine([later]))
    assert [(await door.ask(post()))[2]["data"]["me"]["id"] for _ in range(4)] == ["2"] * 4


async def test_a_gateway_that_leaves_still_answers_whoever_has_come(service: Slow) -> None:
    door = Door(an_engine([service]))
    for _ in range(3):
        await door.ask(post())
    door.house.draining = True
    _, _, body = await door.ask(post())
    assert body["data"]["me"]["id"] == "1"


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(post(headers={"Traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"}), id="a trace"),
        pytest.param(post(headers={"Accept-Encoding": "gzip"}), id="a coding"),
        pytest.param(post(headers={"X-Tenant": "a"}), id="a header nobody knows"),
        pytest.param(post(headers={"Accept": "application/json", "accept": "*/*"}), id="a header that is repeated"),
        pytest.param(post("{ me { nothing } }"), id="an error"),
        pytest.param(post("mutation { me }"), id="a write"),
        pytest.param(post("query($a: Boolean!) { me @include(if: $a) { id } }"), id="missing variables"),
        pytest.param(post().replace(b"POST /graphql HTTP/1.1", b"POST /graphql HTTP/1.0"), id="HTTP/1.0"),
        pytest.param(post(QUERY + " " * 9000), id="a long request"),
    ],
)
async def test_what_is_not_plain_takes_the_ordinary_way_each_time(service: Slow, raw: bytes) -> None:
    door = Door(an_engine([service]))
    for _ in range(4):
        await door.ask(raw)
    assert len(door.asked) == 4


async def test_two_requests_in_one_piece_are_two(service: Slow) -> None:
    door = Door(an_engine([service]))
    for _ in range(4):
        connection, transport = door.connect()
        connection.data_received(post() + post("{ now }"))
        await written(transport, 2)
        connection.connection_lost(None)
        assert [body for _, _, body in answers(transport.written)] == [{"data": {"me": DATA["me"]}}, {"data": {"now": 1}}]


async def test_a_request_in_pieces_is_answered_like_one_in_one_piece(service: Slow) -> None:
    door = Door(an_engine([service]))
    for _ in range(3):
        await door.ask(post())
    connection, transport = door.connect()
    for byte in post():
        connection.data_received(bytes([byte]))
    assert (await written(transport))[2] == {"data": {"me": DATA["me"]}}
    connection.connection_lost(None)
