"""Parents become representations: what an entity is named by to a subgraph that takes a list of them.

The key of a parent is hashable, so that equal entities are asked once; what goes on the wire is made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

import msgspec

from gateway.errors import GatewayError
from gateway.execution.gather import Convert, KeyOf
from gateway.execution.reading import attribute_of
from gateway.sources.base import Case, Input, Representation

encode = msgspec.json.Encoder().encode

TYPE = "__typename"


def representing(representations: Mapping[type, Representation], cases: Mapping[type, Case]) -> tuple[KeyOf, Convert]:
    """How keys are read from parents of these row classes, and what each key is on the wire."""
    by_class = {cls: _reader(representation, cases) for cls, representation in representations.items()}
    names = {representation.mark: tuple(i.name for i in representation.inputs) for representation in representations.values()}

    def convert(key: Any) -> Any:
        mark, type_name, *values = key
        sent = {TYPE: type_name}
        for name, value in zip(names[mark], values, strict=True):
            sent[name] = sendable(value)
        return sent

    if len(by_class) == 1:
        (read,) = by_class.values()
        return read, convert

    def read_any(row: Any) -> Any:
        return by_class[row.__class__](row)

    return read_any, convert


def _reader(representation: Representation, cases: Mapping[type, Case]) -> KeyOf:
    mark, constant = representation.mark, representation.type
    typename = attrgetter(attribute_of(representation.typename.path[0])) if representation.typename else None
    parts = [(_value_of(each, cases), each.nullable) for each in representation.inputs]

    def read(row: Any) -> Any:
        key = [mark, constant if typename is None else typename(row)]
        for value_of, nullable in parts:
            value = value_of(row)
            if isinstance(value, GatewayError) or (value is None and not nullable):
                return value
            key.append(value)
        return tuple(key)

    return read


def _value_of(wanted: Input, cases: Mapping[type, Case]) -> Callable[[Any], Any]:
    get = attrgetter(attribute_of(wanted.path[0]))
    if not wanted.rows:
        return lambda row: hashable(get(row))
    plain = _Plain(cases)

    def value(row: Any) -> Any:
        made = plain.value(get(row))
        return made if made is None or isinstance(made, GatewayError) else encode(made)

    return value


def hashable(value: Any) -> Any:
    """A list of scalars, or a custom scalar's object, is compared by its JSON."""
    return encode(value) if value.__class__ in (list, dict) else value


def sendable(value: Any) -> Any:
    """What `hashable` made, as it goes on the wire."""
    return msgspec.Raw(value) if value.__class__ is bytes else value


class _Plain:
    """Rows as the objects a subgraph knows: under the names of its fields, with their types."""

    def __init__(self, cases: Mapping[type, Case]) -> None:
        self.cases = cases
        self.members: dict[type, tuple[tuple[str, str], ...]] = {}

    def value(self, value: Any) -> Any:
        if value.__class__ is list:
            return self._list(value)
        return self._row(value) if value.__class__ in self.cases else value

    def _list(self, values: list[Any]) -> Any:
        made = []
        for value in values:
            item = self.value(value)
            if isinstance(item, GatewayError):
                return item
            made.append(item)
        return made

    def _row(self, row: Any) -> Any:
        made = {}
        for name, attribute in self._members(row.__class__):
            value = self.value(getattr(row, attribute))
            if isinstance(value, GatewayError):
                return value
            made[name] = value
        return made

    def _members(self, cls: type) -> tuple[tuple[str, str], ...]:
        if (known := self.members.get(cls)) is None:
            known = self.members[cls] = tuple((f.name, attribute_of(f.key)) for f in self.cases[cls].answer)
        return known
