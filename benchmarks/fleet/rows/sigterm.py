"""A gateway is told to stop while callers go on asking: what it has been asked, it answers."""

from __future__ import annotations

import signal

from benchmarks.fleet.sizes import Size
from benchmarks.fleet.traffic import Kinds, Seen, traffic
from benchmarks.fleet.world import Fleet, alone, fleet
from benchmarks.rows import Row

SLOW = 0.05
"""Seconds a source takes, so that there is always something under way."""


class Stopped:
    """What came of some stops."""

    def __init__(self) -> None:
        self.codes = list[int]()
        self.tracebacks = 0
        self.answers = 0
        self.failed: dict[str, int] = {}

    def take(self, seen: Seen, made: Fleet) -> None:
        self.answers += seen.answers - seen.refused
        self.failed.update(seen.failed | seen.foreign)
        self.tracebacks += made.tracebacks


async def sigterm(size: Size) -> Row:
    one, workers, rolling = Stopped(), Stopped(), Stopped()
    for _ in range(size.stops):
        await _stop(size, one)
        await _stop(size, workers, "--workers", "2")
    await _roll(size, rolling)
    holds = {}
    for name, stopped in {"one process": one, "two workers": workers, "one replica after the other": rolling}.items():
        holds[f"{name}: no request failed"] = not stopped.failed
        holds[f"{name}: ended with 0, and no traceback"] = not any(stopped.codes) and not stopped.tracebacks
    measured: dict[str, int | float | str] = {
        "stops": 2 * size.stops,
        "restarts": len(rolling.codes),
        "answers": one.answers + workers.answers + rolling.answers,
    }
    if wrong := one.failed | workers.failed | rolling.failed:
        measured["wrong"] = str(wrong)
    return Row("told to stop under load", measured, holds)


async def _stop(size: Size, stopped: Stopped, *options: str) -> None:
    """Callers ask until nobody takes their connections."""
    async with alone(size, *options) as made:
        _slow(made)
        async with traffic(made.caller, size.rate, Kinds(size.keys)) as load:
            await load.more(size.answers // 2)
            made.replicas[0].told(signal.SIGTERM)
            stopped.codes.append(await made.replicas[0].ended())
            await load.more(1)
        stopped.take(load.seen, made)


async def _roll(size: Size, stopped: Stopped) -> None:
    async with fleet(size) as made:
        _slow(made)
        async with traffic(made.caller, size.rate, Kinds(size.keys)) as load:
            for number in range(2 * size.stops):
                made.replicas[number % 2].told(signal.SIGTERM)
                stopped.codes.append(await made.replicas[number % 2].ended())
                await load.more(size.answers // 4)
                await made.start(number % 2)
                await load.more(size.answers // 4)
        stopped.take(load.seen, made)


def _slow(made: Fleet) -> None:
    for proxy in made.sources.values():
        proxy.source.delay = SLOW
