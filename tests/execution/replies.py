"""Generated upstream JSON: right ones, and ones made wrong in a few places."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    get_named_type,
    graphql_sync,
    is_abstract_type,
    is_leaf_type,
    parse,
    validate,
)

from tests.execution.choices import Choices

VERBATIM = (
    *(b"1e400", b"-1e400", b"1.0", b"1e2", b"-0.0", b"-0", b"1E-2", b"12345678901234567890123", b"1" * 5000, b"2147483648"),
    *(b'"\\ud800"', b'"\xff"', b'{"x": 1e400}', b'["\\udfff"]', b'{"\\ud800": 1}', b'"\\ud83d\\ude00"', b"1.5", b"9" * 400),
)
"""Bytes that stand where a value should: numbers and texts at the edge of what JSON and Unicode allow."""
WRONG = (5, "text", True, [], {}, [1], [None], [[]], -(2**31), 2**31, "A0", "T0", "T1", {"__typename": "T0"}, {"a": None})
SAMPLES = {"Int": (1, 0, -5, 2**31 - 1), "Float": (1.5, 2, 0.0), "String": ("s", "", 'ü"\n\u2028'), "ID": ("i1", "2")}
ANYTHING = ({"x": [1, None]}, "any", 7, [1.5])
Place = tuple[Any, ...]


class Body:
    """A JSON value whose leaves may be bytes of their own."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.verbatim: list[bytes] = []

    def raw(self, raw: bytes) -> str:
        self.verbatim.append(raw)
        return f"@@{len(self.verbatim) - 1}@@"

    def encode(self) -> bytes:
        text = json.dumps(self.value, ensure_ascii=False).encode()
        for number, raw in enumerate(self.verbatim):
            text = text.replace(f'"@@{number}@@"'.encode(), raw)
        return text


def spoil(body: Body, choices: Choices, within: Any) -> None:
    """Make one place in `within` wrong."""
    places = list(_places(within))
    if not places:
        return
    holder, key = choices.of(places)
    kind = choices.below(10)
    if kind < 2:
        holder[key] = None
    elif kind == 2 and isinstance(holder, dict):
        del holder[key]
    elif kind < 6:
        holder[key] = json.loads(json.dumps(choices.of(WRONG)))
    else:
        holder[key] = body.raw(choices.of(VERBATIM))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key or index) below a value."""
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for key, item in items:
        yield value, key
        yield from _places(item)


def paths(value: Any, here: Place = ()) -> Iterator[Place]:
    items: list[tuple[Any, Any]] = list(value.items()) if isinstance(value, dict) else []
    items += enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*here, key)
        yield from paths(item, (*here, key))


# ---------------------------------------------------------------- GraphQL


def graphql_reply(schema: GraphQLSchema, query: str, variables: dict[str, Any] | None, choices: Choices) -> bytes:
    """What a service with this schema might answer, and might get wrong. The query has to be valid: that is a check, too."""
    assert not (faults := validate(schema, parse(query))), (query, faults)

    def resolve(_source: Any, info: Any, **_arguments: Any) -> Any:
        return a_value(info.return_type, choices)

    def resolve_type(_value: Any, _info: Any, abstract: Any) -> str:
        return str(choices.of([m.name for m in schema.get_possible_types(abstract)]))

    result = graphql_sync(schema, query, {}, variable_values=variables, field_resolver=resolve, type_resolver=resolve_type)
    assert not result.errors, (query, result.errors)
    body = Body({"data": result.data})
    for _ in range(choices.below(3)):
        spoil(body, choices, body.value.get("data") if choices.chance(97) else body.value)
    if choices.chance(20) and body.value.get("data"):
        body.value["errors"] = [_an_error(body.value["data"], choices) for _ in range(1 + choices.below(2))]
    return body.encode()


def _an_error(data: Any, choices: Choices) -> Any:
    known = list(paths(data))
    path = list(choices.of(known)) if known else []
    if path and choices.chance(60):
        holder = data
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = None
    entry: dict[str, Any] = {"message": choices.of(("no", "never")), "path": path}
    kind = choices.below(8)
    if kind == 5:
        entry["path"] = [*path, "nowhere"]
    elif kind == 6:
        del entry["path"]
    elif kind == 7:
        return choices.of(("a text", {"message": 5}, None))
    if choices.chance(30):
        entry["extensions"] = {"code": "BROKEN"}
    return entry


def a_value(given: Any, choices: Choices) -> Any:
    """For graphql-core to complete: {} stands for an object."""
    if isinstance(given, GraphQLNonNull):
        return _something(given.of_type, choices)
    return None if choices.chance(12) else _something(given, choices)


def _something(given: Any, choices: Choices) -> Any:
    if isinstance(given, GraphQLList):
        return [a_value(given.of_type, choices) for _ in range(choices.below(4))]
    return a_leaf(given, choices) if is_leaf_type(given) else {}


def a_leaf(given: Any, choices: Choices) -> Any:
    if isinstance(given, GraphQLEnumType):
        return choices.of(list(given.values))
    if given.name == "Boolean":
        return choices.chance(50)
    return choices.of(SAMPLES.get(given.name, ANYTHING))


__all__ = ["Body", "a_leaf", "get_named_type", "graphql_reply", "is_abstract_type", "spoil"]
