"""What the layers of every source have counted anyway, as families: read at a scrape, and free until then."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from gateway.app.line import Line
from gateway.engine import Engine
from gateway.telemetry.metrics import Family, Kind, Labels, Series, Value
from gateway.telemetry.spans import server_of
from gateway.upstream.onion import SourceState
from gateway.upstream.watch import WAIT

STATES: Mapping[str | None, int] = {"closed": 0, "half-open": 1, "open": 2}
BEGAN = time.time()
PAGE = os.sysconf("SC_PAGE_SIZE")

Named = tuple[Line, Labels]
"""A source's line, with its name and its owner as labels."""
Point = tuple[dict[str, Value], float]
Points = Callable[[SourceState], Iterable[Point]]


class _Told:
    """One metric of sources: what it is, and how it is read from one of them."""

    def __init__(self, name: str, kind: Kind, unit: str, help: str, points: Points, merged: str = "sum") -> None:
        self.about = (name, kind, unit, help)
        self.points = points
        self.merged = merged

    def family(self, lines: Iterable[Named]) -> Family:
        series = tuple(
            Series((*labels, *more.items()), value) for line, labels in lines for more, value in self.points(line.data)
        )
        return Family(*self.about, series, merged="max" if self.merged == "max" else "sum")


def _one(read: Callable[[SourceState], float | None]) -> Points:
    """A source without the thing has no series."""
    return lambda state: [({}, value)] if (value := read(state)) is not None else []


def _fetches(state: SourceState) -> Iterator[Point]:
    for served, count in state.meter.totals().items():
        yield {"gateway.fetch.served": served}, count


def _transitions(state: SourceState) -> Iterator[Point]:
    for entered in STATES if state.breaker is not None else ():
        yield {"gateway.breaker.state": entered or ""}, state.transitions[entered or ""]


def _breaker(state: SourceState) -> float | None:
    circuit = state.breaker.worst() if state.breaker is not None else None
    return STATES[circuit.state] if circuit is not None else 0 if state.breaker is not None else None


TOLD: Sequence[_Told] = (
    _Told("gateway.fetches", "counter", "{fetch}", "Fetches by how they were served; `none` was never sent.", _fetches),
    _Told("gateway.breaker.state", "gauge", "1", "0 closed, 1 half-open, 2 open; the worst circuit.", _one(_breaker), "max"),
    _Told("gateway.breaker.transitions", "counter", "{transition}", "Changes of circuits, by the state entered.", _transitions),
    _Told("gateway.calls.open", "gauge", "{call}", "Calls under way.", _one(lambda s: s.slots.open)),
    _Told("gateway.calls.limit", "gauge", "{call}", "Calls that may be under way.", _one(lambda s: s.slots.limit)),
    _Told("gateway.calls.orphaned", "gauge", "{call}", "Calls on the wire that nobody waits for any more.",
          _one(lambda s: s.client.orphans.count if s.client else None)),
    _Told("gateway.queue.length", "gauge", "{call}", "Calls that wait for a free slot.", _one(lambda s: len(s.slots.queue))),
    _Told("gateway.queue.shed", "counter", "{call}", "Calls turned away by a full or slow queue.", _one(lambda s: s.slots.shed)),
    _Told("gateway.retries", "counter", "{retry}", "Attempts after the first.",
          _one(lambda s: s.retry_budget.retries if s.retry_budget else None)),
    _Told("gateway.retry.tokens", "gauge", "{retry}", "Retries the budget allows at this moment.",
          _one(lambda s: s.retry_budget.tokens if s.retry_budget else None)),
    _Told("gateway.hedges", "counter", "{hedge}", "Second copies of slow calls.", 
          _one(lambda s: s.hedges.made if s.hedges else None)),
    _Told("gateway.source.held", "gauge", "1", "1: an operator has taken it out of use.", 
          _one(lambda s: int(s.hold.held is not None)), "max"),
    _Told("gateway.cache.reruns", "gauge", "{fetch}", "Refreshes that failed and wait to be tried again.",
          _one(lambda s: len(s.cache.reruns) if s.cache else None)),
)  # fmt: skip


def of_sources(named: Sequence[Named]) -> Iterator[Family]:
    """Everything that is known of each source."""
    yield from (told.family(named) for told in TOLD)
    about = tuple(Series((*labels, ("gateway.source.kind", line.source.kind)), 1) for line, labels in named)
    yield Family("gateway.source.info", "gauge", "1", "Every source, its kind and its owner.", about, merged="max")
    yield from (family for line, labels in named for family in _measured(line, labels))


def labels_of(source: str, owner: str) -> Labels:
    return (("gateway.source", source), ("gateway.owner", owner))


def _measured(line: Line, labels: Labels) -> Iterator[Family]:
    watch = line.data.watch
    if watch is None:
        return
    _, host, port = server_of(line.source.url or "")
    where: Labels = (("server.address", host), ("server.port", port)) if host and port else ()
    yield watch.durations.family((*labels, *where))
    waits = watch.waits.series(labels)
    said = "Time calls waited for a free slot; those that found one are not in it."
    yield Family(WAIT, "histogram", "s", said, (waits,), watch.waits.bounds)


# ---------------------------------------------------------------- the process


def of_process() -> Iterator[Family]:
    """What it takes of the machine."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    modes = ((("cpu.mode", "user"),), used.ru_utime), ((("cpu.mode", "system"),), used.ru_stime)
    yield Family("process.cpu.time", "counter", "s", "CPU seconds.", tuple(Series(labels, value) for labels, value in modes))
    yield _gauge("process.memory.usage", "By", "Resident memory.", _resident())
    yield _gauge("process.open_file_descriptors", "{file_descriptor}", "Open file descriptors.", _descriptors())
    yield _gauge("process.uptime", "s", "Since this process began; of several, the longest.", time.time() - BEGAN, "max")


def of_engine(engine: Engine | None, generation: int, ready: bool) -> Iterator[Family]:
    yield _gauge("gateway.ready", "1", "1: it answers.", ready)
    yield _gauge("gateway.generation", "{schema}", "Schemas that were taken in since the start.", generation, "max")
    if engine is not None:
        yield _gauge("gateway.operations.known", "{operation}", "Operations that are ready to be run.", len(engine.documents))


def of_caches(kept: Mapping[str, tuple[int, int]]) -> Iterator[Family]:
    """`kept`: name → entries, bytes."""
    named = [((("gateway.cache", name),), entries, size) for name, (entries, size) in kept.items()]
    entries = tuple(Series(labels, count) for labels, count, _ in named)
    sizes = tuple(Series(labels, size) for labels, _, size in named)
    yield Family("gateway.cache.entries", "gauge", "{entry}", "What is kept, by cache.", entries)
    yield Family("gateway.cache.size", "gauge", "By", "Bytes that are kept, by cache.", sizes)


def _gauge(name: str, unit: str, help: str, value: float, merged: str = "sum") -> Family:
    return Family(name, "gauge", unit, help, (Series((), float(value)),), merged="max" if merged == "max" else "sum")


def _resident() -> int:
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * PAGE
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _descriptors() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0
