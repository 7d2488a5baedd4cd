"""A schema that changes, and an answer that does not fit it, are told to the webhooks of whoever answers for the source."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from gateway.app import House, settings_of
from gateway.app.events import Emitter, webhooks
from gateway.app.line import lines

from ..conftest import Configure, Pauses, Service, ask

WEBHOOKS = """
events:
  webhooks:
    - {url: "URL/staff", owners: staff}
    - {url: "URL/library", owners: [library]}
    - {url: "URL/redirect", types: schema.changed}
    - {url: "http://169.254.169.254/latest", types: schema.changed}
"""
REFRESHED = "{from: introspect, refresh: 5m}"
BROKEN = "type Query { person(id: ID!): Person } type Person { id: ID! fullName: String }"


class Receiver:
    """A real address that takes events; `/redirect` sends them elsewhere."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, dict[str, Any]]] = []
        taken = self.taken

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                taken.append((self.path, json.loads(body)))
                self.send_response(302 if self.path == "/redirect" else 204)
                if self.path == "/redirect":
                    self.send_header("location", "/staff")
                    self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


async def test_a_changed_schema_and_a_drifting_answer_reach_the_team_they_concern(
    configure: Configure, people: Service, receiver: Receiver
) -> None:
    settings = settings_of(configure(REFRESHED, more=WEBHOOKS.replace("URL", receiver.url)))
    pauses = Pauses()
    house = House(settings, lines(settings), sleep=pauses.sleep, emitter=Emitter(webhooks(settings.events)))
    try:
        await house.open()
        await _drift(house, people)
        await _told(house, 0, 1)
        people.sdl = BROKEN
        await pauses.asleep()
        await pauses.wake()
        await _told(house, 0, 2)
        await _told(house, 3, 0, failed=1)
        await _told(house, 2, 0, failed=1)
        addresses = house.status()["events"]
    finally:
        await house.close()
    assert {path for path, _ in receiver.taken} == {"/staff", "/redirect"}, "nothing about other teams, nothing redirected"
    drift, change = (event for path, event in receiver.taken if path == "/staff")
    assert (drift["type"], drift["subject"], drift["data"]["coordinate"]) == ("signpost.drift.detected", "people", "Person.name")
    assert drift["data"]["owner"]["team"] == change["data"]["owner"]["team"] == "Staff Office"
    assert (change["type"], change["data"]["state"]) == ("signpost.schema.changed", "applied")
    assert change["data"]["counts"] == {"breaking": 1, "dangerous": 0, "safe": 1}
    assert {each["coordinate"] for each in change["data"]["changes"]} == {"Person.name", "Person.fullName"}
    assert [each["last_failure"] and each["last_failure"]["code"] for each in addresses] == [
        *(None, None, "UPSTREAM_BLOCKED", "UPSTREAM_BLOCKED")
    ]


async def _drift(house: House, people: Service) -> None:
    answer = people.answer
    people.stop()
    people.answer = lambda body: b'{"data": {"person": {"name": 7}}}' if b"name" in body and b"__" not in body else answer(body)  # type: ignore[method-assign]
    people.start()
    told = await ask(house, '{ person(id: "1") { name } }')
    assert told["errors"][0]["extensions"]["code"] == "SCHEMA_DRIFT"


async def _told(house: House, index: int, delivered: int, failed: int = 0) -> None:
    def counts() -> tuple[int, int]:
        address = house.status()["events"][index]
        return address["delivered"], address["failed"]

    async with asyncio.timeout(20):
        while counts() != (delivered, failed):  # noqa: ASYNC110  nobody tells when
            await asyncio.sleep(0.001)
