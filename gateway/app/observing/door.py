"""What is measured and traced of HTTP requests: `Watch` of the street door."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from gateway.telemetry.metrics import Family, Histogram, Series
from gateway.telemetry.spans import Tracing
from gateway.upstream.call import Request

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"})
OTHER = "_OTHER"
"""The semantic conventions' word for a method that is none of HTTP's."""
CANCELLED = "cancelled"


class Requests:
    """Durations by method and status. The rest of the labels is the same for all of them."""

    def __init__(self) -> None:
        by = ("http.request.method", "http.response.status_code", "error.type", "url.scheme")
        self.durations = Histogram("http.server.request.duration", "s", "Duration of a request to /graphql.", by)
        self.active = 0

    def families(self) -> Iterable[Family]:
        active = Series((("http.route", "/graphql"),), self.active)
        yield self.durations.family((("http.route", "/graphql"),))
        yield Family("http.server.active_requests", "gauge", "{request}", "Requests that are being answered.", (active,))


class DoorWatch:
    """What is None is off."""

    def __init__(
        self, requests: Requests | None, tracing: Tracing | None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._requests = requests
        self._tracing = tracing
        self._monotonic = monotonic

    def came(self) -> None:
        if self._requests is not None:
            self._requests.active += 1

    def begin(self, request: Request, *, held: bool) -> Request:
        if self._tracing is None:
            return request
        trace = self._tracing.sampler.begin(request.traceparent, request.tracestate, held=held)
        return replace(request, traceparent=trace.traceparent, trace=trace)

    def answered(self, scope: Mapping[str, Any], request: Request | None, status: int, began: float) -> None:
        now = self._monotonic()
        trace = request.trace if request is not None else None
        if self._requests is not None:
            self._requests.active -= 1
            method = scope["method"] if scope["method"] in METHODS else OTHER
            durations = self._requests.durations.of(method, status or "", error_type(status), scope.get("scheme", "http"))
            durations.record(now - began)
            if trace is not None and trace.sampled:
                durations.explain(now - began, trace.id, trace.span)
        if trace is not None and self._tracing is not None:
            trace.failed = trace.failed or status >= 500
            self._tracing.finish(trace, lambda: about(scope, request, status), now)


def error_type(status: int) -> str:
    """As the conventions have it for servers: a 4xx is the caller's error, none of ours."""
    return CANCELLED if not status else str(status) if status >= 500 else ""


def about(scope: Mapping[str, Any], request: Request | None, status: int) -> dict[str, Any]:
    """Attributes of a SERVER span. The query string is left out: a GET carries its variables there."""
    headers = dict(scope["headers"])
    host, _, port = headers.get(b"host", b"").decode("latin-1").rpartition(":")
    agent = headers.get(b"user-agent")
    return {
        "http.request.method": scope["method"] if scope["method"] in METHODS else OTHER,
        "http.request.method_original": None if scope["method"] in METHODS else scope["method"][:32],
        "http.response.status_code": status or None,
        "http.route": "/graphql",
        "url.path": "/graphql",
        "url.scheme": scope.get("scheme", "http"),
        "server.address": (host or port) or None,
        "server.port": int(port) if host and port.isdigit() else None,
        "network.protocol.version": scope.get("http_version"),
        "user_agent.original": agent.decode("latin-1")[:256] if agent else None,
        "error.type": error_type(status) or None,
        "gateway.request.id": request.id if request is not None else None,
        "gateway.correlation.id": request.correlation_id if request is not None else None,
        "gateway.caller": request.caller.name if request is not None and request.caller is not None else None,
    }
