"""What telling of itself costs the gateway: the same requests, from HTTP to HTTP, told more and more, in instructions.

python -m benchmarks telemetry         the table; 1 % of the traces is too dear from 15 %

Every request asks for 100 posts and their users, which nobody has asked for before, over two calls to services in memory: no
wire, so that the share of telemetry is larger here than it is in life. Spans are built and encoded as for a collector, and then
dropped.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import msgspec
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from benchmarks import inside, micro
from gateway.app.observing import Observatory
from gateway.config.model import Settings
from gateway.engine.watched import Keep
from gateway.server.graphql import GraphQL
from gateway.server.house import DoorLimits, Front
from gateway.server.measured import Measured

ALLOWED = 1.15
REPEATS = {"executed": 100, "stored": 100}
"""One in a hundred is sampled, where that is the share."""
OFF = "{traces: off, metrics: off}"
MODES = {
    "nothing": OFF,
    "lines of failures": OFF,
    "and metrics": "{}",
    "and traces, 1 %": "{traces: {sample: 0%, exporter: console}}",
    "and traces, all": "{traces: {sample: 0%, exporter: console}}",
}
"""Each with what is before it. The second and the third are what runs without being asked for."""
SAMPLED = {"and traces, 1 %": 100, "and traces, all": 1}
"""Every which request is sampled."""
TRACEPARENT = "00-{:032x}-00f067aa0ba902b7-{}"


class Cost(msgspec.Struct, frozen=True):
    """Instructions of one request."""

    mode: str
    executed: float
    stored: float


def measure() -> tuple[Cost, ...]:
    """Empty where nothing can count instructions: CPU time cannot tell so little."""
    if not (shutil.which("valgrind") and shutil.which("vgdb")):
        return ()
    counts = ((mode, micro.counted(__name__, f"--mode={mode}", repeats=REPEATS)) for mode in MODES)
    return tuple(Cost(mode, **told) for mode, told in counts)


def table(rows: Sequence[Cost]) -> str:
    if not rows:
        return "not measured: valgrind is not installed"
    least = rows[0]
    lines = [f"{'k instructions per request':<28}{'executed':>12}{'':>9}{'stored':>12}"]
    for row in rows:
        more, of_stored = row.executed / least.executed - 1, row.stored / least.stored - 1
        counts = f"{row.executed / 1e3:>12.0f}{more:>+9.1%}{row.stored / 1e3:>12.0f}{of_stored:>+9.1%}"
        lines.append(f"{row.mode:<28}{counts}{_verdict(row, least)}")
    return "\n".join(lines)


def _verdict(row: Cost, least: Cost) -> str:
    return "   TOO DEAR" if row.mode == "and traces, 1 %" and row.executed > ALLOWED * least.executed else ""


class _Encoded:
    """In place of an export: what a collector would be sent is made, and dropped."""

    def send(self, spans: Sequence[Any]) -> None:
        encode_spans(spans).SerializeToString()


async def cases(mode: str) -> dict[str, micro.Work]:
    """`executed`: each request asks for another page; `stored`: all ask for the same."""
    fresh, kept = await _door(mode, stored=False), await _door(mode, stored=True)
    return {"executed": fresh, "stored": kept}


async def _door(mode: str, *, stored: bool) -> micro.Work:
    seen: list[Observatory] = []

    def account(settings: Settings) -> Keep | None:
        if mode == "nothing":
            return None
        seen.append(Observatory(settings))
        return seen[0].keep

    engine = await inside.engine(telemetry=MODES[mode], account=account, stored=stored)
    watch = seen[0].watch if seen else None
    if seen and (tracing := seen[0].tracing) is not None:
        tracing.export = _Encoded()
    house: Any = SimpleNamespace(engine=engine, draining=False, limits=DoorLimits(1 << 18))
    endpoint: Any = GraphQL(house, {}, Front(watch=watch))
    if watch is not None:
        endpoint = Measured(watch, endpoint)
    return _asking(endpoint, SAMPLED.get(mode, 0), stored)


def _asking(endpoint: Any, sampled: int, stored: bool) -> micro.Work:
    async def send(message: dict[str, Any]) -> None:
        if message.get("status", 200) != 200:
            raise RuntimeError(f"the door answered {message['status']}")

    asked = 0

    async def work(times: int) -> None:
        nonlocal asked
        for _ in range(times):
            asked += 1
            scope, receive = _request(0 if stored else asked, bool(sampled) and asked % sampled == 0)
            await endpoint(scope, receive, send)

    return work


def _request(page: int, sampled: bool) -> tuple[dict[str, Any], Any]:
    body = json.dumps({"query": inside.QUERY, "variables": {"page": page}}).encode()
    traceparent = TRACEPARENT.format(page + 1, "01" if sampled else "00").encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"accept", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"traceparent", traceparent),
    ]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers, "scheme": "http"}
    return scope, receive


async def _watched(mode: str) -> None:
    await micro.watched(await cases(mode), REPEATS)


def main() -> int:
    """The child that is counted; the table is `python -m benchmarks telemetry`."""
    (mode,) = (each.partition("=")[2] for each in sys.argv if each.startswith("--mode="))
    asyncio.run(_watched(mode))
    return 0


if __name__ == "__main__":
    main()
