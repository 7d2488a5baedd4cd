"""The kinds of fault, each with what must hold and the figures that show it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from benchmarks.chaos.inside import identities, moves
from benchmarks.chaos.machines import machines
from benchmarks.chaos.rows.crowds import burst, disconnects, identical
from benchmarks.chaos.rows.fails import dies, flaky, flaky_by_default, slow_tail
from benchmarks.chaos.rows.flights import flights
from benchmarks.chaos.rows.hangs import hang
from benchmarks.chaos.rows.hostile import hostile
from benchmarks.chaos.sizes import Size
from benchmarks.rows import Row

ROWS: Mapping[str, Callable[[Size], Awaitable[Row]]] = {
    "hang": hang,
    "flaky": flaky,
    "flaky-default": flaky_by_default,
    "dies": dies,
    "slow-tail": slow_tail,
    "identical": identical,
    "flights": flights,
    "disconnects": disconnects,
    "hostile": hostile,
    "burst": burst,
    "moves": moves,
    "identities": identities,
    "machines": machines,
}
