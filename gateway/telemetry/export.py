"""Where telemetry goes: exporters, and the threads that feed them. What waits is bounded; what is beyond is dropped and counted.

No export is ever awaited by a request, and a collector that is down costs nothing but what it would have been told.
"""

from __future__ import annotations

import importlib
import sys
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricsData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter, SpanExportResult

from gateway import __version__
from gateway.telemetry.metrics import Counter

QUEUE = 4_096
"""Spans that may wait, and log records."""
BATCH = 512
DELAY_MS = 1_000
"""Longest a span or a log record waits before it is sent."""
MODULES = {"http/protobuf": "opentelemetry.exporter.otlp.proto.http", "grpc": "opentelemetry.exporter.otlp.proto.grpc"}
EXPORTERS = {
    "traces": ("trace_exporter", "OTLPSpanExporter"),
    "metrics": ("metric_exporter", "OTLPMetricExporter"),
    "logs": ("_log_exporter", "OTLPLogExporter"),
}


class NotInstalled(Exception):
    """The protocol needs a package that is not there."""


class Collector(msgspec.Struct, frozen=True):
    """Where OTLP goes to. Its `repr` is never logged: headers hold secrets."""

    endpoint: str
    protocol: str = "http/protobuf"
    headers: Mapping[str, str] = {}
    timeout: float = 10.0
    compression: str = "gzip"
    ca: str | None = None
    """File with the authorities that are trusted."""


def resource(service: str, more: Mapping[str, str]) -> Resource:
    """This process: also what `OTEL_RESOURCE_ATTRIBUTES` says, unless the configuration says otherwise."""
    own = {"service.name": service, "service.version": __version__, "service.instance.id": str(uuid.uuid4())}
    return Resource.create({**own, **more})


def otlp(signal: str, collector: Collector) -> Any:
    """The exporter of one signal. Raises `NotInstalled`."""
    module, name = EXPORTERS[signal]
    try:
        exporters = importlib.import_module(f"{MODULES[collector.protocol]}.{module}")
        protocol = importlib.import_module(MODULES[collector.protocol])
    except ImportError:
        raise NotInstalled("OTLP over gRPC is not installed: pip install 'signpost-gateway[grpc]'") from None
    make = getattr(exporters, name)
    if collector.protocol == "grpc":
        return make(**_grpc(collector))
    return make(
        endpoint=f"{collector.endpoint.rstrip('/')}/v1/{signal}",
        headers=dict(collector.headers),
        timeout=collector.timeout,
        compression=protocol.Compression.Gzip if collector.compression == "gzip" else protocol.Compression.NoCompression,
        certificate_file=collector.ca,
    )


def _grpc(collector: Collector) -> dict[str, Any]:
    grpc = importlib.import_module("grpc")
    secure = collector.endpoint.startswith("https://")
    authorities = open(collector.ca, "rb").read() if collector.ca else None  # noqa: SIM115  read at once
    return {
        "endpoint": collector.endpoint,
        "headers": tuple((name.lower(), value) for name, value in collector.headers.items()),
        "timeout": collector.timeout,
        "insecure": not secure,
        "credentials": grpc.ssl_channel_credentials(authorities) if secure else None,
        "compression": grpc.Compression.Gzip if collector.compression == "gzip" else grpc.Compression.NoCompression,
    }


# ---------------------------------------------------------------- spans


class _Counted(SpanExporter):
    """Tells how many spans an exporter has taken from the queue, and how many never arrived."""

    def __init__(self, inner: SpanExporter, lost: Counter) -> None:
        self._inner = inner
        self._lost = lost
        self.taken = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        result = self._inner.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._lost.add("traces", "export", count=len(spans))
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


class SpanExport:
    """Spans on their way out, from any thread."""

    def __init__(self, exporter: SpanExporter, lost: Counter) -> None:
        self._counted = _Counted(exporter, lost)
        self._lost = lost
        self._offered = 0
        self._batches = BatchSpanProcessor(self._counted, QUEUE, DELAY_MS, BATCH)

    def send(self, spans: Sequence[ReadableSpan]) -> None:
        """All of them or, where they would not fit, none: half a trace misleads."""
        if self._offered - self._counted.taken + len(spans) > QUEUE:
            self._lost.add("traces", "queue", count=len(spans))
            return
        self._offered += len(spans)
        for span in spans:
            self._batches.on_end(span)

    def close(self) -> None:
        self._batches.shutdown()  # type: ignore[no-untyped-call]  # as the SDK has it


def console_spans() -> SpanExporter:
    """A line each, for development."""
    return ConsoleSpanExporter(out=sys.stdout, formatter=lambda span: span.to_json(indent=None) + "\n")


# ---------------------------------------------------------------- metrics


class MetricExport:
    """Pushes what is collected every so many seconds, and once more at the end. A thread of its own."""

    def __init__(self, exporter: Any, collect: Callable[[], MetricsData], every: float, lost: Counter) -> None:
        self._exporter = exporter
        self._collect = collect
        self._every = every
        self._lost = lost
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metric-export", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._end.wait(self._every):
            self.push()
        self.push()

    def push(self) -> None:
        result = self._exporter.export(self._collect())
        if getattr(result, "value", 0):
            self._lost.add("metrics", "export")

    def close(self) -> None:
        self._end.set()
        self._thread.join(timeout=10.0)
        self._exporter.shutdown()


def console_metrics() -> Any:
    return ConsoleMetricExporter(out=sys.stdout, formatter=lambda data: data.to_json(indent=None) + "\n")


# ---------------------------------------------------------------- logs


class LogExport:
    """Log records on their way out."""

    def __init__(self, exporter: Any, about: Resource) -> None:
        self._provider = LoggerProvider(about, shutdown_on_exit=False)
        self._provider.add_log_record_processor(BatchLogRecordProcessor(exporter, DELAY_MS, BATCH, None, QUEUE))
        self._logger = self._provider.get_logger("gateway", __version__)

    def send(self, record: LogRecord) -> None:
        self._logger.emit(record)

    def close(self) -> None:
        self._provider.shutdown()
