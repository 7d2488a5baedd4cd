"""How long a run is, and what comes of one."""

from __future__ import annotations

from typing import Any

import msgspec


class Size(msgspec.Struct, frozen=True):
    """How long a run is."""

    seconds: float = 10.0
    rate: float = 200.0
    dead: float = 60.0
    reset: float = 5.0
    disconnects: int = 10_000
    identical: int = 1000
    concurrent: int = 2000
    complete: float = 0.99
    """Share of answers that repetitions have to make complete."""
    steps: int = 10_000
    """Of each state machine; `examples`: runs of it between two looks at the number of steps."""
    examples: int = 100
    repeatable: bool = False
    """State machines take the same steps each time."""
    patience: float = 2.0
    """Seconds of a try that nothing but a fault may end."""

    def patient(self) -> dict[str, Any]:
        """A policy's timeouts; as the default has them where `patience` is its."""
        return {"timeout": {"per_try": f"{self.patience:g}s", "total": f"{self.patience * 2.5:g}s"}}

    def limits(self) -> dict[str, Any]:
        return {"deadline": f"{self.patience * 5:g}s"}


SHORT = Size(
    seconds=1.5,
    rate=60.0,
    dead=3.0,
    reset=0.6,
    disconnects=300,
    identical=200,
    concurrent=200,
    complete=0.9,
    steps=300,
    examples=10,
    repeatable=True,
    patience=20.0,
)
"""On a machine that may do anything else meanwhile."""


class Row(msgspec.Struct):
    """What was demanded → whether it was so. `holds` is counted: how busy the machine is changes nothing. `times` are times, and
    mean something only on a machine that does nothing else; the short form leaves them out."""

    fault: str
    measured: dict[str, float | int | str]
    holds: dict[str, bool]
    times: dict[str, bool] = {}

    @property
    def demands(self) -> dict[str, bool]:
        return self.holds | self.times

    @property
    def held(self) -> bool:
        return all(self.demands.values())
