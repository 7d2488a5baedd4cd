"""The only door to OpenTelemetry.

Without a configured SDK there is no tracer, the span layers are absent, and a caller's trace context is passed on as it came.
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags, Tracer

from gateway import __version__

__all__ = ["Span", "SpanContext", "SpanKind", "Tracer", "fetch_span", "parse", "start_client_span", "tracer", "written"]

TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def tracer() -> Tracer | None:
    """The gateway's tracer, once an SDK has been configured."""
    provider = trace.get_tracer_provider()
    return provider.get_tracer("gateway", __version__) if isinstance(provider, TracerProvider) else None


def parse(traceparent: str) -> SpanContext | None:
    """W3C Trace Context, section 3.2. None where it is not one: then a new trace begins, as section 4.3 says."""
    match = TRACEPARENT.fullmatch(traceparent)
    if match is None or (match[1] == "00" and match[5]):
        return None
    return SpanContext(int(match[2], 16), int(match[3], 16), is_remote=True, trace_flags=TraceFlags(int(match[4], 16) & 1))


def written(context: SpanContext) -> str:
    """The `traceparent` that makes what follows a child of `context`."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 1:02x}"


def fetch_span(tracer: Tracer, source: str, operation: str) -> AbstractContextManager[Span]:
    """A fetch with all its attempts, as the current span."""
    return tracer.start_as_current_span(f"fetch {source}", attributes={"gateway.source": source, "gateway.operation": operation})


def start_client_span(tracer: Tracer, name: str, traceparent: str | None) -> Span:
    """A CLIENT span under the current one, or else under the caller's `traceparent`."""
    context = None
    if not trace.get_current_span().get_span_context().is_valid and traceparent is not None and (parent := parse(traceparent)):
        context = trace.set_span_in_context(NonRecordingSpan(parent))
    return tracer.start_span(name, context, kind=SpanKind.CLIENT)
