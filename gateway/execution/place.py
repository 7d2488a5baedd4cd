"""Puts what a fetch found where it belongs: under a link's key, into the fields of the rows that asked for it, or in their place.

Where another fetch brings the rows of a field, these complete them: field by field, lists item by item.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from operator import attrgetter
from typing import Any

from graphql import NonNullTypeNode
from msgspec import UNSET

from gateway.errors import GatewayError, SchemaDrift
from gateway.execution.gather import PLAIN, Gathered
from gateway.execution.reading import attribute_of
from gateway.sources.base import Case, Field, Selection

Found = dict[Any, Any]
"""Key → what was found: a row, a list, null or an error. Has every key that was gathered."""
Place = Callable[[Gathered, Found], bool]
"""True: something was left that may not be null."""
Cases = Mapping[type, Case]
NO_ROW = (GatewayError, type(None))


def under(attribute: str) -> Place:
    """For links: the value itself."""

    def place(gathered: Gathered, found: Found) -> bool:
        _set_all(gathered.parents, attribute, map(found.__getitem__, gathered.keys))
        return False

    return place


# ---------------------------------------------------------------- into the parents


class Target:
    """What rows of one class are given: some fields as they come, others completed."""

    __slots__ = ("attributes", "getters", "known", "merges", "missing", "required")

    def __init__(self, row: type, source: Case | None, cases: Cases, service: str) -> None:
        case = cases[row]
        answered, slots = {f.key for f in case.answer}, {*case.slots}
        fields = [] if source is None else [f for f in source.fields if f.key in slots or (f.key in answered and not f.hidden)]
        own = [f for f in fields if not f.merged]
        self.attributes = [attribute_of(f.key) for f in own]
        self.getters = [(attribute, attrgetter(attribute)) for attribute in self.attributes]
        self.merges = [(attribute_of(f.key), Merge(f, cases, service)) for f in fields if f.merged]
        self.known = frozenset(c for c, known in cases.items() if known is source)
        self.missing = Stand(fields, service, case.types[0] if case.types else "")
        self.required = any(isinstance(f.type, NonNullTypeNode) for f in fields)

    def row(self, value: Any) -> Any:
        """The row to take fields from: what was found, or what stands for it."""
        if value.__class__ in self.known:
            return value
        return self.missing.of(value) if isinstance(value, GatewayError) else self.missing


class Stand:
    """Stands for a row that is not there: each field null, or the error that explains why it may not be."""

    def __init__(self, fields: Sequence[Field], service: str, owner: str, error: GatewayError | None = None) -> None:
        self._fields, self._service, self._owner = fields, service, owner
        for field in fields:
            value = error
            if error is None and isinstance(field.type, NonNullTypeNode):
                value = _missing(f"{owner}.{field.name}", service)
            setattr(self, attribute_of(field.key), value)

    def of(self, error: GatewayError) -> Stand:
        return Stand(self._fields, self._service, self._owner, error)


def into(targets: Mapping[type, Target]) -> Place:
    """For lookups: each field on its own."""
    if len(targets) == 1:
        (target,) = targets.values()
        return lambda gathered, found: _fill(target, gathered.parents, gathered.keys, found)

    def place(gathered: Gathered, found: Found) -> bool:
        by_class: dict[type, tuple[list[Any], list[Any]]] = {}
        for parent, key in zip(gathered.parents, gathered.keys, strict=True):
            parents, keys = by_class.setdefault(parent.__class__, ([], []))
            parents.append(parent)
            keys.append(key)
        faults = [_fill(targets[cls], parents, keys, found) for cls, (parents, keys) in by_class.items()]
        return any(faults)

    return place


def _fill(target: Target, parents: Sequence[Any], keys: Sequence[Any], found: Found) -> bool:
    rows = {key: target.row(found[key]) for key in dict.fromkeys(keys)}
    found_rows = [rows[key] for key in keys]
    for attribute, get in target.getters:
        _set_all(parents, attribute, map(get, found_rows))
    return target.required and target.missing in rows.values()


def completing(targets: Mapping[type, Target]) -> Place | None:
    """The second half: fields whose rows another fetch brings, once it has. None: there are none."""
    if not any(target.merges for target in targets.values()):
        return None

    def place(gathered: Gathered, found: Found) -> bool:
        faults = False
        for parent, key in zip(gathered.parents, gathered.keys, strict=True):
            target = targets[parent.__class__]
            row = target.row(found[key])
            for attribute, merge in target.merges:
                faults |= merge(getattr(parent, attribute), getattr(row, attribute))
        return faults

    return place


class Merge:
    """Completes the rows of a field. Called with the field's value as it is, and as this fetch has it; True: an error was put."""

    def __init__(self, field: Field, cases: Cases, service: str) -> None:
        assert field.selection is not None  # only rows are completed
        self._selection: Selection = field.selection
        self._cases = cases
        self._service = service
        self._targets: dict[type, Target] = {}

    def __call__(self, into: Any, value: Any) -> bool:
        if into.__class__ is list:
            return self._list(into, value)
        if into.__class__ not in self._cases:
            return False
        target = self._target(into.__class__)
        row = target.row(value)
        for attribute, get in target.getters:
            setattr(into, attribute, get(row))
        faults = row.__class__ is Stand and (target.required or isinstance(value, GatewayError))
        for attribute, merge in target.merges:
            faults |= merge(getattr(into, attribute), getattr(row, attribute))
        return faults

    def _list(self, into: list[Any], values: Any) -> bool:
        if values.__class__ is not list:
            given = [values] * len(into)
        else:
            given = [*values[: len(into)], *repeat(None, len(into) - len(values))]
        faults = [self(item, value) for item, value in zip(into, given, strict=True)]
        return any(faults)

    def _target(self, cls: type) -> Target:
        if (known := self._targets.get(cls)) is None:
            known = self._targets[cls] = Target(cls, source_of(self._cases[cls], self._selection), self._cases, self._service)
        return known


def source_of(target: Case, selection: Selection) -> Case | None:
    """The case of a selection that is for the same types as this one."""
    for case in selection.cases:
        if case.types == target.types:
            return case
    return next((case for case in selection.cases if not {*case.types}.isdisjoint(target.types)), None)


def _missing(coordinate: str, service: str) -> SchemaDrift:
    drift = SchemaDrift(
        f"has no such entity, although {coordinate} may not be null", coordinate=coordinate, expected="a value", actual="nothing"
    )
    drift.service = service
    return drift


# ---------------------------------------------------------------- in their place


class Replace:
    """Puts rows that know their type in the place of those that do not.

    `holders` are the rows that have them under `attribute`.
    """

    def __init__(self, attribute: str, cases: Cases, service: str) -> None:
        self.attribute = attribute
        self.cases = cases
        self.service = service

    def __call__(self, holders: Iterable[Any], gathered: Gathered, found: Found) -> tuple[list[Any], bool]:
        made: dict[int, Any] = {}
        for parent, key in zip(gathered.parents, gathered.keys, strict=True):
            made[id(parent)] = self._told(parent, found[key])
        for holder in holders:
            setattr(holder, self.attribute, self._swap(getattr(holder, self.attribute), made))
        rows = list(made.values())
        return [r for r in rows if r.__class__ in self.cases], any(isinstance(r, GatewayError) for r in rows)

    def _told(self, parent: Any, row: Any) -> Any:
        """A copy of the row for this parent, with what the parent had."""
        if row is None:
            return _missing("__typename", self.service)
        if row.__class__ not in self.cases:
            return row
        made = copy.copy(row)
        slots = made.__struct_fields__
        for field in self.cases[parent.__class__].fields:
            if not field.hidden and (attribute := attribute_of(field.key)) in slots:
                setattr(made, attribute, getattr(parent, attribute))
        return made

    def _swap(self, value: Any, made: Mapping[int, Any]) -> Any:
        if value.__class__ is list:
            value[:] = [self._swap(item, made) for item in value]
            return value
        return made.get(id(value), value)


# ---------------------------------------------------------------- slots


def _set_all(rows: Sequence[Any], attribute: str, values: Any) -> None:
    deque(map(setattr, rows, repeat(attribute), values), maxlen=0)


def hide(rows: Sequence[Any], attribute: str) -> None:
    """Leave a slot that only joins needed out of the answer."""
    deque(map(setattr, rows, repeat(attribute), repeat(UNSET)), maxlen=0)


# ---------------------------------------------------------------- finding by the rows' own key


def by_key(rows: Sequence[Any], key_of: Callable[[Any], Any], many: bool) -> tuple[Found, GatewayError | None]:
    """Rows by their own key, the first of equal keys (all of them, for `many`); and an error that stood among them, if any."""
    if not many and not any(issubclass(kind, NO_ROW) for kind in set(map(type, rows))):
        keys = list(map(key_of, rows))
        if set(map(type, keys)) <= PLAIN:
            return dict(zip(reversed(keys), reversed(rows), strict=True)), None
    found: Found = {}
    fault: GatewayError | None = None
    for row in rows:
        if row is None:
            continue
        key = row if isinstance(row, GatewayError) else key_of(row)
        if isinstance(key, GatewayError):
            fault = fault or key
        elif many:
            found.setdefault(key, []).append(row)
        else:
            found.setdefault(key, row)
    return found, fault
