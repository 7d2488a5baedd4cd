"""The key `telemetry`: what the gateway tells of itself, and to whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from gateway.config.model.part import OFF, Part, setting
from gateway.config.model.scalars import File, HeaderName, HeaderValue, Positive, Ratio, Text, Url


class Otlp(Part):
    """A collector."""

    endpoint: Url = setting("http://127.0.0.1:4318", "Where it is; for http/protobuf `/v1/traces` and so on are added.")
    protocol: Literal["http/protobuf", "grpc"] = setting(
        "http/protobuf", "How it is spoken to; `grpc` needs the extra of that name installed."
    )
    headers: Mapping[HeaderName, HeaderValue] = setting({}, "Sent with every export, such as a token.")
    timeout: Positive = setting("10s", "Time for one export.")
    compression: Literal["gzip", "none"] = setting("gzip", "How exports are packed.")
    ca: File | None = setting(None, "PEM file with the authorities that are trusted.")


class Traces(Part):
    exporter: Literal["otlp", "console"] = setting("otlp", "`otlp`: to the collector; `console`: to standard output.")
    sample: Ratio = setting(
        "1%", "Part of the traces that begin here which are exported. A caller's decision stands; requests that fail always are."
    )
    documents: bool = setting(False, "Spans carry the operation's text, without literals.", strict=True)


class Metrics(Part):
    exporter: Literal["prometheus", "otlp", "console"] = setting(
        "prometheus", "`prometheus`: only `/metrics` on the admin address; the others push as well."
    )
    every: Positive = setting("60s", "Time between two pushes.")
    operations: int = setting(
        100, "Operation names that are told apart; later ones count together as `_OTHER`.", ge=0, le=1000, strict=True
    )


class Logs(Part):
    exporter: Literal["stderr", "otlp"] = setting("stderr", "`otlp`: to the collector as well.")
    format: Literal["auto", "json", "text"] = setting("auto", "`auto`: text on a terminal, else JSON.")
    successes: Ratio = setting("0%", "Part of the operations without an error that are logged; the others always are.")


class Telemetry(Part):
    """Traces, metrics and logs."""

    service: Text = setting("signpost", "Name of this service in all of them (`service.name`).")
    resource: Mapping[Text, Text] = setting({}, "More about it, such as `deployment.environment.name`.")
    otlp: Otlp = setting({}, "The collector, for whatever is exported to one.")
    traces: Annotated[Traces | None, OFF] = setting("off", "What requests did; `off`: a caller's trace is passed on as it came.")
    metrics: Annotated[Metrics | None, OFF] = setting({}, "Counts and durations; `off`: nothing is counted.")
    logs: Logs = setting({}, "Lines on standard error.")
