"""Schemas are read again; what has changed is weighed, served or not as configured, and told wherever people look."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.app import House
from gateway.app.changes import Change
from gateway.app.history import KEPT, History

from .conftest import PEOPLE, Configure, Pauses, Service, ask, changes, opened

SAFER = "type Query { person(id: ID!): Person } type Person { id: ID! name: String! title: String }"
BROKEN = "type Query { person(id: ID!): Person } type Person { id: ID! fullName: String }"
AUTHOR = '{ book(id: "1") { author { name } } }'


def refreshed(on_change: str = "apply") -> str:
    return f"{{from: introspect, refresh: 5m, on_change: {on_change}}}"


async def once_more(house: House, pauses: Pauses) -> list[dict[str, Any]]:
    """The schemas are read once more; the changes known afterwards."""
    await pauses.asleep()
    await pauses.wake()
    await asyncio.wait_for(pauses.asleep(), 20)
    return house.status()["changes"]


async def test_a_schema_that_stayed_the_same_is_no_news(configure: Configure) -> None:
    pauses = Pauses()
    async with opened(configure(refreshed()), pauses) as house:
        before = house.engine
        assert await once_more(house, pauses) == []
        assert house.engine is before
    assert 270 <= pauses.asked[0] <= 330


async def test_an_addition_is_served_and_told(configure: Configure, people: Service) -> None:
    pauses = Pauses()
    async with opened(configure(refreshed()), pauses) as house:
        people.sdl = SAFER
        (change,) = await once_more(house, pauses)
        told = await ask(house, "{ _gateway { changes { source criticality coordinate message state owner { team } } } }")
        assert "errors" not in await ask(house, '{ book(id: "1") { author { title } } }')
    assert (change["source"], change["criticality"], change["state"]) == ("people", "safe", "applied")
    assert told["data"]["_gateway"]["changes"] == [
        {
            "source": "people",
            "criticality": "safe",
            "coordinate": "Person.title",
            "message": "Field Person.title was added.",
            "state": "applied",
            "owner": {"team": "Staff Office"},
        }
    ]


@pytest.mark.parametrize(("on_change", "state"), [("stage", "staged"), ("reject-breaking", "rejected")])
async def test_a_change_that_is_not_to_be_served_is_only_told(
    configure: Configure, people: Service, on_change: str, state: str
) -> None:
    pauses = Pauses()
    async with opened(configure(refreshed(on_change)), pauses) as house:
        before = house.engine
        people.sdl = BROKEN
        found = await once_more(house, pauses)
        assert {(each["coordinate"], each["state"]) for each in found} == {("Person.name", state), ("Person.fullName", state)}
        assert house.engine is before
        assert await once_more(house, pauses) == found, "the same change is not told twice"


async def test_a_harmless_change_passes_where_breaking_ones_do_not(configure: Configure, people: Service) -> None:
    pauses = Pauses()
    async with opened(configure(refreshed("reject-breaking")), pauses) as house:
        people.sdl = SAFER
        (change,) = await once_more(house, pauses)
    assert change["state"] == "applied"


async def test_what_does_not_fit_the_others_is_rejected(configure: Configure, people: Service) -> None:
    pauses = Pauses()
    async with opened(configure(refreshed()), pauses) as house:
        people.sdl = PEOPLE.replace("person(id: ID!)", "someone(id: ID!)")
        found = await once_more(house, pauses)
        assert {each["state"] for each in found} == {"rejected"}
        assert "errors" not in await ask(house, "{ __typename }")


async def test_a_service_that_cannot_be_read_changes_nothing(configure: Configure, people: Service) -> None:
    pauses = Pauses()
    async with opened(configure(refreshed()), pauses) as house:
        people.stop()
        assert await once_more(house, pauses) == []


async def test_the_history_outlives_the_process(configure: Configure, people: Service) -> None:
    pauses = Pauses()
    config = configure(refreshed())
    async with opened(config, pauses) as house:
        people.sdl = SAFER
        found = await once_more(house, pauses)
    async with opened(config) as again:
        assert again.status()["changes"] == found


async def test_a_value_that_does_not_fit_is_news_too(configure: Configure, people: Service) -> None:
    async with opened(configure()) as house:
        people.answer = lambda _: b'{"data": {"_0": {"name": 7}, "person": {"name": 7}}}'  # type: ignore[method-assign,assignment]
        people.stop()
        people.start()
        answer = await ask(house, AUTHOR)
        assert answer["errors"][0]["extensions"]["code"] == "SCHEMA_DRIFT"
        (change,) = await changes(house, 1)
    assert (change["source"], change["criticality"], change["state"]) == ("people", "breaking", "seen")
    assert change["coordinate"] == "Person.name"


def test_a_history_is_bounded_and_survives_a_broken_file(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.add([Change(float(n), "s", "safe", f"T.f{n}", "x") for n in range(KEPT + 10)])
    assert len(history.told()) == KEPT == len(History(tmp_path).told())
    (tmp_path / "history.jsonl").write_text("{nonsense\n")
    assert History(tmp_path).told() == []


def test_where_nothing_can_be_written_the_history_is_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    history = History(tmp_path / "file")
    history.add([Change(1.0, "s", "safe", "T.f", "x")])
    assert len(history.told()) == 1


async def test_several_processes_have_one_history(tmp_path: Path) -> None:
    one, other = History(tmp_path), History(tmp_path)
    change = Change(1.0, "s", "safe", "T.f", "x")
    assert one.add([change]) == (change,)
    assert other.add([Change(2.0, "s", "safe", "T.f", "x")]) == (), "the same news is told once"
    assert other.add([Change(3.0, "s", "safe", "T.g", "y")])
    assert [each["coordinate"] for each in one.told()] == ["T.g", "T.f"]


@pytest.mark.parametrize("on_change", ["stage", "reject-breaking"])
async def test_what_is_not_served_does_not_become_the_last_good_copy(
    configure: Configure, people: Service, on_change: str
) -> None:
    pauses = Pauses()
    config = configure(refreshed(on_change))
    async with opened(config, pauses) as house:
        people.sdl = BROKEN
        await once_more(house, pauses)
    people.stop()
    async with opened(config) as again:
        assert (await ask(again, '{ __type(name: "Person") { fields { name } } }'))["data"]["__type"]["fields"] == [
            {"name": "id"},
            {"name": "name"},
        ]


async def test_what_is_served_becomes_the_last_good_copy(configure: Configure, people: Service) -> None:
    pauses = Pauses()
    config = configure(refreshed())
    async with opened(config, pauses) as house:
        people.sdl = SAFER
        await once_more(house, pauses)
    people.stop()
    async with opened(config) as again:
        fields = (await ask(again, '{ __type(name: "Person") { fields { name } } }'))["data"]["__type"]["fields"]
    assert {"name": "title"} in fields


async def warned(house: House, query: str, count: int = 1) -> list[dict[str, Any]]:
    """The warnings of an answer, once there are so many: they begin in the background."""
    async with asyncio.timeout(20):
        while len(found := (await ask(house, query)).get("extensions", {}).get("warnings", ())) != count:  # noqa: ASYNC110  nobody tells when
            await asyncio.sleep(0.001)
    return list(found)


async def test_answers_that_make_use_of_what_has_drifted_say_so(configure: Configure, people: Service) -> None:
    async with opened(configure()) as house:
        fine = people.answer
        people.stop()
        people.answer = lambda body: b'{"data": {"person": {"name": 7}}}' if b"name" in body and b"__" not in body else fine(body)  # type: ignore[method-assign]
        people.start()
        assert "errors" in await ask(house, '{ person(id: "1") { name } }')
        people.stop()
        people.answer = fine  # type: ignore[method-assign]
        people.start()
        (told,) = await warned(house, '{ person(id: "2") { name } }')
        assert "extensions" not in await ask(house, '{ person(id: "2") { id } }'), "who does not ask for it is not bothered"
    assert (told["code"], told["service"], told["coordinate"]) == ("SCHEMA_DRIFT", "people", "Person.name")
    assert (told["state"], told["owner"]["team"]) == ("seen", "Staff Office")
    assert told["message"] == (
        "People has answered with what does not fit its schema: Person.name should be String!, and was an integer."
    )


async def test_a_change_that_is_not_served_is_warned_of_until_it_is(configure: Configure, people: Service) -> None:
    pauses = Pauses()
    config = configure(refreshed("stage"))
    async with opened(config, pauses) as house:
        assert "extensions" not in await ask(house, '{ person(id: "2") { name } }')
        people.sdl = PEOPLE.replace("name: String!", "name: String")
        await once_more(house, pauses)
        (told,) = await warned(house, '{ person(id: "3") { name } }')
        people.sdl = PEOPLE
    assert (told["code"], told["state"], told["coordinate"]) == ("SCHEMA_DRIFT", "staged", "Person.name")
    assert "is not served" in told["message"]


async def test_what_waited_for_the_next_start_is_applied_then_and_no_longer_warned_of(
    configure: Configure, people: Service
) -> None:
    pauses = Pauses()
    config = configure(refreshed("stage"))
    async with opened(config, pauses) as house:
        people.sdl = PEOPLE.replace("name: String!", "name: String")
        await once_more(house, pauses)
    async with opened(config) as again:
        changed = again.status()["changes"]
        assert "extensions" not in await ask(again, '{ person(id: "3") { name } }')
    assert [each["state"] for each in changed] == ["applied", "staged"]
