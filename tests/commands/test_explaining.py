"""`gateway explain` and `gateway capture`, asked of running processes over their admin sockets."""

from __future__ import annotations

import asyncio
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from gateway.server.listen import Listener, bind_unix
from gateway.server.street import backyard

from ..server.conftest import StubHouse
from .conftest import Gateway

STORY: dict[str, Any] = {
    "at": "2026-11-22T20:41:09Z",
    "request_id": "req_1",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "operation_name": None,
    "document": '{\n  product(id: "…") {\n    stock\n  }\n}',
    "variables": {"id": "string"},
    "plan": {"fetches": [{"id": 0, "service": "inventory", "path": "", "needs": []}]},
    "calls": [
        {
            "service": "inventory",
            "operation": "GET /v2/stock/{sku}",
            "start_ms": 0.0,
            "duration_ms": 803.2,
            "served": "error",
            "status": 503,
            "attempts": 3,
            "keys": 2,
            "code": "UPSTREAM_ERROR",
            "upstream_request_id": "their-1",
            "request": {
                "method": "GET",
                "url": "https://inventory.example.com/v2/stock/{sku}",
                "headers": ["accept", "x-api-key"],
            },
        }
    ],
    "calls_made": 1,
    "errors": [
        {
            "code": "UPSTREAM_ERROR",
            "service": "inventory",
            "error_id": "err_1",
            "path": ["product", 0, "stock"],
            "message": "Inventory answered 503.",
            "owner": {"team": "Stock & Supply", "contact": {"email": "stock@example.com"}},
        }
    ],
}


COUNTED = {
    "counted": True,
    "asked": {"orders": 1000, "stock": 400},
    "owners": {
        "orders": {"team": "Sales", "contact": {"chat": "#sales"}},
        "stock": {"team": "Stock & Supply", "contact": {"email": "stock@example.com"}},
        "prices": {"team": "Sales", "contact": {}},
    },
    "joins": [
        {"field": "Order.stock", "source": "orders", "to": "stock", "operations": 960, "calls": 970, "keys": 4000},
        {"field": "Order.price", "source": "orders", "to": "prices", "operations": 950, "calls": 950, "keys": 950},
        {"field": "Stock.price", "source": "stock", "to": "prices", "operations": 200, "calls": 200, "keys": 300},
    ],
}


class Knowing(StubHouse):
    """A process that knows these stories."""

    def __init__(self, *stories: dict[str, Any]) -> None:
        super().__init__()
        self.stories = stories

    def story(self, wanted: str) -> dict[str, Any] | None:
        return next((each for each in self.stories if wanted in (each["request_id"], each["errors"][0]["error_id"])), None)

    def joins(self) -> dict[str, Any]:
        return COUNTED

    def recent_failures(self) -> list[dict[str, Any]]:
        return [{"at": each["at"], "request_id": each["request_id"], "codes": ["UPSTREAM_ERROR"]} for each in self.stories]


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[str]:
    """Two workers; only the second knows of the request."""
    listeners, threads = [], []
    for number, house in enumerate((Knowing(), Knowing(STORY))):
        sock = bind_unix(tmp_path / f"admin-{number}.sock")
        listeners.append(Listener(backyard(house), house))

        def serve(each: Any = listeners[-1], sock: Any = sock) -> None:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(each.serve(sockets=[sock]))

        threads.append(threading.Thread(target=serve, daemon=True))
        threads[-1].start()
    yield f"unix:{tmp_path / 'admin.sock'}"
    for each in listeners:
        each.should_exit = True
    for thread in threads:
        thread.join(20)


def test_whichever_worker_knows_the_error_tells_its_story(gateway: Gateway, admin: str) -> None:
    said = gateway("explain", "err_1", "--admin", admin)
    assert (said.code, said.err) == (0, "")
    for told in ("req_1", "GET /v2/stock/{sku} answered 503 in 803.2 ms (3 attempts, 2 keys, their request id their-1)"):
        assert told in said.out
    assert "tell Stock & Supply (email stock@example.com), with err_1" in said.out


def test_a_request_id_finds_the_same_story_for_programs(gateway: Gateway, admin: str) -> None:
    assert gateway("explain", "req_1", "--admin", admin, "--json").data == STORY


def test_an_id_nobody_knows_is_answered_with_the_latest_failures(gateway: Gateway, admin: str) -> None:
    said = gateway("explain", "err_nope", "--admin", admin)
    assert said.code == 1
    assert "req_1  UPSTREAM_ERROR" in said.err


def test_where_no_gateway_runs_the_command_says_where_it_asked(gateway: Gateway, tmp_path: Path) -> None:
    said = gateway("explain", "err_1", "--admin", "127.0.0.1:9")
    assert (said.code, "no gateway answers at 127.0.0.1:9" in said.err) == (2, True)
    assert gateway("explain", "err_1", "--admin", f"unix:{tmp_path}/none.sock").code == 2


def test_a_capture_is_a_message_a_script_and_the_facts(gateway: Gateway, admin: str, tmp_path: Path) -> None:
    path = tmp_path / "for-stock.zip"
    assert gateway("capture", "err_1", "--admin", admin, "--output", path).code == 0
    with zipfile.ZipFile(path) as archive:
        message, script = archive.read("message.md").decode(), archive.read("replay.sh").decode()
    assert "**To:** Stock & Supply (stock@example.com)" in message
    assert "your request id: `their-1`" in message
    assert "curl -sS -X GET 'https://inventory.example.com/v2/stock/{sku}'" in script
    assert "-H 'x-api-key: <x-api-key>'" in script


# ---------------------------------------------------------------- advise


def test_sources_that_are_always_joined_are_told_with_the_teams_that_should_talk(gateway: Gateway, admin: str) -> None:
    said = gateway("advise", "--admin", admin)
    assert (said.code, said.err) == (0, "")
    assert "Order.stock  orders (Sales)" in said.out
    assert "Sales (#sales) and Stock & Supply (stock@example.com) should talk: if stock told its changes" in said.out
    assert "orders is always joined with prices, and both are Sales's" in said.out
    assert "stock is always joined with prices" not in said.out


def test_advice_for_programs_has_the_volume(gateway: Gateway, admin: str) -> None:
    first, _, last = gateway("advise", "--admin", admin, "--json").data["joins"]
    assert (first["share"], first["operations"], first["calls"], first["keys"]) == (0.96, 960, 970, 4000)
    assert (last["share"], last["suggestion"]) == (0.5, None)


def test_a_gateway_that_counts_nothing_has_no_advice(gateway: Gateway, admin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COUNTED, "counted", False)
    said = gateway("advise", "--admin", admin)
    assert said.code == 2
    assert "telemetry.metrics" in said.err
