"""The kinds of fault, each with what must hold and the figures that show it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any

from benchmarks.chaos import wire
from benchmarks.chaos.inside import identities, moves
from benchmarks.chaos.sizes import Row, Size
from benchmarks.chaos.world import Answer, Caller, Connection, Question, World, of, quantile, steady, world

OFF: Mapping[str, Any] = {"cache": "off", "retry": "off", "circuit_breaker": "off"}
MIB = 1024 * 1024


async def silent(connection: Connection) -> None:
    await connection.until_closed()


async def unavailable(connection: Connection) -> None:
    await connection.say(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")


async def dead(connection: Connection) -> None:
    connection.writer.transport.abort()


def explained(answers: list[Answer]) -> bool:
    return all(answer.is_explained for answer in answers)


# ---------------------------------------------------------------- a source that hangs


async def hang(size: Size) -> Row:
    """Runs without and with the fault take turns, so that what else the machine does falls on both."""
    policy = OFF | {"timeout": {"per_try": "500ms", "total": "800ms"}}
    async with world("abcd", policy, limits={"deadline": "2s"}) as w:

        def query(number: int) -> Question:
            return of(f"{'bc'[number % 4 // 2] if number % 2 else 'a'} d", number)

        crowded, _ = await _crowd(w, size)
        plain, fault = list[Answer](), list[Answer]()
        for _ in range(3):
            w["a"].decide = lambda _path: None
            plain += await steady(w.caller, size.rate, size.seconds / 2, query)
            w["a"].decide = lambda _path: silent
            fault += await steady(w.caller, size.rate, size.seconds / 2, query)
        unaffected, affected = [a for a in fault if "a" not in a.body["data"]], [a for a in fault if "a" in a.body["data"]]
        before, during = quantile([a for a in plain if "a" not in a.body["data"]], 0.99), quantile(unaffected, 0.99)
        grown, crowd = await _crowd(w, size)
        partial = [a for a in affected if a.body["data"]["a"] is None and a.body["data"]["d"] is not None]
        return Row(
            "one of four sources hangs",
            {
                "p99_plain_ms": before * 1000,
                "p99_ms": during * 1000,
                "ratio": during / before,
                "affected_longest_s": max(a.seconds for a in affected),
                "grown_mib": grown / MIB,
                "without_fault_mib": crowded / MIB,
            },
            {
                "unaffected p99 ≤ 1.3 ×": during <= 1.3 * size.slack * before,
                "unaffected are complete": all(a.complete for a in unaffected),
                "affected answer partially before the deadline": len(partial) == len(affected)
                and max(a.seconds for a in affected) < 2,
                "memory < 50 MiB at many concurrent": grown < 50 * MIB,
                "every null explained": explained(fault) and explained(crowd),
            },
        )


async def _crowd(w: World, size: Size) -> tuple[int, list[Answer]]:
    """All at once on the source that hangs: how much the gateway grew, and what it said."""
    before = most = w.memory
    callers = asyncio.gather(*(w.caller.ask(of("a b", n)) for n in range(size.concurrent)))
    while not callers.done():
        await asyncio.sleep(0.05)
        most = max(most, w.memory)
    return most - before, await callers


# ---------------------------------------------------------------- failures at random


async def flaky(size: Size) -> Row:
    """`budget` is what the policy allows: with three of ten calls failing, fewer repetitions could not complete 99 %."""
    draw, budget = random.Random(1), 0.5
    policy = {
        "cache": "off",
        "retry": {"max_attempts": 6, "budget": "50%", "backoff": {"initial": "10ms", "max": "100ms"}},
        "circuit_breaker": {"error_threshold": "60%"},
    }
    async with world("a", policy) as w:
        w["a"].decide = lambda _path: unavailable if draw.random() < 0.3 else None
        answers = await steady(w.caller, size.rate, size.seconds * 2, lambda n: of("a", n))
        complete = sum(a.complete for a in answers) / len(answers)
        extra = w["a"].calls / len(answers) - 1
        return Row(
            "30 % answer 503",
            {"complete": complete, "extra_calls": extra, "budget": budget, "answers": len(answers)},
            {
                "≥ 99 % complete": complete >= 0.99,
                "extra calls ≤ budget + 1 %": extra <= budget + 0.01,
                "every null explained": explained(answers),
            },
        )


async def flaky_by_default(size: Size) -> Row:
    """The default policy: 10 % repetitions, and older copies for the rest."""
    draw = random.Random(1)
    async with world("a", {"circuit_breaker": {"error_threshold": "60%"}}) as w:
        keys = 50
        await steady(w.caller, 50, 1, lambda n: of("a", n))
        began = w["a"].calls
        w["a"].decide = lambda _path: unavailable if draw.random() < 0.3 else None
        answers = await steady(w.caller, size.rate, size.seconds * 2, lambda n: of("a", n % keys))
        complete = sum(a.complete for a in answers) / len(answers)
        extra = (w["a"].calls - began) / len(answers) - 1
        return Row(
            "30 % answer 503, default policy",
            {"complete": complete, "stale": sum(a.stale for a in answers) / len(answers), "extra_calls": extra},
            {
                "≥ 99 % complete": complete >= 0.99,
                "extra calls ≤ budget + 1 % and the reserve": extra <= 0.11 + 10 / len(answers),
                "every null explained": explained(answers),
            },
        )


# ---------------------------------------------------------------- a source that dies


async def dies(size: Size) -> Row:
    window, keys = 10.0, 20
    policy = {
        "retry": {"backoff": {"initial": "20ms", "max": "100ms"}},
        "cache": {"stale_if_error": "10m"},
        "circuit_breaker": {"window": f"{window:g}s", "reset_timeout": f"{size.reset * 1000:g}ms", "volume_threshold": 10},
    }
    async with world("a", policy) as w:
        proxy = w["a"]
        proxy.source.headers = "cache-control: max-age=1\r\n"

        def query(number: int) -> Question:
            return of("a", number % keys)

        await steady(w.caller, 50, 2, query)
        proxy.decide, died = (lambda _path: dead), monotonic()
        watching = asyncio.create_task(_opened(w.caller))
        during = await steady(w.caller, size.rate / 4, size.dead, query)
        opened = await watching
        probes = [at for at in proxy.times if at > opened + 0.05]
        most = max((sum(at <= other < at + size.reset * 0.9 for other in probes) for at in probes), default=0)
        proxy.source.version += 1
        proxy.decide, good = (lambda _path: None), len(proxy.good)
        after = await steady(w.caller, size.rate / 4, 2 * size.reset + 2, query)
        first = proxy.good[good]
        late = [a.at - first for a in after if a.stale or "v1" not in a.body["data"]["a"]["text"]]
        past = [a for a in during if a.at - a.seconds > died + 1.05]
        unlabelled = sum(not a.stale for a in past)
        return Row(
            "a source dies",
            {
                "seconds": size.dead,
                "opened_after_s": opened - died,
                "most_probes_per_reset": most,
                "served_stale": sum(a.stale for a in past),
                "unlabelled": unlabelled,
                "full_after_s": max(late, default=0.0),
            },
            {
                "opens within its window": opened - died <= window,
                "≤ 1 probe per reset_timeout": most <= 1,
                "all served": all(a.complete for a in during),
                "all of it labelled": unlabelled == 0,
                "full service ≤ 1 s after the first good probe": max(late, default=0.0) <= 1.0 * size.slack,
            },
        )


async def _opened(caller: Caller) -> float:
    while (await caller.status())["a"]["breaker"] != "open":  # noqa: ASYNC110 - another process tells nothing by itself
        await asyncio.sleep(0.02)
    return monotonic()


# ---------------------------------------------------------------- a slow tail


async def slow_tail(size: Size) -> Row:
    """Two sources with the same tail, one of them hedged."""
    draw = {name: random.Random(2) for name in "ab"}
    hedge = {"after": "p95", "max_extra": "5%"}
    async with world("ab", {"cache": "off", "b": {"hedge": hedge}}) as w:
        for name in "ab":
            w[name].source.delay = 0.02
            w[name].source.slow = lambda name=name: 1.0 if draw[name].random() < 0.02 else 0.0  # type: ignore[misc]

        async def run(name: str, seconds: float) -> list[Answer]:
            return await steady(w.caller, size.rate / 2, seconds, lambda n: of(name, n))

        await asyncio.gather(run("a", 4), run("b", 4))
        began = w["b"].calls
        plain, hedged = await asyncio.gather(run("a", size.seconds * 3), run("b", size.seconds * 3))
        extra = (w["b"].calls - began) / len(hedged) - 1
        before, after = quantile(plain, 0.99), quantile(hedged, 0.99)
        return Row(
            "slow tail",
            {"p99_plain_ms": before * 1000, "p99_hedged_ms": after * 1000, "ratio": before / after, "extra_calls": extra},
            {
                "p99 at least 3 × lower": before / after >= (3 if size.slack == 1 else 1.2),
                "≤ 5 % extra calls": extra <= 0.05 + 10 / len(hedged),
                "all complete": all(a.complete for a in plain + hedged),
            },
        )


# ---------------------------------------------------------------- many callers


async def identical(size: Size) -> Row:
    """The same question, and then the same upstream call behind as many different questions."""
    async with world("a", {"cache": "off"}) as w:
        w["a"].source.delay = 1.0
        same = await asyncio.gather(*(w.caller.ask(of("a", 1)) for _ in range(size.identical)))
        calls = w["a"].calls
        other = await asyncio.gather(
            *(w.caller.ask((f"query($id: Int!) {{ x{n}: a(id: $id) {{ text }} }}", 2)) for n in range(100))
        )
        return Row(
            "identical cold requests at once",
            {"requests": size.identical, "calls": calls, "calls_of_100_documents": w["a"].calls - calls},
            {
                "1 upstream call": calls == 1,
                "all complete": all(a.complete for a in [*same, *other]),
                "1 call for different documents that ask the same": w["a"].calls - calls <= (1 if size.slack == 1 else 2),
            },
        )


async def disconnects(size: Size) -> Row:
    async with world("a", {"cache": "off"}) as w:
        w["a"].source.delay = 0.05
        await w.caller.ask(of("a", 0))
        before = w.descriptors
        for start in range(0, size.disconnects, 100):
            await asyncio.gather(*(_leave(w.caller, start + n) for n in range(min(100, size.disconnects - start))))
        next_one = await w.caller.ask(of("a", 7))
        for _ in range(100):
            status = (await w.caller.status())["a"]
            if not status["open_calls"] and not status["orphans"] and w.descriptors <= before + 70:
                break
            await asyncio.sleep(0.1)
        connections = w["a"].open
        return Row(
            "callers that disconnect midway",
            {
                "callers": size.disconnects,
                "breaker": status["breaker"],
                "open_calls": status["open_calls"],
                "orphans": status["orphans"],
                "descriptors": w.descriptors - before,
                "source_connections": connections,
            },
            {
                "breaker stays closed": status["breaker"] == "closed" and status["last_failure"] is None,
                "no call leaked": status["open_calls"] == status["orphans"] == status["queued"] == 0,
                "no connection leaked": w.descriptors - before <= 66 and connections <= 64,
                "next request normal": next_one.complete,
            },
        )


async def _leave(caller: Caller, number: int) -> None:
    _, writer = await caller.connect()
    writer.write(caller.request(of("a", number)))
    await asyncio.sleep(0.005 + number % 7 / 200)
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


async def burst(size: Size) -> Row:
    slots, service = 5, 0.2
    capacity = slots / service
    concurrency = {"max": slots, "queue": 20, "max_wait": "500ms"}
    async with world("a", OFF | {"concurrency": concurrency}) as w:
        w["a"].source.delay = service
        await asyncio.gather(*(w.caller.ask(of("a", n)) for n in range(slots)))
        seconds = min(5.0, size.seconds)
        answers = await steady(w.caller, capacity * 10 / size.slack, seconds, lambda n: of("a", n))
        admitted, shed = [a for a in answers if a.complete], [a for a in answers if not a.complete]
        throughput = len(admitted) / (seconds + service)
        return Row(
            "burst of 10 × capacity",
            {
                "capacity_rps": capacity,
                "admitted_rps": throughput,
                "shed": len(shed),
                "admitted_longest_ms": max(a.seconds for a in admitted) * 1000,
                "shed_longest_ms": quantile(shed, 1) * 1000,
            },
            {
                "admitted work ≥ 90 % of capacity": throughput >= 0.9 * capacity / (1.2 if size.slack > 1 else 1),
                "the rest is SOURCE_SATURATED": all(a.codes == ["SOURCE_SATURATED"] for a in shed),
                "with 503 and Retry-After": all(a.status == 503 and "retry-after" in a.headers for a in shed),
                "every null explained": explained(answers),
            },
        )


# ---------------------------------------------------------------- a source that breaks the rules


async def hostile(size: Size) -> Row:
    """Each fault, and then a call that must be answered as if nothing had been."""
    per_try = f"{700 * size.slack:.0f}ms"
    policy = OFF | {"timeout": {"per_try": per_try, "total": "10s"}, "max_response": "1MiB"}
    told: dict[str, float | int | str] = {}
    holds = {}
    async with world("a", policy) as w:
        await w.caller.ask(of("a", 0))
        before = most = w.memory
        for name, (fault, expected) in wire.FAULTS.items():
            w["a"].decide = lambda _path, fault=fault: fault  # type: ignore[misc]
            answers = await asyncio.gather(*(w.caller.ask(of("a", n)) for n in range(5)))
            most = max(most, w.memory)
            w["a"].decide = lambda _path: None
            clean = await asyncio.gather(*(w.caller.ask(of("a", n)) for n in range(100, 110)))
            codes = {code for answer in answers for code in answer.codes or ["data"]}
            told[name] = " ".join(sorted(codes))
            holds[f"{name}: {' or '.join(expected)}"] = codes <= set(expected)
            holds[f"{name}: the next calls are clean"] = [a.body.get("data") for a in clean] == [
                {"a": {"id": n, "text": f"a{n} v0"}} for n in range(100, 110)
            ]
        told["grown_mib"] = (most - before) / MIB
        holds["memory is bounded"] = most - before < 50 * MIB
    return Row("a source that breaks the rules", told, holds)


ROWS: Mapping[str, Callable[[Size], Awaitable[Row]]] = {
    "hang": hang,
    "flaky": flaky,
    "flaky-default": flaky_by_default,
    "dies": dies,
    "slow-tail": slow_tail,
    "identical": identical,
    "disconnects": disconnects,
    "hostile": hostile,
    "burst": burst,
    "moves": moves,
    "identities": identities,
}
