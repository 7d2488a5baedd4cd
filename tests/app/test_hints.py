"""A circuit that is open in one replica is a hint to the others, over a real Redis: never more than that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from benchmarks.processes import free_port
from gateway.app import settings_of
from gateway.app.hints import exchange
from gateway.app.line import Line, lines
from gateway.errors import UpstreamFailed
from gateway.upstream.clock import REAL
from gateway.upstream.layers.breaker import Breaker
from gateway.upstream.layers.cache.redis import RedisError, SharedCache
from gateway.upstream.layers.cache.shared import SharedCopies
from tests.redis import redis_server

from .conftest import Configure

PATIENCE = 10.0
"""Seconds for a command: a busy machine is no failure."""


class Replica:
    def __init__(self, name: str, config: Path, port: int) -> None:
        self.lines: tuple[Line, ...] = lines(settings_of(config))
        self.copies = SharedCopies(SharedCache(f"redis://127.0.0.1:{port}/0", PATIENCE), REAL, (RedisError,))
        self._me = name.encode()

    async def look(self) -> None:
        await exchange(self.copies, self.lines, self._me)
        while self.copies._writes:  # noqa: ASYNC110  background tasks tell nobody
            await asyncio.sleep(0.01)

    @property
    def people(self) -> Breaker:
        return self.breaker("people")

    def breaker(self, source: str) -> Breaker:
        [line] = [line for line in self.lines if line.source.name == source]
        assert line.data.breaker is not None
        assert line.data.breaker.whole is not None
        return line.data.breaker.whole

    def fails(self, times: int = 1) -> None:
        for _ in range(times):
            self.people.record(self.people.admit(), UpstreamFailed())

    async def close(self) -> None:
        await asyncio.gather(*(line.close() for line in self.lines))
        await self.copies.close()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with redis_server() as port:
        yield port


@asynccontextmanager
async def two(config: Path, port: int) -> AsyncIterator[tuple[Replica, Replica]]:
    one, other = Replica("one", config, port), Replica("other", config, port)
    try:
        yield one, other
    finally:
        await asyncio.gather(one.close(), other.close())


def hinting(configure: Configure, hint: str = "shared") -> Path:
    config = configure()
    config.write_text(config.read_text().replace("defaults:\n", f"defaults:\n  circuit_breaker: {{hint: {hint}}}\n"))
    return config


async def test_after_a_hint_the_first_own_call_that_fails_opens_the_circuit(configure: Configure, port: int) -> None:
    async with two(hinting(configure), port) as (one, other):
        one.fails(20)
        await one.look()
        await other.look()
        assert other.people.state == "closed", "a hint alone opens nothing"
        other.fails()
        assert other.people.state == "open"
        assert other.breaker("books").opened is None


async def test_a_source_that_answers_here_stays_in_use_whatever_others_say(configure: Configure, port: int) -> None:
    async with two(hinting(configure), port) as (one, other):
        one.fails(20)
        await one.look()
        await other.look()
        for _ in range(3):
            other.people.record(other.people.admit(), None)
        other.fails()
        assert other.people.state == "closed"


async def test_a_hint_that_is_over_is_forgotten(configure: Configure, port: int) -> None:
    async with two(hinting(configure), port) as (one, other):
        one.fails(20)
        await one.look()
        await other.look()
        await other.copies._cache.client.flushall()  # type: ignore[attr-defined]  # redis's own
        await other.look()
        other.fails()
        assert other.people.state == "closed"


async def test_nobody_heeds_a_hint_of_its_own(configure: Configure, port: int) -> None:
    async with two(hinting(configure), port) as (one, _):
        one.fails(20)
        await one.look()
        one.people._pass()
        await one.look()
        one.fails()
        assert one.people.state == "closed"


async def test_who_gives_no_hints_asks_nobody(configure: Configure) -> None:
    async with two(hinting(configure, "off"), free_port()) as (one, _):
        one.fails(20)
        await one.look()
        assert one.copies.counts.failures == 0


async def test_where_nobody_answers_there_are_no_hints(configure: Configure) -> None:
    async with two(hinting(configure), free_port()) as (one, other):
        one.fails(20)
        await one.look()
        await other.look()
        other.fails()
        assert (other.people.state, other.copies.counts.failures) == ("closed", 1)
