"""Rows kept by key: a batch asks only for what nobody has, for the same caller, for as long as it is fresh."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.composition import compose
from gateway.config.model import Link
from gateway.engine import Engine
from gateway.errors import UpstreamFailed, UpstreamForbidden
from gateway.upstream.call import Call, Freshness, HeaderRules, Reply, Request
from gateway.upstream.layers.cache.items import Item, Items
from tests.graphs import GATEWAY_OWNER, Service, ask, shop

NOW = 1000.0


class World:
    """The shop with one store of rows; answers of reviews and accounts are fresh for a minute."""

    def __init__(self, rules: HeaderRules | None = None, capacity: int = 1 << 20) -> None:
        self.now = NOW
        self.items = Items(capacity, lambda: self.now)
        services, links = shop()
        self.catalog, self.accounts, self.reviews = services
        for service in (self.accounts, self.reviews):
            service.freshness = Freshness(NOW + 60, on_error=NOW + 600)
            if rules:
                service.keys["rules"] = rules
        self._services, self._links = services, links
        self.build()

    def build(self) -> None:
        subgraphs = [replace(service.subgraph(), items=self.items) for service in self._services]
        supergraph = compose(subgraphs, [Link.model_validate(link) for link in self._links])
        self.engine = Engine(supergraph, owner=GATEWAY_OWNER, clock=lambda: self.now)

    async def ask(self, first: int, who: str = "alice", fields: str = "id") -> Any:
        request = Request("req_test", headers={"authorization": who})
        return await ask(self.engine, f"{{ products(first: {first}) {{ reviews {{ {fields} }} }} }}", request=request)

    def asked(self, service: Service) -> list[str]:
        return [key for body in service.asked for key in sorted(body["variables"].popitem()[1])]


async def plain(first: int, fields: str = "id") -> Any:
    """The same without a store."""
    services, links = shop()
    supergraph = compose([service.subgraph() for service in services], [Link.model_validate(link) for link in links])
    engine = Engine(supergraph, owner=GATEWAY_OWNER)
    return await ask(engine, f"{{ products(first: {first}) {{ reviews {{ {fields} }} }} }}")


async def test_a_batch_asks_only_for_what_is_not_there() -> None:
    world = World()
    assert [await world.ask(2), await world.ask(4)] == [await plain(2), await plain(4)]
    assert world.asked(world.reviews) == ["1", "2", "3", "4"]


async def test_when_all_is_there_nobody_is_asked() -> None:
    world = World()
    await world.ask(4)
    assert await world.ask(3) == await plain(3)
    assert world.asked(world.reviews) == ["1", "2", "3", "4"]


async def test_rows_by_alias_are_kept_one_by_one_too() -> None:
    world = World()
    await world.ask(1, fields="author { name }")
    before = len(world.accounts.asked)
    assert await world.ask(2, fields="author { name }") == await plain(2, fields="author { name }")
    assert len(world.accounts.asked) - before <= 1


async def test_another_selection_is_asked_for_anew() -> None:
    world = World()
    await world.ask(2)
    assert await world.ask(2, fields="id text") == await plain(2, fields="id text")
    assert world.asked(world.reviews) == ["1", "2", "1", "2"]


async def test_callers_a_source_can_tell_apart_share_nothing() -> None:
    rules = HeaderRules(lambda incoming: (("authorization", incoming["authorization"]),), frozenset({"authorization"}))
    world = World(rules)
    await world.ask(2, "alice")
    await world.ask(3, "bob")
    assert world.asked(world.reviews) == ["1", "2", "1", "2", "3"]


async def test_what_is_no_longer_fresh_is_asked_for_again() -> None:
    world = World()
    await world.ask(2)
    world.now += 61
    await world.ask(3)
    assert world.asked(world.reviews) == ["1", "2", "1", "2", "3"]


async def test_while_its_source_fails_an_older_row_is_served_and_labelled() -> None:
    world = World()
    await world.ask(2)
    world.now += 61
    world.reviews.failure = UpstreamFailed()
    told = await world.ask(2)
    assert told["data"] == (await plain(2))["data"]
    assert "errors" not in told
    assert [w["code"] for w in told["extensions"]["warnings"]] == ["STALE_DATA"]
    more = await world.ask(3)
    assert [error["path"] for error in more["errors"]] == [["products", 2, "reviews"]]
    assert more["data"]["products"][:2] == told["data"]["products"]


async def test_a_source_that_forbids_puts_its_rows_away() -> None:
    world = World()
    await world.ask(2)
    world.now += 61
    for failure in (UpstreamForbidden(), UpstreamFailed()):
        world.reviews.failure = failure
        told = await world.ask(2)
        assert told["errors"]
        assert "warnings" not in told.get("extensions", {})


@pytest.mark.parametrize("capacity", [1 << 20, 20_000])
def test_the_store_is_bounded_by_bytes(capacity: int) -> None:
    items = Items(capacity, lambda: NOW)
    shelf = items.shelf("products")
    for number in range(1000):
        items.put(shelf, number, Item((b"x" * 100,), Freshness(NOW + 1), NOW))
    assert items.used <= capacity
    assert len(items) == shelf.count == min(1000, capacity // Item((b"x" * 100,), Freshness(NOW + 1), NOW).size)
    items.put(shelf, "large", Item((b"x" * capacity,), Freshness(NOW + 1), NOW))
    assert items.find(shelf, "large") is None


async def test_variables_that_a_fetch_does_not_use_do_not_keep_its_rows_apart() -> None:
    world = World()
    document = "query ($first: Int) { products(first: $first) { reviews { id } } }"
    for first in (2, 3):
        await ask(world.engine, document, {"first": first})
    assert world.asked(world.reviews) == ["1", "2", "3"]


# ---------------------------------------------------------------- rows another batch is fetching


class Held:
    """Holds the calls to reviews back until it is told to let them go."""

    def __init__(self, world: World) -> None:
        self.gate = asyncio.Event()
        self.begun = asyncio.Event()
        send = world.reviews.send

        async def held(call: Call) -> Reply:
            self.begun.set()
            await self.gate.wait()
            return await send(call)

        world.reviews.send = held  # type: ignore[method-assign]  # a service that takes its time
        world.build()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def known(rules: HeaderRules | None = None) -> World:
    """It has been seen that rows of reviews may be kept, and those that were are too old by now."""
    world = World(rules)
    await world.ask(1)
    world.now += 61
    world.reviews.freshness = Freshness(NOW + 160)
    world.reviews.asked.clear()
    return world


async def test_a_row_that_another_batch_is_fetching_is_waited_for() -> None:
    world = await known()
    held = Held(world)
    one = asyncio.create_task(world.ask(2))
    await held.begun.wait()
    other = asyncio.create_task(world.ask(4))
    await settle()
    held.gate.set()
    assert [await one, await other] == [await plain(2), await plain(4)]
    assert sorted(world.asked(world.reviews)) == ["1", "2", "3", "4"]


async def test_what_another_batch_failed_to_fetch_is_asked_for_after_all() -> None:
    world = await known()
    held = Held(world)
    one = asyncio.create_task(world.ask(2))
    await held.begun.wait()
    other = asyncio.create_task(world.ask(2, fields="id "))
    await settle()
    one.cancel()
    held.gate.set()
    assert await other == await plain(2)
    assert world.asked(world.reviews) == ["1", "2"]


async def test_callers_a_source_can_tell_apart_do_not_wait_for_each_other() -> None:
    rules = HeaderRules(lambda incoming: (("authorization", incoming["authorization"]),), frozenset({"authorization"}))
    world = await known(rules)
    held = Held(world)
    one = asyncio.create_task(world.ask(2, "alice"))
    await held.begun.wait()
    other = asyncio.create_task(world.ask(3, "bob"))
    await settle()
    held.gate.set()
    await asyncio.gather(one, other)
    assert sorted(world.asked(world.reviews)) == ["1", "1", "2", "2", "3"]


async def test_nobody_waits_for_rows_that_may_not_be_kept() -> None:
    world = World()
    world.reviews.freshness = Freshness()
    await world.ask(1)
    held = Held(world)
    one = asyncio.create_task(world.ask(2))
    await held.begun.wait()
    other = asyncio.create_task(world.ask(3))
    await settle()
    held.gate.set()
    assert [await one, await other] == [await plain(2), await plain(3)]
    assert sorted(world.asked(world.reviews)) == ["1", "1", "1", "2", "2", "3"]


async def test_a_deadline_is_the_callers_own() -> None:
    world = await known()
    held = Held(world)
    one = asyncio.create_task(world.ask(2))
    await held.begun.wait()
    request = Request("req_test", headers={"authorization": "alice"}, deadline=0.0)
    document = "{ products(first: 2) { reviews { id } } }"
    other = asyncio.create_task(ask(world.engine, document + " ", request=request))
    await settle()
    assert len(world.reviews.asked) == 0
    held.gate.set()
    assert await one == await other == await plain(2)
    assert sorted(world.asked(world.reviews)) == ["1", "1", "2", "2"]
