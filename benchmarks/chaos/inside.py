"""Rows that need a hand inside: a resolver that says something else, and callers in every order there can be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.chaos.identity import Identity
from benchmarks.chaos.sizes import Row, Size
from benchmarks.chaos.world import Proxy, Source
from gateway.errors import SourceError
from gateway.upstream.call import Call, Reply, Request
from gateway.upstream.transport import Client, Limits


async def moves(size: Size) -> Row:
    """The name flaps (looked up in vain) while the service moves to another address; its old place stays open, and silent."""
    age = min(2.0, size.seconds)
    old, new = Proxy(Source("a")), Proxy(Source("a"))
    await old.start()
    port = int(old.url.rpartition(":")[2])
    new.server = await asyncio.start_server(new._accept, "127.0.0.2", port)
    new.source.version = 1
    addresses, asked = ["127.0.0.1"], 0

    async def look_up(_host: str, _port: int) -> Sequence[str]:
        nonlocal asked
        asked += 1
        if asked % 3 == 2:
            raise OSError("the name server does not answer")
        return list(addresses)

    client = Client(Limits(per_try=1.0, max_age=age), look_up=look_up)
    failures, found, moved = 0, 0.0, 0.0
    began = monotonic()
    while monotonic() - began < 4 * age:
        if not moved and monotonic() - began > 1.5 * age:
            addresses[:], moved = ["127.0.0.2"], monotonic()
        try:
            reply = await client.send(_call(f"http://source.test:{port}/a/1"))
            found = found or (monotonic() if b"v1" in reply.body else 0.0)
        except SourceError:
            failures += 1
        await asyncio.sleep(0.01)
    await client.close()
    for proxy in (old, new):
        await proxy.stop()
    return Row(
        "the name flaps, the service moves",
        {"max_age_s": age, "found_after_s": found - moved, "look_ups": asked, "failed_calls": failures},
        {"found within the age": 0 < found - moved <= age + 1.0 * size.slack, "no call failed": failures == 0},
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
    while rounds == 0 or Identity.steps < size.steps:
        run_state_machine_as_test(
            Identity,
            settings=settings(
                max_examples=size.examples,
                stateful_step_count=60,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        rounds += 1
    served = {f"served_{how}": number for how, number in sorted(Identity.served.items())}
    ways = {"hit", "stale", "collapsed", "network"} if size.slack == 1 else {"network", "hit"}
    return Row(
        "callers with different credentials",
        {"steps": Identity.steps, **served},
        {
            f"≥ {size.steps} steps, none saw another's data": Identity.steps >= size.steps,
            "through cache, flight and stale copies": ways <= set(Identity.served),
        },
    )
