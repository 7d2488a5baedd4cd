"""Facts of a trace as OpenTelemetry's spans: made once, at the end, and only of what is exported.

Names and attributes are those of the semantic conventions 1.4x: HTTP servers and clients, GraphQL servers, `service.peer.name`.
What has no name there begins with `gateway.`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from opentelemetry import trace as api
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.semconv.schemas import Schemas
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from gateway import __version__
from gateway.telemetry.export import SpanExport
from gateway.telemetry.metrics import Counter
from gateway.telemetry.trace import Attempt, Fetch, Link, Sampler, Trace, new_span_id

SCOPE = InstrumentationScope("gateway", __version__, Schemas.V1_44_0.value)
NANO = 1_000_000_000
PORTS = {"http": 80, "https": 443}

FAILURES_PER_SECOND = 100
"""Requests that were not sampled and failed, of which traces are exported all the same."""

Attributes = Mapping[str, Any]


class Place(msgspec.Struct, frozen=True):
    """A trace and what all of its spans have in common."""

    trace: Trace
    resource: Resource
    ended: float

    def context(self, span: str, trace: str | None = None) -> SpanContext:
        """Marked as sampled: whatever was decided at its beginning, it is exported now."""
        flags = TraceFlags(int(self.trace.flags, 16) | TraceFlags.SAMPLED)
        state = TraceState.from_header([self.trace.state]) if self.trace.state else None
        return SpanContext(int(trace or self.trace.id, 16), int(span, 16), trace is not None, flags, state)

    def at(self, moment: float) -> int:
        """Nanoseconds since the epoch, of a moment on the `time.monotonic` clock."""
        return round((self.trace.wall + moment - self.trace.began) * NANO)

    def span(self, span: Plain, parent: SpanContext | None) -> ReadableSpan:
        return ReadableSpan(
            name=span.name,
            context=self.context(span.id),
            parent=parent,
            resource=self.resource,
            attributes=_known(span.attributes),
            events=[Event(name, _known(more), self.at(self.ended)) for name, more in span.events],
            links=[api.Link(self.context(link.span, link.trace)) for link in span.links],
            kind=span.kind,
            status=Status(StatusCode.ERROR if span.failed else StatusCode.UNSET),
            start_time=self.at(span.began),
            end_time=self.at(max(span.began, span.ended or self.ended)),
            instrumentation_scope=SCOPE,
        )


class Plain(msgspec.Struct, frozen=True):
    """One span, before it is one of OpenTelemetry's. `ended` 0: it lasted as long as its trace."""

    name: str
    id: str
    began: float
    ended: float
    attributes: Attributes
    kind: SpanKind = SpanKind.INTERNAL
    failed: bool = False
    links: Sequence[Link] = ()
    events: Sequence[tuple[str, Attributes]] = ()


def _known(attributes: Attributes) -> Attributes:
    return {key: value for key, value in attributes.items() if value is not None}


def spans_of(trace: Trace, resource: Resource, attributes: Attributes, ended: float) -> list[ReadableSpan]:
    """The SERVER span and everything below it. `attributes`: what is known of the request itself."""
    place = Place(trace, resource, ended)
    told = {**attributes, **trace.attributes, "gateway.spans.dropped": trace.dropped or None}
    server = Plain(
        trace.name or f"{attributes.get('http.request.method', 'GraphQL')} {attributes.get('http.route', 'Operation')}",
        trace.span,
        trace.began,
        ended,
        told,
        SpanKind.SERVER,
        trace.failed,
        trace.links,
        trace.events,
    )
    root = place.context(trace.span)
    made = [place.span(server, place.context(trace.parent, trace.id) if trace.parent else None)]
    made += (place.span(Plain(phase, new_span_id(), began, over, {}), root) for phase, began, over in trace.phases)
    for fetch in trace.fetches:
        made += _fetch(place, fetch, root)
    return made


def _fetch(place: Place, fetch: Fetch, root: SpanContext) -> Iterator[ReadableSpan]:
    attributes = {
        "service.peer.name": fetch.source,
        "gateway.fetch.operation": fetch.operation,
        "gateway.fetch.served": fetch.served or "cancelled",
        "gateway.error.code": fetch.code,
        "error.type": fetch.error_type,
    }
    links = (fetch.link,) if fetch.link is not None else ()
    own = Plain(
        f"fetch {fetch.source}",
        new_span_id(),
        fetch.began,
        fetch.ended,
        attributes,
        failed=fetch.code is not None,
        links=links,
    )
    yield place.span(own, root)
    for number, attempt in enumerate(fetch.attempts):
        yield place.span(_attempt(fetch, attempt, number), place.context(own.id))


def _attempt(fetch: Fetch, attempt: Attempt, number: int) -> Plain:
    """The address without what the caller asked for: host and template are for everyone, values are not."""
    method, (scheme, host, port) = fetch.method, server_of(fetch.url)
    path = fetch.operation.partition(" ")[2]
    template = path if path.startswith("/") else None
    attributes = {
        "http.request.method": method,
        "server.address": host,
        "server.port": port,
        "url.scheme": scheme,
        "url.template": template,
        "service.peer.name": fetch.source,
        "http.response.status_code": attempt.status,
        "http.request.resend_count": number or None,
        "error.type": attempt.error_type or (None if attempt.ended else "cancelled"),
    }
    name = f"{method} {template}" if template else method
    return Plain(
        name, attempt.id, attempt.began, attempt.ended, attributes, SpanKind.CLIENT, failed=attempt.error_type is not None
    )


def server_of(url: str) -> tuple[str | None, str | None, int | None]:
    """Scheme, host and port."""
    try:
        parts = urlsplit(url)
        return parts.scheme or None, parts.hostname, parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None, None, None


class Tracing:
    """Begins the traces of requests, and exports those that were sampled or that failed."""

    def __init__(self, sampler: Sampler, export: SpanExport, resource: Resource, lost: Counter) -> None:
        self.sampler = sampler
        self.export = export
        self._resource = resource
        self._lost = lost
        self._allowance, self._until = FAILURES_PER_SECOND, 0.0

    def finish(self, trace: Trace, attributes: Callable[[], Attributes], ended: float) -> None:
        """`attributes` of the request are asked for only if it is exported. `ended` on the `time.monotonic` clock."""
        if trace.sampled or (trace.failed and self._may(ended)):
            self.export.send(spans_of(trace, self._resource, attributes(), ended))

    def _may(self, now: float) -> bool:
        """A source that is down fails every request: enough of them are shown, and the others keep their time."""
        if now >= self._until:
            self._allowance, self._until = FAILURES_PER_SECOND, now + 1.0
        self._allowance -= 1
        if self._allowance < 0:
            self._lost.add("traces", "rate")
        return self._allowance >= 0
