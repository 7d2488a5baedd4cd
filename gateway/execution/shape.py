"""Completes an answer in which something failed: null propagation and error paths, as the GraphQL spec (section 6.4.4) has them.

Rows hold errors where values should be. This walks them in the client's order, the way an executor would complete the fields:
an error in a non-null place takes its parent along, and what stands after it in that parent is not looked at any more.
An answer without failures never comes here: its rows are encoded as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from graphql import ListTypeNode, NonNullTypeNode, TypeNode

from gateway.errors import AFFECTED_LISTED, Affected, GatewayError, InternalError, Path
from gateway.execution.reading import attribute_of
from gateway.sources.base import Case, Field


class Entry(msgspec.Struct):
    """One error and the positions it explains. `location` is of the first of them."""

    error: GatewayError
    affected: Affected = msgspec.field(default_factory=Affected)
    location: tuple[int, int] | None = None


class Complete(msgspec.Struct):
    data: Any
    errors: tuple[Entry, ...]


class _Halt(Exception):
    """`on_error: halt`: the first error ends it."""


class _Nulled:
    """A null that its own type does not allow: the parent's business."""


NULLED = _Nulled()


def complete(root: Any, cases: Mapping[type, Case], on_error: str = "propagate", listed: int = AFFECTED_LISTED) -> Complete:
    """`root` is the answer's row. Shared rows are completed once per place, because each place has a path of its own.

    `listed`: how many positions of one error are kept.
    """
    shaper = Shaper(cases, on_error, listed)
    try:
        data = shaper.row(root, ())
    except _Halt:
        data = None
    return Complete(None if data is NULLED else data, tuple(shaper.entries.values()))


class Shaper:
    """One walk down an answer. `entries` are the errors met on the way, by identity."""

    def __init__(self, cases: Mapping[type, Case], on_error: str, listed: int) -> None:
        self.listed = listed
        self.cases = cases
        self.on_error = on_error
        self.entries: dict[int, Entry] = {}

    def row(self, row: Any, path: Path) -> Any:
        made: dict[str, Any] = {}
        for field in self.cases[row.__class__].answer:
            value = self.value(getattr(row, attribute_of(field.key)), field.type, field, (*path, field.key))
            if value is NULLED:
                return NULLED
            made[field.key] = value
        return made

    def value(self, value: Any, node: TypeNode, field: Field, path: Path) -> Any:
        if not isinstance(node, NonNullTypeNode):
            inner = self.nullable(value, node, field, path)
            return None if inner is NULLED else inner
        inner = self.nullable(value, node.type, field, path)
        if inner is None and value is None:
            self.record(InternalError("A value that may not be null was left empty."), field, path)
        if inner is None or inner is NULLED:
            return None if self.on_error == "null" else NULLED
        return inner

    def nullable(self, value: Any, node: TypeNode, field: Field, path: Path) -> Any:
        if value is None:
            return None
        if isinstance(value, GatewayError):
            self.record(value, field, path)
            return None
        if isinstance(node, ListTypeNode):
            return self.items(value, node.type, field, path)
        return self.row(value, path) if value.__class__ in self.cases else value

    def items(self, values: list[Any], node: TypeNode, field: Field, path: Path) -> Any:
        made = []
        for index, item in enumerate(values):
            value = self.value(item, node, field, (*path, index))
            if value is NULLED:
                return NULLED
            made.append(value)
        return made

    def record(self, error: GatewayError, field: Field, path: Path) -> None:
        entry = self.entries.get(id(error))
        if entry is None:
            entry = self.entries[id(error)] = Entry(error, Affected(listed=self.listed), field.location)
        entry.affected.add(path)
        if self.on_error == "halt":
            raise _Halt
