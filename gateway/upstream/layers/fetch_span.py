"""One fetch, attempts and waits together: its span, and the names on whatever error comes out of it."""

from __future__ import annotations

from gateway import telemetry
from gateway.errors import SourceError
from gateway.upstream.call import Call, Layer, Reply, Send


def fetch_span(source: str, tracer: telemetry.Tracer | None) -> Layer:
    """Outermost, so that an error from any layer, sent or not, says whose it is and what was asked."""

    def layer(send: Send) -> Send:
        async def named(call: Call) -> Reply:
            try:
                return await send(call)
            except SourceError as error:
                error.service, error.operation, error.url = source, call.operation, call.url
                raise

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
