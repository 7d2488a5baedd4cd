"""Counters and distributions that cost an addition each, and what they come to at the moment somebody asks.

A family carries OpenTelemetry's names (`http.client.request.duration`, unit `s`); each format spells them in its own way.
Labels come from configuration, from closed sets, or from `Names`, so that what callers send never makes more series than a bound.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec

OTHER = "_OTHER"
"""In place of a value that came after there were enough."""
SERIES = 2_000
"""Of one family."""
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""OpenTelemetry's advice for durations of HTTP requests."""
COUNTS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0)

Value = str | int
Labels = tuple[tuple[str, Value], ...]
Kind = Literal["counter", "gauge", "histogram"]


class Exemplar(msgspec.Struct, frozen=True):
    """One measurement and the trace it came from."""

    value: float
    trace: str
    span: str
    at: float
    """`time.time` clock."""


class Series(msgspec.Struct, frozen=True):
    """One set of labels. Of a histogram `value` is the sum, and `counts` is per bucket, the last past all bounds."""

    labels: Labels
    value: float
    counts: tuple[int, ...] = ()
    exemplars: tuple[Exemplar | None, ...] = ()


class Family(msgspec.Struct, frozen=True):
    """One metric at one moment."""

    name: str
    kind: Kind
    unit: str
    """UCUM, as OpenTelemetry writes it: `s`, `By`, `{call}`, `1`."""
    help: str
    series: tuple[Series, ...]
    bounds: tuple[float, ...] = ()
    merged: Literal["sum", "max"] = "sum"
    """How those of several processes become one."""


Collect = Callable[[], Iterable[Family]]


class Distribution:
    """One histogram."""

    __slots__ = ("_counts", "_exemplars", "_sum", "bounds")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        self._exemplars: list[Exemplar | None] | None = None

    def record(self, value: float) -> None:
        self._counts[bisect_left(self.bounds, value)] += 1
        self._sum += value

    def explain(self, value: float, trace: str, span: str) -> None:
        """Keep this measurement as the example of its bucket; only of traces that are exported."""
        if self._exemplars is None:
            self._exemplars = [None] * len(self._counts)
        self._exemplars[bisect_left(self.bounds, value)] = Exemplar(value, trace, span, time.time())

    def series(self, labels: Labels) -> Series:
        return Series(labels, self._sum, tuple(self._counts), tuple(self._exemplars or ()))


class Histogram:
    """A family of distributions by their labels' values."""

    def __init__(self, name: str, unit: str, help: str, labels: Sequence[str], bounds: Sequence[float] = SECONDS) -> None:
        self._about = (name, unit, help)
        self._labels = tuple(labels)
        self._bounds = tuple(bounds)
        self._known: dict[tuple[Value, ...], Distribution] = {}

    def of(self, *values: Value) -> Distribution:
        known = self._known.get(values)
        return known if known is not None else self._made(values)

    def _made(self, values: tuple[Value, ...]) -> Distribution:
        if len(self._known) >= SERIES:
            values = (OTHER,) * len(values)
        return self._known.setdefault(values, Distribution(self._bounds))

    def family(self, more: Labels = ()) -> Family:
        """`more`: labels that all of its series have besides."""
        name, unit, told = self._about
        series = tuple(each.series((*more, *_labelled(self._labels, values))) for values, each in self._known.items())
        return Family(name, "histogram", unit, told, series, self._bounds)


class Counter:
    """A family of sums that only grow, by their labels' values."""

    def __init__(self, name: str, unit: str, help: str, labels: Sequence[str] = ()) -> None:
        self._about = (name, unit, help)
        self._labels = tuple(labels)
        self._sums: dict[tuple[Value, ...], float] = {} if labels else {(): 0}

    def add(self, *values: Value, count: float = 1) -> None:
        if values not in self._sums and len(self._sums) >= SERIES:
            values = (OTHER,) * len(values)
        self._sums[values] = self._sums.get(values, 0) + count

    def family(self) -> Family:
        name, unit, told = self._about
        series = tuple(Series(tuple(_labelled(self._labels, values)), total) for values, total in self._sums.items())
        return Family(name, "counter", unit, told, series)


class Names:
    """The first so many names; one that comes later is `_OTHER`, so that callers cannot make series without end."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[str, str] = {}

    def of(self, name: str) -> str:
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= self._most:
                return OTHER
            known = self._known[name] = name
        return known


def _labelled(names: Sequence[str], values: Sequence[Value]) -> Iterable[tuple[str, Value]]:
    """A value that is not there ("") makes no label, as OpenTelemetry has it."""
    return ((name, value) for name, value in zip(names, values, strict=True) if value != "")
