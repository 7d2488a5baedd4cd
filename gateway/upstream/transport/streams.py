"""What carries a subscription from its service: what is opened here is a connection of its own, shared with nobody.

`websocket` speaks graphql-transport-ws, `events` server-sent events (graphql-sse, distinct connections). Opening one is a call
like any other, whose reply's `rows` are the events; so the layers that guard calls guard it, too.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec

from gateway.errors import UpstreamBadContent, UpstreamError, UpstreamGraphQLError, UpstreamUnreachable
from gateway.upstream.call import Call, Reply, Send, Stream
from gateway.upstream.transport.addresses import Lookup, lookup
from gateway.upstream.transport.control import HttpxClient
from gateway.upstream.transport.limits import Limits

CONTENT = {"content-type": "application/json"}
ENDED = "ended the subscription before it was complete"
HOP = frozenset({"content-type", "accept", "x-envoy-expected-rq-timeout-ms"})
"""Headers of a call that a subscription, which is none, does not carry."""


class Carrier(msgspec.Struct, frozen=True):
    """How a source's subscriptions travel. `url`: where they are opened, if elsewhere than its queries; `init`: whether a
    websocket's first message repeats the headers, for services that look only there."""

    protocol: str = "graphql-transport-ws"
    url: str | None = None
    init: bool = False


def opener(carrier: Carrier, limits: Limits, look_up: Lookup = lookup) -> Send:
    """Opens a subscription; the `rows` of its reply are the events, which whoever has them must close."""
    if carrier.protocol == "sse":
        client = HttpxClient(msgspec.structs.replace(limits, http2="off"), look_up=look_up)
        return lambda call: client.subscribe(_of(call, carrier))
    from gateway.upstream.transport.websocket import Sockets  # noqa: PLC0415  2 MiB, for those alone who have subscriptions

    sockets = Sockets(limits, look_up, init=carrier.init)
    return lambda call: sockets.subscribe(_of(call, carrier))


def _of(call: Call, carrier: Carrier) -> Call:
    headers = tuple((name, value) for name, value in call.headers if name not in HOP)
    return msgspec.structs.replace(call, url=carrier.url or call.url, headers=headers)


def streaming(opened: Send) -> Stream:
    """The events of what was opened, and no longer than somebody listens."""

    async def stream(call: Call) -> AsyncGenerator[Reply]:
        events: AsyncGenerator[Reply] = (await opened(call)).rows
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()

    return stream


# ---------------------------------------------------------------- what both protocols say


class Message(msgspec.Struct):
    """Of graphql-transport-ws."""

    type: str
    id: str | None = None
    payload: msgspec.Raw = msgspec.Raw(b"")


_errors: Callable[[Any], Any] = msgspec.json.Decoder(list[dict[str, Any]]).decode


def event(payload: bytes) -> Reply:
    """As a reply to a query would be."""
    return Reply(200, CONTENT, payload)


def refused(payload: bytes) -> UpstreamError:
    """The service's own errors, before there was any event."""
    try:
        errors = _errors(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return UpstreamBadContent("refused the subscription with something that is not GraphQL errors")
    error = UpstreamGraphQLError()
    error.errors = errors
    return error


def broken_off(sentence: str = ENDED) -> UpstreamUnreachable:
    return UpstreamUnreachable(sentence, error_type="connection_terminated")
