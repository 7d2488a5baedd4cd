"""One attempt on the wire: what is counted, what is told to the source about this very attempt, and what is kept of it for its
CLIENT span and for metrics.

Trace context, ids and the remaining time are added here and nowhere else, so that they are no part of any key.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from gateway.errors import UpstreamCallsExhausted, UpstreamError
from gateway.telemetry import Attempt
from gateway.upstream.call import Call, Headers, Layer, Reply, Request, Send
from gateway.upstream.clock import Clock
from gateway.upstream.watch import Watch

TIME_LEFT = "x-envoy-expected-rq-timeout-ms"
"""The header by which Envoy tells an upstream how many milliseconds its caller will wait; meshes and services know it."""
ADDED = frozenset({"x-request-id", "x-correlation-id", "traceparent", "tracestate", "baggage", TIME_LEFT})
"""The headers only this layer sends."""


def attempt(
    per_try: float,
    clock: Clock,
    failed: Callable[[UpstreamError], None],
    watch: Watch | None = None,
    *,
    timed: bool = False,
) -> Layer:
    """`failed` is told of every attempt that went wrong, whatever the layers outside make of it. `timed`: replies say how long
    they took."""

    def layer(send: Send) -> Send:
        async def attempted(call: Call) -> Reply:
            request = call.request
            count(request)
            began, trace, kept, traceparent = clock.monotonic(), request.trace, None, request.traceparent
            if trace is not None and call.fetch is not None:
                kept = call.fetch.attempt(trace, began)
                traceparent = trace.within(kept.id)
            headers = call.headers + announced(request, traceparent, min(per_try, call.deadline - began))
            try:
                reply = await send(replace(call, headers=headers))
            except UpstreamError as error:
                error.elapsed = ended(call, kept, began, error.status, error.error_type)
                failed(error)
                raise
            elapsed = ended(call, kept, began, reply.status)
            return replace(reply, elapsed=elapsed) if timed else reply

        def ended(call: Call, kept: Attempt | None, began: float, status: int | None, error_type: str = "") -> float:
            now = clock.monotonic()
            if watch is not None:
                watch.spent(call, now - began, status, error_type, kept)
            if kept is not None:
                kept.ended, kept.status, kept.error_type = now, status, error_type or None
            return now - began

        return attempted

    return layer


def count(request: Request) -> None:
    """Real calls are counted where they are made; past its limit a request has no more of them."""
    tally = request.tally
    if tally.calls >= tally.limit > 0:
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
