"""Two replicas and what they share, of which anything may break at any time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import msgspec
from redis.asyncio import Redis as Client
from redis.exceptions import ResponseError

from benchmarks.chaos.world import quantile_of, until
from benchmarks.fleet.sizes import Size
from benchmarks.fleet.traffic import PUBLIC, Kinds, Traffic, traffic
from benchmarks.fleet.world import Fleet, Redis, Way, fleet, redis
from benchmarks.gateways import kill
from benchmarks.rows import Row

SPOILED_EVERY = 0.02
"""Seconds."""


class Figures(msgspec.Struct):
    """Sums over all replicas there have been."""

    public: int = 0
    """Questions for what is everybody's."""
    calls: int = 0
    """Of them that reached the source."""
    hits: int = 0
    """Found in the level that replicas share."""
    refused: int = 0
    failures: int = 0


class Ledger:
    """What the replicas count, those that are gone included."""

    def __init__(self, fleet: Fleet, load: Traffic) -> None:
        self._fleet = fleet
        self._load = load
        self._counts: dict[int, dict[str, int]] = {}

    async def read(self) -> Figures:
        for number, replica in enumerate(self._fleet.replicas):
            if replica.process.returncode is None:
                self._counts[replica.pid] = (await self._fleet.status(number))["cache"]["shared"]
        sums = {key: sum(each[key] for each in self._counts.values()) for key in ("hits", "refused", "failures")}
        return Figures(self._load.seen.asked[PUBLIC], self._fleet.sources[PUBLIC].calls, **sums)


# ---------------------------------------------------------------- what breaks

Fault = Callable[["Shared"], AbstractAsyncContextManager[None]]
Spoil = Callable[[Client, bytes], Awaitable[object]]


class Shared(msgspec.Struct, frozen=True):
    """What a fault may lay hands on."""

    fleet: Fleet
    server: Redis
    way: Way


@asynccontextmanager
async def calm(_: Shared) -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def first_dies(it: Shared) -> AsyncIterator[None]:
    """With what it is just answering, and is started again in its place meanwhile."""
    async with _dead(it.fleet, 0):
        yield


@asynccontextmanager
async def second_dies(it: Shared) -> AsyncIterator[None]:
    async with _dead(it.fleet, 1):
        yield


@asynccontextmanager
async def _dead(fleet: Fleet, number: int) -> AsyncIterator[None]:
    await kill(fleet.replicas[number])
    yield
    await fleet.start(number)


@asynccontextmanager
async def flushed(it: Shared) -> AsyncIterator[None]:
    async with Client(port=it.server.port) as client:
        await client.flushall()
        yield


@asynccontextmanager
async def server_dies(it: Shared) -> AsyncIterator[None]:
    it.server.kill()
    yield
    it.server.start()


@asynccontextmanager
async def partitioned(it: Shared) -> AsyncIterator[None]:
    """Connections stay open, and nothing comes through any more."""
    it.way.swallows = True
    yield
    it.way.swallows = False


def spoiled(spoil: Spoil) -> Fault:
    """Over and over, whatever the replicas have written is made something else."""

    @asynccontextmanager
    async def fault(it: Shared) -> AsyncIterator[None]:
        async with Client(port=it.server.port) as client:
            enough = asyncio.Event()
            spoiling = asyncio.create_task(_spoil_all(client, spoil, enough))
            yield
            enough.set()
            await spoiling

    return fault


async def _spoil_all(client: Client, spoil: Spoil, enough: asyncio.Event) -> None:
    while not enough.is_set():
        for key in [key async for key in client.scan_iter("signpost:*")]:
            with suppress(ResponseError):  # it is no text any more
                await spoil(client, key)
        await asyncio.sleep(SPOILED_EVERY)


async def _garbage(client: Client, key: bytes) -> None:
    await client.set(key, random.randbytes(random.randrange(300)), keepttl=True)


async def _other_type(client: Client, key: bytes) -> None:
    async with client.pipeline() as both:
        both.delete(key)
        both.rpush(key, b"a", b"b")
        await both.execute()


async def _other_version(client: Client, key: bytes) -> None:
    """What a release to come may write: its form is another one. So is that of its keys, which nobody here reads."""
    value = await client.get(key)
    if value and value[:1] == b"\x9c":
        await client.set(key, value[:1] + b"\x02" + value[2:], keepttl=True)
        await client.set(key.replace(b":1:", b":2:"), value, ex=10)


async def _another_s(client: Client, key: bytes) -> None:
    """A copy, whole and ours, of another question."""
    other = await client.randomkey()
    if other and (value := await client.get(other)):
        await client.set(key, value, keepttl=True)


PHASES: dict[str, tuple[Fault, str]] = {
    "nothing is wrong": (calm, "hits"),
    "the first replica is killed": (first_dies, ""),
    "the second replica is killed": (second_dies, ""),
    "Redis is flushed": (flushed, "hits"),
    "Redis is killed": (server_dies, "failures"),
    "Redis is back": (calm, "hits"),
    "Redis is partitioned away": (partitioned, "failures"),
    "Redis is to be reached again": (calm, "hits"),
    "values are garbage": (spoiled(_garbage), "refused"),
    "values have another type": (spoiled(_other_type), "refused"),
    "values are of another version": (spoiled(_other_version), "refused"),
    "values are of another question": (spoiled(_another_s), "refused"),
    "nothing is wrong again": (calm, "hits"),
}
"""And what the replicas must have counted in the end: that the fault was there, or that the shared level is used (again)."""


async def replicas(size: Size) -> Row:
    """Under steady traffic, one fault after the other."""
    table, seen = list[str](), dict[str, bool]()
    with redis() as server:
        async with Way(server.port) as way, fleet(size, cache={"store": f"redis://127.0.0.1:{way.port}/0"}) as made:
            async with traffic(made.caller, size.rate, Kinds(size.keys)) as load:
                ledger, it = Ledger(made, load), Shared(made, server, way)
                for title, (fault, counted) in PHASES.items():
                    before = await ledger.read()
                    load.seen.times.clear()
                    async with fault(it):
                        await load.more(size.answers)
                        seen[title] = await until(lambda b=before, c=counted: _has_counted(ledger, b, c), 30.0)  # type: ignore[misc]
                        table.append(_line(title, before, await ledger.read(), load))
            tracebacks = made.tracebacks
    told, came = load.seen, load.seen.answers
    return Row(
        "two replicas behind nginx, with a Redis between them",
        {"answers": came, "failed": told.failed.total(), "foreign": told.foreign.total(), **_samples(load)},
        {
            "no request failed": not told.failed,
            "nobody was given what is another's": not told.foreign,
            "no fault of the gateway itself": tracebacks == 0,
            **{f"{title}: {counted or 'answered'}": seen[title] for title, (_, counted) in PHASES.items()},
        },
        table=[HEAD, *table],
    )


async def _has_counted(ledger: Ledger, before: Figures, what: str) -> bool:
    return not what or getattr(await ledger.read(), what) > getattr(before, what)


HEAD = f"{'phase':32} {'public':>7} {'own memory':>10} {'shared':>7} {'source':>7} {'refused':>8} {'failures':>8} {'p99 ms':>7}"


def _line(title: str, before: Figures, after: Figures, load: Traffic) -> str:
    """Shares of the public questions: what the replica had itself or another request was just fetching, what another replica
    had kept, what the source was asked."""
    asked = max(after.public - before.public, 1)
    hits, calls = (after.hits - before.hits) / asked, (after.calls - before.calls) / asked
    refused, failures = after.refused - before.refused, after.failures - before.failures
    p99 = 1000 * quantile_of(load.seen.times, 0.99)
    figures = f"{max(1 - hits - calls, 0):10.0%} {hits:7.0%} {calls:7.0%} {refused:8} {failures:8} {p99:7.0f}"
    return f"{title:32} {asked:7} {figures}"


def _samples(load: Traffic) -> dict[str, str]:
    wrong = (load.seen.failed + load.seen.foreign).most_common(3)
    return {"wrong": str(wrong)} if wrong else {}
