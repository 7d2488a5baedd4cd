"""Rows: one generated struct class per case of a selection, and how a value becomes one."""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import msgspec
from graphql import NonNullTypeNode

from gateway.execution.reading.exact import leaf, never, withheld
from gateway.execution.reading.sink import ABSENT, Exact, Sink
from gateway.execution.scalars import check_any, fast_enum
from gateway.sources.base import Case, Field
from gateway.sources.reach import fields_of

if TYPE_CHECKING:
    from gateway.execution.reading.readers import Readers


class Reading(msgspec.Struct, frozen=True):
    """How one place is read. `fast` None: only the exact reader can tell what is there."""

    fast: Any
    exact: Exact
    convert: Callable[[Any], Any] | None = None
    """From what `fast` decodes to rows, where the wire's names are not the answer's."""


@lru_cache(maxsize=8192)
def attribute_of(key: str) -> str:
    """The slot of a response key."""
    return "f_" + key


_made: WeakValueDictionary[Hashable, type] = WeakValueDictionary()


def struct(
    name: str, slots: Sequence[tuple[Any, ...]], rename: Mapping[str, str], taken: Container[type] = (), **tag: str
) -> type:
    """The class of this shape that is not `taken`: one for all operations that have use for it, as long as there are any.

    A class takes 2.5 KiB, and clients ask for the same few shapes again and again.
    """
    number = 0
    while True:
        shape = (name, tuple(slots), tuple(rename.items()), tuple(tag.items()), number)
        if (made := _made.get(shape)) is None:
            made = msgspec.defstruct(name, slots, rename=dict(rename), kw_only=True, gc=False, **tag)  # type: ignore[arg-type]  # tag
            _made[shape] = made
        if made not in taken:
            return made
        number += 1


def row_class(readers: Readers, case: Case) -> type:
    """The class of the rows of one case: a slot per client field in the client's order, then what joins need."""
    asked = [f.key for f in case.fields if f.name != "__typename" or not f.hidden]
    keys = list(dict.fromkeys([*(f.key for f in case.answer), *asked, *case.slots]))
    slots = [(attribute_of(key), Any, None) for key in keys]
    rename = {attribute_of(key): key for key in keys}
    made = struct(_class_name(case), slots, rename, readers.rows)
    readers.rows[made] = case
    return made


def _class_name(case: Case) -> str:
    return "Row_" + (case.types[0] if case.types else "none")


class RowReading:
    """The readings of one case's fields, and the row made of them. `name` is the object type, where it is certain."""

    def __init__(self, readers: Readers, case: Case, parent: str, name: str | None, row: type | None = None) -> None:
        self.readers = readers
        self.case = case
        self.name = name
        self.row = row
        self.owner = owner = name or parent
        self._rest = readers.wire.rest.get(owner, "")
        self.asked = [f for f in case.fields if f.name != "__typename" or not (f.hidden or name)]
        self.readings = [self._field(f, owner) for f in self.asked]
        self.properties = [self._property(f, owner) for f in self.asked]
        asked_keys = {f.key for f in self.asked}
        typename_fields = [f for f in case.answer if f.name == "__typename" and f.key not in asked_keys]
        self.constants = {attribute_of(f.key): name for f in typename_fields}
        self.origins = self._origins()
        self.fast_fields = self._fast_fields() if self._readable_fast() else None
        self.wired = {field[0]: f"w{place}" for place, field in enumerate(self.fast_fields or ())}
        """Attribute → the slot it is decoded into where that is no row: told by place, so that aliases make no other class."""
        self.exact: Exact = self._exact_reader(self.name or "") if row is not None else never

    def _field(self, field: Field, owner: str) -> Reading:
        if field.name == "__typename":
            return self._typename()
        if field.withheld:
            return Reading(None, withheld(f"{owner}.{field.name}"))
        if field.name == self._rest:
            return Reading(None, leaf(check_any, f"{owner}.{field.name}", "JSON"))
        return self.readers.value(field.type, field.selection, f"{owner}.{field.name}")

    def _declared(self) -> frozenset[str]:
        """The properties that fields of the type stand for."""
        fields = fields_of(self.readers.subgraph.types.get(self.owner))
        names = self.readers.wire.names
        return frozenset(names.get((self.owner, each.name.value), each.name.value) for each in fields)

    def _typename(self) -> Reading:
        accepted = self._type_names()
        renamed = any(k != v for k, v in accepted.items())
        return Reading(fast_enum(accepted), lambda value, _: accepted[value], accepted.__getitem__ if renamed else None)

    def _type_names(self) -> Mapping[str, str]:
        """What may stand under `__typename` on the wire, and how it is called here."""
        original = {ours: theirs for theirs, ours in self.readers.wire.types.items()}
        return {original.get(name, name): name for name in self.case.types}

    def _property(self, field: Field, owner: str) -> str:
        wire = self.readers.wire
        return (field.alias or field.key) if wire.response_keys else wire.names.get((owner, field.name), field.name)

    def _origins(self) -> dict[str, str]:
        """Attribute → the attribute that is decoded for it: a REST property asked for twice comes once."""
        first: dict[str, str] = {}
        return {attribute_of(f.key): first.setdefault(p, attribute_of(f.key)) for f, p in self._named()}

    def _named(self) -> Iterable[tuple[Field, str]]:
        return zip(self.asked, self.properties, strict=True)

    def _readable_fast(self) -> bool:
        """One property cannot be decoded into two kinds of rows."""
        shared = (f for f in self.asked if self._is_again(f) or attribute_of(f.key) in self._again())
        return all(r.fast is not None for r in self.readings) and not any(f.selection for f in shared)

    def _is_again(self, field: Field) -> bool:
        return self.origins[attribute_of(field.key)] != attribute_of(field.key)

    def _again(self) -> set[str]:
        return {self.origins[attribute_of(f.key)] for f in self.asked if self._is_again(f)}

    def _fast_fields(self) -> list[tuple[Any, ...]]:
        """As defstruct takes them: an optional field of a REST source may be absent."""
        lenient = self.readers.wire.absent_is_null
        return [
            (attribute_of(f.key), r.fast)
            if not lenient or isinstance(f.type, NonNullTypeNode)
            else (attribute_of(f.key), r.fast, None)
            for f, r in zip(self.asked, self.readings, strict=True)
            if not self._is_again(f)
        ]

    # ------------------------------------------------------------ one certain class

    def reading(self, coordinate: str) -> Reading:
        if self._decodes_into_rows():
            self.row = self._direct_class()
            return Reading(self.row, self._exact_reader(coordinate))
        self.row = row_class(self.readers, self.case)
        exact = self._exact_reader(coordinate)
        if self.fast_fields is None:
            return Reading(None, exact)
        decoded, convert = self.untagged()
        return Reading(decoded, exact, convert)

    def untagged(self) -> tuple[type, Callable[[Any], Any]]:
        """The class that is decoded, and what makes a row of it. Where all fields can be read fast only."""
        assert self.fast_fields is not None
        decoded = struct("Wire_" + _class_name(self.case), *self._wire(self.fast_fields))
        return decoded, self._convert(self._sources(), {})

    def _decodes_into_rows(self) -> bool:
        """The wire spells the answer: what is decoded can be encoded as it is."""
        visible_as_is = all(f.hidden or f.key == p for f, p in zip(self.asked, self.properties, strict=True))
        distinct = len({*self.properties}) == len(self.properties)
        elsewhere = {*(f.key for f in self.case.answer), *self.case.slots} - {f.key for f in self.asked}
        free = elsewhere.isdisjoint(self.properties)
        return self.fast_fields is not None and visible_as_is and distinct and free and not any(r.convert for r in self.readings)

    def _direct_class(self) -> type:
        known = {field[0]: field for field in self.fast_fields or ()}
        order = [attribute_of(f.key) for f in self.case.answer]
        order += [attribute for attribute in known if attribute not in order]
        order += [attribute_of(key) for key in self.case.slots]
        slots = [known.get(a) or self._elsewhere(a) for a in order]
        rename = {a: a.removeprefix("f_") for a in order} | self._wire_names()
        made = struct(_class_name(self.case), slots, rename, self.readers.rows)
        self.readers.rows[made] = self.case
        return made

    def _elsewhere(self, attribute: str) -> tuple[str, Any, Any]:
        """A slot another fetch fills, or a constant: whatever the upstream may send under that name is skipped."""
        if (constant := self.constants.get(attribute)) is not None:
            return (attribute, fast_enum((constant,)), constant)
        return (attribute, msgspec.Raw, None)

    def _wire_names(self) -> dict[str, str]:
        return {attribute_of(f.key): p for f, p in self._named() if not self._is_again(f)}

    def _sources(self) -> list[tuple[str, Callable[[Any], Any] | None]]:
        return [(attribute_of(f.key), r.convert) for f, r in zip(self.asked, self.readings, strict=True)]

    def _convert(self, sources: list[tuple[str, Callable[[Any], Any] | None]], more: Mapping[str, Any]) -> Callable[[Any], Any]:
        """Compiled: it runs once per row."""
        row, constants = self.row, {**self.constants, **more}
        slots = [self.wired[self.origins[a]] for a, _ in sources]
        parts = [
            f"{a}=convert_{i}(wire.{slots[i]})" if convert else f"{a}=wire.{slots[i]}" for i, (a, convert) in enumerate(sources)
        ]
        parts += [f"{a}=constants[{a!r}]" for a in constants]
        scope: dict[str, Any] = {f"convert_{i}": convert for i, (_, convert) in enumerate(sources)}
        scope |= {"row": row, "constants": constants}
        return eval(f"lambda wire: row({', '.join(parts)})", scope)  # type: ignore[no-any-return]  # response keys are GraphQL names

    # ------------------------------------------------------------ one of several

    def tagged(self, tag_field: str, tag: str, alone: bool) -> type:
        """The class decoded when the tag says so. A field that is the tag itself is a constant of the row instead.

        A tagged struct on its own would take a value without any tag, so one that stands `alone` has it as a field.
        """
        names = self._wire_names()
        slots, rename = self._wire([f for f in self.fast_fields or () if names[f[0]] != tag_field])
        name = f"Wire_{self.name}"
        if alone:
            return struct(name, [("tag", fast_enum((tag,))), *slots], rename | {"tag": tag_field})
        return struct(name, slots, rename, tag_field=tag_field, tag=tag)

    def _wire(self, fields: Iterable[tuple[Any, ...]]) -> tuple[list[tuple[Any, ...]], dict[str, str]]:
        """Slots to decode into, and how they are called on the wire."""
        names, fields = self._wire_names(), list(fields)
        return [(self.wired[f[0]], *f[1:]) for f in fields], {self.wired[f[0]]: names[f[0]] for f in fields}

    def converter(self, tag_field: str, tag: str) -> Callable[[Any], Any] | None:
        """None where the tag itself does not fit a field that reads it: that is for the exact reader to tell."""
        sink = Sink("", None)
        tags = {
            attribute_of(f.key): r.exact(tag, sink)
            for f, p, r in zip(self.asked, self.properties, self.readings, strict=True)
            if p == tag_field
        }
        if sink.faulty:
            return None
        return self._convert([(a, c) for a, c in self._sources() if a not in tags], tags)

    # ------------------------------------------------------------ exact

    def _exact_reader(self, coordinate: str) -> Exact:
        row, constants = self.row, self.constants
        assert row is not None  # set before any reader is made
        every = zip(self.asked, self.properties, self.readings, strict=True)
        fields = [(attribute_of(f.key), p, r.exact) for f, p, r in every if f.name != self._rest]
        rests = [(attribute_of(f.key), r.exact) for f, r in zip(self.asked, self.readings, strict=True) if f.name == self._rest]
        declared = self._declared() if rests else frozenset[str]()
        expected = self.name or "an object"
        tells = [p for f, p in self._named() if f.name == "__typename"]
        known = self._type_names()

        def exact(value: Any, sink: Sink) -> Any:
            if value.__class__ is not dict:
                return sink.drift(coordinate, expected, value)
            get = value.get
            for told in map(get, tells):  # of an unknown type: the whole object does not fit
                if told.__class__ is not str or told not in known:
                    return sink.drift(coordinate, " | ".join(known), ABSENT if told is None else told)
            made = {a: read(get(p, ABSENT), sink) for a, p, read in fields}
            for a, read in rests:
                made[a] = read({name: item for name, item in value.items() if name not in declared}, sink)
            return row(**made, **constants)

        return exact
