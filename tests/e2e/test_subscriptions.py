"""Live answers through a whole gateway: a real service in a process of its own, over both carriers, to every kind of client."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import strawberry
import websockets
from gql import Client as GqlClient
from gql import gql
from gql.transport.websockets import WebsocketsTransport
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.e2e.gateway import Inside, served

NEW, OLD = Subprotocol("graphql-transport-ws"), Subprotocol("graphql-ws")
TICKS = [{"n": n, "product": {"name": f"P{n}"}} for n in range(3)]


@strawberry.type
class Product:
    id: strawberry.ID
    name: str


@strawberry.type
class Query:
    @strawberry.field
    def product(self, id: strawberry.ID) -> Product:
        return Product(id=id, name=f"P{id}")


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def news(self) -> AsyncIterator[Product]:
        for n in range(2):
            yield Product(id=strawberry.ID(str(n)), name=f"N{n}")


catalog = strawberry.Schema(query=Query, subscription=Subscription)


class Ticker:
    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.ticker"], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def ticker() -> Iterator[Ticker]:
    running = Ticker()
    yield running
    running.stop()


def configured(tmp_path: Path, ticker: Ticker, subscriptions: str = "{}", live: str = "{}") -> Path:
    config = tmp_path / "gateway.yaml"
    config.write_text(f"""
gateway: {{listen: 127.0.0.1:0, state: {tmp_path}/state, subscriptions: {live}, owner: {{team: Platform}}}}
owners: {{t: {{team: Tickers, contact: {{email: t@example.com}}}}, c: {{team: Catalog}}}}
defaults: {{retry: {{max_attempts: 2, backoff: {{initial: 1ms, max: 1ms}}}}, timeout: {{per_try: 20s, total: 30s}}}}
sources:
  - name: ticker
    kind: graphql
    url: http://127.0.0.1:{ticker.port}/graphql
    schema: introspect
    owner: t
    headers: {{request: [{{propagate: {{named: Authorization}}}}]}}
    subscriptions: {subscriptions}
  - {{name: catalog, kind: local, schema: "python:tests.e2e.test_subscriptions:catalog", owner: c}}
links:
  - {{field: Tick.product, to: catalog.product, with: {{id: $productId}}}}
""")
    return config


@pytest.fixture(params=["{protocol: graphql-transport-ws}", "{protocol: sse}"], ids=["websocket", "events"])
def gateway(tmp_path: Path, ticker: Ticker, request: pytest.FixtureRequest) -> Iterator[Inside]:
    with served(configured(tmp_path, ticker, request.param)) as running:
        yield running


def heard(gateway: Inside, query: str, accept: str = "text/event-stream", **headers: str) -> list[Any]:
    """What comes until the end, payload by payload."""
    with gateway.http.stream("POST", gateway.url, json={"query": query}, headers={"accept": accept, **headers}) as response:
        text = "".join(response.iter_text())
    if accept == "text/event-stream":
        assert text.endswith("event: complete\ndata:\n\n")
        return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    assert text.endswith("--graphql--\r\n")
    return [json.loads(part.partition("\r\n\r\n")[2])["payload"] for part in text.split("\r\n--graphql")[1:-1]]


def until(gateway: Inside, holds: Callable[[], bool]) -> None:
    for _ in range(1000):
        if holds():
            return
        gateway.ask("{ hello }")
    raise AssertionError("it never came to that")


TICKING = "subscription { ticks { n product { name } } }"


@pytest.mark.parametrize("accept", ["text/event-stream", "multipart/mixed;subscriptionSpec=1.0, application/json"])
def test_events_are_enriched_from_other_sources_over_http(gateway: Inside, accept: str) -> None:
    assert heard(gateway, TICKING, accept) == [{"data": {"ticks": tick}} for tick in TICKS]


async def operation(url: str, protocol: Subprotocol, query: str, init: dict[str, str] | None = None) -> list[dict[str, Any]]:
    start = "subscribe" if protocol == NEW else "start"
    async with connect(url.replace("http", "ws"), subprotocols=[protocol], proxy=None) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": init or {}}))
        await socket.send(json.dumps({"id": "1", "type": start, "payload": {"query": query}}))
        messages: list[dict[str, Any]] = []
        while not messages or messages[-1]["type"] not in ("complete", "error"):
            messages.append(json.loads(await socket.recv()))
    return [message for message in messages if message["type"] not in ("connection_ack", "ka")]


@pytest.mark.parametrize("protocol", [NEW, OLD])
async def test_events_are_enriched_over_either_websocket_protocol(gateway: Inside, protocol: Subprotocol) -> None:
    messages = await operation(gateway.url, protocol, TICKING)
    assert [m["payload"]["data"]["ticks"] for m in messages[:-1]] == TICKS
    assert messages[-1]["type"] == "complete"


async def test_gql_for_python_subscribes(gateway: Inside) -> None:
    transport = WebsocketsTransport(url=gateway.url.replace("http", "ws"), connect_args={"proxy": None})
    async with GqlClient(transport=transport) as session:
        assert [event["ticks"] async for event in session.subscribe(gql(TICKING))] == TICKS


def test_a_schema_in_process_has_subscriptions_too(gateway: Inside) -> None:
    assert [e["data"]["news"]["name"] for e in heard(gateway, "subscription { news { name } }")] == ["N0", "N1"]


async def test_the_caller_is_told_to_the_source_by_its_headers_or_by_connection_init(gateway: Inside) -> None:
    assert heard(gateway, "subscription { who }", authorization="me") == [{"data": {"who": "me"}}]
    messages = await operation(gateway.url, NEW, "subscription { who }", {"Authorization": "you"})
    assert messages[0]["payload"]["data"] == {"who": "you"}


def test_an_event_with_an_error_says_whose_it_is(gateway: Inside) -> None:
    first, second = heard(gateway, "subscription { broken }")
    assert first == {"data": {"broken": 1}}
    (error,) = second["errors"]
    assert (error["extensions"]["service"], error["extensions"]["owner"]["team"]) == ("ticker", "Tickers")


async def test_a_source_that_breaks_off_ends_the_subscription_with_its_owner(gateway: Inside, ticker: Ticker) -> None:
    async with connect(gateway.url.replace("http", "ws"), subprotocols=[NEW], proxy=None) as socket:
        await socket.send(json.dumps({"type": "connection_init"}))
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": "subscription { forever { n } }"}}))
        while json.loads(await socket.recv())["type"] != "next":
            pass
        await asyncio.to_thread(ticker.stop)
        message = json.loads(await socket.recv())
    (error,) = message["payload"]["errors"] if isinstance(message["payload"], dict) else message["payload"]
    extensions = error["extensions"]
    assert (extensions["code"], extensions["owner"]["team"]) == ("UPSTREAM_UNREACHABLE", "Tickers")
    assert extensions["owner"]["contact"] == {"email": "t@example.com"}


def test_a_client_that_takes_no_stream_is_told_so(gateway: Inside) -> None:
    (error,) = gateway.ask("subscription { ticks { n } }")["errors"]
    assert error["extensions"]["code"] == "NOT_ACCEPTABLE"


def test_a_caller_that_leaves_ends_the_subscription_at_the_source(gateway: Inside) -> None:
    query = {"query": "subscription { forever { n } }"}
    with gateway.http.stream("POST", gateway.url, json=query, headers={"accept": "text/event-stream"}) as response:
        lines = response.iter_lines()
        assert any(line.startswith("data:") for line in lines)
        assert len(gateway.house._open) == 1
    until(gateway, lambda: len(gateway.house._open) == 0)


def lines_of(gateway: Inside, stack: ExitStack, **headers: str) -> Iterator[str]:
    """A caller of its own; nobody else shares its connection."""
    client = stack.enter_context(httpx.Client(trust_env=False, timeout=30))
    query = {"query": "subscription { forever { n } }"}
    asked = client.stream("POST", gateway.url, json=query, headers={"accept": "text/event-stream", **headers})
    return (line for line in stack.enter_context(asked).iter_lines() if line.startswith("data:"))


def test_callers_who_want_the_same_share_one_subscription_at_the_source(gateway: Inside) -> None:
    def at_the_source() -> int:
        found: int = gateway.ask("{ open }")["data"]["open"]
        return found

    with ExitStack() as first, ExitStack() as second, ExitStack() as other:
        begun = lines_of(gateway, first)
        assert "0" in next(begun)
        later = lines_of(gateway, second)
        until(gateway, lambda: len(gateway.house._open) == 2)
        assert at_the_source() == 1
        another = lines_of(gateway, other, authorization="someone else")
        assert "0" in next(another)
        assert at_the_source() == 2
        first.close()
        until(gateway, lambda: len(gateway.house._open) == 2)
        assert at_the_source() == 2
        gateway.ask("{ nudge }")
        assert next(later) == 'data: {"data":{"forever":{"n":1}}}'
        second.close()
        until(gateway, lambda: at_the_source() == 1)


def test_a_source_whose_first_event_matters_opens_one_for_each(tmp_path: Path, ticker: Ticker) -> None:
    with served(configured(tmp_path, ticker, "{share: false}")) as gateway, ExitStack() as stack:
        callers = [lines_of(gateway, stack) for _ in range(2)]
        assert [next(lines) for lines in callers] == ['data: {"data":{"forever":{"n":0}}}'] * 2
        assert gateway.ask("{ open }")["data"] == {"open": 2}


def test_shutting_down_tells_everyone_and_ends(tmp_path: Path, ticker: Ticker) -> None:
    with served(configured(tmp_path, ticker)) as gateway:
        query = {"query": "subscription { forever { n } }"}
        with gateway.http.stream("POST", gateway.url, json=query, headers={"accept": "text/event-stream"}) as response:
            lines = response.iter_lines()
            assert any(line.startswith("data:") for line in lines)
            gateway.house._open.end()
            rest = list(lines)
    told = [json.loads(line[6:]) for line in rest if line.startswith("data: ")]
    assert told[0]["errors"][0]["extensions"]["code"] == "SHUTTING_DOWN"
    assert "event: complete" in rest


def test_shutting_down_no_subscription_begins(tmp_path: Path, ticker: Ticker) -> None:
    with served(configured(tmp_path, ticker)) as gateway:
        gateway.house._open.end()
        query = {"query": "subscription { forever { n } }"}
        answer = gateway.http.post(gateway.url, json=query, headers={"accept": "text/event-stream"})
    assert '"SHUTTING_DOWN"' in answer.text
    assert not len(gateway.house._open)


def test_beyond_what_a_worker_serves_a_subscription_is_refused(tmp_path: Path, ticker: Ticker) -> None:
    with served(configured(tmp_path, ticker, live="{per_process: 1}")) as gateway:
        query = {"query": "subscription { forever { n } }"}
        with gateway.http.stream("POST", gateway.url, json=query, headers={"accept": "text/event-stream"}) as response:
            lines = response.iter_lines()
            assert any(line.startswith("data:") for line in lines)
            (refused,) = heard(gateway, "subscription { ticks { n } }")
    extensions = refused["errors"][0]["extensions"]
    assert (extensions["code"], extensions["which"], extensions["limit"]) == ("LIMIT_EXCEEDED", "subscriptions", 1)


async def test_beyond_what_a_websocket_may_have_open_an_operation_is_refused(tmp_path: Path, ticker: Ticker) -> None:
    with served(configured(tmp_path, ticker, live="{per_connection: 1}")) as gateway:
        async with connect(gateway.url.replace("http", "ws"), subprotocols=[NEW], proxy=None) as socket:
            await socket.send(json.dumps({"type": "connection_init"}))
            for name in "ab":
                payload = {"query": "subscription { forever { n } }"}
                await socket.send(json.dumps({"id": name, "type": "subscribe", "payload": payload}))
            messages = [json.loads(await socket.recv()) for _ in range(3)]
    (refused,) = [m["payload"][0]["extensions"] for m in messages if m["type"] == "error" and m["id"] == "b"]
    assert (refused["code"], refused["which"], refused["limit"], refused["actual"]) == ("LIMIT_EXCEEDED", "operations", 1, 2)


async def test_an_idle_websocket_is_closed(tmp_path: Path, ticker: Ticker) -> None:
    with served(configured(tmp_path, ticker, live="{idle: 50ms}")) as gateway:
        async with connect(gateway.url.replace("http", "ws"), subprotocols=[NEW], proxy=None) as socket:
            await socket.send(json.dumps({"type": "connection_init"}))
            assert json.loads(await socket.recv()) == {"type": "connection_ack"}
            with pytest.raises(websockets.ConnectionClosedOK):
                await socket.recv()
    assert socket.close_code == 1000


async def test_a_websocket_that_never_says_who_it_is_is_closed(tmp_path: Path, ticker: Ticker) -> None:
    with served(configured(tmp_path, ticker, live="{init_timeout: 50ms}")) as gateway:
        async with connect(gateway.url.replace("http", "ws"), subprotocols=[NEW], proxy=None) as socket:
            with pytest.raises(websockets.ConnectionClosed):
                await socket.recv()
    assert socket.close_code == 4408


def test_a_burst_longer_than_the_queue_reaches_a_caller_that_takes_it(tmp_path: Path, ticker: Ticker) -> None:
    with served(configured(tmp_path, ticker, live="{queue: 2}")) as gateway:
        events = heard(gateway, "subscription { ticks(count: 300) { n } }")
    assert [event["data"]["ticks"]["n"] for event in events] == list(range(300))


def test_off_means_that_there_are_none(tmp_path: Path, ticker: Ticker) -> None:
    config = configured(tmp_path, ticker, live="off")
    config.write_text(config.read_text().partition("links:")[0])
    with served(config) as gateway:
        (error,) = gateway.ask("subscription { ticks { n } }")["errors"]
        assert error["extensions"]["code"] == "OPERATION_NOT_SUPPORTED"
