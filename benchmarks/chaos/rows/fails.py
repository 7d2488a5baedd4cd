"""Sources that fail now and then, or for a while, or are slow now and then."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from time import monotonic

from benchmarks.chaos.sizes import Size
from benchmarks.chaos.world import Answer, Caller, Connection, Question, explained, of, quantile, steady, until, world
from benchmarks.rows import Row

RESERVE = 10
"""Repetitions a source has at once, before its share of calls counts."""


async def unavailable(connection: Connection) -> None:
    await connection.say(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")


async def dead(connection: Connection) -> None:
    connection.writer.transport.abort()


# ---------------------------------------------------------------- failures at random


async def flaky(size: Size) -> Row:
    """`budget` is what the policy allows. Three of ten calls fail, so that by repetitions alone 99 % need 43 % more calls."""
    draw, budget = random.Random(1), 0.6
    policy = size.patient() | {
        "cache": "off",
        "retry": {"max_attempts": 6, "budget": "60%", "backoff": {"initial": "10ms", "max": "100ms"}},
        "circuit_breaker": {"error_threshold": "60%"},
    }
    async with world("a", policy, limits=size.limits()) as w:
        w["a"].decide = lambda _path: unavailable if draw.random() < 0.3 else None
        answers = await steady(w.caller, size.rate, size.seconds * 2, lambda n: of("a", n))
        complete = sum(a.complete for a in answers) / len(answers)
        extra = w["a"].calls / len(answers) - 1
        return Row(
            "30 % answer 503",
            {"complete": complete, "extra_calls": extra, "budget": budget, "answers": len(answers)},
            {
                f"≥ {size.complete:.0%} complete": complete >= size.complete,
                "extra calls ≤ budget + 1 %": extra <= budget + 0.01,
                "every null explained": explained(answers),
            },
        )


async def flaky_by_default(size: Size) -> Row:
    """The default policy: 10 % repetitions, and older copies for the rest."""
    draw, keys = random.Random(1), 50
    async with world("a", size.patient() | {"circuit_breaker": {"error_threshold": "60%"}}, limits=size.limits()) as w:
        await steady(w.caller, 50, 1, lambda n: of("a", n))
        began = w["a"].calls
        w["a"].decide = lambda _path: unavailable if draw.random() < 0.3 else None
        answers = await steady(w.caller, size.rate, size.seconds * 2, lambda n: of("a", n % keys))
        complete = sum(a.complete for a in answers) / len(answers)
        stale = sum(a.stale for a in answers)
        extra = w["a"].calls - began - len(answers)
        return Row(
            "30 % answer 503, default policy",
            {"complete": complete, "stale": stale / len(answers), "extra_calls": extra / len(answers), "answers": len(answers)},
            {
                "≥ 99 % complete": complete >= 0.99,
                "extra calls ≤ budget + 1 % and the reserve": extra <= 0.11 * len(answers) + RESERVE,
                "every null explained": explained(answers),
            },
        )


# ---------------------------------------------------------------- a source that dies


class Death:
    """What came of questions asked while the source was dead and after. Copies are fresh for `FRESH` seconds."""

    FRESH = 1.0

    def __init__(self, died: float, during: list[Answer], after: list[Answer], first: float) -> None:
        past = [a for a in during if a.asked > died + self.FRESH + 0.05]
        self.stale = sum(a.stale for a in past)
        self.unlabelled = len(past) - self.stale
        self.incomplete = sum(not a.complete for a in during)
        old = [a for a in after if "v1" not in a.body["data"]["a"]["text"]]
        self.full_after = max((a.at - first for a in old if a.at > first), default=0.0)
        self.unlabelled += sum(not a.stale for a in old)


async def dies(size: Size) -> Row:
    window = 10.0
    policy = size.patient() | {
        "retry": {"backoff": {"initial": "20ms", "max": "100ms"}},
        "cache": {"stale_if_error": "10m"},
        "circuit_breaker": {"window": f"{window:g}s", "reset_timeout": f"{size.reset * 1000:g}ms", "volume_threshold": 10},
    }
    async with world("a", policy, limits=size.limits()) as w:
        proxy, rate, keys = w["a"], size.rate / 4, 20
        proxy.source.headers = f"cache-control: max-age={Death.FRESH:g}\r\n"

        def query(number: int) -> Question:
            return of("a", number % keys)

        await steady(w.caller, 50, 1.2, query)
        await until(w.quiet)
        proxy.decide, died = (lambda _path: dead), monotonic()
        watching = asyncio.create_task(_opened(w.caller))
        during = await steady(w.caller, rate, size.dead, query)
        during += await _until_open(w.caller, watching)
        opened = await watching
        probes = [at for at in proxy.times if at > opened]
        since = monotonic() - opened
        proxy.source.version += 1
        proxy.decide, good = (lambda _path: None), len(proxy.good)
        after = await steady(w.caller, rate, 2 * size.reset + 2, query)
        back = await until(lambda: _is_back(w.caller, keys))
        seen = Death(died, during, after, proxy.good[good])
        return Row(
            "a source dies",
            {
                "seconds": size.dead,
                "opened_after_s": opened - died,
                "probes": len(probes),
                "most_probes_per_reset": _most(probes, size.reset),
                "served_stale": seen.stale,
                "unlabelled": seen.unlabelled,
                "full_after_s": seen.full_after,
            },
            {
                "≤ 1 probe per reset_timeout": len(probes) <= since / size.reset + 1,
                "all served": seen.incomplete == 0,
                "all of it stale and labelled": seen.unlabelled == 0 and seen.stale > 0,
                "full service comes back": back,
            },
            {
                "opens within its window": opened - died <= window,
                "never 2 probes within a reset_timeout": _most(probes, size.reset) <= 1,
                "full service ≤ 1 s after the first good probe": seen.full_after <= 1.0,
            },
        )


def _most(probes: Sequence[float], reset: float) -> int:
    return max((sum(at <= other < at + reset * 0.9 for other in probes) for at in probes), default=0)


async def _opened(caller: Caller) -> float:
    while (await caller.status())["a"]["breaker"] != "open":  # noqa: ASYNC110 - another process tells nothing by itself
        await asyncio.sleep(0.02)
    return monotonic()


async def _until_open(caller: Caller, watching: asyncio.Task[float]) -> list[Answer]:
    """Where the run was too short for the circuit to open: more questions."""
    more = list[Answer]()
    while not watching.done():
        more.append(await caller.ask(of("a", len(more) % 20)))
    return more


async def _is_back(caller: Caller, keys: int) -> bool:
    answers = [await caller.ask(of("a", n)) for n in range(keys)]
    return all(a.complete and not a.stale and "v1" in a.body["data"]["a"]["text"] for a in answers)


# ---------------------------------------------------------------- a slow tail


async def slow_tail(size: Size) -> Row:
    """Two sources with the same tail, one of them hedged."""
    draw = {name: random.Random(2) for name in "ab"}
    hedge = {"after": "p95", "max_extra": "5%"}
    policy = size.patient() | {"cache": "off", "b": {"hedge": hedge}}
    async with world("ab", policy, limits=size.limits()) as w:
        for name in "ab":
            w[name].source.delay = 0.02
            w[name].source.slow = lambda name=name: 1.0 if draw[name].random() < 0.02 else 0.0  # type: ignore[misc]

        async def run(name: str, seconds: float) -> list[Answer]:
            return await steady(w.caller, size.rate / 2, seconds, lambda n: of(name, n))

        await asyncio.gather(run("a", size.seconds / 2), run("b", size.seconds / 2))
        began = w["b"].calls
        plain, hedged = await asyncio.gather(run("a", size.seconds * 3), run("b", size.seconds * 3))
        extra = w["b"].calls - began - len(hedged)
        before, after = quantile(plain, 0.99), quantile(hedged, 0.99)
        return Row(
            "slow tail",
            {
                "p99_plain_ms": before * 1000,
                "p99_hedged_ms": after * 1000,
                "ratio": before / after,
                "extra_calls": extra / len(hedged),
                "answers": len(hedged),
            },
            {
                "≤ 5 % extra calls": 0 < extra <= 0.05 * len(hedged) + RESERVE,
                "all complete": all(a.complete for a in plain + hedged),
            },
            {"p99 at least 3 × lower": before / after >= 3},
        )
