"""How long a run is."""

from __future__ import annotations

from benchmarks.rows import Patient


class Size(Patient, frozen=True):
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
