"""A source that breaks the rules of HTTP, or of decency."""

from __future__ import annotations

import asyncio

from benchmarks.chaos import wire
from benchmarks.chaos.sizes import Size
from benchmarks.chaos.world import MIB, OFF, Answer, World, of, world
from benchmarks.rows import Row

TIMED_OUT = "UPSTREAM_TIMEOUT"
TRIES = 5


async def hostile(size: Size) -> Row:
    """Each fault, and then calls over the same connections that must be answered as if nothing had been.

    `a` has time; `b` is for what never ends, so that its time ends soon.
    """
    policy = OFF | size.patient() | {"max_response": "1MiB", "b": {"timeout": "700ms"}}
    told: dict[str, float | int | str] = {}
    holds = {}
    async with world("ab", policy, limits=size.limits()) as w:
        await w.caller.ask(of("a b", 0))
        before = most = w.memory
        for name, (fault, expected) in wire.FAULTS.items():
            source = "b" if TIMED_OUT in expected else "a"
            w[source].decide = lambda _path, fault=fault: fault  # type: ignore[misc]
            asking = asyncio.gather(*(w.caller.ask(of(source, n)) for n in range(5)))
            while not asking.done():
                await asyncio.sleep(0.02)
                most = max(most, w.memory)
            w[source].decide = lambda _path: None
            codes = {code for answer in await asking for code in answer.codes or ["data"]}
            told[name] = " ".join(sorted(codes))
            holds[f"{name}: {' or '.join(expected)}"] = codes <= set(expected)
            holds[f"{name}: the next calls are clean"] = await _is_clean(w, source)
        told["grown_mib"] = (most - before) / MIB
        holds["memory is bounded"] = most - before < 50 * MIB
    return Row("a source that breaks the rules", told, holds)


async def _is_clean(w: World, source: str) -> bool:
    """Each question has its own answer. One that took longer than the source has, on a busy machine, is asked again."""
    open_ = list(range(100, 110))
    for _ in range(TRIES):
        answers = await asyncio.gather(*(w.caller.ask(of(source, n)) for n in open_))
        late = [n for n, answer in zip(open_, answers, strict=True) if answer.codes == [TIMED_OUT]]
        if not all(_is_own(source, n, a) for n, a in zip(open_, answers, strict=True) if n not in late):
            return False
        if not (open_ := late):
            return True
    return False


def _is_own(source: str, number: int, answer: Answer) -> bool:
    return answer.body.get("data") == {source: {"id": number, "text": f"{source}{number} v0"}}
