"""Lines on standard error: JSON for programs, text for people. Bounded, without secrets, and never waited for.

What a line says beside its message stands in `record.facts`. A line longer than allowed loses its longest facts first.
"""

from __future__ import annotations

import logging
import queue
import re
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from typing import Any

import msgspec
from opentelemetry import trace as api
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from gateway.telemetry.export import LogExport
from gateway.telemetry.metrics import Counter

LINE = 16 * 1024
"""Characters of a line, at most."""
QUEUE = 10_000
"""Lines that may wait for whoever reads them."""
PATIENCE = 3.0
"""Seconds at the end."""
FACTS = "facts"
MASK = "***"
NAMED = "password|passwd|secret|token|api[_-]?key|authorization|cookie"
RULES = (
    (re.compile(r"(?i)\b(bearer|basic|dpop)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {MASK}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.?[A-Za-z0-9_-]*"), MASK),
    (re.compile(r"//[^/@\s\"]+@"), f"//{MASK}@"),
    (re.compile(rf"(?i)((?:{NAMED})\\*[\"']?\s*[=:]\s*\\*[\"'])[^\"'\\]+"), rf"\1{MASK}"),
    (re.compile(rf"(?i)((?:{NAMED})\s*[=:]\s*)[^\s\"',;&\\]{{3,}}"), rf"\1{MASK}"),
)
"""What looks like a credential is one, wherever it stands."""
LEVELS = {
    logging.DEBUG: SeverityNumber.DEBUG,
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
    logging.CRITICAL: SeverityNumber.FATAL,
}
Mask = Callable[[str], str]

_encode = msgspec.json.Encoder(enc_hook=str).encode


def redacted(text: str, known: Mask = str) -> str:
    """Without what looks like a credential, and without the secrets of the configuration."""
    for pattern, instead in RULES:
        text = pattern.sub(instead, text)
    return known(text)


class Lines(logging.Formatter):
    """One JSON object to a line."""

    def __init__(self, mask: Mask = str) -> None:
        super().__init__()
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "time": _moment(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FACTS, {}),
        }
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        line = _encode(said).decode()
        return redacted(line if len(line) <= LINE else _shortened(said), self._mask)


class Text(logging.Formatter):
    """The same for a person: what matters first, facts behind it as `name=value`."""

    def __init__(self, mask: Mask = str, colours: bool = False) -> None:
        super().__init__()
        self._mask = mask
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        facts: Mapping[str, Any] = getattr(record, FACTS, {})
        said = " ".join(f"{name}={_shown(value)}" for name, value in facts.items() if value not in (None, "", [], {}, 0))
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S.%f")[:-3]
        line = f"{time} {self._level(record)} {record.getMessage()}{'  ' + said if said else ''}"
        line = line.replace("\r", "\\r").replace("\n", "\\n") if facts else line
        line = line if len(line) <= LINE else line[: LINE - 1] + "…"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)[-LINE:]
        return redacted(line, self._mask)

    def _level(self, record: logging.LogRecord) -> str:
        if not self._colours:
            return f"{record.levelname:<7}"
        colour = {logging.WARNING: 33, logging.ERROR: 31, logging.CRITICAL: 31}.get(record.levelno, 36)
        return f"\033[{colour}m{record.levelname:<7}\033[0m"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _shown(value: object) -> str:
    return value if isinstance(value, str) and " " not in value else _encode(value).decode()


def _shortened(said: dict[str, Any]) -> str:
    """Without its longest facts, but with their names: still JSON, still one line."""
    said, left_out = dict(said), list[str]()
    for name in sorted(said, key=lambda name: -len(_encode(said[name]))):
        line = _encode({**said, "left_out": left_out}).decode()
        if len(line) <= LINE:
            return line
        if name == "message":
            said[name] = str(said[name])[:1000]
            continue
        del said[name]
        left_out.append(name)
    return _encode({**said, "left_out": left_out}).decode()[:LINE]


class _Waiting(QueueHandler):
    """Hands lines to a thread. A reader that does not read stops nobody: what does not fit is dropped and counted."""

    def __init__(self, lines: queue.Queue[Any], lost: Counter) -> None:
        super().__init__(lines)
        self._lost = lost

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Formatted by the thread: nothing it is made of changes any more."""
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self._lost.add("logs", "queue")


class _Writing(QueueListener):
    def __init__(self, lines: queue.Queue[Any], *handlers: logging.Handler) -> None:
        super().__init__(lines, *handlers)
        self._every = lines

    def enqueue_sentinel(self) -> None:
        """Behind everything that waits, also where the queue is full."""
        self._every.put(None)


class _Exported(logging.Handler):
    """Records for a collector, with the ids of their trace."""

    def __init__(self, export: LogExport, mask: Mask) -> None:
        super().__init__()
        self._export = export
        self._mask = mask

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("opentelemetry"):
            return  # an exporter's trouble is not told through that exporter
        facts: dict[str, Any] = getattr(record, FACTS, {})
        attributes = {name: value for name, value in facts.items() if isinstance(value, str | int | float | bool)}
        others = {name: _shown(value) for name, value in facts.items() if name not in attributes and value}
        if record.exc_info:
            others["exception.stacktrace"] = logging.Formatter().formatException(record.exc_info)[-LINE:]
        attributes |= {name: redacted(text, self._mask) for name, text in others.items()}
        made = LogRecord(
            timestamp=int(record.created * 1e9),
            context=_context(facts),
            severity_text=record.levelname,
            severity_number=LEVELS.get(record.levelno, SeverityNumber.UNSPECIFIED),
            body=redacted(record.getMessage()[:LINE], self._mask),
            attributes={**attributes, "logger": record.name},
        )
        self._export.send(made)


def _context(facts: Mapping[str, Any]) -> Any:
    trace, span = facts.get("trace_id"), facts.get("span_id")
    if not trace or not span:
        return None
    flags = TraceFlags(TraceFlags.SAMPLED if facts.get("sampled") else 0)
    context = SpanContext(int(trace, 16), int(span, 16), is_remote=False, trace_flags=flags)
    return api.set_span_in_context(NonRecordingSpan(context))


class Logging:
    """All of this process's lines, from here on."""

    def __init__(self, form: str, mask: Mask, lost: Counter, export: LogExport | None = None, stream: Any = None) -> None:
        """`form`: auto, json or text."""
        stream = stream or sys.stderr
        person = form == "text" or (form == "auto" and stream.isatty())
        written = logging.StreamHandler(stream)
        written.setFormatter(Text(mask, colours=stream.isatty()) if person else Lines(mask))
        handlers: list[logging.Handler] = [written]
        if export is not None:
            handlers.append(_Exported(export, mask))
        self._lines: queue.Queue[Any] = queue.Queue(QUEUE)
        self._handler = _Waiting(self._lines, lost)
        self._listener = _Writing(self._lines, *handlers)
        self._before: list[logging.Handler] = []

    def start(self) -> None:
        root = logging.getLogger()
        self._before, root.handlers = root.handlers, [self._handler]
        self._listener.start()

    def close(self) -> None:
        """Every line that waits is written, if somebody reads; what is said after that goes where it went before."""
        logging.getLogger().handlers = self._before
        ending = threading.Thread(target=self._listener.stop, daemon=True)
        ending.start()
        ending.join(PATIENCE)
