"""How the cost of a request grows: with the answer, the schema, the sources, the operations that are kept.

Everything runs in this process over services that answer from memory, in CPU time. Each row is told next to the first of its
table, and the members of a table take turns, so that what else the machine does falls on all of them.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from time import process_time

import msgspec

from benchmarks import inside
from gateway.engine import Engine

TURNS = 15
ROWS = (1_000, 10_000, 100_000)
TYPES = (10, 10_000)
SOURCES = (3, 200)
DOCUMENTS = (10, 100, 1_000, 1_900)
"""The last is just below what the engine keeps."""
COLD = "query Cold%d($page: Int) { posts(page: $page) { id userId title user { id name email } again: user { name } } }"
Run = Callable[[], Awaitable[int]]
"""Does some of the work; how many units it was."""


class Row(msgspec.Struct, frozen=True):
    table: str
    size: int
    cost: float
    """CPU microseconds per unit: a row of the answer, a request, an operation."""
    ratio: float
    """To the first row of the table."""
    allowed: float
    """0: nothing is promised."""

    @property
    def holds(self) -> bool:
        return not self.allowed or self.ratio <= self.allowed


async def growth() -> list[Row]:
    tables = [answers, schemas, sources, documents, cold]
    return [row for table in tables for row in await table()]


async def answers() -> list[Row]:
    """Per row of the answer."""
    engines = {rows: await inside.engine(rows) for rows in ROWS}
    for rows, engine in engines.items():
        await inside.check(engine, rows)
    return await _table("answer rows", {rows: _requests(engine, 1, rows) for rows, engine in engines.items()}, 1.2)


async def schemas() -> list[Row]:
    """Per request; the types stand in three more sources."""
    engines = {types: await inside.engine(types=types, sources=2) for types in TYPES}
    return await _table("schema types", {types: _requests(engine, 50) for types, engine in engines.items()}, 1.05)


async def sources() -> list[Row]:
    """Per request; the first two tables' service is one of them."""
    engines = {number: await inside.engine(types=number, sources=number - 1) for number in SOURCES}
    return await _table("sources", {number: _requests(engine, 50) for number, engine in engines.items()}, 1.05)


async def documents() -> list[Row]:
    """Per request, going round that many operations, all of them kept."""
    runs = {}
    for number in DOCUMENTS:
        engine = await inside.engine()
        texts = [inside.QUERY.replace("Posts", f"Posts{each}") for each in range(number)]
        for text in texts:
            await engine.answer(inside.asked(0, text))
        runs[number] = _requests(engine, 100, texts=texts)
    return await _table("operations kept", runs, 0)


async def cold() -> list[Row]:
    """Per operation never seen before, with its first request: parsed, validated, planned, compiled."""
    runs: dict[int, Run] = {}
    for types in TYPES:
        engine, numbers = await inside.engine(rows=1, types=types, sources=2), count()

        async def run(engine: Engine = engine, numbers: count[int] = numbers) -> int:
            for _ in range(5):
                await engine.answer(inside.asked(0, COLD % next(numbers)))
            return 5

        runs[types] = run
    return await _table("cold operation, schema types", runs, 0)


def _requests(engine: Engine, times: int, units: int = 1, texts: Sequence[str] = (inside.QUERY,)) -> Run:
    numbers = count()

    async def run() -> int:
        for _ in range(times):
            number = next(numbers)
            await engine.answer(inside.asked(number, texts[number % len(texts)]))
        return times * units

    return run


async def _table(name: str, runs: dict[int, Run], allowed: float) -> list[Row]:
    best = dict.fromkeys(runs, float("inf"))
    for run in runs.values():
        await run()
    gc.collect()
    gc.freeze()
    for _ in range(TURNS):
        for size, run in runs.items():
            began = process_time()
            units = await run()
            best[size] = min(best[size], (process_time() - began) / units * 1e6)
    gc.unfreeze()
    first = next(iter(best.values()))
    return [Row(name, size, round(cost, 3), round(cost / first, 3), allowed) for size, cost in best.items()]


def measure() -> list[Row]:
    return asyncio.run(growth())


def table(rows: Sequence[Row]) -> str:
    lines = [f"{'':34}{'size':>9}{'CPU µs':>12}{'ratio':>9}"]
    for row in rows:
        promise = f"   at most {row.allowed}: {'yes' if row.holds else 'NO'}" if row.allowed else ""
        lines.append(f"{row.table:34}{row.size:>9}{row.cost:>12.3f}{row.ratio:>9.3f}{promise}")
    return "\n".join(lines)
