"""A small OpenTelemetry collector, as a process of its own: decodes what arrives and writes it down, a line of JSON each.

python -m tests.e2e.otlp http|grpc
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

REQUESTS: Mapping[str, Any] = {
    "traces": trace_service_pb2.ExportTraceServiceRequest,
    "metrics": metrics_service_pb2.ExportMetricsServiceRequest,
    "logs": logs_service_pb2.ExportLogsServiceRequest,
}
GRPC: Mapping[str, Any] = {
    "traces": (trace_service_pb2_grpc.TraceServiceServicer, trace_service_pb2_grpc.add_TraceServiceServicer_to_server),
    "metrics": (metrics_service_pb2_grpc.MetricsServiceServicer, metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server),
    "logs": (logs_service_pb2_grpc.LogsServiceServicer, logs_service_pb2_grpc.add_LogsServiceServicer_to_server),
}
ANSWERS: Mapping[str, Any] = {
    "traces": trace_service_pb2.ExportTraceServiceResponse,
    "metrics": metrics_service_pb2.ExportMetricsServiceResponse,
    "logs": logs_service_pb2.ExportLogsServiceResponse,
}


def written(signal: str, message: Any, headers: Mapping[str, str]) -> None:
    told = {"signal": signal, "headers": dict(headers), "message": MessageToDict(message, preserving_proto_field_name=True)}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        signal = self.path.rpartition("/")[2]
        written(signal, REQUESTS[signal].FromString(body), {name.lower(): value for name, value in self.headers.items()})
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


def listen_http() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


def listen_grpc() -> None:
    server = grpc.server(ThreadPoolExecutor(2))
    for signal, (servicer, add) in GRPC.items():

        def export(_self: Any, message: Any, context: Any, signal: str = signal) -> Any:
            written(signal, message, dict(context.invocation_metadata()))
            return ANSWERS[signal]()

        add(type("Service", (servicer,), {"Export": export})(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"http://127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


# ---------------------------------------------------------------- from a test


class Collector:
    """The process, and what it has received."""

    def __init__(self, protocol: str) -> None:
        command = [sys.executable, "-m", "tests.e2e.otlp", protocol]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self.received: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.received += (json.loads(line) for line in self.process.stdout)

    def stop(self) -> None:
        """What it was told is read to the end."""
        self.process.terminate()
        self.process.wait(20)
        self._reader.join(20)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def of(self, signal: str) -> list[dict[str, Any]]:
        return [each["message"] for each in self.received if each["signal"] == signal]

    def spans(self) -> list[dict[str, Any]]:
        return [
            span
            for message in self.of("traces")
            for resource in message["resource_spans"]
            for scope in resource["scope_spans"]
            for span in scope["spans"]
        ]

    def metrics(self) -> dict[str, dict[str, Any]]:
        """By name, as last told."""
        return {
            metric["name"]: metric
            for message in self.of("metrics")
            for resource in message["resource_metrics"]
            for scope in resource["scope_metrics"]
            for metric in scope["metrics"]
        }

    def logs(self) -> list[dict[str, Any]]:
        return [
            record
            for message in self.of("logs")
            for resource in message["resource_logs"]
            for scope in resource["scope_logs"]
            for record in scope["log_records"]
        ]


def attributes(thing: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values: integers travel as text in protobuf's JSON."""
    return {each["key"]: _plain(each["value"]) for each in thing.get("attributes", ())}


def _plain(value: Mapping[str, Any]) -> Any:
    (kind, inner), *_ = value.items()
    return int(inner) if kind == "int_value" else inner


@contextmanager
def collector(protocol: str) -> Iterator[Collector]:
    made = Collector(protocol)
    try:
        yield made
    finally:
        made.stop()


if __name__ == "__main__":
    listen_grpc() if sys.argv[1:] == ["grpc"] else listen_http()
