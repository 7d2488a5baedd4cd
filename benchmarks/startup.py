"""From starting the program to `/readyz`, with the demo's configuration and its three services running."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import MEASURED, free_port, server, wait_until_ok
from gateway.demo.services import start

DEMO = Path(__file__).parent.parent / "config" / "demo.yaml"
ALLOWED = 2.0
"""Seconds."""


def startup(times: int) -> list[float]:
    """Seconds, sorted."""
    with demo_services() as environ:
        return sorted(_once(environ) for _ in range(times))


@contextmanager
def demo_services() -> Iterator[dict[str, str]]:
    services = start()
    try:
        with tempfile.TemporaryDirectory() as state:
            yield {f"{service.name.upper()}_URL": service.url for service in services} | {"SIGNPOST_DEMO_STATE": state}
    finally:
        for service in services:
            service.stop()


def _once(environ: dict[str, str]) -> float:
    port = free_port()
    with server(["-m", "gateway", "serve", str(DEMO), "--host", "127.0.0.1", "--port", str(port)], MEASURED, environ):
        return wait_until_ok(f"http://127.0.0.1:{port}/readyz", pause=0.005)


def table(seconds: list[float]) -> str:
    verdict = "yes" if statistics.median(seconds) < ALLOWED else "NO"
    return f"{len(seconds)} starts to ready: {seconds[0]:.2f} to {seconds[-1]:.2f} s; median under {ALLOWED:.0f} s: {verdict}"
