"""The per-try timeout of a transport that has none of its own; the wire's clients bring theirs, and leave this layer out."""

from __future__ import annotations

import asyncio

from gateway.upstream.call import Call, Layer, Reply, Send
from gateway.upstream.clock import Clock
from gateway.upstream.transport.limits import budget, timed_out


def timeout(per_try: float, clock: Clock) -> Layer:
    def layer(send: Send) -> Send:
        async def timed(call: Call) -> Reply:
            allowed = budget(call, per_try, clock.monotonic())
            try:
                async with asyncio.timeout(allowed.seconds):
                    return await send(call)
            except TimeoutError as error:
                raise timed_out(allowed) from error

        return timed

    return layer
