"""What one source did lately, in constant memory: ten minutes in slices of ten seconds. For pages; nothing decides by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from gateway.upstream.clock import Clock

SLICES = 60
SLICE = 10.0
"""Seconds."""
KINDS: Mapping[str, int] = {"network": 0, "error": 1, "hit": 2, "stale": 3, "collapsed": 4, "none": 5}
"""How a call ended → its counter. `none`: it was never sent (an open breaker, a full queue)."""
FIRST_BUCKET = len(KINDS)
BUCKETS = 16
"""Latencies by powers of two: bucket *n* counts calls of less than 2^n ms, and not less than half of that."""


class Traffic(msgspec.Struct, frozen=True):
    """The last ten minutes. Latencies are those of calls over the network, in milliseconds, about right."""

    calls: int
    errors: int
    refused: int
    """Never sent: the breaker was open, or the queue full."""
    hits: int
    stale: int
    collapsed: int
    p50_ms: float | None
    p95_ms: float | None
    series: tuple[int, ...] = ()
    """Uses per slice of ten seconds, oldest first."""
    failures: tuple[int, ...] = ()
    buckets: tuple[int, ...] = ()
    """Calls by latency, for those who put several together."""


class Meter:
    """`add` is on the way of every call: an index and two increments."""

    __slots__ = ("_clock", "_epoch", "_now", "_past", "_slices", "_until")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._slices = [[0] * (FIRST_BUCKET + BUCKETS) for _ in range(SLICES)]
        self._epoch = int(clock.monotonic() / SLICE)
        self._until = (self._epoch + 1) * SLICE
        self._now = self._slices[self._epoch % SLICES]
        self._past = [0] * FIRST_BUCKET
        """Of the slices that are no longer there."""

    def add(self, kind: str, now: float, seconds: float) -> None:
        """`now` on the `time.monotonic` clock."""
        if now >= self._until:
            self._advance(int(now / SLICE))
        index = KINDS[kind]
        self._now[index] += 1
        if index < 2:
            self._now[FIRST_BUCKET + min(int(seconds * 1000).bit_length(), BUCKETS - 1)] += 1

    def _advance(self, epoch: int) -> None:
        for passed in range(max(self._epoch + 1, epoch - SLICES + 1), epoch + 1):
            old = self._slices[passed % SLICES]
            self._past = [before + count for before, count in zip(self._past, old, strict=False)]
            self._slices[passed % SLICES] = [0] * (FIRST_BUCKET + BUCKETS)
        self._epoch = epoch
        self._until = (epoch + 1) * SLICE
        self._now = self._slices[epoch % SLICES]

    def totals(self) -> Mapping[str, int]:
        """Uses since the start, by how they ended."""
        return {kind: self._past[n] + sum(each[n] for each in self._slices) for kind, n in KINDS.items()}

    def traffic(self) -> Traffic:
        self._advance(int(self._clock.monotonic() / SLICE))
        order = [self._slices[(self._epoch + 1 + n) % SLICES] for n in range(SLICES)]
        network, errors, hits, stale, collapsed, refused = (sum(each[n] for each in order) for n in range(FIRST_BUCKET))
        buckets = [sum(each[FIRST_BUCKET + n] for each in order) for n in range(BUCKETS)]
        return Traffic(
            calls=network + errors,
            errors=errors,
            refused=refused,
            hits=hits,
            stale=stale,
            collapsed=collapsed,
            p50_ms=quantile(buckets, 0.5),
            p95_ms=quantile(buckets, 0.95),
            series=tuple(sum(each[:FIRST_BUCKET]) for each in order),
            failures=tuple(each[1] + each[5] for each in order),
            buckets=tuple(buckets),
        )


def quantile(buckets: Sequence[int], share: float) -> float | None:
    """The latency below which this share of calls stayed, taken as evenly spread within its bucket; None without calls."""
    total = sum(buckets)
    wanted = total * share
    for n, count in enumerate(buckets):
        if count and wanted <= count:
            low, high = (0.0, 1.0) if n == 0 else (2.0 ** (n - 1), 2.0**n)
            return round(low + (high - low) * wanted / count, 1)
        wanted -= count
    return None
