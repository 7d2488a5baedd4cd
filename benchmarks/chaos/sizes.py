"""How long a run is, and what comes of one."""

from __future__ import annotations

import msgspec


class Size(msgspec.Struct, frozen=True):
    """How long a run is. `slack`: factor on limits of time, for a machine that does other things meanwhile."""

    seconds: float = 10.0
    rate: float = 200.0
    dead: float = 60.0
    reset: float = 5.0
    disconnects: int = 10_000
    identical: int = 1000
    concurrent: int = 2000
    steps: int = 10_000
    """Of the machine of identities; `examples`: runs of it between two looks at the number of steps."""
    examples: int = 100
    slack: float = 1.0


SHORT = Size(
    seconds=2.0, rate=80.0, dead=3.0, reset=0.6, disconnects=200, identical=200, concurrent=200, steps=300, examples=15, slack=4.0
)


class Row(msgspec.Struct):
    """`holds`: what was demanded → whether it was so."""

    fault: str
    measured: dict[str, float | int | str]
    holds: dict[str, bool]

    @property
    def held(self) -> bool:
        return all(self.holds.values())
