"""Rate limits: a bucket per caller, at its limit and one more, in memory and in Redis, and what a caller is told."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import http_sf
import pytest

from gateway.server.house import Front
from gateway.server.rate import Bucket, MemoryRate
from gateway.server.rate.redis import RedisRate
from tests.server.conftest import behind

QUERY = {"query": "{ hello }"}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_a_caller_may_send_its_burst_and_then_what_flows_in() -> None:
    clock = Clock()
    rate = MemoryRate(Bucket(2, 1.0, 3), None, clock)
    taken = [await rate.take("ann") for _ in range(4)]
    assert [(each.allowed, each.remaining) for each in taken] == [(True, 2), (True, 1), (True, 0), (False, 0)]
    assert taken[3].retry_after == pytest.approx(0.5)
    assert (await rate.take("ben")).allowed
    clock.now += 0.49
    assert not (await rate.take("ann")).allowed
    clock.now += 0.01
    assert (await rate.take("ann")).allowed
    assert not (await rate.take("ann")).allowed


async def test_after_a_pause_there_is_no_more_than_the_burst() -> None:
    clock = Clock()
    rate = MemoryRate(Bucket(1, 1.0, 2), None, clock)
    clock.now += 1_000
    assert [(await rate.take("ann")).allowed for _ in range(3)] == [True, True, False]


async def test_several_at_once_are_taken_together_or_not_at_all() -> None:
    rate = MemoryRate(Bucket(1, 1.0, 5), None, Clock())
    assert not (await rate.take("ann", 6)).allowed
    assert (await rate.take("ann", 5)).remaining == 0


def test_a_caller_is_told_what_is_left_and_when_to_come_back() -> None:
    with behind(Front(rate=MemoryRate(Bucket(1, 60.0, 2), b"x-client"))) as (client, house):
        own = {"x-client": "a"}
        answers = [client.post("/graphql", json=QUERY, headers=own) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        lefts = [http_sf.parse(answer.headers["ratelimit"].encode(), tltype="list") for answer in answers]
        assert [left[0][1]["r"] for left in lefts] == [1, 0, 0]
        ((name, policy),) = http_sf.parse(answers[0].headers["ratelimit-policy"].encode(), tltype="list")
        assert (name, policy["q"], policy["w"]) == ("default", 1, 60)
        error = answers[2].json()["errors"][0]["extensions"]
        assert (error["code"], error["retryable"]) == ("RATE_LIMITED", True)
        assert 0 < error["retry_after_s"] <= 60
        assert int(answers[2].headers["retry-after"]) >= error["retry_after_s"]
        assert len(house.engine.asked) == 2  # type: ignore[union-attr]  # the stub
        assert client.post("/graphql", json=QUERY, headers={"x-client": "b"}).status_code == 200
        assert client.post("/graphql", json=QUERY).status_code == 200


def test_each_operation_of_a_batch_counts() -> None:
    with behind(Front(rate=MemoryRate(Bucket(1, 60.0, 3)), batch=5)) as (client, _):
        assert client.post("/graphql", json=[QUERY] * 4).status_code == 429
        answer = client.post("/graphql", json=[QUERY] * 2)
        assert (answer.status_code, answer.headers["ratelimit"].partition(";t")[0]) == (200, '"default";r=0')


# ---------------------------------------------------------------- redis


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    server = shutil.which("redis-server") or shutil.which("valkey-server")
    if server is None:
        pytest.skip("there is no redis-server on this machine")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [server, "--port", str(port), "--save", "", "--bind", "127.0.0.1", "--appendonly", "no"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield f"redis://127.0.0.1:{port}/0"
    process.terminate()
    process.wait(10)


async def test_gateways_that_share_redis_share_a_callers_bucket(redis_url: str) -> None:
    one, other = (RedisRate(Bucket(1, 60.0, 3), redis_url) for _ in range(2))
    for rate in (one, other):
        rate.patience = 5.0
    assert [(await rate.take("ann")).allowed for rate in (one, other, one)] == [True] * 3
    refused = await other.take("ann")
    assert (refused.allowed, refused.remaining) == (False, 0)
    assert 50 < refused.retry_after <= 60
    assert (await other.take("ben")).remaining == 2
    await one.close()
    await other.close()


async def test_where_redis_is_down_everyone_is_let_in(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    rate = RedisRate(Bucket(1, 60.0, 1), f"redis://127.0.0.1:{port}/0")
    assert [(await rate.take("ann")).allowed for _ in range(3)] == [True] * 3
    assert len([r for r in caplog.records if "Redis" in r.message]) == 1
    await rate.close()
