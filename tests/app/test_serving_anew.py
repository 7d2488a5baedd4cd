"""Another configuration takes the place of the one that is served: as a whole, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from gateway.app import settings_of
from gateway.app.observing import Observatory
from gateway.app.serving import UNHEARD, Reloaded, Serving, Telling, Tenant

from .conftest import Configure, Service, ask

QUERY = '{ book(id: "1") { title author { name } } }'
ANSWER = {"data": {"book": {"title": "Book 1", "author": {"name": "Person 7"}}}}


class Watcher:
    """Hears who has moved in."""

    def __init__(self) -> None:
        self.tenants: list[Tenant] = []


@asynccontextmanager
async def served(
    config: Path, busy: Callable[[], set[asyncio.Task[None]]] = set, telling: Telling = UNHEARD
) -> AsyncIterator[tuple[Serving, Watcher]]:
    watcher = Watcher()
    read = partial(settings_of, config)
    serving = Serving(read(), read, taken=watcher.tenants.append, busy=busy, telling=telling)
    await serving.now.house.open()
    try:
        yield serving, watcher
    finally:
        await serving.close()


def edit(config: Path, old: str, new: str) -> None:
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))


async def test_a_new_configuration_is_served_as_the_next_generation(configure: Configure) -> None:
    config = configure()
    async with served(config) as (serving, watcher):
        edit(config, "Book.author", "Book.writer")
        outcome = await serving.reload()
        assert outcome == Reloaded(2)
        assert watcher.tenants == [serving.now]
        assert await ask(serving.now.house, QUERY.replace("author", "writer")) == {
            "data": {"book": {"title": "Book 1", "writer": {"name": "Person 7"}}}
        }


async def test_a_bad_configuration_is_refused_with_all_its_problems_and_the_one_before_stays(configure: Configure) -> None:
    config = configure()
    async with served(config) as (serving, watcher):
        before = serving.now
        edit(config, "owner: library", "owner: nobody")
        edit(config, "kind: graphql", "kind: grapql")
        outcome = await serving.reload()
        assert serving.now is before
        assert watcher.tenants == []
        assert {p.mark.file for p in outcome.problems if p.mark} == {str(config)}
        assert len(outcome.problems) >= 2
        assert await ask(before.house, QUERY) == ANSWER


async def test_sources_that_no_longer_fit_together_are_refused_too(configure: Configure) -> None:
    config = configure()
    async with served(config) as (serving, _):
        before = serving.now
        edit(config, "to: people.person", "to: people.nobody")
        assert (await serving.reload()).problems
        assert serving.now is before
        assert await ask(before.house, QUERY) == ANSWER


async def test_connections_breakers_and_copies_of_an_unchanged_source_live_on(configure: Configure) -> None:
    config = configure()
    async with served(config) as (serving, _):
        before = {name: line.data for name, line in serving.now.house.lines.items()}
        text = config.read_text().splitlines(keepends=True)
        config.write_text("".join(line.replace("owner: staff", "owner: staff, timeout: 3s") for line in text))
        await serving.reload()
        after = {name: line.data for name, line in serving.now.house.lines.items()}
        assert after["books"] is before["books"]
        assert after["people"] is not before["people"]
        assert await ask(serving.now.house, QUERY) == ANSWER


async def test_a_source_that_is_down_just_now_stays_what_it_was(configure: Configure, people: Service) -> None:
    async with served(configure()) as (serving, _):
        people.stop()
        assert (await serving.reload()).problems == ()
        people.start()
        assert await ask(serving.now.house, QUERY) == ANSWER


async def test_what_is_in_finishes_where_it_began(configure: Configure, people: Service) -> None:
    config = configure()
    tasks: set[asyncio.Task[Any]] = set()
    async with served(config, lambda: set(tasks)) as (serving, _):
        people.gate.clear()
        slow = asyncio.create_task(ask(serving.now.house, QUERY))
        tasks.add(slow)
        await asyncio.to_thread(people.asked.wait, 20)
        edit(config, "Book.author", "Book.writer")
        edit(config, "owner: staff}", "owner: staff, timeout: 3s}")
        await serving.reload()
        people.gate.set()
        assert await slow == ANSWER


async def test_operations_that_were_asked_are_ready_before_the_new_schema_is_served(configure: Configure) -> None:
    async with served(configure()) as (serving, _):
        await ask(serving.now.house, QUERY)
        await ask(serving.now.house, "{ nothing }")
        await serving.reload()
        engine = serving.now.house.engine
        assert engine is not None
        document = engine.documents.get((QUERY, None))
        assert document is not None
        assert not isinstance(document, Exception)
        assert len(document.variants) == 1


async def test_what_is_read_only_at_the_start_is_said(configure: Configure) -> None:
    config = configure()
    async with served(config) as (serving, _):
        edit(config, "listen: 127.0.0.1:0", "listen: 127.0.0.1:1")
        outcome = await serving.reload()
        assert outcome.at_restart == ("gateway.listen",)
        assert "gateway.listen will be read at the next start" in outcome.told()


async def test_reloads_wait_for_each_other_and_none_leaves_anything_behind(configure: Configure) -> None:
    async with served(configure()) as (serving, watcher):
        outcomes = await asyncio.gather(*(serving.reload() for _ in range(5)))
        assert [outcome.generation for outcome in outcomes] == [2, 3, 4, 5, 6]
        houses = [tenant.house for tenant in watcher.tenants]
        assert [house.draining for house in houses] == [True, True, True, True, False]
        assert await ask(serving.now.house, QUERY) == ANSWER


async def test_operators_reload_over_the_admin_address_and_are_told_every_problem(configure: Configure) -> None:
    config = configure()
    async with served(config) as (serving, _):
        assert await post(serving, "/reload") == (200, {"generation": 2, "problems": [], "at_restart": []})
        edit(config, "kind: graphql", "kind: grapql")
        status, told = await post(serving, "/reload")
        assert (status, told["generation"]) == (422, 2)
        assert told["problems"][0]["mark"]["file"] == str(config)
        assert (await post(serving, "/reload", "GET"))[0] == 405


async def post(serving: Serving, path: str, method: str = "POST") -> tuple[int, Any]:
    """Through the application of the admin address."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b"", "root_path": ""}
    await serving.now.admin(scope, receive, send)
    return sent[0]["status"], msgspec.json.decode(b"".join(message.get("body", b"") for message in sent[1:]))


async def test_whoever_watches_sees_that_a_configuration_is_refused_until_one_is_taken(configure: Configure) -> None:
    config = configure()
    observatory = Observatory(settings_of(config))

    def refused() -> float:
        [family] = [each for each in observatory.families() if each.name == "gateway.reload.refused"]
        return family.series[0].value

    async with served(config, telling=Telling(observatory)) as (serving, _):
        assert refused() == 0
        edit(config, "Book.author", "Bock.author")
        await serving.reload()
        assert refused() == 1
        edit(config, "Bock.author", "Book.writer")
        await serving.reload()
        assert refused() == 0
