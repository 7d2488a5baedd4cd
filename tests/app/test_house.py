"""The house with real services: one that is down never takes the gateway down, and is taken in again when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.app import House
from gateway.config.problem import ConfigError

from .conftest import Configure, Pauses, Service, ask, opened

QUERY = '{ book(id: "1") { title author { name } } }'
ANSWER = {"data": {"book": {"title": "Book 1", "author": {"name": "Person 7"}}}}


async def until(condition: Callable[[House], bool], house: House) -> None:
    """Wait for what happens in a background task."""
    async with asyncio.timeout(20):
        while not condition(house):  # noqa: ASYNC110  a background task tells nobody when it is done
            await asyncio.sleep(0.01)


async def test_sources_are_loaded_composed_and_answered_from(configure: Configure) -> None:
    async with opened(configure()) as house:
        assert house.ready()
        assert await ask(house, QUERY) == ANSWER
        assert [source["schema"] for source in house.status()["sources"]] == ["read", "read"]


async def test_a_source_that_is_down_is_known_from_its_snapshot_and_its_fields_name_its_owner(
    configure: Configure, people: Service, tmp_path: Path
) -> None:
    (tmp_path / "people.graphql").write_text(people.sdl)
    people.stop()
    async with opened(configure("{from: introspect, snapshot: people.graphql}")) as house:
        assert house.ready()
        answer = await ask(house, QUERY)
    assert answer["data"] == {"book": {"title": "Book 1", "author": None}}
    [error] = answer["errors"]
    assert error["path"] == ["book", "author"]
    assert error["extensions"]["code"] == "SOURCE_UNAVAILABLE"
    assert error["extensions"]["owner"]["team"] == "Staff Office"
    assert error["extensions"]["owner"]["url"] == "https://staff.example.com"


async def test_a_source_that_comes_back_is_served_by_a_new_engine(configure: Configure, people: Service, tmp_path: Path) -> None:
    (tmp_path / "people.graphql").write_text(people.sdl)
    people.stop()
    pauses = Pauses()
    async with opened(configure("{from: introspect, snapshot: people.graphql}"), pauses) as house:
        before = house.engine
        await pauses.asleep()
        await pauses.wake()
        await pauses.asleep()
        assert house.engine is before
        people.start()
        await pauses.wake()
        await until(lambda house: house.engine is not before, house)
        assert await ask(house, QUERY) == ANSWER
        assert house.status()["sources"][1]["schema"] == "read"


async def test_attempts_to_read_a_source_become_rarer(configure: Configure, people: Service) -> None:
    people.stop()
    pauses = Pauses()
    async with opened(configure(), pauses):
        for _ in range(7):
            await pauses.asleep()
            await pauses.wake()
        await pauses.asleep()
    assert all(0.5 * whole <= asked <= whole for asked, whole in zip(pauses.asked, (1, 2, 4, 8, 16, 30, 30), strict=False))


async def test_the_last_good_copy_stands_in_where_there_is_no_snapshot(configure: Configure, people: Service) -> None:
    async with opened(configure()) as house:
        assert house.ready()
    people.stop()
    async with opened(configure()) as house:
        assert house.ready()
        assert house.status()["sources"][1]["schema"] == "copy"
        assert (await ask(house, QUERY))["errors"][0]["extensions"]["code"] == "SOURCE_UNAVAILABLE"


async def test_without_any_copy_the_gateway_waits_and_says_for_whom(configure: Configure, people: Service) -> None:
    people.stop()
    pauses = Pauses()
    async with opened(configure(), pauses) as house:
        assert not house.ready()
        [waiting] = house.waiting()
        assert (waiting.service, waiting.owner.team, waiting.error.code) == ("people", "Staff Office", "SOURCE_UNAVAILABLE")
        people.start()
        await pauses.asleep()
        await pauses.wake()
        await until(House.ready, house)
        assert house.waiting() == ()
        assert await ask(house, QUERY) == ANSWER


async def test_a_source_may_be_left_out_with_its_links_until_it_is_back(configure: Configure, people: Service) -> None:
    people.stop()
    pauses = Pauses()
    async with opened(configure("{from: introspect, on_missing: omit}"), pauses) as house:
        assert house.ready()
        assert await ask(house, '{ book(id: "1") { title } }') == {"data": {"book": {"title": "Book 1"}}}
        assert (await ask(house, QUERY))["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        people.start()
        before = house.engine
        await pauses.asleep()
        await pauses.wake()
        await until(lambda house: house.engine is not before, house)
        assert await ask(house, QUERY) == ANSWER


async def test_a_source_that_comes_back_changed_beyond_use_leaves_the_others_in_peace(
    configure: Configure, people: Service, tmp_path: Path
) -> None:
    (tmp_path / "people.graphql").write_text(people.sdl)
    people.stop()
    people.sdl = "type Query { somebody: String }"
    pauses = Pauses()
    async with opened(configure("{from: introspect, snapshot: people.graphql}"), pauses) as house:
        before = house.engine
        people.start()
        await pauses.asleep()
        await pauses.wake()
        await pauses.asleep()
        assert house.engine is before
        assert house.status()["sources"][1]["schema"] == "copy"


async def test_the_problems_of_all_sources_are_told_at_once(configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "broken.graphql").write_text("type Query {")
    config = configure("broken.graphql")
    config.write_text(config.read_text().replace("schema: introspect", "schema: nowhere.graphql"))
    with pytest.raises(ConfigError) as raised:
        async with opened(config):
            pass
    assert {problem.sources for problem in raised.value.problems} == {("books",), ("people",)}


async def test_a_source_kind_that_breaks_down_is_a_problem_and_no_traceback(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr("gateway.sources.graphql.load", broken)
    with pytest.raises(ConfigError) as raised:
        async with opened(configure()):
            pass
    assert {problem.code for problem in raised.value.problems} == {"SOURCE_LOAD_FAILED"}
    assert "ZeroDivisionError" in caplog.text


async def test_composition_problems_say_where_in_the_configuration_they_are(configure: Configure) -> None:
    config = configure()
    config.write_text(config.read_text().replace("to: people.person", "to: people.nobody"))
    with pytest.raises(ConfigError) as raised:
        async with opened(config):
            pass
    [problem] = raised.value.problems
    assert problem.mark is not None
    assert problem.mark.line == len(config.read_text().splitlines())
