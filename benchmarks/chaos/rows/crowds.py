"""Many callers: the same question at once, callers who leave, more than a source can take."""

from __future__ import annotations

import asyncio

from benchmarks.chaos.rows.hangs import silent
from benchmarks.chaos.sizes import Size
from benchmarks.chaos.world import MIB, OFF, Answer, Caller, Question, World, explained, of, quantile, steady, until, world
from benchmarks.rows import Row

DOCUMENTS = 100
TURNS_OF_THE_LOOP = 20
"""Exchanges with the gateway after which it has read all that had been sent before, whatever its speed."""
SLOTS = 64
"""Connections one source may have, by default."""


async def identical(size: Size) -> Row:
    """The same question, and then the same upstream call behind as many different questions. The source answers only when the
    gateway has read them all."""
    async with world("a", size.patient() | {"cache": "off"}, limits=size.limits()) as w:
        await w.caller.ask(of("a", 0))
        before = w["a"].calls
        same = await _held(w, [of("a", 1)] * size.identical)
        calls = w["a"].calls - before
        other = await _held(w, [(f"query($id: Int!) {{ x{n}: a(id: $id) {{ text }} }}", 2) for n in range(DOCUMENTS)])
        more = w["a"].calls - before - calls
        return Row(
            "identical cold requests at once",
            {"requests": size.identical, "calls": calls, "documents": DOCUMENTS, "calls_of_documents": more},
            {
                "1 upstream call": calls == 1,
                "1 call for different documents that ask the same": more == 1,
                "all complete": all(a.complete for a in [*same, *other]),
            },
        )


async def _held(w: World, questions: list[Question]) -> list[Answer]:
    w["a"].source.gate.clear()
    asking = asyncio.gather(*map(w.caller.ask, questions))
    await asyncio.sleep(0)
    for _ in range(TURNS_OF_THE_LOOP):
        await w.caller.status()
    w["a"].source.gate.set()
    return await asking


async def disconnects(size: Size) -> Row:
    """Every other caller leaves a source that answers late, the others one that never does."""
    async with world("ab", size.patient() | {"cache": "off", "b": {"timeout": "2s"}}, limits=size.limits()) as w:
        w["a"].source.delay = 0.05
        w["b"].decide = lambda path: silent if path != "/b/7" else None
        await w.caller.ask(of("a", 0))
        await w.tasks()
        descriptors, tasks, memory, most = w.descriptors, await w.tasks(), w.memory, 0
        for start in range(0, size.disconnects, 100):
            await asyncio.gather(*(_leave(w.caller, start + n) for n in range(min(100, size.disconnects - start))))
            most = max(most, w.memory)
        quiet = await until(w.quiet)
        gone = await until(lambda: _as_few(w, descriptors + 2 * SLOTS, tasks))
        status = await w.caller.status()
        after = await w.caller.ask(of("a b", 7))
        return Row(
            "callers that disconnect midway",
            {
                "callers": size.disconnects,
                "breaker": f"{status['a']['breaker']} {status['b']['breaker']}",
                "open_calls": sum(each["open_calls"] + each["orphans"] + each["queued"] for each in status.values()),
                "tasks_before": tasks,
                "tasks": await w.tasks(),
                "descriptors_more": w.descriptors - descriptors,
                "source_connections": w["a"].open + w["b"].open,
                "grown_mib": (most - memory) / MIB,
            },
            {
                "breaker stays closed": all(s["breaker"] == "closed" and s["last_failure"] is None for s in status.values()),
                "no call leaked": quiet,
                "no task or connection leaked": gone and w["a"].open <= SLOTS and w["b"].open <= SLOTS,
                "memory grows < 50 MiB": most - memory < 50 * MIB,
                "next request normal": after.complete,
            },
        )


async def _as_few(w: World, descriptors: int, tasks: int) -> bool:
    return w.descriptors <= descriptors and await w.tasks() <= tasks


async def _leave(caller: Caller, number: int) -> None:
    await caller.leave(of("ab"[number % 2], 1000 + number), 0.005 + number % 7 / 200)


async def burst(size: Size) -> Row:
    slots, places, service = 10, 40, 0.1
    capacity = slots / service
    policy = OFF | size.patient() | {"concurrency": {"max": slots, "queue": places, "max_wait": "250ms"}}
    async with world("a", policy, limits=size.limits()) as w:
        w["a"].source.delay = service
        await asyncio.gather(*(w.caller.ask(of("a", n)) for n in range(slots)))
        seconds = min(5.0, size.seconds)
        answers = await steady(w.caller, capacity * 10, seconds, lambda n: of("a", n))
        admitted, shed = [a for a in answers if a.complete], [a for a in answers if not a.complete]
        throughput = len(admitted) / (seconds + service)
        longest = max(a.seconds for a in admitted)
        return Row(
            "burst of 10 × capacity",
            {
                "capacity_rps": capacity,
                "admitted_rps": throughput,
                "admitted": len(admitted),
                "shed": len(shed),
                "at_once": w["a"].most_at_once,
                "admitted_longest_ms": longest * 1000,
                "shed_longest_ms": quantile(shed, 1) * 1000,
            },
            {
                "never more than its slots at once": w["a"].most_at_once <= slots,
                "the queue absorbs what it can": len(admitted) > slots,
                "the rest is SOURCE_SATURATED": bool(shed) and all(a.codes == ["SOURCE_SATURATED"] for a in shed),
                "with 503 and Retry-After": all(a.status == 503 and "retry-after" in a.headers for a in shed),
                "every null explained": explained(answers),
            },
            {"admitted work ≥ 90 % of capacity": throughput >= 0.9 * capacity},
        )
