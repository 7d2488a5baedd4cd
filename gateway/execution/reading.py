"""Two readers for every place in a reply: a msgspec type for the fast path, a chain of checks for the exact path.

Both give the same *rows*: one generated struct class per place in the answer, with a slot for each of the client's fields in
the client's order (also those other fetches will fill) and slots for what joins need. A row is encoded as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from graphql import EnumTypeDefinitionNode, ListTypeNode, NonNullTypeNode, ScalarTypeDefinitionNode, TypeNode, print_ast

from gateway.errors import GatewayError, SchemaDrift
from gateway.execution.scalars import EXACT, FAST, MISFIT, exact_enum, fast_enum
from gateway.sources.base import Case, Dispatch, Field, Selection, Subgraph

ABSENT = object()
"""The exact path's value for a member that is not there."""


class Sink:
    """What the exact readers of one reply report to. The same misfit at the same coordinate is one error."""

    __slots__ = ("drifts", "faulty", "loose", "operation", "service")

    def __init__(self, service: str, operation: str | None) -> None:
        self.service = service
        self.operation = operation
        self.drifts: dict[tuple[str, str], SchemaDrift] = {}
        self.faulty = False
        self.loose: list[GatewayError] = []
        """Errors of the upstream that explain no null."""

    def drift(self, coordinate: str, expected: str, value: Any) -> GatewayError:
        """The error to put where the value should be. An upstream's own error found in its place stands as it is."""
        self.faulty = True
        if isinstance(value, GatewayError):
            return value
        actual = describe(value)
        if (error := self.drifts.get((coordinate, actual))) is None:
            sentence = f"sent {actual} for {coordinate}, which is declared as {expected}"
            error = SchemaDrift(sentence, coordinate=coordinate, expected=expected, actual=actual)
            error.service, error.operation = self.service, self.operation
            self.drifts[coordinate, actual] = error
        return error


def describe(value: Any) -> str:
    """What a misfit is, in words of JSON; never its content."""
    if value is ABSENT:
        return "nothing"
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "an integer", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return names.get(value.__class__, "something else")


Exact = Callable[[Any, Sink], Any]


class Reading(msgspec.Struct, frozen=True):
    """How one place is read. `fast` None: only the exact reader can tell what is there."""

    fast: Any
    exact: Exact
    convert: Callable[[Any], Any] | None = None
    """From what `fast` decodes to rows, where the wire's names are not the answer's."""


def attribute_of(key: str) -> str:
    """The slot of a response key."""
    return "f_" + key


class Readers:
    """Makes the readings of one fetch. `rows` collects every row class made, with the case it stands for."""

    def __init__(self, subgraph: Subgraph, rows: dict[type, Case]) -> None:
        self.subgraph = subgraph
        self.wire = subgraph.wire
        self.rows = rows

    # ------------------------------------------------------------ wrapping types

    def value(self, node: TypeNode, selection: Selection | None, coordinate: str) -> Reading:
        """Of a field, list item or body with this type."""
        declared = print_ast(node)
        if isinstance(node, NonNullTypeNode):
            inner = self._inner(node.type, selection, coordinate, declared)
            return Reading(inner.fast, _required(inner.exact, coordinate, declared), inner.convert)
        inner = self._inner(node, selection, coordinate, declared)
        fast = None if inner.fast is None else inner.fast | None
        convert = inner.convert and _unless_null(inner.convert)
        return Reading(fast, _optional(inner.exact, coordinate, declared, self.wire.absent_is_null), convert)

    def _inner(self, node: TypeNode, selection: Selection | None, coordinate: str, declared: str) -> Reading:
        if isinstance(node, ListTypeNode):
            item = self.value(node.type, selection, coordinate)
            fast = None if item.fast is None else list[item.fast]  # type: ignore[name-defined]  # made from data
            convert = item.convert and _each(item.convert)
            if selection is not None and selection.type in self.wire.entries:
                return Reading(None, _entries(item.exact, coordinate, declared))
            return Reading(fast, _list(item.exact, coordinate, declared), convert)
        if selection is None:
            return self._leaf(node.name.value, coordinate, declared)  # type: ignore[attr-defined]  # a NamedTypeNode
        return self.object(selection, coordinate)

    def _leaf(self, name: str, coordinate: str, declared: str) -> Reading:
        node = self.subgraph.types.get(name)
        if isinstance(node, EnumTypeDefinitionNode):
            return self._enum(node, coordinate, declared)
        kind = self.wire.scalars.get(name, "Any") if isinstance(node, ScalarTypeDefinitionNode) or name not in EXACT else name
        check = EXACT[kind]

        def exact(value: Any, sink: Sink) -> Any:
            checked = check(value)
            return sink.drift(coordinate, declared, value) if checked is MISFIT else checked

        return Reading(FAST[kind], exact)

    def _enum(self, node: EnumTypeDefinitionNode, coordinate: str, declared: str) -> Reading:
        names = {v.name.value: v.name.value for v in node.values or ()}
        escaped = self.wire.values.get(node.name.value)
        accepted: Mapping[Any, str] = escaped if escaped is not None else names
        check = exact_enum(accepted)

        def exact(value: Any, sink: Sink) -> Any:
            checked = check(value)
            return sink.drift(coordinate, declared, value) if checked is MISFIT else checked

        if not all(isinstance(v, str) for v in accepted):
            return Reading(None, exact)
        renamed = any(k != v for k, v in accepted.items())
        return Reading(fast_enum(accepted), exact, accepted.__getitem__ if renamed else None)

    def rows_list(self, selection: Selection, coordinate: str) -> Reading:
        """A list of rows to be matched by their own key: null items are passed over, null itself is no rows."""
        item = self.object(selection, coordinate)
        fast = None if item.fast is None else list[item.fast | None]  # type: ignore[name-defined]  # made from data
        read = _optional(_list(_optional(item.exact, coordinate, "", True), coordinate, "a list"), coordinate, "a list", True)
        return Reading(fast, read, item.convert and _each(_unless_null(item.convert)))

    # ------------------------------------------------------------ objects

    def object(self, selection: Selection, coordinate: str) -> Reading:
        """A row: of the one case there is, or of the case of the type the value says it has."""
        dispatch = self.wire.dispatch.get(selection.type)
        told = any(f.name == "__typename" for case in selection.cases for f in case.answer)
        if len(selection.cases) > 1 or (dispatch is not None and (told or self._wrapped(selection))):
            return self._members(selection, dispatch or Dispatch(), coordinate)
        (case,) = selection.cases
        return RowReading(self, case, selection.type, case.types[0] if len(case.types) == 1 else None).reading(coordinate)

    def _wrapped(self, selection: Selection) -> bool:
        return any(name in self.wire.wraps for case in selection.cases for name in case.types)

    def _members(self, selection: Selection, dispatch: Dispatch, coordinate: str) -> Reading:
        classes = [(case, _row_class(self, case)) for case in selection.cases]
        members = {name: RowReading(self, case, selection.type, name, row) for case, row in classes for name in case.types}
        resolve = self._resolver(selection, dispatch, frozenset(members))
        wraps = self.wire.wraps

        def exact(value: Any, sink: Sink) -> Any:
            name = resolve(value)
            if name is None:
                return sink.drift(coordinate, selection.type, value)
            return members[name].exact({wraps[name]: value} if name in wraps else value, sink)

        tag_field, tags = self._tags(selection, dispatch, members)
        if tag_field is None or self._wrapped(selection) or any(m.fast_fields is None for m in members.values()):
            return Reading(None, exact)
        tagged = {members[name].tagged(tag_field, tag): members[name].converter(tag_field, tag) for tag, name in tags.items()}
        union: Any = None
        for decoded in tagged:
            union = decoded if union is None else union | decoded
        return Reading(union, exact, lambda row: tagged[row.__class__](row))

    def _tags(
        self, selection: Selection, dispatch: Dispatch, members: Mapping[str, RowReading]
    ) -> tuple[str | None, Mapping[str, str]]:
        """The property that tells members apart on the wire, and which of its values mean which member."""
        if not self.wire.response_keys:
            usable = dispatch.property if dispatch.mapping and dispatch.resolve is None else None
            return usable, {tag: name for tag, name in dispatch.mapping.items() if name in members}
        original = {ours: theirs for theirs, ours in self.wire.types.items()}
        return _tag_key(selection), {original.get(name, name): name for name in members}

    def _resolver(self, selection: Selection, dispatch: Dispatch, names: frozenset[str]) -> Callable[[Any], str | None]:
        if self.wire.response_keys:
            key, types = _tag_key(selection), self.wire.types
            mapping = None
        else:
            key, types, mapping = dispatch.property or "", {}, dispatch.mapping

        def resolve(value: Any) -> str | None:
            name = None
            if value.__class__ is dict and (told := value.get(key)).__class__ is str:
                name = types.get(told, told) if mapping is None else mapping.get(told)
            if name is None and dispatch.resolve is not None:
                name = dispatch.resolve(value)
            return name if name in names else None

        return resolve


def _tag_key(selection: Selection) -> str:
    (case, *_) = selection.cases
    return next((f.key for f in case.fields if f.name == "__typename"), "__typename")


def _row_class(readers: Readers, case: Case) -> type:
    """The class of the rows of one case: a slot per client field in the client's order, then what joins need."""
    asked = [f.key for f in case.fields if f.name != "__typename" or not f.hidden]
    keys = list(dict.fromkeys([*(f.key for f in case.answer), *asked, *case.slots]))
    slots = [(attribute_of(key), Any, None) for key in keys]
    rename = {attribute_of(key): key for key in keys}
    made = msgspec.defstruct(_class_name(case), slots, rename=rename, kw_only=True, gc=False)
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
        owner = name or parent
        self.asked = [f for f in case.fields if f.name != "__typename" or not (f.hidden or name)]
        self.readings = [self._field(f, owner) for f in self.asked]
        self.properties = [self._property(f, owner) for f in self.asked]
        asked_keys = {f.key for f in self.asked}
        typename_fields = [f for f in case.answer if f.name == "__typename" and f.key not in asked_keys]
        self.constants = {attribute_of(f.key): name for f in typename_fields}
        self.fast_fields = None if any(r.fast is None for r in self.readings) else self._fast_fields()
        self.exact: Exact = self._exact_reader(self.name or "") if row is not None else _never

    def _field(self, field: Field, owner: str) -> Reading:
        if field.name == "__typename":
            return self._typename()
        return self.readers.value(field.type, field.selection, f"{owner}.{field.name}")

    def _typename(self) -> Reading:
        wire = self.readers.wire
        original = {ours: theirs for theirs, ours in wire.types.items()}
        accepted = {original.get(name, name): name for name in self.case.types}
        renamed = any(k != v for k, v in accepted.items())

        def exact(value: Any, sink: Sink) -> Any:
            known = value.__class__ is str and value in accepted
            return accepted[value] if known else sink.drift("__typename", " | ".join(accepted), value)

        return Reading(fast_enum(accepted), exact, accepted.__getitem__ if renamed else None)

    def _property(self, field: Field, owner: str) -> str:
        wire = self.readers.wire
        return field.key if wire.response_keys else wire.names.get((owner, field.name), field.name)

    def _fast_fields(self) -> list[tuple[Any, ...]]:
        """As defstruct takes them: an optional field of a REST source may be absent."""
        lenient = self.readers.wire.absent_is_null
        return [
            (attribute_of(f.key), r.fast)
            if not lenient or isinstance(f.type, NonNullTypeNode)
            else (attribute_of(f.key), r.fast, None)
            for f, r in zip(self.asked, self.readings, strict=True)
        ]

    # ------------------------------------------------------------ one certain class

    def reading(self, coordinate: str) -> Reading:
        if self._decodes_into_rows():
            self.row = self._direct_class()
            return Reading(self.row, self._exact_reader(coordinate))
        self.row = _row_class(self.readers, self.case)
        exact = self._exact_reader(coordinate)
        if self.fast_fields is None:
            return Reading(None, exact)
        decoded = msgspec.defstruct(
            "Wire_" + _class_name(self.case), self.fast_fields, rename=self._wire_names(), kw_only=True, gc=False
        )
        return Reading(decoded, exact, self._convert(self._sources(), {}))

    def _decodes_into_rows(self) -> bool:
        """The wire spells the answer: what is decoded can be encoded as it is."""
        visible_as_is = all(f.hidden or f.key == p for f, p in zip(self.asked, self.properties, strict=True))
        distinct = len({*self.properties}) == len(self.properties)
        elsewhere = {f.key for f in self.case.answer} - {f.key for f in self.asked}
        free = elsewhere.isdisjoint(self.properties)
        return self.fast_fields is not None and visible_as_is and distinct and free and not any(r.convert for r in self.readings)

    def _direct_class(self) -> type:
        known = {field[0]: field for field in self.fast_fields or ()}
        order = [attribute_of(f.key) for f in self.case.answer]
        order += [attribute for attribute in known if attribute not in order]
        order += [attribute_of(key) for key in self.case.slots]
        slots = [known.get(a) or self._elsewhere(a) for a in order]
        rename = {a: a.removeprefix("f_") for a in order} | self._wire_names()
        made = msgspec.defstruct(_class_name(self.case), slots, rename=rename, kw_only=True, gc=False)
        self.readers.rows[made] = self.case
        return made

    def _elsewhere(self, attribute: str) -> tuple[str, Any, Any]:
        """A slot another fetch fills, or a constant: whatever the upstream may send under that name is skipped."""
        if (constant := self.constants.get(attribute)) is not None:
            return (attribute, fast_enum((constant,)), constant)
        return (attribute, msgspec.Raw, None)

    def _wire_names(self) -> dict[str, str]:
        return {attribute_of(f.key): p for f, p in zip(self.asked, self.properties, strict=True)}

    def _sources(self) -> list[tuple[str, Callable[[Any], Any] | None]]:
        return [(attribute_of(f.key), r.convert) for f, r in zip(self.asked, self.readings, strict=True)]

    def _convert(self, sources: list[tuple[str, Callable[[Any], Any] | None]], more: Mapping[str, Any]) -> Callable[[Any], Any]:
        """Compiled: it runs once per row."""
        row, constants = self.row, {**self.constants, **more}
        parts = [f"{a}=convert_{i}(wire.{a})" if convert else f"{a}=wire.{a}" for i, (a, convert) in enumerate(sources)]
        parts += [f"{a}=constants[{a!r}]" for a in constants]
        scope: dict[str, Any] = {f"convert_{i}": convert for i, (_, convert) in enumerate(sources)}
        scope |= {"row": row, "constants": constants}
        return eval(f"lambda wire: row({', '.join(parts)})", scope)  # type: ignore[no-any-return]  # response keys are GraphQL names

    # ------------------------------------------------------------ one of several

    def tagged(self, tag_field: str, tag: str) -> type:
        """The class decoded when the tag says so. A field that is the tag itself is a constant of the row instead."""
        names = self._wire_names()
        fields = [f for f in self.fast_fields or () if names[f[0]] != tag_field]
        rename = {f[0]: names[f[0]] for f in fields}
        return msgspec.defstruct(f"Wire_{self.name}", fields, rename=rename, tag_field=tag_field, tag=tag, kw_only=True, gc=False)

    def converter(self, tag_field: str, tag: str) -> Callable[[Any], Any]:
        names = self._wire_names()
        constants = {
            attribute_of(f.key): (r.convert(tag) if r.convert else tag)
            for f, r in zip(self.asked, self.readings, strict=True)
            if names[attribute_of(f.key)] == tag_field
        }
        return self._convert([(a, c) for a, c in self._sources() if names[a] != tag_field], constants)

    # ------------------------------------------------------------ exact

    def _exact_reader(self, coordinate: str) -> Exact:
        row, constants = self.row, self.constants
        assert row is not None  # set before any reader is made
        fields = [(attribute_of(f.key), p, r.exact) for f, p, r in zip(self.asked, self.properties, self.readings, strict=True)]
        expected = self.name or "an object"

        def exact(value: Any, sink: Sink) -> Any:
            if value.__class__ is not dict:
                return sink.drift(coordinate, expected, value)
            get = value.get
            return row(**{a: read(get(p, ABSENT), sink) for a, p, read in fields}, **constants)

        return exact


# ---------------------------------------------------------------- wrappers of the exact path


def _never(_value: Any, _sink: Sink) -> Any:
    raise AssertionError("the class of these rows was never made")


def _required(read: Exact, coordinate: str, declared: str) -> Exact:
    def exact(value: Any, sink: Sink) -> Any:
        return sink.drift(coordinate, declared, value) if value is None or value is ABSENT else read(value, sink)

    return exact


def _optional(read: Exact, coordinate: str, declared: str, absent_is_null: bool) -> Exact:
    def exact(value: Any, sink: Sink) -> Any:
        if value is None:
            return None
        if value is ABSENT:
            return None if absent_is_null else sink.drift(coordinate, declared, value)
        return read(value, sink)

    return exact


def _list(read: Exact, coordinate: str, declared: str) -> Exact:
    def exact(value: Any, sink: Sink) -> Any:
        if value.__class__ is not list:
            return sink.drift(coordinate, declared, value)
        return [read(item, sink) for item in value]

    return exact


def _entries(read: Exact, coordinate: str, declared: str) -> Exact:
    """A JSON map, spelled as a list of its members."""

    def exact(value: Any, sink: Sink) -> Any:
        if value.__class__ is not dict:
            return sink.drift(coordinate, declared, value)
        return [read({"key": key, "value": item}, sink) for key, item in value.items()]

    return exact


def _unless_null(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else convert(value)


def _each(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda values: [convert(value) for value in values]
