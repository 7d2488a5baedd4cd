"""One attempt on the wire: what is counted, what is told to the source about this very attempt, and its CLIENT span.

Trace context, ids and the remaining time are added here and nowhere else, so that they are no part of any key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from gateway import telemetry
from gateway.errors import SourceError, UpstreamCallsExhausted, UpstreamError
from gateway.upstream.call import Call, Headers, Layer, Reply, Request, Send
from gateway.upstream.clock import Clock

TIME_LEFT = "x-envoy-expected-rq-timeout-ms"
"""The header by which Envoy tells an upstream how many milliseconds its caller will wait; meshes and services know it."""
ADDED = frozenset({"x-request-id", "x-correlation-id", "traceparent", "tracestate", "baggage", TIME_LEFT})
"""The headers only this layer sends."""


def attempt(
    per_try: float,
    clock: Clock,
    tracer: telemetry.Tracer | None,
    failed: Callable[[UpstreamError], None],
    *,
    timed: bool = False,
) -> Layer:
    """`failed` is told of every attempt that went wrong, whatever the layers outside make of it. `timed`: replies say how long
    they took."""

    def layer(send: Send) -> Send:
        async def attempted(call: Call, traceparent: str | None) -> Reply:
            request = call.request
            count(request)
            began = clock.monotonic()
            try:
                headers = call.headers + announced(request, traceparent, min(per_try, call.deadline - began))
                reply = await send(replace(call, headers=headers))
                return replace(reply, elapsed=clock.monotonic() - began) if timed else reply
            except UpstreamError as error:
                error.elapsed = clock.monotonic() - began
                failed(error)
                raise

        def untraced(call: Call) -> Awaitable[Reply]:
            return attempted(call, call.request.traceparent)

        if tracer is None:
            return untraced
        spans = tracer

        async def traced(call: Call) -> Reply:
            span = telemetry.start_client_span(spans, call.operation, call.request.traceparent)
            try:
                reply = await attempted(call, telemetry.written(span.get_span_context()))
                describe(span, call, reply.status)
                return reply
            except SourceError as error:
                describe(span, call, getattr(error, "status", None), error.error_type)
                raise
            finally:
                span.end()

        return traced

    return layer


def count(request: Request) -> None:
    """Real calls are counted where they are made; past its limit a request has no more of them."""
    tally = request.tally
    if tally.limit and tally.calls >= tally.limit:
        raise UpstreamCallsExhausted(made=tally.calls, limit=tally.limit)
    tally.calls += 1


def announced(request: Request, traceparent: str | None, time_left: float) -> Headers:
    """What this attempt tells its source."""
    headers: Headers = (("x-request-id", request.id), (TIME_LEFT, str(int(time_left * 1000))))
    if traceparent is not None:
        headers += (("traceparent", traceparent),)
        if request.tracestate is not None:
            headers += (("tracestate", request.tracestate),)
    if request.correlation_id is not None:
        headers += (("x-correlation-id", request.correlation_id),)
    if request.baggage is not None:
        headers += (("baggage", request.baggage),)
    return headers


def describe(span: telemetry.Span, call: Call, status: int | None, error_type: str | None = None) -> None:
    """OpenTelemetry's names for an HTTP client call. The URL is left out: it may hold what the caller wants kept."""
    if not span.is_recording():
        return
    span.set_attribute("http.request.method", call.method)
    if status is not None:
        span.set_attribute("http.response.status_code", status)
    if error_type is not None:
        span.set_attribute("error.type", error_type)
