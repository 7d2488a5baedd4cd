"""One fetch, attempts and waits together: its place in trace and count, and the names on whatever error comes out of it."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.errors import NotSent, SourceError
from gateway.upstream.call import Call, Layer, Reply, Send
from gateway.upstream.clock import Clock
from gateway.upstream.meter import Meter


def fetch_span(source: str, meter: Meter, clock: Clock, *, traced: bool = False) -> Layer:
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

        if not traced:
            return named

        async def kept(call: Call) -> Reply:
            trace = call.request.trace
            fetch = trace.fetch(source, call.operation, call.method, call.url, clock.monotonic()) if trace else None
            if fetch is None:
                return await named(call)
            try:
                reply = await named(replace(call, fetch=fetch))
                fetch.served = reply.served
                return reply
            except SourceError as error:
                fetch.served = "none" if isinstance(error, NotSent) else "error"
                fetch.code, fetch.error_type = error.code, error.error_type
                raise
            finally:
                fetch.ended = clock.monotonic()

        return kept

    return layer
