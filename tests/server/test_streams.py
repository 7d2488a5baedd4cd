"""Server-sent events, multipart and both websocket protocols carry the engine's answers unchanged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from gateway.engine import Answer, Asked, Form
from gateway.server.house import Front, LiveRules

from .conftest import Running, StubEngine, StubHouse

pytestmark = pytest.mark.usefixtures("house")

NEW = Subprotocol("graphql-transport-ws")
OLD = Subprotocol("graphql-ws")


def events(text: str) -> list[tuple[str, Any]]:
    """(event, data) of a stream of server-sent events, without its comments."""
    found = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(":"))
        if "event" in lines:
            found.append((lines["event"], json.loads(lines.get("data") or "null")))
    return found


def test_a_query_over_server_sent_events_is_one_answer_and_an_end(client: httpx.Client, engine: StubEngine) -> None:
    headers = {"accept": "text/event-stream", "x-request-id": "stream-0001"}
    response = client.post("/graphql", json={"query": "{ hello }"}, headers=headers)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-request-id"] == engine.asked[0].request.id == "stream-0001"
    assert events(response.text) == [("next", {"data": {"hello": "world"}}), ("complete", None)]


def test_a_stream_that_cannot_be_read_is_refused_in_our_shape(client: httpx.Client) -> None:
    headers = {"accept": "text/event-stream", "content-type": "application/json"}
    response = client.post("/graphql", content=b"{", headers=headers)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


def test_an_error_comes_through_a_stream_as_the_engine_wrote_it(client: httpx.Client) -> None:
    response = client.post("/graphql", json={"query": "{ nope }"}, headers={"accept": "text/event-stream"})
    [(event, answer), _] = events(response.text)
    assert event == "next"
    assert answer["errors"][0]["locations"] == [{"line": 1, "column": 3}]


async def spoken(socket: ClientConnection, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    """What comes back until an operation is over."""
    for message in messages:
        await socket.send(json.dumps(message))
    heard: list[dict[str, Any]] = []
    while not heard or heard[-1]["type"] not in ("complete", "error"):
        heard.append(json.loads(await socket.recv()))
    return heard


async def test_the_current_websocket_protocol_answers_queries(running: Running, engine: StubEngine) -> None:
    async with connect(f"ws://127.0.0.1:{running.port}/graphql", subprotocols=[NEW], proxy=None) as socket:
        payload = {"query": "query ($n: String) { hello(name: $n) }", "variables": {"n": "x"}}
        heard = await spoken(socket, {"type": "connection_init"}, {"id": "1", "type": "subscribe", "payload": payload})
    assert [message["type"] for message in heard] == ["connection_ack", "next", "complete"]
    assert heard[1]["payload"] == {"data": {"hello": "world"}}
    assert engine.asked[0].variables == {"n": "x"}


async def test_the_older_websocket_protocol_answers_queries(running: Running) -> None:
    async with connect(f"ws://127.0.0.1:{running.port}/graphql", subprotocols=[OLD], proxy=None) as socket:
        heard = await spoken(socket, {"type": "connection_init"}, {"id": "1", "type": "start", "payload": {"query": "{ hello }"}})
    assert [message["type"] for message in heard] == ["connection_ack", "data", "complete"]


async def test_a_wrong_operation_on_a_websocket_ends_that_operation_alone(running: Running) -> None:
    async with connect(f"ws://127.0.0.1:{running.port}/graphql", subprotocols=[NEW], proxy=None) as socket:
        heard = await spoken(socket, {"type": "connection_init"}, {"id": "1", "type": "subscribe", "payload": {"query": 7}})
        assert heard[-1]["type"] == "error"
        assert heard[-1]["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        heard = await spoken(socket, {"id": "2", "type": "subscribe", "payload": {"query": "{ hello }"}})
        assert heard[0]["payload"] == {"data": {"hello": "world"}}


async def in_parts(_asked: Asked) -> AsyncGenerator[bytes]:
    yield b'{"data":{"a":1},"pending":[{"id":"0","path":[]}],"hasNext":true}'
    yield b'{"incremental":[{"id":"0","data":{"b":2}}],"completed":[{"id":"0"}],"hasNext":false}'


TAKES_PARTS = [("multipart/mixed", Form.CURRENT), ("multipart/mixed;deferSpec=20220824", Form.APOLLO)]


@pytest.mark.parametrize(("accept", "form"), [*TAKES_PARTS, ("*/*", Form.WHOLE)])
@pytest.mark.parametrize("in_opening", [True, False])
async def test_a_websocket_takes_parts_in_the_form_that_its_accept_says(
    running: Running, engine: StubEngine, accept: str, form: Form, in_opening: bool
) -> None:
    engine.answer_with = lambda asked: Answer(b"", parts=in_parts(asked))
    headers, params = ({"accept": accept}, {}) if in_opening else ({}, {"accept": accept})
    url = f"ws://127.0.0.1:{running.port}/graphql"
    async with connect(url, subprotocols=[NEW], additional_headers=headers, proxy=None) as socket:
        subscribe = {"id": "1", "type": "subscribe", "payload": {"query": "{ hello }"}}
        heard = await spoken(socket, {"type": "connection_init", "payload": params}, subscribe)
    assert engine.asked[0].form is form
    assert [message["payload"] for message in heard if message["type"] == "next"] == [
        {"data": {"a": 1}, "pending": [{"id": "0", "path": []}], "hasNext": True},
        {"incremental": [{"id": "0", "data": {"b": 2}}], "completed": [{"id": "0"}], "hasNext": False},
    ]
    assert heard[-1] == {"id": "1", "type": "complete"}


async def test_the_older_websocket_protocol_has_no_messages_for_parts(running: Running, engine: StubEngine) -> None:
    async with connect(f"ws://127.0.0.1:{running.port}/graphql", subprotocols=[OLD], proxy=None) as socket:
        init = {"type": "connection_init", "payload": {"accept": "multipart/mixed"}}
        await spoken(socket, init, {"id": "1", "type": "start", "payload": {"query": "{ hello }"}})
    assert engine.asked[0].form is Form.WHOLE


async def test_each_operation_on_a_websocket_has_its_own_request_id(running: Running, engine: StubEngine) -> None:
    async with connect(f"ws://127.0.0.1:{running.port}/graphql", subprotocols=[NEW], proxy=None) as socket:
        await spoken(socket, {"type": "connection_init"}, {"id": "1", "type": "subscribe", "payload": {"query": "{ hello }"}})
        await spoken(socket, {"id": "2", "type": "subscribe", "payload": {"query": "{ hello }"}})
    first, second = engine.asked
    assert first.request.id != second.request.id


async def test_a_message_as_long_as_a_body_may_be_is_read_and_one_byte_more_closes_the_websocket(running: Running) -> None:
    def message(size: int) -> str:
        text = json.dumps({"id": "1", "type": "subscribe", "payload": {"query": "{ hello }"}})
        return text + " " * (size - len(text))

    limit = StubHouse.limits.body
    async with connect(f"ws://127.0.0.1:{running.port}/graphql", subprotocols=[NEW], proxy=None) as socket:
        await spoken(socket, {"type": "connection_init"}, {"id": "0", "type": "subscribe", "payload": {"query": "{ hello }"}})
        await socket.send(message(limit))
        assert [json.loads(await socket.recv())["type"] for _ in range(2)] == ["next", "complete"]
        await socket.send(message(limit + 1))
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_a_websocket_is_idle_only_while_no_operation_is_open() -> None:
    own = Running(StubHouse(), Front(live=LiveRules(idle=0.05)))
    url, busy = f"ws://127.0.0.1:{own.port}/graphql", {"id": "1", "type": "subscribe", "payload": {"query": "{ hello }"}}
    assert isinstance(own.house.engine, StubEngine)
    own.house.engine.hang = True
    try:
        async with connect(url, subprotocols=[NEW], proxy=None) as one, connect(url, subprotocols=[NEW], proxy=None) as other:
            for socket in (one, other):
                await socket.send(json.dumps({"type": "connection_init"}))
                await socket.recv()
            await one.send(json.dumps(busy))
            with pytest.raises(websockets.ConnectionClosedOK):
                await other.recv()
            await one.send(json.dumps({"type": "ping"}))
            assert json.loads(await one.recv()) == {"type": "pong"}
    finally:
        await asyncio.to_thread(own.stop)


async def test_a_page_of_another_origin_may_not_open_a_websocket(running: Running) -> None:
    with pytest.raises(websockets.InvalidStatus):
        async with connect(
            f"ws://127.0.0.1:{running.port}/graphql", subprotocols=[NEW], origin="https://evil.example", proxy=None
        ):
            pass


async def test_a_websocket_elsewhere_is_refused(running: Running) -> None:
    with pytest.raises(websockets.InvalidStatus):
        async with connect(f"ws://127.0.0.1:{running.port}/nope", proxy=None):
            pass


async def test_while_shutting_down_a_websocket_gets_no_new_answers(running: Running, house: StubHouse) -> None:
    async with connect(f"ws://127.0.0.1:{running.port}/graphql", subprotocols=[NEW], proxy=None) as socket:
        house.draining = True
        heard = await spoken(
            socket, {"type": "connection_init"}, {"id": "1", "type": "subscribe", "payload": {"query": "{ hello }"}}
        )
    assert heard[-1]["payload"][0]["extensions"]["code"] == "SHUTTING_DOWN"


async def test_an_open_websocket_does_not_keep_the_gateway_from_stopping() -> None:
    own = Running(StubHouse())
    async with connect(f"ws://127.0.0.1:{own.port}/graphql", subprotocols=[NEW], proxy=None) as socket:
        await asyncio.to_thread(own.stop)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
