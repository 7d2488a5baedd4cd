"""The check that every null is explained finds one that is not."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import parse_type

from gateway.errors import Affected, Path, UpstreamTimeout
from gateway.execution.explained import unexplained_nulls
from gateway.execution.shape import Complete, Entry
from gateway.sources.base import Case, Field


class Row:
    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, f"f_{name}", value)


class Root(Row):
    """The answer's."""


class Item(Row):
    """One of its items."""


def case(*names: str) -> Case:
    fields = tuple(Field(name, name, parse_type("String")) for name in names)
    return Case(("Any",), fields, answer=fields)


CASES: dict[type, Case] = {Root: case("items", "note"), Item: case("name")}


def root() -> Root:
    return Root(items=[Item(name="Ann"), Item(name=None), None], note="fine")


def nulls(data: Any, *paths: Path, count: int | None = None) -> int:
    entry = Entry(UpstreamTimeout(), Affected(list(paths), len(paths) if count is None else count))
    return unexplained_nulls(root(), Complete(data, (entry,) if paths else ()), CASES)


WHOLE = {"items": [{"name": "Ann"}, {"name": None}, None], "note": "fine"}


def test_what_a_source_says_is_nothing_is_its_own_null() -> None:
    assert nulls(WHOLE) == 0


@pytest.mark.parametrize(
    "data",
    [
        WHOLE | {"note": None},
        WHOLE | {"items": [{"name": None}, {"name": None}, None]},
        WHOLE | {"items": [None, {"name": None}, None]},
        WHOLE | {"items": None},
        None,
    ],
)
def test_a_null_in_place_of_something_needs_an_error(data: Any) -> None:
    assert nulls(data) == 1


def test_an_error_explains_the_nulls_at_and_above_its_place() -> None:
    assert nulls(WHOLE | {"items": None}, ("items", 0, "name")) == 0
    assert nulls(None, ("items", 0, "name")) == 0
    assert nulls(WHOLE | {"note": None}, ("items", 0, "name")) == 1
    assert nulls(WHOLE | {"items": [None, {"name": None}, None]}, ("items", 1, "name")) == 1


def test_an_error_at_more_places_than_are_listed_may_explain_any() -> None:
    assert nulls(WHOLE | {"note": None}, ("items", 0, "name"), count=30) == 0
