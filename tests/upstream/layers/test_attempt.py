from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind

from gateway import telemetry
from gateway.errors import UpstreamCallsExhausted, UpstreamError, UpstreamFailed
from gateway.upstream.call import Call, Reply, Request, Tally
from gateway.upstream.clock import REAL
from gateway.upstream.layers.attempt import attempt
from gateway.upstream.layers.fetch_span import fetch_span
from gateway.upstream.meter import Meter
from tests.upstream.conftest import call
from tests.upstream.world import Source, Time, reply

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TOLD: list[UpstreamError] = []


async def attempted(made: Call, source: Source | None = None, time: Time | None = None, tracer: Any = None) -> dict[str, str]:
    """The headers that reached the transport."""
    time, source = time or Time(), source or Source()
    await attempt(2.0, time.clock, tracer, TOLD.append)(source.send)(made)
    return dict(source.calls[0].headers)


async def test_it_tells_the_source_the_ids_and_the_trace() -> None:
    request = Request(
        id="req_1", correlation_id="c-1", traceparent=TRACEPARENT, tracestate="a=b", baggage="k=v", tally=Tally(), deadline=2000.0
    )
    sent = await attempted(call(headers=[("accept", "application/json")], request=request))
    assert sent == {
        "accept": "application/json",
        "x-request-id": "req_1",
        "x-correlation-id": "c-1",
        "traceparent": TRACEPARENT,
        "tracestate": "a=b",
        "baggage": "k=v",
        "x-envoy-expected-rq-timeout-ms": "2000",
    }


async def test_it_tells_the_time_that_is_left_when_that_is_less_than_per_try() -> None:
    time = Time()
    sent = await attempted(call(deadline=time.now + 0.5), time=time)
    assert sent["x-envoy-expected-rq-timeout-ms"] == "500"


async def test_what_it_adds_is_no_part_of_the_key() -> None:
    source = Source()
    one, other = (call(request=Request(id=name, traceparent=TRACEPARENT)) for name in ("req_1", "req_2"))
    await attempted(one, source)
    assert one.key == other.key
    assert source.calls[0].key != one.key


async def test_every_real_call_is_counted_and_the_last_allowed_is_the_last() -> None:
    source = Source()
    send = attempt(2.0, Time().clock, None, TOLD.append)(source.send)
    request = Request(id="r", tally=Tally(limit=2))
    for _ in range(2):
        await send(call(request=request))
    with pytest.raises(UpstreamCallsExhausted) as caught:
        await send(call(request=request))
    assert caught.value.details == {"made": 2, "limit": 2}
    assert (len(source.calls), request.tally.calls) == (2, 2)


async def test_a_failure_knows_how_long_it_took_and_is_told() -> None:
    time = Time()

    async def slow(_made: Call) -> Reply:
        time.advance(0.8)
        raise UpstreamFailed

    told: list[UpstreamError] = []
    with pytest.raises(UpstreamFailed) as caught:
        await attempt(2.0, time.clock, None, told.append)(slow)(call())
    assert caught.value.elapsed == pytest.approx(0.8)
    assert told == [caught.value]


# ---------------------------------------------------------------- spans


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(spans: InMemorySpanExporter) -> telemetry.Tracer:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return provider.get_tracer("test")


async def test_without_an_sdk_there_is_no_tracer() -> None:
    assert telemetry.tracer() is None


async def test_an_attempt_is_a_client_span_of_the_caller_s_trace(tracer: telemetry.Tracer, spans: InMemorySpanExporter) -> None:
    sent = await attempted(call(request=Request(id="r", traceparent=TRACEPARENT)), tracer=tracer)
    [span] = spans.get_finished_spans()
    assert span.kind is SpanKind.CLIENT
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert sent["traceparent"] == telemetry.written(span.context)
    assert dict(span.attributes or {}) == {"http.request.method": "GET", "http.response.status_code": 200}


async def test_attempts_are_children_of_their_fetch(tracer: telemetry.Tracer, spans: InMemorySpanExporter) -> None:
    failed = UpstreamFailed(error_type="503")
    failed.status = 503
    inner = attempt(2.0, Time().clock, tracer, TOLD.append)(Source(failed).send)
    send = fetch_span("inventory", tracer, Meter(REAL), REAL)(inner)
    with pytest.raises(UpstreamFailed):
        await send(call())
    inner, outer = spans.get_finished_spans()
    assert (outer.name, inner.name) == ("fetch inventory", "GET /")
    assert inner.parent is not None
    assert outer.context is not None
    assert inner.parent.span_id == outer.context.span_id
    assert dict(inner.attributes or {})["error.type"] == "503"


async def test_an_unsampled_trace_is_passed_on_as_unsampled() -> None:
    tracer = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("test")
    sent = await attempted(call(request=Request(id="r", traceparent=TRACEPARENT)), tracer=tracer)
    assert sent["traceparent"].startswith("00-4bf92f3577b34da6a3ce929d0e0e4736-")
    assert sent["traceparent"].endswith("-00")


async def test_any_error_that_leaves_says_whose_it_is_and_what_was_asked() -> None:
    with pytest.raises(UpstreamFailed) as caught:
        await fetch_span("inventory", None, Meter(REAL), REAL)(Source(UpstreamFailed()).send)(call())
    assert (caught.value.service, caught.value.operation, caught.value.url) == ("inventory", "GET /", "http://source.test/")


async def test_a_fetch_says_how_it_was_served(tracer: telemetry.Tracer, spans: InMemorySpanExporter) -> None:
    await fetch_span("inventory", tracer, Meter(REAL), REAL)(Source(reply()).send)(call())
    [span] = spans.get_finished_spans()
    assert dict(span.attributes or {})["gateway.served"] == "network"


# ---------------------------------------------------------------- traceparent


def test_a_traceparent_is_read_and_written_back() -> None:
    context = telemetry.parse(TRACEPARENT)
    assert context is not None
    assert context.is_remote
    assert telemetry.written(context) == TRACEPARENT


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n",
    ],
)
def test_what_is_no_traceparent_begins_a_new_trace(wrong: str) -> None:
    assert telemetry.parse(wrong) is None


def test_a_later_version_may_say_more() -> None:
    assert telemetry.parse("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more") is not None
