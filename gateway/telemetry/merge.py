"""Families of several processes of one gateway as one.

Sums must never go back, or a scrape takes it for a restart and counts everything anew. So what a process had counted when it
was last seen is kept after it has gone, in a file that its siblings share.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from gateway.telemetry.metrics import Family, Series

log = logging.getLogger("gateway.telemetry")
Snapshots = Mapping[str, tuple[Family, ...]]
"""Families by the process (`number/pid`) they are of."""

_decode = msgspec.json.Decoder(dict[str, tuple[Family, ...]])


def merged(snapshots: Iterable[tuple[Family, ...]]) -> tuple[Family, ...]:
    """Sums of counters and histograms; of gauges the sum or the largest, as the family says."""
    found: dict[str, list[Family]] = {}
    for family in (each for snapshot in snapshots for each in snapshot):
        found.setdefault(family.name, []).append(family)
    return tuple(_one(found[name]) for name in sorted(found))


def _one(families: list[Family]) -> Family:
    series: dict[tuple[tuple[str, str | int], ...], Series] = {}
    for each in (each for family in families for each in family.series):
        known = series.get(each.labels)
        series[each.labels] = each if known is None else _added(known, each, families[0])
    return replace(families[0], series=tuple(series.values()))


def _added(one: Series, other: Series, family: Family) -> Series:
    value = max(one.value, other.value) if family.merged == "max" else one.value + other.value
    counts = tuple(a + b for a, b in zip(one.counts, other.counts, strict=True))
    nothing = (None,) * len(counts)
    pairs = zip(one.exemplars or nothing, other.exemplars or nothing, strict=True)
    return Series(one.labels, value, counts, tuple(a or b for a, b in pairs))


GONE = "gone"
"""In place of a process: what all of those together counted that live no more."""


class Departed:
    """The last counts of processes that have gone, beside those that are there. Without a file: as long as this process lives.

    One that lives and only does not answer at the moment counts for what it was last seen with.
    """

    def __init__(self, file: Path | None, alive: Callable[[str], bool]) -> None:
        """`alive`: does that process live?"""
        self._file = file
        self._alive = alive
        self._seen: Snapshots = {}

    def with_those(self, present: Snapshots) -> tuple[Family, ...]:
        """All together; and remember what each of them has counted by now."""
        absent = {name: lasting(families) for name, families in self._read().items() if name not in present}
        silent = {name: families for name, families in absent.items() if name != GONE and self._alive(name)}
        gone = [families for name, families in absent.items() if name not in silent]
        kept = {**silent, GONE: merged(gone)} if gone else silent
        self._write({**kept, **present})
        return merged([*present.values(), *kept.values()])

    def _read(self) -> Snapshots:
        if self._file is None:
            return self._seen
        try:
            return _decode.decode(self._file.read_bytes())
        except (OSError, msgspec.MsgspecError):
            return {}

    def _write(self, seen: Snapshots) -> None:
        self._seen = seen
        if self._file is None:
            return
        fresh = self._file.with_suffix(f".{os.getpid()}")
        try:
            fresh.write_bytes(msgspec.json.encode(seen))
            fresh.replace(self._file)
        except OSError as error:
            log.warning("counts of workers that end are not kept: %s: %s", self._file, error.strerror or error)
            self._file = None


def lasting(families: Iterable[Family]) -> tuple[Family, ...]:
    """What somebody who has gone still counts for: sums, not states."""
    return tuple(family for family in families if family.kind != "gauge")
