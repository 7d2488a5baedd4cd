"""What several workers say of themselves is told as one: whichever of them is asked."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from gateway.app.together import merged
from gateway.upstream.meter import Meter, Traffic

from .conftest import Configure
from .test_serving import needs_proc, serving


class Clock:
    def monotonic(self) -> float:
        return 1_000.0

    def wall(self) -> float:
        return 1_790_000_000.0


def traffic(*calls: tuple[str, float]) -> dict[str, Any]:
    meter = Meter(Clock())
    for kind, seconds in calls:
        meter.add(kind, 1_000.0, seconds)
    told: dict[str, Any] = msgspec.to_builtins(meter.traffic())
    return told


def status(**source: Any) -> dict[str, Any]:
    known = {"name": "stock", "breaker": "closed", "schema": "read", "queued": 0, "open_calls": 1, "traffic": traffic()}
    return {"ready": True, "draining": False, "generation": 1, "events": [], "sources": [known | source]}


def test_counts_are_added_and_latencies_are_those_of_all_calls() -> None:
    slow, quick = traffic(*[("network", 0.9)] * 10), traffic(*[("network", 0.002)] * 89, ("error", 0.002))
    [source] = merged([status(traffic=slow, queued=2), status(traffic=quick, queued=3)])["sources"]
    assert (source["queued"], source["open_calls"]) == (5, 2)
    told = msgspec.convert(source["traffic"], Traffic)
    assert (told.calls, told.errors, sum(told.series), sum(told.failures)) == (100, 1, 100, 1)
    assert told.p50_ms is not None
    assert told.p95_ms is not None
    assert told.p50_ms < 5 < 500 < told.p95_ms


@pytest.mark.parametrize(
    ("one", "other", "worst"), [("closed", "open", "open"), ("half-open", "closed", "half-open"), (None, "closed", "closed")]
)
def test_a_circuit_is_as_bad_as_the_worst_of_them(one: str | None, other: str, worst: str) -> None:
    opened = {"since": 5.0, "code": "UPSTREAM_ERROR", "status": 503}
    first = status(breaker=one, last_failure={"at": 1.0, "code": "A"})
    [source] = merged([first, status(breaker=other, opened=opened, last_failure={"at": 2.0, "code": "B"})])["sources"]
    assert source["breaker"] == worst
    assert source["opened"] == opened
    assert source["last_failure"]["code"] == "B"


def test_all_are_ready_or_it_is_not_and_a_source_only_one_knows_is_no_trouble() -> None:
    other = status() | {"ready": False, "generation": 2, "sources": []}
    told = merged([status(), other])
    assert (told["ready"], told["generation"], told["workers"]) == (False, 2, 2)
    assert [each["name"] for each in told["sources"]] == ["stock"]


@needs_proc
def test_each_worker_tells_of_all_of_them(configure: Configure) -> None:
    """Every connection may reach another worker."""
    with serving(configure(gateway="admin: {public: [status]}\n"), "--workers", "2") as gateway:
        for number in range(12):
            asked = {"query": f'{{ book(id: "{number}") {{ title }} }}'}
            assert httpx.post(gateway.url, json=asked, trust_env=False, timeout=60).status_code == 200
        where = gateway.url.replace("/graphql", "/status.json")
        told = [httpx.get(where, trust_env=False, timeout=60).json() for _ in range(8)]
        about = httpx.post(gateway.url, json={"query": "{ _gateway { sources { name } } }"}, trust_env=False, timeout=60).json()
    assert {each["workers"] for each in told} == {2}
    counts = {source["traffic"]["calls"] for each in told for source in each["sources"] if source["name"] == "books"}
    assert counts == {12}
    assert [each["name"] for each in about["data"]["_gateway"]["sources"]] == ["books", "people"]


@needs_proc
def test_any_worker_tells_what_another_has_seen(configure: Configure, tmp_path: Path) -> None:
    where = f"127.0.0.1:{_free_port()}"
    with serving(configure(gateway=f"admin: {{listen: {where}}}\n"), "--workers", "2") as gateway:
        failed = httpx.post(gateway.url, json={"query": "{ nope }"}, trust_env=False, timeout=60).json()
        wanted = failed["errors"][0]["extensions"]["error_id"]
        told = [httpx.get(f"http://{where}/explain/{wanted}", trust_env=False, timeout=60) for _ in range(6)]
        httpx.post(gateway.url, json={"query": '{ book(id: "1") { author { name } } }'}, trust_env=False, timeout=60)
        joined = [httpx.get(f"http://{where}/joins.json", trust_env=False, timeout=60).json()["joins"] for _ in range(6)]
        assert len(list((tmp_path / "state").glob("admin-*.sock"))) == 2
    assert {each.status_code for each in told} == {200}
    assert {each.json()["story"]["errors"][0]["code"] for each in told} == {"GRAPHQL_VALIDATION_FAILED"}
    assert [[(each["field"], each["operations"]) for each in joins] for joins in joined] == [[("Book.author", 1)]] * 6


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
