"""The time one call may take with all its attempts, and never longer than its request.

It needs no timer: every wait inside is bounded by `Call.deadline` itself (the queue, the pause before a retry, the wire).
"""

from __future__ import annotations

from msgspec.structs import replace

from gateway.errors import DeadlineExceeded
from gateway.upstream.call import Call, Layer, Reply, Send
from gateway.upstream.clock import Clock


def deadline(total: float, clock: Clock) -> Layer:
    def layer(send: Send) -> Send:
        async def within(call: Call) -> Reply:
            now = clock.monotonic()
            until = min(now + total, call.request.deadline, call.deadline)
            if until <= now:
                raise DeadlineExceeded("was not asked, because the time for this request was over", deadline_ms=0)
            return await send(replace(call, deadline=until))

        return within

    return layer
