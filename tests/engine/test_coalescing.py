"""Identical reads under way share one execution; nobody who goes takes the others along."""

from __future__ import annotations

import asyncio

import pytest

from gateway.engine.flight import Flights
from gateway.upstream.call import Request
from tests.engine.conftest import SDL, Held, bearer
from tests.graphs import Answer, an_engine, answer

NAME = {"me": {"id": "1", "name": "Ann"}}


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_identical_reads_make_one_call() -> None:
    people = Held("people", SDL, NAME)
    engine = an_engine([people])
    reads = [asyncio.create_task(answer(engine, "{ me { name } }")) for _ in range(5)]
    await settle()
    people.go.set()
    assert {read.body for read in await asyncio.gather(*reads)} == {b'{"data":{"me":{"name":"Ann"}}}'}
    assert len(people.asked) == 1


async def test_reads_of_two_identities_are_two_calls() -> None:
    people = Held("people", SDL, NAME, rules=bearer())
    engine = an_engine([people])
    requests = [Request("r", {"authorization": who}) for who in ("a", "b", "a")]
    reads = [asyncio.create_task(answer(engine, "{ me { name } }", request=request)) for request in requests]
    await settle()
    people.go.set()
    await asyncio.gather(*reads)
    assert len(people.asked) == 2


async def test_waiters_that_go_harm_nobody() -> None:
    people = Held("people", SDL, NAME)
    engine = an_engine([people])
    reads = [asyncio.create_task(answer(engine, "{ me { name } }")) for _ in range(4)]
    await settle()
    for read in reads[1:3]:
        read.cancel()
    await settle()
    people.go.set()
    results = await asyncio.gather(*reads, return_exceptions=True)
    assert [isinstance(r, Answer) for r in results] == [True, False, False, True]
    assert all(isinstance(r, asyncio.CancelledError) for r in results[1:3])
    assert len(people.asked) == 1


async def test_when_the_first_one_goes_exactly_one_of_the_others_asks_again() -> None:
    people = Held("people", SDL, NAME)
    engine = an_engine([people])
    reads = [asyncio.create_task(answer(engine, "{ me { name } }")) for _ in range(4)]
    await settle()
    reads[0].cancel()
    await settle()
    people.go.set()
    results = await asyncio.gather(*reads, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert {r.body for r in results[1:] if isinstance(r, Answer)} == {b'{"data":{"me":{"name":"Ann"}}}'}
    assert len(people.asked) == 2


async def test_a_read_after_the_flight_has_landed_asks_anew() -> None:
    people = Held("people", SDL, NAME)
    people.go.set()
    engine = an_engine([people])
    await answer(engine, "{ me { name } }")
    await answer(engine, "{ me { name } }")
    assert len(people.asked) == 2


async def test_an_error_of_the_leader_is_its_own() -> None:
    flights: Flights[str, int] = Flights()
    go = asyncio.Event()
    tries = iter([True, False])

    async def make() -> int:
        await go.wait()
        if next(tries):
            raise ValueError("mine")
        return 7

    first, second = (asyncio.create_task(flights.share("k", make)) for _ in range(2))
    await settle()
    go.set()
    with pytest.raises(ValueError, match="mine"):
        await first
    assert await second == 7
