"""A source that takes calls and never answers."""

from __future__ import annotations

import asyncio

from benchmarks.chaos.sizes import Size
from benchmarks.chaos.world import MIB, OFF, Answer, Connection, Question, World, explained, of, quantile, steady, world
from benchmarks.rows import Row

TIMES = {"timeout": {"per_try": "500ms", "total": "800ms"}}
GIVEN_UP = {"UPSTREAM_TIMEOUT", "SOURCE_SATURATED"}
TURNS = 3


async def silent(connection: Connection) -> None:
    await connection.until_closed()


async def hang(size: Size) -> Row:
    """Runs without and with the fault take turns, so that what else the machine does falls on both. There is no breaker: every
    question that needs the source waits for it in vain."""
    async with world("abcd", OFF | size.patient() | {"a": TIMES}, limits=size.limits()) as w:

        def query(number: int) -> Question:
            return of(f"{'bc'[number % 4 // 2] if number % 2 else 'a'} d", number)

        plain, fault = list[Answer](), list[Answer]()
        for _ in range(TURNS):
            w["a"].decide = lambda _path: None
            plain += await steady(w.caller, size.rate, size.seconds / 2, query)
            w["a"].decide = lambda _path: silent
            fault += await steady(w.caller, size.rate, size.seconds / 2, query)
        unaffected, affected = [a for a in fault if "a" not in a.body["data"]], [a for a in fault if "a" in a.body["data"]]
        before, during = quantile([a for a in plain if "a" not in a.body["data"]], 0.99), quantile(unaffected, 0.99)
        at_work = w.memory
        hanging, crowd = await _crowd(w, size)
        w["a"].decide = lambda _path: None
        crowded, _ = await _crowd(w, size)
        longest = max(a.seconds for a in affected)
        return Row(
            "one of four sources hangs",
            {
                "p99_plain_ms": before * 1000,
                "p99_ms": during * 1000,
                "ratio": during / before,
                "affected": len(affected),
                "affected_longest_s": longest,
                "concurrent": size.concurrent,
                "grown_mib": (hanging - at_work) / MIB,
                "grown_more_without_fault_mib": (crowded - hanging) / MIB,
            },
            {
                "unaffected are complete": all(a.complete for a in unaffected),
                "affected answer partially": all(is_partial(a) for a in affected),
                f"memory grows < 50 MiB at {size.concurrent} concurrent": hanging - at_work < 50 * MIB,
                "every null explained": explained(fault) and explained(crowd),
            },
            {
                "unaffected p99 ≤ 1.3 ×": during <= 1.3 * before,
                "affected answer before the deadline": longest < size.patience * 5,
            },
        )


def is_partial(answer: Answer) -> bool:
    data = answer.body["data"]
    return data["a"] is None and data["d"] is not None and set(answer.codes) <= GIVEN_UP


async def _crowd(w: World, size: Size) -> tuple[int, list[Answer]]:
    """All at once on a source: the most memory the gateway had meanwhile, and what it said."""
    most = w.memory
    callers = asyncio.gather(*(w.caller.ask(of("a b", n)) for n in range(size.concurrent)))
    while not callers.done():
        await asyncio.sleep(0.02)
        most = max(most, w.memory)
    return most, await callers
