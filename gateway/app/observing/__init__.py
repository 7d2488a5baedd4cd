"""What the house tells of itself: who counts, who traces, who writes lines, and where it all goes.

    door         every HTTP request                 operations   every operation; `line` is what the log says of it
    sources      what the layers counted anyway     scrape       one page of it all
    siblings     the other workers                  gone         sources that a reload has replaced

Made from the settings once. What is off is None, and nobody asks for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from gateway.app.observing.door import DoorWatch, Requests
from gateway.app.observing.gone import Gone
from gateway.app.observing.operations import Counts, Operations
from gateway.app.observing.sources import BEGAN
from gateway.config.model import Otlp, Settings, Telemetry
from gateway.config.problem import ConfigError, Problem
from gateway.telemetry import export
from gateway.telemetry.logs import Logging
from gateway.telemetry.merge import merged
from gateway.telemetry.metrics import Collect, Counter, Family, Series
from gateway.telemetry.otlp import metrics_of
from gateway.telemetry.spans import Tracing
from gateway.telemetry.trace import Sampler

__all__ = ["Observatory"]

PATIENCE = 3.0
"""Seconds a collector may take for what is left at the end."""


class Observatory:
    """All telemetry of one process. `families` are those of this process at this moment."""

    def __init__(self, settings: Settings) -> None:
        """Raises `ConfigError` for a protocol that is not installed."""
        telemetry = settings.telemetry
        by = ("gateway.telemetry.signal", "gateway.telemetry.reason")
        self.lost = Counter("gateway.telemetry.lost", "{item}", "Telemetry that was dropped.", by)
        self.resource = export.resource(telemetry.service, telemetry.resource)
        self.gone = Gone()
        self.refused = False
        """The configuration that lies there now."""
        self._collects: list[Collect] = [self._own, self.gone.families]
        self._exports: list[Any] = []
        try:
            self.tracing = self._traces(telemetry)
            self._logs = self._log_export(telemetry)
            self.logging = Logging(telemetry.logs.format, settings.secrets.mask, self.lost, self._logs)
            self._push = self._pusher(telemetry)
        except export.NotInstalled as missing:
            problem = Problem("CONFIG_VALUE", str(missing), ("telemetry", "otlp", "protocol"))
            raise ConfigError(settings.located([problem])) from None
        requests = Requests() if telemetry.metrics else None
        counts = Counts(telemetry.metrics.operations) if telemetry.metrics else None
        documents = telemetry.traces is not None and telemetry.traces.documents
        self.watch = DoorWatch(requests, self.tracing) if requests or self.tracing else None
        self.keep = Operations(counts, self.tracing, telemetry.logs.successes, documents)
        self._collects += [each.families for each in (requests, counts) if each is not None]

    def add(self, collect: Collect) -> None:
        """More families for whoever asks."""
        self._collects.append(collect)

    def families(self) -> tuple[Family, ...]:
        return merged(tuple(collect()) for collect in self._collects)

    def start(self) -> None:
        """From here on lines are written as configured, and metrics are pushed where they are to be."""
        self.logging.start()
        if self._push is not None:
            self._exports.append(self._push())

    def close(self) -> None:
        """Send what is still on its way. Blocks as long as a collector takes, but no longer than a shutdown may."""
        _within_patience([each.close for each in reversed(self._exports)])
        self._exports.clear()
        self.logging.close()
        if self._logs is not None:
            _within_patience([self._logs.close])

    def _own(self) -> Iterable[Family]:
        about = tuple((name, str(value)) for name, value in self.resource.attributes.items() if name != "service.instance.id")
        yield Family("target.info", "gauge", "1", "This service.", (Series(about, 1),), merged="max")
        refused = "1: the configuration that was read last is refused, the one before is served."
        yield Family("gateway.reload.refused", "gauge", "1", refused, (Series((), float(self.refused)),), merged="max")
        yield self.lost.family()

    # ------------------------------------------------------------ where it goes

    def _traces(self, telemetry: Telemetry) -> Tracing | None:
        traces = telemetry.traces
        if traces is None:
            return None
        exporter = export.console_spans() if traces.exporter == "console" else export.otlp("traces", collector(telemetry.otlp))
        spans = export.SpanExport(exporter, self.lost)
        self._exports.append(spans)
        return Tracing(Sampler(traces.sample), spans, self.resource, self.lost)

    def _log_export(self, telemetry: Telemetry) -> export.LogExport | None:
        if telemetry.logs.exporter != "otlp":
            return None
        return export.LogExport(export.otlp("logs", collector(telemetry.otlp)), self.resource)

    def _pusher(self, telemetry: Telemetry) -> Callable[[], export.MetricExport] | None:
        metrics = telemetry.metrics
        if metrics is None or metrics.exporter == "prometheus":
            return None
        exporter = (
            export.console_metrics() if metrics.exporter == "console" else export.otlp("metrics", collector(telemetry.otlp))
        )
        return lambda: export.MetricExport(
            exporter, lambda: metrics_of(self.families(), self.resource, BEGAN, time.time()), metrics.every, self.lost
        )


def _within_patience(closings: Iterable[Callable[[], None]]) -> None:
    """All at once; one that does not come to an end is left behind."""
    threads = [threading.Thread(target=close, daemon=True) for close in closings]
    for thread in threads:
        thread.start()
    until = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))


def collector(otlp: Otlp) -> export.Collector:
    return export.Collector(
        otlp.endpoint,
        otlp.protocol,
        {name: value.get_secret_value() for name, value in otlp.headers.items()},
        otlp.timeout,
        otlp.compression,
        str(otlp.ca) if otlp.ca else None,
    )
