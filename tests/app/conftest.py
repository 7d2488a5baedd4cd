"""Real GraphQL services on loopback that can go away and come back, and configurations in front of them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import msgspec
import pytest
from graphql import build_schema, graphql_sync

from gateway.app import House, settings_of
from gateway.app.line import lines
from gateway.engine import Asked
from gateway.upstream.call import Request


class Service:
    """A GraphQL service. Stopped, its port refuses connections; started again, it is at the same address."""

    def __init__(self, sdl: str, root: dict[str, Any]) -> None:
        self.sdl = sdl
        self.root = root
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, body: bytes) -> bytes:
        asked = json.loads(body)
        if "__schema" not in asked["query"] and "__type" not in asked["query"]:
            self.asked.set()
            self.gate.wait(20)
        result = graphql_sync(build_schema(self.sdl), asked["query"], self.root, variable_values=asked.get("variables"))
        return json.dumps(result.formatted).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self.answer

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = answer(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                with suppress(ConnectionError):
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


BOOKS = "type Query { book(id: ID!): Book } type Book { id: ID! title: String! authorId: ID! }"
PEOPLE = "type Query { person(id: ID!): Person } type Person { id: ID! name: String! }"


@pytest.fixture
def books() -> Iterator[Service]:
    service = Service(BOOKS, {"book": lambda _, id: {"id": id, "title": f"Book {id}", "authorId": "7"}})
    yield service
    service.stop()


@pytest.fixture
def people() -> Iterator[Service]:
    service = Service(PEOPLE, {"person": lambda _, id: {"id": id, "name": f"Person {id}"}})
    yield service
    service.stop()


Configure = Callable[..., Path]


@pytest.fixture
def configure(tmp_path: Path, books: Service, people: Service) -> Configure:
    """Writes a configuration of both services and the link between them. `people_schema`: what its `schema` says."""

    def write(people_schema: str = "introspect", gateway: str = "", more: str = "") -> Path:
        text = dedent(
            f"""\
            version: 1
            gateway:
              listen: 127.0.0.1:0
              state: state
              limits: {{deadline: 30s}}
              owner: {{team: API Platform, contact: {{email: platform@example.com}}}}
            GATEWAY
            owners:
              library: {{team: Library, contact: {{email: library@example.com}}}}
              staff: {{team: Staff Office, url: https://staff.example.com, contact: {{chat: "#staff"}}}}
            defaults:
              timeout: {{per_try: 20s, total: 25s}}
            sources:
              - {{name: books, kind: graphql, url: "{books.url}", schema: introspect, owner: library}}
              - {{name: people, kind: graphql, url: "{people.url}", schema: {people_schema}, owner: staff}}
            links:
              - {{field: Book.author, to: people.person, with: {{id: $authorId}}}}
            """
        )
        path = tmp_path / "gateway.yaml"
        path.write_text(text.replace("GATEWAY\n", indent(dedent(gateway), "  ")) + dedent(more))
        return path

    return write


class Pauses:
    """Sleeping as a test wants it: nobody wakes before `wake`."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._slept = asyncio.Event()
        self._gate = asyncio.Semaphore(0)

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        self._slept.set()
        await self._gate.acquire()

    async def wake(self) -> None:
        """Let whoever sleeps go on, until it sleeps again or has ended."""
        self._slept.clear()
        self._gate.release()

    async def asleep(self) -> None:
        await asyncio.wait_for(self._slept.wait(), 20)


@asynccontextmanager
async def opened(config: Path, pauses: Pauses | None = None) -> AsyncIterator[House]:
    settings = settings_of(config)
    house = House(settings, lines(settings), sleep=(pauses or Pauses()).sleep)
    try:
        await house.open()
        yield house
    finally:
        await house.close()


async def ask(house: House, query: str) -> Any:
    assert house.engine is not None
    return msgspec.json.decode((await house.engine.answer(Asked(query, Request("req_test0001")))).body)


async def changes(house: House, count: int) -> list[dict[str, Any]]:
    """The latest changes, once there are so many: they are written down in the background."""
    async with asyncio.timeout(20):
        while len(found := house.status()["changes"]) < count:  # noqa: ASYNC110  nobody tells when
            await asyncio.sleep(0.001)
    return list(found)
