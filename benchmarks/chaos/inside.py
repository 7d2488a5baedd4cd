"""Rows that need a hand inside: a resolver that says something else, and callers in every order there can be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import inf
from time import monotonic

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.chaos.identity import Identity
from benchmarks.chaos.sizes import Size
from benchmarks.chaos.world import Proxy, Source
from benchmarks.rows import Row
from gateway.errors import SourceError
from gateway.upstream.call import Call, Reply, Request
from gateway.upstream.transport import Client, Limits


async def moves(size: Size) -> Row:
    """The name flaps (looked up in vain) while the service moves to another address; its old place answers no more."""
    age = min(2.0, size.seconds)
    old, new = Proxy(Source("a")), Proxy(Source("a"))
    await old.start()
    port = int(old.url.rpartition(":")[2])
    new.server = await asyncio.start_server(new._accept, "127.0.0.2", port)
    addresses, asked = ["127.0.0.1"], 0

    async def look_up(_host: str, _port: int) -> Sequence[str]:
        nonlocal asked
        asked += 1
        if asked % 3 == 2:
            raise OSError("the name server does not answer")
        return list(addresses)

    client = Client(Limits(per_try=size.patience, max_age=age), look_up=look_up)
    call = _call(f"http://source.test:{port}/a/1")

    async def fails(seconds: float) -> int:
        """Calls that failed, of those made for so long."""
        began, failed = monotonic(), 0
        while monotonic() - began < seconds:
            try:
                await client.send(call)
            except SourceError:
                failed += 1
            await asyncio.sleep(0.01)
        return failed

    flapping = await fails(1.5 * age)
    addresses[:], moved = ["127.0.0.2"], monotonic()
    moving = await fails(2 * age)
    found, before = new.times[0] - moved if new.times else inf, old.calls
    await old.stop()
    gone = await fails(age / 2)
    await client.close()
    await new.stop()
    return Row(
        "the name flaps, the service moves",
        {"max_age_s": age, "found_after_s": found, "look_ups": asked, "failed_calls": flapping + moving + gone},
        {
            "found": bool(new.times) and old.calls == before,
            "no call failed while it flapped and moved": flapping == moving == 0,
            "nor when the old place was gone": gone == 0,
        },
        {"found within the age": found <= age + 1.0},
    )


def _call(url: str) -> Call:
    def verify(reply: Reply) -> Reply:
        return reply

    return Call("GET", url, (), None, "GET /", Request(id="req_1"), verify)


async def identities(size: Size) -> Row:
    """Off the loop: each step has a loop of its own."""
    return await asyncio.to_thread(_identities, size)


def _identities(size: Size) -> Row:
    Identity.steps, Identity.served = 0, {}
    rounds = 0
    while rounds == 0 or (Identity.steps < size.steps and not size.repeatable):
        run_state_machine_as_test(
            Identity,
            settings=settings(
                max_examples=size.examples,
                stateful_step_count=60,
                deadline=None,
                database=None,
                derandomize=size.repeatable,
                suppress_health_check=list(HealthCheck),
            ),
        )
        rounds += 1
    served = {f"served_{how}": number for how, number in sorted(Identity.served.items())}
    holds = {f"≥ {size.steps} steps, none saw another's data": Identity.steps >= size.steps}
    if not size.repeatable:
        holds["through cache, flight and stale copies"] = set(Identity.served) >= {"network", "hit", "stale", "collapsed"}
    return Row("callers with different credentials", {"steps": Identity.steps, **served}, holds)
