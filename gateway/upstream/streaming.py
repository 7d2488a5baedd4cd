"""The layers around a source's subscriptions: opening one is a call like any other, what follows is not.

`hold → breaker → credentials → attempt → per-try timeout` guard the opening. A stream that breaks off is opened again as the
policy's `retry` says; what happened meanwhile nobody can know, so the first event after that says so.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import msgspec
from msgspec.structs import replace

from gateway.config.model import Policy, Retry
from gateway.errors import SourceError, UpstreamError
from gateway.upstream.call import Call, Layer, Reply, Send, Stream
from gateway.upstream.layers.attempt import attempt
from gateway.upstream.layers.breaker import breaker
from gateway.upstream.layers.hold import hold
from gateway.upstream.layers.retry import pause
from gateway.upstream.layers.timeout import timeout
from gateway.upstream.onion import Shared, SourceState
from gateway.upstream.transport.streams import streaming

REOPENED = "reopened"
"""`Reply.served` of the first event after a gap."""


class Alone(msgspec.Struct, frozen=True):
    """Opens a subscription for each caller, though others would send the very same: all want to hear what a source says first."""

    stream: Stream

    def __call__(self, call: Call) -> AsyncGenerator[Reply]:
        return self.stream(call)


def stream_onion(policy: Policy, opened: Send, state: SourceState, shared: Shared, own: Layer | None = None) -> Stream:
    """`opened` is the transport; `own` puts the gateway's own credentials on a call."""
    clock, per_try = shared.clock, policy.timeout.per_try
    layers: list[Layer | None] = [
        hold(state.hold),
        breaker(state.breaker) if state.breaker else None,
        own,
        attempt(per_try, clock, state.failed, state.watch),
        timeout(per_try, clock),
    ]
    for layer in reversed(layers):
        opened = layer(opened) if layer else opened
    return reopening(streaming(opened), policy.retry, state, shared)


def stream_around(policy: Policy, state: SourceState, shared: Shared) -> Callable[[Stream], Stream]:
    """For a schema in this process, where nothing has to be opened, and nothing breaks off."""

    def around(stream: Stream) -> Stream:
        async def opened(call: Call) -> Reply:
            return Reply(200, {}, b"", rows=stream(call))

        return stream_onion(policy.model_copy(update={"retry": None}), opened, state, shared)

    return around


def reopening(stream: Stream, policy: Retry | None, state: SourceState, shared: Shared) -> Stream:
    """Attempts are counted from the last event: a service that sends some is there."""

    async def reopened(call: Call) -> AsyncGenerator[Reply]:
        attempts, gap, begun = 0, False, False
        while True:
            attempts += 1
            try:
                async with aclosing(stream(call)) as events:
                    async for event in events:
                        attempts, begun = 0, True
                        yield replace(event, served=REOPENED) if gap else event
                        gap = False
                return
            except SourceError as error:
                if isinstance(error, UpstreamError):
                    state.failed(error)
                    error.attempts = max(attempts, 1)
                wait = pause(error, max(attempts, 1), policy, shared.random) if policy else None
                if wait is None:
                    raise
                gap = begun
                await shared.clock.sleep(wait)

    return reopened
