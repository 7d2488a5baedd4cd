from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import UpstreamCallsExhausted, UpstreamError, UpstreamFailed
from gateway.telemetry.trace import Sampler, Trace
from gateway.upstream.call import Call, Reply, Request, Send, Tally
from gateway.upstream.clock import REAL
from gateway.upstream.layers.attempt import attempt
from gateway.upstream.layers.fetch_span import fetch_span
from gateway.upstream.meter import Meter
from gateway.upstream.watch import Watch
from tests.upstream.conftest import call
from tests.upstream.world import Source, Time, reply

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TOLD: list[UpstreamError] = []


async def attempted(made: Call, source: Source | None = None, time: Time | None = None) -> dict[str, str]:
    """The headers that reached the transport."""
    time, source = time or Time(), source or Source()
    await attempt(2.0, time.clock, TOLD.append)(source.send)(made)
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
    send = attempt(2.0, Time().clock, TOLD.append)(source.send)
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
        await attempt(2.0, time.clock, told.append)(slow)(call())
    assert caught.value.elapsed == pytest.approx(0.8)
    assert told == [caught.value]


# ---------------------------------------------------------------- what is kept of it


def traced(**more: Any) -> Request:
    trace = Sampler(0.0).begin(TRACEPARENT)
    return Request(id="r", traceparent=trace.traceparent, trace=trace, **more)


def kept(request: Request) -> Trace:
    assert request.trace is not None
    return request.trace


def around(source: Source, watch: Watch | None = None) -> Send:
    inner = attempt(2.0, Time().clock, TOLD.append, watch)(source.send)
    return fetch_span("inventory", Meter(REAL), REAL, traced=True)(inner)


async def test_an_attempt_is_kept_under_its_fetch_and_the_source_is_told_its_id() -> None:
    source, request = Source(), traced()
    await around(source)(call(request=request))
    [fetch] = kept(request).fetches
    [own] = fetch.attempts
    assert (fetch.source, fetch.operation, fetch.served) == ("inventory", "GET /", "network")
    assert dict(source.calls[0].headers)["traceparent"] == f"00-4bf92f3577b34da6a3ce929d0e0e4736-{own.id}-01"
    assert (own.status, own.error_type) == (200, None)


async def test_what_went_wrong_is_kept_with_attempt_and_fetch() -> None:
    failed, request = UpstreamFailed(error_type="503"), traced()
    failed.status = 503
    with pytest.raises(UpstreamFailed):
        await around(Source(failed))(call(request=request))
    [fetch] = kept(request).fetches
    assert (fetch.served, fetch.code, fetch.error_type) == ("error", "UPSTREAM_ERROR", "503")
    assert [(each.status, each.error_type) for each in fetch.attempts] == [(503, "503")]


async def test_without_a_trace_nothing_is_kept_and_the_caller_s_trace_goes_on() -> None:
    source = Source()
    await around(source)(call(request=Request(id="r", traceparent=TRACEPARENT)))
    assert dict(source.calls[0].headers)["traceparent"] == TRACEPARENT


async def test_an_unsampled_trace_is_passed_on_as_unsampled() -> None:
    source, trace = Source(), Sampler(0.0).begin(None)
    await around(source)(call(request=Request(id="r", traceparent=trace.traceparent, trace=trace)))
    sent = dict(source.calls[0].headers)["traceparent"]
    assert sent.startswith(f"00-{trace.id}-")
    assert sent.endswith("-02")


async def test_attempts_are_measured_by_method_and_status_and_explained_by_a_sampled_trace() -> None:
    failed, watch, request = UpstreamFailed(error_type="503"), Watch(), traced()
    failed.status = 503
    with pytest.raises(UpstreamFailed):
        await around(Source(failed), watch)(call(request=request))
    await around(Source(reply()), watch)(call(request=Request(id="r")))
    failing, fine = watch.durations.family().series
    assert dict(failing.labels) == {"http.request.method": "GET", "http.response.status_code": 503, "error.type": "503"}
    assert dict(fine.labels) == {"http.request.method": "GET", "http.response.status_code": 200}
    assert sum(failing.counts) == sum(fine.counts) == 1
    [exemplar] = [each for each in failing.exemplars if each]
    assert exemplar.span == kept(request).fetches[0].attempts[0].id
    assert not any(fine.exemplars)


async def test_any_error_that_leaves_says_whose_it_is_and_what_was_asked() -> None:
    with pytest.raises(UpstreamFailed) as caught:
        await fetch_span("inventory", Meter(REAL), REAL)(Source(UpstreamFailed()).send)(call())
    assert (caught.value.service, caught.value.operation, caught.value.url) == ("inventory", "GET /", "http://source.test/")
