"""Which sources are joined: what plans say, times how often they were carried out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.app import House, settings_of
from gateway.app.joined import together
from gateway.app.line import lines
from gateway.app.observing.operations import Counts, Operations

from .conftest import Configure, ask


async def counted(config: Path, *queries: str) -> dict[str, Any]:
    settings = settings_of(config)
    house = House(settings, lines(settings), account=Operations(Counts(10), None))
    try:
        await house.open()
        for query in queries:
            assert "errors" not in await ask(house, query)
        return house.joins()
    finally:
        await house.close()


async def test_operations_calls_and_keys_of_a_join_are_counted(configure: Configure) -> None:
    joining = '{ a: book(id: "1") { author { name } } b: book(id: "2") { author { name } } }'
    told = await counted(configure(), joining, '{ book(id: "1") { title } }', '{ person(id: "1") { name } }')
    assert told["counted"]
    assert told["asked"] == {"books": 2, "people": 2}
    [join] = told["joins"]
    assert (join["field"], join["source"], join["to"]) == ("Book.author", "books", "people")
    assert (join["operations"], join["keys"]) == (1, 2)
    assert join["calls"] >= 1
    assert told["owners"]["people"]["team"] == "Staff Office"


async def test_what_was_never_carried_out_is_no_join(configure: Configure) -> None:
    assert (await counted(configure()))["joins"] == []


def test_what_several_workers_counted_is_added_up() -> None:
    join = {"field": "A.b", "source": "a", "to": "b", "type": "B", "via": "b", "operations": 2, "calls": 3, "keys": 4}
    other = {**join, "field": "A.c", "to": "c", "via": "c", "calls": 9}
    owners = {"a": {"team": "A"}, "b": {"team": "B"}}
    first = {"counted": True, "asked": {"a": 5}, "owners": owners, "joins": [join]}
    second = {"counted": True, "asked": {"a": 1, "b": 2}, "owners": {"c": {"team": "C"}}, "joins": [other, join]}
    whole = together([first, second])
    assert whole["asked"] == {"a": 6, "b": 2}
    assert [(each["field"], each["operations"], each["calls"]) for each in whole["joins"]] == [("A.c", 2, 9), ("A.b", 4, 6)]
    assert whole["owners"].keys() == {"a", "b", "c"}
