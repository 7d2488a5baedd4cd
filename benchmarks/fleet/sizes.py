"""How long a run is."""

from __future__ import annotations

from benchmarks.rows import Patient


class Size(Patient, frozen=True):
    rate: float = 150.0
    """Questions per second."""
    answers: int = 1500
    """Of each phase: it lasts until there are so many more."""
    keys: int = 40
    """Different questions to each source."""
    stops: int = 10
    reloads: int = 1000
    minutes: float = 30.0
    """Of the soak, after its warm-up."""


SHORT = Size(rate=100.0, answers=25, keys=10, stops=1, reloads=15, minutes=0.02, patience=20.0)
"""On a machine that may do anything else meanwhile."""
