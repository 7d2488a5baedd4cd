"""How long a source's calls take, as a stream: quantiles within two percent, in constant memory and time.

Counts stand in buckets whose bounds grow by a constant factor, as in a DDSketch; older calls weigh less and less.
"""

from __future__ import annotations

from math import exp, log

GROWTH = log(1.04)
FASTEST = 1e-4
"""Seconds; anything faster is this fast."""
BUCKETS = 320
"""They reach from a tenth of a millisecond to half a minute."""
ENOUGH = 50
"""Calls before a quantile says anything."""
HALVED = 2000
"""Calls after which all counts are halved: what the source did an hour ago says little."""
RENEWED = 50
"""Calls between two computations of the quantile."""


class Latency:
    """One quantile (0 to 1) of the durations it was told, in seconds."""

    __slots__ = ("_counts", "_due", "_quantile", "_total", "value")

    def __init__(self, quantile: float) -> None:
        self.value: float | None = None
        """None: too few calls so far."""
        self._quantile = quantile
        self._counts = [0] * BUCKETS
        self._total = 0
        self._due = ENOUGH

    def add(self, seconds: float) -> None:
        index = int(log(seconds / FASTEST) / GROWTH) if seconds > FASTEST else 0
        self._counts[min(index, BUCKETS - 1)] += 1
        self._total += 1
        self._due -= 1
        if not self._due:
            self._renew()

    def _renew(self) -> None:
        self._due = RENEWED
        rank, seen = self._total * self._quantile, 0
        for index, count in enumerate(self._counts):
            seen += count
            if seen >= rank:
                self.value = FASTEST * exp((index + 1) * GROWTH)
                break
        if self._total >= HALVED:
            self._counts = [count // 2 for count in self._counts]
            self._total = sum(self._counts)
