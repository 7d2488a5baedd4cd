"""From rows down to the parents of a fetch, and from the parents to the distinct keys it asks for."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from operator import attrgetter
from typing import Any

from gateway.errors import GatewayError, SchemaDrift
from gateway.execution.reading import attribute_of, describe
from gateway.planning.plan import Hop

Rows = list[Any]
Descend = Callable[[Rows], Rows]
KeyOf = Callable[[Any], Any]
Convert = Callable[[Any], Any]
PLAIN = frozenset({int, str})
"""Keys that are neither null nor an error, and ask for what they are."""


class Gathered:
    """`keys[i]` is the key of `parents[i]`; `asked` and `wire` are the distinct ones to ask for, `known` the others."""

    __slots__ = ("asked", "keys", "known", "parents", "wire")

    def __init__(self, parents: Rows, keys: list[Any]) -> None:
        self.parents = parents
        self.keys = keys
        self.asked: list[Any] = []
        self.wire: list[tuple[Any, ...]] = []
        self.known: dict[Any, Any] = {}

    def part(self, keys: Container[Any]) -> Gathered:
        """Take these out of what is to be asked for. What was taken out, to be asked for by itself."""
        taken = Gathered(self.parents, self.keys)
        pairs = list(zip(self.asked, self.wire, strict=True))
        self.asked, self.wire = [], []
        for key, wire in pairs:
            where = taken if key in keys else self
            where.asked.append(key)
            where.wire.append(wire)
        return taken


def walk(rows: Rows, descents: Sequence[Descend]) -> Rows:
    for descend in descents:
        rows = descend(rows)
    return rows


def gather(rows: Rows, key_of: KeyOf, convert: Convert | None, single: bool) -> Gathered:
    """A null key asks nothing and finds null; a key that is an error finds that error."""
    gathered = Gathered(rows, list(map(key_of, rows)))
    distinct = dict.fromkeys(gathered.keys)
    if convert is None and single and set(map(type, distinct)) <= PLAIN:
        gathered.asked, gathered.wire = list(distinct), list(zip(distinct, strict=True))
        return gathered
    for key in distinct:
        value = key if convert is None or key is None or isinstance(key, GatewayError) else convert(key)
        if value is None or isinstance(value, GatewayError):
            gathered.known[key] = value
        else:
            gathered.asked.append(key)
            gathered.wire.append((value,) if single else value)
    return gathered


# ---------------------------------------------------------------- made once per operation


Having = Callable[[str], frozenset[type]]
"""attribute → the row classes that have it."""


def descents(path: Sequence[Hop], having: Having, wanted: frozenset[type]) -> tuple[Descend, ...]:
    """The ways down a path to the `wanted` row classes; what is no such row is passed over."""
    if not path:
        return (_only(wanted),)
    attributes = [attribute_of(hop.key) for hop in path]
    passed = [having(attribute) for attribute in attributes]
    made: list[Descend] = [_only(passed[0])]
    below = [*passed[1:], wanted]
    made += [_down(attribute, classes, hop) for attribute, classes, hop in zip(attributes, below, path, strict=True)]
    return tuple(made)


def _only(classes: frozenset[type]) -> Descend:
    return lambda rows: rows if classes.issuperset(map(type, rows)) else [row for row in rows if row.__class__ in classes]


def _down(attribute: str, classes: frozenset[type], hop: Hop) -> Descend:
    get: Callable[[Any], Any] = attrgetter(attribute)
    if hop.items is not None:
        get = _part(get, slice(*hop.items))

    def descend(rows: Rows) -> Rows:
        found: Rows = []
        for value in map(get, rows):
            if value.__class__ is list:
                found += flatten(value, classes)
            elif value.__class__ in classes:
                found.append(value)
        return found

    return descend


def _part(get: Callable[[Any], Any], items: slice) -> Callable[[Any], Any]:
    def read(row: Any) -> Any:
        value = get(row)
        return value[items] if value.__class__ is list else value

    return read


def flatten(values: list[Any], classes: frozenset[type]) -> Rows:
    """The rows in a list, however nested. Mostly there is nothing else in it, and it is the list itself."""
    kinds = set(map(type, values))
    if kinds <= classes:
        return values
    rows = [value for value in values if value.__class__ in classes]
    if list in kinds:
        rows += [row for value in values if value.__class__ is list for row in flatten(value, classes)]
    return rows


def key_reader(paths: Sequence[tuple[str, ...]]) -> KeyOf:
    """Reads a row's key: the value for one input, a tuple for several; null when any part is, an error when any part is."""
    parts = [_path_reader(path) for path in paths]
    if len(parts) == 1:
        return parts[0]

    def read(row: Any) -> Any:
        values = tuple(part(row) for part in parts)
        for value in values:
            if value is None or isinstance(value, GatewayError):
                return value
        return values

    return read


def _path_reader(path: tuple[str, ...]) -> KeyOf:
    if len(path) == 1:
        return attrgetter(attribute_of(path[0]))
    attributes = [attribute_of(key) for key in path]

    def read(row: Any) -> Any:
        for attribute in attributes:
            row = getattr(row, attribute)
            if row is None or isinstance(row, GatewayError):
                return row
        return row

    return read


def key_converter(pairs: Iterable[tuple[str, str]], service: str) -> Convert | None:
    """For (type of the input, type of the argument) pairs: how keys are changed for the argument; None when they are not."""
    needed = [given == "ID" and wanted in ("Int", "Int64") for given, wanted in pairs]
    if not any(needed):
        return None
    if len(needed) == 1:
        return lambda key: _integer(key, service)

    def convert(key: Any) -> Any:
        values = tuple(_integer(v, service) if change else v for v, change in zip(key, needed, strict=True))
        return next((v for v in values if isinstance(v, GatewayError)), values)

    return convert


def _integer(key: Any, service: str) -> Any:
    """An ID used as an Int: decimal text only."""
    text = str(key)
    if text.removeprefix("-").isdecimal() and text.isascii():
        return int(text)
    drift = SchemaDrift("takes whole numbers as keys and was given another ID", expected="Int", actual=describe(key))
    drift.service = service
    return drift
