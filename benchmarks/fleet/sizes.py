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


SHORT = Size(rate=80.0, answers=30, keys=10, stops=1, patience=20.0)
"""On a machine that may do anything else meanwhile."""
