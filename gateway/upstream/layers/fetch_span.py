"""One fetch, attempts and waits together: its span, its place in the count, and the names on whatever error comes out of it."""

from __future__ import annotations

from gateway import telemetry
from gateway.errors import NotSent, SourceError
from gateway.upstream.call import Call, Layer, Reply, Send
from gateway.upstream.clock import Clock
from gateway.upstream.meter import Meter


def fetch_span(source: str, tracer: telemetry.Tracer | None, meter: Meter, clock: Clock) -> Layer:
    """Outermost, so that an error from any layer, sent or not, says whose it is and what was asked."""

    def layer(send: Send) -> Send:
        async def named(call: Call) -> Reply:
            began = clock.monotonic()
            try:
                reply = await send(call)
            except SourceError as error:
                now = clock.monotonic()
                meter.add("none" if isinstance(error, NotSent) else "error", now, now - began)
                error.service, error.operation, error.url = source, call.operation, call.url
                raise
            now = clock.monotonic()
            meter.add(reply.served, now, now - began)
            return reply

        if tracer is None:
            return named
        spans = tracer

        async def traced(call: Call) -> Reply:
            with telemetry.fetch_span(spans, source, call.operation) as span:
                reply = await named(call)
                if span.is_recording():
                    span.set_attribute("gateway.served", reply.served)
                return reply

        return traced

    return layer
