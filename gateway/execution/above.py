"""Values from further up in the answer that a fetch is called with: a parent's key is completed by those of the rows above it."""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from typing import Any

from gateway.errors import GatewayError
from gateway.execution.gather import Convert, Descend, Gathered, Having, KeyOf, descents, key_reader, walk
from gateway.execution.place import Found
from gateway.execution.reading import attribute_of
from gateway.execution.represent import hashable
from gateway.planning.plan import Above

Rows = list[Any]


class Higher:
    """One value from above, ready: where its rows are, how it is read there, and the way down to the parents."""

    __slots__ = ("base", "below", "descents", "hidden", "read")

    def __init__(self, above: Above, having: Having, marked: frozenset[type]) -> None:
        self.base = above.where.base
        self.descents: tuple[Descend, ...] = descents(above.where.path, having, marked)
        self.read: KeyOf = key_reader([above.value.path])
        self.below = [attribute_of(key) for key in above.below]
        self.hidden = attribute_of(above.value.path[0]) if above.value.hidden else None

    def values(self, rows: Sequence[Rows]) -> dict[int, Any]:
        """Parent (by its identity) → the value."""
        found: dict[int, Any] = {}
        for row in walk(rows[self.base], self.descents):
            value = hashable(self.read(row))
            below = [row]
            for attribute in self.below:
                below = [each for one in below for each in _items(getattr(one, attribute, None))]
            found.update((id(each), value) for each in below)
        return found


def _items(value: Any) -> Rows:
    if value.__class__ is list:
        return [each for item in value for each in _items(item)]
    return [value]


def completing_keys(step_key: KeyOf, higher: Sequence[Higher], rows: Sequence[Rows]) -> KeyOf:
    """A key and the values above it; an error where one of them is an error."""
    values = [each.values(rows) for each in higher]

    def key_of(parent: Any) -> Any:
        key = step_key(parent)
        if key is None or isinstance(key, GatewayError):
            return key
        given = [known.get(id(parent)) for known in values]
        return next((v for v in given if isinstance(v, GatewayError)), (key, *given))

    return key_of


def converting(convert: Convert | None) -> Convert:
    """Only the key itself is changed for the wire."""
    return lambda key: (convert(key[0]) if convert is not None else key[0], *key[1:])


def set_apart(gathered: Gathered, found: Found, classes: Collection[type]) -> Rows:
    """Gives each parent rows of its own, where several had the same; the rows that were made for that."""
    seen: set[Any] = set()
    made: Rows = []
    for index, key in enumerate(gathered.keys):
        if key in seen and not isinstance(key, GatewayError):
            own = (index, key)
            found[own] = _copied(found[key], classes)
            gathered.keys[index] = own
            made += [row for row in _items(found[own]) if row.__class__ in classes]
        seen.add(key)
    return made


def _copied(value: Any, classes: Collection[type]) -> Any:
    if value.__class__ is list:
        return [_copied(each, classes) for each in value]
    if value.__class__ not in classes:
        return value
    made = copy.copy(value)
    for attribute in made.__struct_fields__:
        setattr(made, attribute, _copied(getattr(made, attribute), classes))
    return made
