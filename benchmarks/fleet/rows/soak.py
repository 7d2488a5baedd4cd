"""Mixed traffic for a long time, at a good part of what the gateway can do: nothing grows."""

from __future__ import annotations

import asyncio
import os
from time import monotonic

import msgspec

from benchmarks.chaos.world import MIB, quantile_of, until
from benchmarks.fleet.sizes import Size
from benchmarks.fleet.traffic import Kinds, Traffic, traffic
from benchmarks.fleet.trend import trend
from benchmarks.fleet.world import Fleet, alone
from benchmarks.processes import cpu_seconds
from benchmarks.rows import Row

LOAD = 0.7
CLOSED = 16
"""Callers who ask one question after the other, to see what can be done at most."""
MIXED = Kinds(keys=200_000, documents=500, leaving=0.02)
"""More questions than are ever kept, in as many words as most gateways ever hear, from some who do not wait."""
STORE = "16MiB"
AT_REST = 4
"""Tasks of a gateway that nobody asks, at most: its listeners, its watch, its hints."""
WARM_UP = 3.0
"""Minutes, at least; a fifth of the soak where that is more."""
EVERY, TOLD_EVERY = 1.0, 60.0
"""Seconds between two looks, and between two lines on the screen."""
FILES = 2 * 64 + 16
"""Connections that two sources may have, and a few to spare."""
POOL = min(32, (os.cpu_count() or 1) + 4)
"""Threads that asyncio makes as they are needed, and keeps."""


class Watched(msgspec.Struct):
    """As seen every second."""

    memory: list[float] = []
    files: list[float] = []
    threads: list[int] = []


async def soak(size: Size) -> Row:
    """The warm-up is for caches to fill and for the allocator to find its size. A caller's own process, and the sources', take
    their part of the machine: the capacity is that of all together."""
    async with alone(size, cache={"size": STORE}) as made:
        gateway = made.replicas[0]
        capacity = await Traffic(made.caller, 0, MIXED).capacity(CLOSED, min(10.0, size.minutes * 60))
        await until(lambda: _is_at_rest(made, AT_REST), 10.0)
        before = (await gateway.tasks(), gateway.descriptors)
        async with traffic(made.caller, LOAD * capacity, MIXED) as load:
            await _watch(made, load, 60 * max(size.minutes / 5, min(size.minutes, WARM_UP)), "warm-up")
            busy, began = cpu_seconds(gateway.pid), monotonic()
            seen = await _watch(made, load, size.minutes * 60, "soak")
            share = (cpu_seconds(gateway.pid) - busy) / (monotonic() - began)
        gone = await until(lambda: _is_at_rest(made, before[0]), 60.0)
        after = (await gateway.tasks(), gateway.descriptors)
        tracebacks, told = made.tracebacks, load.seen
    memory, files = trend(seen.memory), trend(seen.files)
    return Row(
        f"{size.minutes:g} minutes at {LOAD:.0%} of what can be done",
        {
            "capacity_rps": capacity,
            "answers": told.answers,
            "left": told.left,
            "failed": told.failed.total() + told.foreign.total(),
            "cores": share,
            "p99_ms": 1000 * quantile_of(told.times, 0.99),
            "memory_mib": memory.size,
            "grown_mib": memory.growth,
            "noise_mib": memory.noise,
            "files_grown": files.growth,
            "threads": f"{seen.threads[0]} {seen.threads[-1]}",
            "tasks_at_rest": f"{before[0]} {after[0]}",
            "files_at_rest": f"{before[1]} {after[1]}",
            **({"wrong": str((told.failed + told.foreign).most_common(3))} if told.failed or told.foreign else {}),
        },
        {
            "no request failed": not told.failed and not told.foreign,
            "no task is left": gone,
            "no socket and no other file is left": after[1] <= before[1] + FILES,
            "no thread more than a pool has": seen.threads[-1] <= seen.threads[0] + POOL,
            "no fault of the gateway itself": tracebacks == 0,
        },
        {"memory is flat within its noise": memory.is_flat},
    )


async def _watch(made: Fleet, load: Traffic, seconds: float, what: str) -> Watched:
    gateway, seen, began, told = made.replicas[0], Watched(), monotonic(), 0.0
    while (spent := monotonic() - began) < seconds or len(seen.memory) < 3:
        await asyncio.sleep(min(EVERY, seconds / 20))
        seen.memory.append(gateway.memory / MIB)
        seen.files.append(gateway.descriptors)
        seen.threads.append(gateway.threads)
        if spent - told >= TOLD_EVERY:
            told = spent
            figures = f"{seen.memory[-1]:.1f} MiB, {seen.files[-1]} files, {await gateway.tasks()} tasks"
            print(f"       {what}: {spent / 60:.0f} min, {load.seen.answers} answers, {figures}", flush=True)
    return seen


async def _is_at_rest(made: Fleet, tasks: int) -> bool:
    """Nobody asks any more, and callers' connections are closed."""
    made.caller.close()
    return await made.replicas[0].tasks() <= tasks
