"""Makes data of the rows that are there, part by part: nulls and errors as `shape` has them, each fragment, and the rest of each
list, in its own bounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec
from graphql import TypeNode

from gateway.errors import Path
from gateway.execution.incremental.parts import Completed, Instance, Piece
from gateway.execution.incremental.schedule import Schedule
from gateway.execution.reading import attribute_of
from gateway.execution.run import encode
from gateway.execution.shape import NULLED, Entry, Shaper
from gateway.sources.base import Case, Deferral, Field

Group = frozenset[Deferral]
"""Any of these brings it."""


class Site(msgspec.Struct, frozen=True):
    """A row that was delivered, and fields of it that were not."""

    row: Any
    path: Path
    group: Group
    fields: Sequence[Field]
    rest: Deferral | None
    """The rest of a list that the row is in."""


class Rest(msgspec.Struct, frozen=True):
    """A list that was delivered, and items of it that were not."""

    values: list[Any]
    path: Path
    group: Group
    """The one that brings it."""
    field: Field
    node: TypeNode
    """The type of an item."""
    start: int


class Delivery(Shaper):
    """What `schedule` gives no part of its own comes with what stands around it."""

    def __init__(self, cases: Mapping[type, Case], on_error: str, listed: int, schedule: Schedule) -> None:
        super().__init__(cases, on_error, listed)
        self.later = frozenset(schedule.later)
        self.copies = schedule.copies
        self.complete: set[Deferral] = set()
        """Those whose fetches are there."""
        self.found: list[Site | Rest] = []
        """On the walk under way."""
        self.rest: Deferral | None = None
        """On the walk under way: it is through the rest of a list."""
        self.waiting: list[Site | Rest] = []
        self.open: dict[tuple[Deferral, Path], Instance] = {}
        self._count = 0
        self._plans: dict[tuple[type, Deferral | None], list[tuple[Field, Group]]] = {}

    # ------------------------------------------------------------ the parts

    def first(self, root: Any) -> tuple[bytes, tuple[Entry, ...], tuple[Instance, ...]]:
        """The data of the first part, its errors, and what is announced with it."""
        data = self.row(root, ())
        if data is NULLED:
            self.found = []
        errors = tuple(self.entries.values())
        return encode(None if data is NULLED else data), errors, self._announced()

    def next(self) -> tuple[tuple[Piece, ...], tuple[Completed, ...], tuple[Instance, ...]]:
        """What has become complete since, and what is announced with that: some of which may be complete, too."""
        self.entries = {}
        announced: tuple[Instance, ...] = ()
        pieces: list[Piece] = []
        failed: dict[str, tuple[Entry, ...]] = {}
        ended: dict[str, int] = {}
        while due := [site for site in self.waiting if not self.complete.isdisjoint(site.group)]:
            self.waiting = [site for site in self.waiting if self.complete.isdisjoint(site.group)]
            for site in due:
                if isinstance(site, Rest):
                    self._items(site, pieces, failed, ended)
                else:
                    self._deliver(site, pieces, failed)
            announced += self._announced()
        done = [key for key in self.open if key[0] in self.complete]
        over = map(self.open.pop, done)
        completed = tuple(Completed(each, failed.get(each.id, ()), ended.get(each.id)) for each in over)
        return tuple(p for p in pieces if p.index is not None or p.instance.id not in failed), completed, announced

    def _deliver(self, site: Site, pieces: list[Piece], failed: dict[str, tuple[Entry, ...]]) -> None:
        deferral = min(self.complete & site.group, key=lambda each: each.id)
        instance = self._instance(deferral, site.path)
        known, start = {*self.entries}, len(self.found)
        self.rest = site.rest
        data = self._row(site.row, site.path, [(field, frozenset()) for field in site.fields])
        self.rest = None
        errors = self._new(known)
        if data is NULLED or instance.id in failed:
            del self.found[start:]
            failed[instance.id] = failed.get(instance.id, ()) + errors
        else:
            pieces.append(Piece(instance, site.path, encode(data), errors))

    def _items(
        self, site: Rest, pieces: list[Piece], failed: dict[str, tuple[Entry, ...]], ended: dict[str, int]
    ) -> None:  # fmt: skip
        """An item that may not be null and is ends it: those before it are delivered, those after it are not."""
        (stream,) = site.group
        instance, made = self._instance(stream, site.path), []
        begun = {*self.entries}
        self.rest = stream
        for index, item in enumerate(islice(site.values, site.start, None), site.start):
            known = {*self.entries}
            value = self.value(item, site.node, site.field, (*site.path, index))
            if value is NULLED:
                failed[instance.id], ended[instance.id] = self._new(known), index
                begun |= {*self.entries} - known
                break
            made.append(value)
        self.rest = None
        if made:
            pieces.append(Piece(instance, site.path, encode(made), self._new(begun), site.start))

    def _new(self, known: set[int]) -> tuple[Entry, ...]:
        return tuple(entry for number, entry in self.entries.items() if number not in known)

    # ------------------------------------------------------------ instances

    def _announced(self) -> tuple[Instance, ...]:
        """What of the walk just made is still to come. It is announced where something of it is waited for."""
        known = {*self.open}
        for site in self.found:
            for deferral in sorted(site.group, key=lambda each: each.id):
                self._instance(deferral, site.path)
        self.waiting += self.found
        self.found = []
        return tuple(instance for key, instance in self.open.items() if key not in known)

    def _instance(self, deferral: Deferral, path: Path) -> Instance:
        key = (deferral, _place(deferral, path))
        if (known := self.open.get(key)) is None:
            known = self.open[key] = Instance(str(self._count), key[1], deferral.label)
            self._count += 1
        return known

    # ------------------------------------------------------------ the walk

    def row(self, row: Any, path: Path) -> Any:
        kind = (row.__class__, self.rest)
        if (plan := self._plans.get(kind)) is None:
            plan = self._plans[kind] = [(field, self._group(field)) for field in self.cases[row.__class__].answer]
        return self._row(row, path, plan)

    def _row(self, row: Any, path: Path, plan: Iterable[tuple[Field, Group]]) -> Any:
        made: dict[str, Any] = {}
        later: dict[Group, list[Field]] = {}
        for field, group in plan:
            if group:
                later.setdefault(group, []).append(field)
                continue
            value = self.value(getattr(row, attribute_of(field.key)), field.type, field, (*path, field.key))
            if value is NULLED:
                return NULLED
            made[field.key] = value
        self.found += [Site(row, path, group, fields, self.rest) for group, fields in later.items()]
        return made

    def value(self, value: Any, node: TypeNode, field: Field, path: Path) -> Any:
        """Of what becomes null, nothing is waited for."""
        start = len(self.found)
        made = super().value(value, node, field, path)
        if made is None or made is NULLED:
            del self.found[start:]
        return made

    def items(self, values: list[Any], node: TypeNode, field: Field, path: Path) -> Any:
        """Of lists in lists, and of those in items that come later, all items come at once."""
        stream = field.streamed
        if stream is None or stream not in self.later or self.rest is not None or not isinstance(path[-1], str):
            return super().items(values, node, field, path)
        made = super().items(values[: stream.first], node, field, path)
        if made is not NULLED and len(values) > len(made):
            self.found.append(Rest(values, path, frozenset((stream,)), field, node, len(made)))
        return made

    def _group(self, field: Field) -> Group:
        """The fragments in `later` that it may come with; empty: it comes with its row."""
        group = [self._delivered(deferral) for deferral in field.deferred]
        return frozenset(each for each in group if each is not None) if None not in group else frozenset()

    def _delivered(self, deferral: Deferral | None) -> Deferral | None:
        """A fragment without a part of its own comes with what stands around it: in the rest of a list, at most with that."""
        while deferral is not None:
            here = deferral if self.rest is None else self.copies.get((self.rest, deferral))
            if here in self.later:
                return here
            deferral = deferral.outer
        return None


def _place(deferral: Deferral, path: Path) -> Path:
    """The part of the path that leads to what is deferred: its response keys, and the list indices among and after them."""
    keys, length = len(deferral.path), 0
    for step in path:
        if isinstance(step, str):
            if not keys:
                break
            keys -= 1
        length += 1
    return path[:length]
