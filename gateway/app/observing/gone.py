"""What replaced sources have counted: a reload gives a source that changed a new line, and its sums must not go back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.app.observing.sources import Named, of_sources
from gateway.telemetry.merge import lasting, merged
from gateway.telemetry.metrics import Family


class Gone:
    """Lines that are leaving are looked at; of those that have left only the sums are kept."""

    def __init__(self) -> None:
        self._leaving: list[Named] = []
        self._sums: tuple[Family, ...] = ()

    def add(self, lines: Iterable[Named]) -> None:
        self._leaving += lines

    def fold(self, lines: Sequence[Named]) -> None:
        left = [line.data for line, _ in lines]
        self._sums = merged([self._sums, lasting(of_sources(lines))])
        self._leaving = [each for each in self._leaving if each[0].data not in left]

    def families(self) -> tuple[Family, ...]:
        return merged([self._sums, lasting(of_sources(self._leaving))]) if self._leaving else self._sums
