"""What production does to a gateway, each with what must hold and the figures that show it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from benchmarks.fleet.rows.clock import clock
from benchmarks.fleet.rows.reload import reload
from benchmarks.fleet.rows.replicas import replicas
from benchmarks.fleet.rows.sigterm import sigterm
from benchmarks.fleet.rows.soak import soak
from benchmarks.fleet.sizes import Size
from benchmarks.rows import Row

ROWS: Mapping[str, Callable[[Size], Awaitable[Row]]] = {
    "replicas": replicas,
    "reload": reload,
    "soak": soak,
    "sigterm": sigterm,
    "clock": clock,
}
