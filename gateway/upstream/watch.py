"""What is measured of one source's calls, where metrics are on."""

from __future__ import annotations

from gateway.telemetry.metrics import Distribution, Histogram
from gateway.telemetry.trace import Attempt, Trace
from gateway.upstream.call import Call

DURATION = "http.client.request.duration"
WAIT = "gateway.queue.wait"


class Watch:
    """`spent` is on the way of every attempt: a look-up and two additions."""

    def __init__(self) -> None:
        labels = ("http.request.method", "http.response.status_code", "error.type")
        self.durations = Histogram(DURATION, "s", "Duration of one attempt to call a source.", labels)
        self.waits = Distribution((0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5))
        """Of the calls that found no free slot."""

    def spent(self, call: Call, seconds: float, status: int | None, error_type: str, attempt: Attempt | None) -> None:
        durations = self.durations.of(call.method, status or "", error_type)
        durations.record(seconds)
        trace: Trace | None = call.request.trace
        if attempt is not None and trace is not None and trace.sampled:
            durations.explain(seconds, trace.id, attempt.id)
