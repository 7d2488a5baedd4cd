"""Facts of a trace as OpenTelemetry's spans: made once, at the end, and only of what is exported.

Names and attributes are those of the semantic conventions 1.4x: HTTP servers and clients, GraphQL servers, `service.peer.name`.
What has no name there begins with `gateway.`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from opentelemetry import trace as api
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.semconv.schemas import Schemas
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from gateway import __version__
from gateway.telemetry.trace import Attempt, Fetch, Link, Trace, new_span_id

SCOPE = InstrumentationScope("gateway", __version__, Schemas.V1_44_0.value)
NANO = 1_000_000_000
PORTS = {"http": 80, "https": 443}

Attributes = Mapping[str, Any]


class Place(msgspec.Struct, frozen=True):
    """A trace and what all of its spans have in common."""

    trace: Trace
    resource: Resource
    ended: float

    def context(self, span: str, trace: str | None = None) -> SpanContext:
        """Marked as sampled: whatever was decided at its beginning, it is exported now."""
        flags = TraceFlags(int(self.trace.flags, 16) | TraceFlags.SAMPLED)
        return SpanContext(int(trace or self.trace.id, 16), int(span, 16), trace is not None, flags, self.state())

    def state(self) -> TraceState | None:
        return TraceState.from_header([self.trace.state]) if self.trace.state else None

    def at(self, moment: float) -> int:
        """Nanoseconds since the epoch, of a moment on the `time.monotonic` clock."""
        return round((self.trace.wall + moment - self.trace.began) * NANO)

    def span(
        self, name: str, span: str, parent: SpanContext | None, began: float, ended: float, attributes: Attributes,
        kind: SpanKind = SpanKind.INTERNAL, links: Iterable[Link] = (), failed: bool = False,
    ) -> ReadableSpan:  # fmt: skip
        return ReadableSpan(
            name=name,
            context=self.context(span),
            parent=parent,
            resource=self.resource,
            attributes={key: value for key, value in attributes.items() if value is not None},
            links=[api.Link(self.context(link.span, link.trace)) for link in links],
            kind=kind,
            status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
            start_time=self.at(began),
            end_time=self.at(max(began, ended)),
            instrumentation_scope=SCOPE,
        )


def spans_of(trace: Trace, resource: Resource, name: str, attributes: Attributes, ended: float, failed: bool) -> list[ReadableSpan]:
    """The SERVER span and everything below it."""
    place = Place(trace, resource, ended)
    parent = place.context(trace.parent, trace.id) if trace.parent else None
    root = place.context(trace.span)
    more = {"gateway.spans.dropped": trace.dropped or None}
    made = [place.span(name, trace.span, parent, trace.began, ended, {**attributes, **more}, SpanKind.SERVER, trace.links, failed)]
    made += (place.span(phase, new_span_id(), root, began, over, {}) for phase, began, over in trace.phases)
    for fetch in trace.fetches:
        made += _fetch(place, fetch, root)
    return made


def _fetch(place: Place, fetch: Fetch, root: SpanContext) -> Iterator[ReadableSpan]:
    span, failed = new_span_id(), fetch.code is not None
    attributes = {
        "service.peer.name": fetch.source,
        "gateway.fetch.operation": fetch.operation,
        "gateway.fetch.served": fetch.served or "cancelled",
        "gateway.error.code": fetch.code,
        "error.type": fetch.error_type,
    }
    links = (fetch.link,) if fetch.link is not None else ()
    ended = fetch.ended or place.ended
    yield place.span(f"fetch {fetch.source}", span, root, fetch.began, ended, attributes, links=links, failed=failed)
    for number, attempt in enumerate(fetch.attempts):
        yield _attempt(place, fetch, attempt, number, place.context(span))


def _attempt(place: Place, fetch: Fetch, attempt: Attempt, number: int, parent: SpanContext) -> ReadableSpan:
    """The address without what the caller asked for: host and template are for everyone, values are not."""
    method, (scheme, host, port) = fetch.method, _server(fetch.url)
    template = fetch.operation.partition(" ")[2]
    template = template if template.startswith("/") else None
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
    failed, ended = attempt.error_type is not None, attempt.ended or place.ended
    return place.span(name, attempt.id, parent, attempt.began, ended, attributes, SpanKind.CLIENT, failed=failed)


def _server(url: str) -> tuple[str | None, str | None, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme or None, parts.hostname, parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None, None, None
