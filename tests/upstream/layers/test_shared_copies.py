"""The level that all replicas share: faster when it is well, never worse than without it when it is not."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from benchmarks.processes import free_port
from gateway.config.model import CachePolicy
from gateway.errors import UpstreamFailed, UpstreamForbidden
from gateway.upstream.call import Reply, Send
from gateway.upstream.clock import REAL
from gateway.upstream.layers.cache import Cache, Store, cache, shared
from gateway.upstream.layers.cache.redis import RedisError, SharedCache
from gateway.upstream.layers.cache.shared import LEASE, SILENCE, WRITES, SharedCopies, full_name, name_of
from tests.redis import redis_server
from tests.upstream.conftest import call
from tests.upstream.world import Source, Time, reply, settle

MINUTE = {"cache_control": "max-age=60"}


class Server:
    """What Redis does, in a dictionary and in virtual time."""

    def __init__(self, time: Time) -> None:
        self.time = time
        self.values: dict[str, tuple[bytes, float]] = {}
        self.failure: Exception | None = None
        self.commands = 0
        self.closed = False

    async def get(self, key: str) -> bytes | None:
        self._asked()
        return self.values[key][0] if await self.left(key) > 0 else None

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        self._asked()
        self.values[key] = (value, self.time.now + ttl)

    async def delete(self, key: str) -> None:
        self._asked()
        self.values.pop(key, None)

    async def left(self, key: str) -> float:
        return self.values[key][1] - self.time.now if key in self.values else -2.0

    async def claim(self, key: str, lease: float) -> bool:
        if await self.get(key) is not None:
            return False
        await self.set(key, b"1", lease)
        return True

    async def close(self) -> None:
        self.closed = True

    def _asked(self) -> None:
        self.commands += 1
        if self.failure is not None:
            raise self.failure

    @property
    def copies(self) -> list[str]:
        return [key for key in self.values if not key.endswith(":lock")]


class Replica:
    """One gateway's cache of one source, in front of the level it shares."""

    def __init__(self, server: Any, time: Time, *script: Any) -> None:
        self.source = Source(*(script or (reply(**MINUTE),)))
        self.shared = SharedCopies(server, time.clock)
        self.cache = Cache("s", CachePolicy(), Store(1 << 20), time.clock, shared=self.shared)
        self.send: Send = cache(self.cache, time.clock)(self.source.send)

    async def served(self, **more: Any) -> str:
        served = (await self.send(call(**more))).served
        await settle()
        return served


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def server(time: Time) -> Server:
    return Server(time)


async def test_what_one_replica_fetched_the_others_need_not(server: Server, time: Time) -> None:
    one, other = Replica(server, time), Replica(server, time)
    assert [await one.served(), await other.served(), await other.served()] == ["network", "hit", "hit"]
    assert (len(one.source.calls), len(other.source.calls)) == (1, 0)
    assert other.shared.counts.hits == 1


async def test_a_copy_is_as_old_as_it_is_whoever_serves_it(server: Server, time: Time) -> None:
    await Replica(server, time).served()
    time.advance(59)
    other = Replica(server, time)
    assert await other.served() == "hit"
    assert (await other.send(call())).freshness.age == pytest.approx(59)
    time.advance(2)
    assert await other.served() == "network"


async def test_an_older_copy_from_elsewhere_is_served_while_the_source_fails(server: Server, time: Time) -> None:
    await Replica(server, time).served()
    time.advance(100)
    assert await Replica(server, time, UpstreamFailed()).served() == "stale"


async def test_what_carries_something_of_the_caller_never_goes_there(server: Server, time: Time) -> None:
    one = Replica(server, time)
    assert await one.served(private=True) == "network"
    assert server.values == {}


async def test_what_a_source_calls_private_never_goes_there(server: Server, time: Time) -> None:
    one = Replica(server, time, reply(cache_control="private, max-age=60"))
    await one.served()
    assert server.copies == []


async def test_a_verdict_of_the_source_takes_the_copy_from_everyone(server: Server, time: Time) -> None:
    one = Replica(server, time, reply(**MINUTE), UpstreamForbidden())
    await one.served()
    time.advance(61)
    with pytest.raises(UpstreamForbidden):
        await one.served()
    await settle()
    assert server.copies == []


async def test_replicas_that_want_the_same_wait_for_the_one_that_fetches_it(server: Server, time: Time) -> None:
    answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    one, other = Replica(server, time, answer), Replica(server, time)
    first = asyncio.create_task(one.send(call()))
    await settle()

    async def sleep(_: float) -> None:
        if not answer.done():
            answer.set_result(reply(**MINUTE))
        await settle()

    other.shared = other.cache.shared = SharedCopies(server, replace(time.clock, sleep=sleep))
    assert await other.served() == "hit"
    assert (await first).served == "network"
    assert other.shared.counts.waited == 1
    assert other.source.calls == []


async def test_nobody_waits_longer_than_the_lease_of_a_replica_that_has_died(server: Server, time: Time) -> None:
    other = Replica(server, time)
    await server.claim(f"{name_of(other.cache.key(call()))}:lock", LEASE)
    began = time.now
    assert await other.served() == "network"
    assert time.now - began <= LEASE + 0.1


async def test_a_fetch_that_failed_keeps_nobody_waiting(server: Server, time: Time) -> None:
    with pytest.raises(UpstreamFailed):
        await Replica(server, time, UpstreamFailed()).served()
    await settle()
    assert server.values == {}


async def test_what_may_not_be_kept_is_not_looked_for_further_away_again(server: Server, time: Time) -> None:
    one = Replica(server, time, reply(cache_control="no-store"))
    await one.served()
    before = server.commands
    await one.served()
    assert server.commands == before


async def test_many_callers_are_one_lookup(server: Server, time: Time) -> None:
    one = Replica(server, time)
    await one.served()
    other = Replica(server, time)
    before = server.commands
    assert {r.served for r in await asyncio.gather(*(other.send(call()) for _ in range(50)))} == {"hit"}
    assert server.commands - before <= 2


@pytest.mark.parametrize("failure", [OSError(), TimeoutError(), ConnectionResetError()])
async def test_a_server_that_fails_is_left_alone_for_a_moment_and_everything_goes_on(
    server: Server, time: Time, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    one = Replica(server, time)
    server.failure = failure
    assert [await one.served(url="http://s/1"), await one.served(url="http://s/2")] == ["network", "network"]
    assert one.shared.counts.failures == 1
    server.failure = None
    time.advance(SILENCE)
    await one.served(url="http://s/3")
    assert one.shared.counts.writes == 1
    assert len([r for r in caplog.records if "shared cache" in r.message]) == 1


def wrong_values() -> dict[str, bytes]:
    other = ["another key", 200, {}, b"{}", False, 0.0, 60.0, 60.0, 60.0, 0.0, 60.0]
    bomb = zlib.compress(b"0" * (70 << 20), 9)
    key = full_name(("s", *call().key))
    return {
        "text": b"hello",
        "nothing": b"",
        "json": b'{"status": 200}',
        "nested": b"\x91" * 10_000,
        "a list of another length": msgspec.msgpack.encode([1, 2, 3]),
        "wrong types": msgspec.msgpack.encode([1, key, "200", *other[2:]]),
        "another version": msgspec.msgpack.encode([0, key, *other[1:]]),
        "another key": msgspec.msgpack.encode([1, b"k" * 32, *other[1:]]),
        "not zipped": msgspec.msgpack.encode([1, key, 200, {}, b"{}", True, *other[5:]]),
        "a bomb": msgspec.msgpack.encode([1, key, 200, {}, bomb, True, *other[5:]]),
    }


@pytest.mark.parametrize("kind", wrong_values())
async def test_nonsense_is_refused_counted_deleted_and_asked_for_anew(server: Server, time: Time, kind: str) -> None:
    one = Replica(server, time)
    await server.set(name_of(one.cache.key(call())), wrong_values()[kind], 60.0)
    assert await one.served() == "network"
    assert one.shared.counts.refused == 1
    assert await Replica(server, time).served() == "hit"


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_bytes_at_all_do_harm(value: bytes) -> None:
    async def ask() -> str:
        time = Time()
        server = Server(time)
        one = Replica(server, time)
        await server.set(name_of(one.cache.key(call())), value, 60.0)
        return await one.served()

    assert asyncio.run(ask()) == "network"


async def test_writes_that_pile_up_are_left_out(server: Server, time: Time) -> None:
    one = Replica(server, time)
    copies = SharedCopies(server, time.clock)
    await one.served()
    copy = one.cache.find(one.cache.key(call()))
    assert copy is not None
    for number in range(WRITES + 10):
        copies.keep(("s", number), copy)
    assert copies.counts.unwritten == 10
    await copies.close()
    assert server.closed


# ---------------------------------------------------------------- real servers


@pytest.fixture(scope="module")
def redis_port() -> Iterator[int]:
    with redis_server() as port:
        yield port


@asynccontextmanager
async def replica(url: str, *script: Any, patience: float = 10.0) -> AsyncIterator[Replica]:
    """Patient, so that a busy machine is no failure."""
    made = Replica(None, RealTime(), *script)
    made.shared = SharedCopies(SharedCache(url, patience), REAL, (RedisError,))
    made.cache.shared = made.shared
    try:
        yield made
    finally:
        await made.shared.close()


class RealTime(Time):
    def __init__(self) -> None:
        super().__init__()
        self.clock = REAL


async def written(one: Replica) -> None:
    while one.shared._writes:  # noqa: ASYNC110  background tasks tell nobody
        await asyncio.sleep(0.01)


async def shares(url: str) -> None:
    async with replica(url) as one, replica(url) as other:
        target = f"http://s/{url}"
        assert (await one.send(call(url=target))).served == "network"
        await written(one)
        assert (await other.send(call(url=target))).served == "hit"
        assert other.source.calls == []


async def test_over_a_real_redis(redis_port: int) -> None:
    await shares(f"redis://127.0.0.1:{redis_port}/0")


@pytest.mark.parametrize("seconds", [60, None], ids=["for a minute", "for good"])
@pytest.mark.parametrize("kind", ["text", "list"])
async def test_nonsense_that_a_real_redis_holds_is_deleted_too(redis_port: int, kind: str, seconds: int | None) -> None:
    url = f"redis://127.0.0.1:{redis_port}/0"
    async with replica(url) as one, replica(url) as other:
        target = f"http://s/nonsense/{kind}/{seconds}"
        name, client = name_of(one.cache.key(call(url=target))), one.shared._cache.client  # type: ignore[attr-defined]  # redis's own
        await (client.rpush(name, b"a") if kind == "list" else client.set(name, b"a"))
        if seconds is not None:
            await client.expire(name, seconds)
        assert (await one.send(call(url=target))).served == "network"
        assert (one.shared.counts.refused, one.shared.counts.failures) == (1, 0)
        await written(one)
        assert (await other.send(call(url=target))).served == "hit"


async def test_replicas_wait_for_the_one_that_fetches_over_a_real_redis(redis_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "LEASE", 60.0)  # whatever else this machine does meanwhile
    url, asked = f"redis://127.0.0.1:{redis_port}/0", call(url="http://s/waited-for")
    answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    async with replica(url, answer) as one, replica(url) as other:
        first = asyncio.create_task(one.send(asked))
        while not one.source.calls:  # noqa: ASYNC110  it tells nobody
            await asyncio.sleep(0)
        second = asyncio.create_task(other.send(asked))
        while not other.shared.counts.waited:  # noqa: ASYNC110  likewise
            await asyncio.sleep(0.01)
        answer.set_result(reply(**MINUTE))
        assert [(await first).served, (await second).served] == ["network", "hit"]
        assert other.source.calls == []


async def test_a_lease_of_a_replica_that_died_ends_over_a_real_redis(redis_port: int) -> None:
    url, asked = f"redis://127.0.0.1:{redis_port}/0", call(url="http://s/died")
    async with replica(url) as one:
        await one.shared._cache.claim(f"{name_of(one.cache.key(asked))}:lock", LEASE)
        assert (await one.send(asked)).served == "network"
        assert one.shared.counts.waited == 1


async def test_over_a_cluster(tmp_path: Path) -> None:
    bus = ("--cluster-port", str(free_port()))  # ten thousand more than the port, by default, may be too much
    with redis_server("--cluster-enabled", "yes", *bus, "--dir", str(tmp_path)) as port:
        one = SharedCache(f"redis://127.0.0.1:{port}", 10.0)
        await one.client.execute_command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        while not await is_up(one):  # noqa: ASYNC110  it tells nobody
            await asyncio.sleep(0.05)
        await one.close()
        await shares(f"redis+cluster://127.0.0.1:{port}")


async def is_up(one: SharedCache) -> bool:
    return "ok" in str((await one.client.execute_command("CLUSTER INFO"))["cluster_state"])


async def test_over_sentinels(tmp_path: Path, redis_port: int) -> None:
    configuration = tmp_path / "sentinel.conf"
    configuration.write_text(f"sentinel monitor main 127.0.0.1 {redis_port} 1\n")
    with redis_server(str(configuration), "--sentinel") as port:
        await shares(f"redis+sentinel://127.0.0.1:{port}/main/0")


async def test_where_nobody_listens_every_replica_is_as_good_as_alone() -> None:
    async with replica(f"redis://127.0.0.1:{free_port()}/0") as one:
        assert (await one.send(call())).served == "network"
        assert one.shared.counts.failures == 1


@pytest.mark.parametrize(
    "url", ["redis+sentinel://127.0.0.1:26379", "redis+cluster://host:port", "redis+sentinel://h:1/main/zero"]
)
def test_an_address_that_is_none_is_said(url: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT|primary"):
        SharedCache(url, 1.0)
