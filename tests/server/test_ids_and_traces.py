"""Request and correlation ids, W3C trace context: what is accepted, what is replaced, what reaches the upstreams."""

from __future__ import annotations

import httpx
import pytest

from gateway.server.caller import CallerHeaders, fields, request_of, time_for_sources

from .conftest import StubEngine

HELLO = {"query": "{ hello }"}
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_sane_request_id_is_kept_and_returned(client: httpx.Client, engine: StubEngine) -> None:
    response = client.post("/graphql", json=HELLO, headers={"x-request-id": "shop:2026.11-00042"})
    assert response.headers["x-request-id"] == engine.asked[0].request.id == "shop:2026.11-00042"


@pytest.mark.parametrize("wanted", ["short", "x" * 129, "with space", 'quote"quote', "semi;colon;s"])
def test_a_request_id_that_could_harm_a_log_is_replaced(client: httpx.Client, wanted: str) -> None:
    made = client.post("/graphql", json=HELLO, headers={"x-request-id": wanted}).headers["x-request-id"]
    assert made != wanted
    assert made.startswith("req_")


def test_every_request_without_an_id_gets_its_own(client: httpx.Client) -> None:
    made = {client.post("/graphql", json=HELLO).headers["x-request-id"] for _ in range(20)}
    assert len(made) == 20


def test_a_correlation_id_is_passed_through(client: httpx.Client, engine: StubEngine) -> None:
    response = client.post("/graphql", json=HELLO, headers={"x-correlation-id": "order-7"})
    assert response.headers["x-correlation-id"] == engine.asked[0].request.correlation_id == "order-7"


def test_errors_of_the_door_carry_the_ids_too(client: httpx.Client) -> None:
    response = client.put("/graphql", headers={"x-correlation-id": "order-7", "traceparent": TRACEPARENT})
    assert response.headers["x-correlation-id"] == "order-7"
    assert response.json()["errors"][0]["extensions"]["trace_id"] == TRACEPARENT[3:35]


def test_trace_context_and_baggage_reach_the_engine(client: httpx.Client, engine: StubEngine) -> None:
    client.post("/graphql", json=HELLO, headers={"traceparent": TRACEPARENT, "tracestate": "a=1,b=2", "baggage": "tenant=7"})
    request = engine.asked[0].request
    assert (request.traceparent, request.tracestate, request.baggage) == (TRACEPARENT, "a=1,b=2", "tenant=7")


@pytest.mark.parametrize(
    "wrong",
    [
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "nonsense",
    ],
)
def test_a_trace_context_that_is_not_valid_is_dropped_with_its_state(wrong: str) -> None:
    request = request_of({b"traceparent": wrong.encode(), b"tracestate": b"a=1"}, deadline=1.0, calls_total=1)
    assert (request.traceparent, request.tracestate) == (None, None)


def test_a_later_version_of_the_trace_context_may_be_longer() -> None:
    later = TRACEPARENT.replace("00-", "01-", 1) + "-more"
    assert request_of({b"traceparent": later.encode()}, deadline=1.0, calls_total=1).traceparent == later


def state_of(*lines: bytes) -> str | None:
    raw = [(b"traceparent", TRACEPARENT.encode()), *((b"tracestate", line) for line in lines)]
    return request_of(fields(raw), deadline=1.0, calls_total=1).tracestate


@pytest.mark.parametrize(
    ("lines", "passed_on"),
    [
        ((b"a=1", b"b=2,c=3"), "a=1,b=2,c=3"),
        ((b"a=1 \t, \t b=2",), "a=1,b=2"),
        ((b"", b"a=1", b""), "a=1"),
        ((b"t@v=1,a@@b=2,0x=3",), "t@v=1,a@@b=2,0x=3"),
        ((b"a=x y!~",), "a=x y!~"),
        ((b",".join(b"k%d=1" % n for n in range(32)),), ",".join(f"k{n}=1" for n in range(32))),
    ],
)
def test_trace_state_is_passed_on_without_what_is_empty(lines: tuple[bytes, ...], passed_on: str) -> None:
    assert state_of(*lines) == passed_on


@pytest.mark.parametrize(
    "line",
    [
        b"A=1",
        b"@a=1",
        b"a.b=1",
        b"a =1",
        b"a=1=2",
        b"a=,b=1",
        b"z" * 257 + b"=1",
        b",".join(b"k%d=1" % n for n in range(33)),
    ],
)
def test_trace_state_that_is_none_in_part_is_dropped_as_a_whole(line: bytes) -> None:
    assert state_of(b"fine=1", line) is None


def test_white_space_around_a_traceparent_is_none_of_it() -> None:
    given = {b"traceparent": b" \t" + TRACEPARENT.encode() + b" \t"}
    assert request_of(given, deadline=1.0, calls_total=1).traceparent == TRACEPARENT


def test_of_two_traceparents_neither_is_believed() -> None:
    raw = [(b"traceparent", TRACEPARENT.encode()), (b"traceparent", TRACEPARENT.replace("4bf9", "5bf9").encode())]
    assert request_of(fields(raw), deadline=1.0, calls_total=1).traceparent is None


def test_oversized_trace_state_and_baggage_are_dropped() -> None:
    given = {b"traceparent": TRACEPARENT.encode(), b"tracestate": b"a" * 513, b"baggage": b"b" * 8193}
    request = request_of(given, deadline=1.0, calls_total=1)
    assert (request.tracestate, request.baggage) == (None, None)
    assert request.traceparent == TRACEPARENT


def test_repeated_fields_are_joined_and_cookies_by_semicolons() -> None:
    raw = [(b"accept", b"a/b"), (b"cookie", b"x=1"), (b"accept", b"c/d"), (b"cookie", b"y=2")]
    assert fields(raw) == {b"accept": b"a/b, c/d", b"cookie": b"x=1; y=2"}


def test_the_callers_headers_read_as_text_by_lower_case_name() -> None:
    headers = CallerHeaders({b"authorization": b"Bearer \xe9"})
    assert dict(headers) == {"authorization": "Bearer é"}
    assert "cookie" not in headers
    assert headers.get("cookie") is None


def test_the_deadline_and_the_call_limit_come_from_the_limits(client: httpx.Client, engine: StubEngine) -> None:
    client.post("/graphql", json=HELLO)
    request = engine.asked[0].request
    assert request.tally.limit == 2000
    assert 0 < request.deadline < float("inf")


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(None, 1.9), (b"1000", 0.9), (b"500", 0.45), (b"99999", 1.9), (b"soon", 1.9), (b"0", 0.0)],
)
def test_sources_have_what_the_caller_will_wait_less_what_answering_takes(given: bytes | None, seconds: float) -> None:
    fields = {} if given is None else {b"x-envoy-expected-rq-timeout-ms": given}
    assert time_for_sources(fields, 2.0) == pytest.approx(seconds)
