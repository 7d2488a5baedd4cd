"""What is measured and traced of HTTP requests at the real door."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from gateway.app.observing.door import DoorWatch, Requests
from gateway.engine import Answer
from gateway.server.house import Front
from gateway.telemetry.metrics import Counter
from gateway.telemetry.spans import Tracing
from gateway.telemetry.trace import Sampler
from tests.server.conftest import StubEngine, behind

HELLO = {"query": "{ hello }"}
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Kept:
    """In place of an export."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def send(self, spans: Sequence[ReadableSpan]) -> None:
        self.spans += spans


@pytest.fixture
def requests() -> Requests:
    return Requests()


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def front(requests: Requests, kept: Kept) -> Front:
    tracing = Tracing(Sampler(0.0), kept, Resource({}), Counter("lost", "1", ""))  # type: ignore[arg-type]  # stands in
    return replace(Front(batch=5), watch=DoorWatch(requests, tracing))


def measured(requests: Requests) -> list[dict[str, Any]]:
    durations, active = requests.families()
    assert active.series[0].value == 0
    return [dict(series.labels) | {"count": sum(series.counts)} for series in durations.series]


def test_requests_are_measured_by_method_and_status(front: Front, requests: Requests) -> None:
    with behind(front) as (client, _):
        client.post("/graphql", json=HELLO)
        client.post("/graphql", content=b"", headers={"content-type": "text/plain"})
        client.request("PROPFIND", "/graphql")
    about = {"http.route": "/graphql", "url.scheme": "http"}
    assert measured(requests) == [
        about | {"http.request.method": "POST", "http.response.status_code": 200, "count": 1},
        about | {"http.request.method": "POST", "http.response.status_code": 415, "count": 1},
        about | {"http.request.method": "_OTHER", "http.response.status_code": 405, "count": 1},
    ]


def test_the_engine_is_given_the_trace_and_the_span_tells_of_the_answer(front: Front, kept: Kept) -> None:
    with behind(front) as (client, house):
        client.post("/graphql", json=HELLO, headers={"traceparent": TRACEPARENT, "x-request-id": "shop-000042"})
        client.post("/graphql?secret=1", json=HELLO)
        assert isinstance(house.engine, StubEngine)
        first, second = (asked.request for asked in house.engine.asked)
    [span] = kept.spans
    assert span.context is not None
    assert first.traceparent == f"00-{TRACEPARENT[3:35]}-{span.context.span_id:016x}-01"
    assert second.traceparent is not None, "a trace begins at the door"
    about = dict(span.attributes or {})
    assert about["gateway.request.id"] == "shop-000042"
    assert about["http.response.status_code"] == 200
    assert about["url.path"] == "/graphql"


def test_all_operations_of_a_batch_are_one_request(front: Front, kept: Kept) -> None:
    with behind(front) as (client, house):
        client.post("/graphql", json=[HELLO, HELLO], headers={"traceparent": TRACEPARENT})
        assert isinstance(house.engine, StubEngine)
        one, other = (asked.request for asked in house.engine.asked)
    assert one.trace is other.trace
    assert one.tally is not other.tally
    assert len(kept.spans) == 1


def test_a_request_that_ends_in_a_5xx_is_told_though_it_was_not_sampled(front: Front, kept: Kept) -> None:
    with behind(front) as (client, house):
        assert isinstance(house.engine, StubEngine)
        body = json.dumps({"errors": [{"message": "shed"}]}).encode()
        house.engine.answer_with = lambda _: Answer(body, 503, has_errors=True, refused=True)
        client.post("/graphql", json=HELLO)
    [span] = kept.spans
    assert dict(span.attributes or {})["error.type"] == "503"


def test_a_caller_that_goes_away_is_measured_without_a_status(front: Front, requests: Requests) -> None:
    with behind(front) as (client, house):
        assert isinstance(house.engine, StubEngine)
        house.engine.hang = True
        hang_up(client.base_url, house.engine)
        assert house.engine.cancelled.wait(20)
    [series] = measured(requests)
    assert series["error.type"] == "cancelled"
    assert "http.response.status_code" not in series


def hang_up(url: httpx.URL, engine: StubEngine) -> None:
    """Sends a request and closes the connection as soon as the engine has it."""
    body = json.dumps(HELLO).encode()
    head = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    with socket.create_connection((url.host, url.port), 20) as connection:
        connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        assert engine.entered.wait(20)
