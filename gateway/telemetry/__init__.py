"""What the gateway tells of itself, and the only door to OpenTelemetry.

    trace        what one request does, as plain facts; who is sampled
    spans        those facts as OpenTelemetry's spans
    metrics      counters and distributions, and families of them at one moment
    prometheus   families as text for a scrape
    merge        families of several processes as one
    otlp         families for a push
    export       exporters, and the threads that feed them
    logs         lines for programs and for people

Off costs nothing: a request without a trace is asked for nothing, and a source without a `Watch` is not watched.
"""

from gateway.telemetry.trace import Attempt, Fetch, Link, Sampler, Trace, is_traceparent, new_span_id

__all__ = ["Attempt", "Fetch", "Link", "Sampler", "Trace", "is_traceparent", "new_span_id"]
