"""Facts become spans: names, parents, times; and only of what is exported."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

from gateway.telemetry.metrics import Counter
from gateway.telemetry.spans import FAILURES_PER_SECOND, Tracing, spans_of
from gateway.telemetry.trace import Link, Sampler, Trace

HERE = Resource({"service.name": "signpost"})
CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-"


class Kept:
    """In place of an export."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def send(self, spans: Sequence[ReadableSpan]) -> None:
        self.spans += spans

    def close(self) -> None:
        """Nothing is open."""


def begun(flags: str = "01") -> Trace:
    return Sampler(0.0, monotonic=lambda: 100.0, wall=lambda: 1_000_000.0).begin(CALLER + flags, "a=1")


def test_a_request_is_one_tree() -> None:
    trace = begun()
    trace.name, trace.attributes = "query", {"graphql.operation.name": "Shelf"}
    trace.phases = [("plan", 100.1, 100.2)]
    fetch = trace.fetch("stock", "GET /stock/{sku}", "GET", "https://stock.example.com/stock/p1?key=secret", 100.3)
    assert fetch is not None
    fetch.served, fetch.ended, fetch.link = "network", 100.9, Link("5" * 32, "6" * 16)
    for began in (100.4, 100.6):
        attempt = fetch.attempt(trace, began)
        attempt.ended, attempt.status = began + 0.1, 200
    server, plan, whole, first, second = spans_of(trace, HERE, {"http.request.method": "POST"}, 101.0)
    assert [span.name for span in (server, plan, whole)] == ["query", "plan", "fetch stock"]
    assert first.name == second.name == "GET /stock/{sku}"
    assert [span.kind for span in (server, whole, first)] == [SpanKind.SERVER, SpanKind.INTERNAL, SpanKind.CLIENT]
    assert server.parent is not None
    assert (server.parent.span_id, server.parent.is_remote) == (0x00F067AA0BA902B7, True)
    assert {span.parent and span.parent.span_id for span in (plan, whole)} == {server.context.span_id}
    assert {span.parent and span.parent.span_id for span in (first, second)} == {whole.context.span_id}
    assert (server.start_time, server.end_time) == (1_000_000_000_000_000, 1_000_001_000_000_000)
    assert [link.context.trace_id for link in whole.links] == [int("5" * 32, 16)]
    assert server.context.trace_state.get("a") == "1"
    assert "http.request.resend_count" not in (first.attributes or {})
    assert (second.attributes or {})["http.request.resend_count"] == 1
    assert (first.attributes or {})["server.port"] == 443
    assert "secret" not in str([span.to_json() for span in (server, whole, first)])


def test_an_attempt_nobody_waited_for_ends_with_its_trace() -> None:
    trace = begun()
    fetch = trace.fetch("stock", "GET /", "GET", "http://stock/", 100.0)
    assert fetch is not None
    fetch.attempt(trace, 100.5)
    *_, attempt = spans_of(trace, HERE, {}, 102.0)
    assert attempt.end_time == 1_000_002_000_000_000
    assert (attempt.attributes or {})["error.type"] == "cancelled"


@pytest.mark.parametrize(("flags", "failed", "told"), [("01", False, 1), ("00", True, 1), ("00", False, 0)])
def test_what_is_exported_is_sampled_or_failed(flags: str, failed: bool, told: int) -> None:
    kept, trace = Kept(), begun(flags)
    trace.failed = failed
    Tracing(Sampler(0.0), kept, HERE, Counter("lost", "1", "")).finish(trace, dict, 101.0)  # type: ignore[arg-type]  # stands in
    assert len(kept.spans) == told
    assert all(span.context.trace_flags.sampled for span in kept.spans), "else no exporter takes it"


def test_the_attributes_of_a_request_nobody_sees_are_never_put_together() -> None:
    def asked() -> dict[str, str]:
        raise AssertionError("nobody was to ask")

    Tracing(Sampler(0.0), Kept(), HERE, Counter("lost", "1", "")).finish(begun("00"), asked, 101.0)  # type: ignore[arg-type]  # stands in


def test_a_storm_of_failures_is_shown_in_part_and_the_rest_is_counted() -> None:
    kept, lost = Kept(), Counter("lost", "1", "", ("signal", "reason"))
    tracing = Tracing(Sampler(0.0), kept, HERE, lost)  # type: ignore[arg-type]  # stands in
    for number in range(FAILURES_PER_SECOND + 40):
        trace = begun("00")
        trace.failed = True
        tracing.finish(trace, dict, 100.0 + number / 1000)
    assert len(kept.spans) == FAILURES_PER_SECOND
    assert [series.value for series in lost.family().series] == [40]
    trace = begun("00")
    trace.failed = True
    tracing.finish(trace, dict, 101.5)
    assert len(kept.spans) == FAILURES_PER_SECOND + 1
