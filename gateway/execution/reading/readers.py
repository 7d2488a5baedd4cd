"""Makes the readings of one fetch: for each type in its selection a msgspec type and a chain of checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from graphql import EnumTypeDefinitionNode, ListTypeNode, NonNullTypeNode, ScalarTypeDefinitionNode, TypeNode

from gateway.execution.reading.exact import each, entries, leaf, listed, optional, required, unless_null
from gateway.execution.reading.row import Reading, RowReading, row_class
from gateway.execution.reading.sink import Sink
from gateway.execution.scalars import EXACT, FAST, SINGLE_TO_LIST, coercing, exact_enum, fast_enum, open_enum
from gateway.sources.base import Case, Dispatch, Selection, Subgraph
from gateway.sources.reach import nullable, written

TAGS = ("__typename", "_tag")
"""Under which of these the planner asks for the name that tells members apart."""


class Readers:
    """Makes the readings of one fetch. `rows` collects every row class made, with the case it stands for. `leaves` keeps the
    readings of fields that nothing is selected on, by source, coordinate and type: the same for every operation of one schema."""

    def __init__(self, subgraph: Subgraph, rows: dict[type, Case], leaves: dict[tuple[str, str, str], Reading]) -> None:
        self.subgraph = subgraph
        self.wire = subgraph.wire
        self.rows = rows
        self.leaves = leaves

    # ------------------------------------------------------------ wrapping types

    def value(self, node: TypeNode, selection: Selection | None, coordinate: str) -> Reading:
        """Of a field, list item or body with this type."""
        declared = written(node)
        if selection is not None:
            return self._value(node, selection, coordinate, declared)
        key = (self.subgraph.name, coordinate, declared)
        if (known := self.leaves.get(key)) is None:
            known = self.leaves[key] = self._value(node, None, coordinate, declared)
        return known

    def _value(self, node: TypeNode, selection: Selection | None, coordinate: str, declared: str) -> Reading:
        if isinstance(node, NonNullTypeNode):
            inner = self._inner(node.type, selection, coordinate, declared)
            return Reading(inner.fast, required(inner.exact, coordinate, declared), inner.convert)
        inner = self._inner(node, selection, coordinate, declared)
        fast = None if inner.fast is None else inner.fast | None
        convert = inner.convert and unless_null(inner.convert)
        return Reading(fast, optional(inner.exact, coordinate, declared, self.wire.absent_is_null), convert)

    def _inner(self, node: TypeNode, selection: Selection | None, coordinate: str, declared: str) -> Reading:
        if isinstance(node, ListTypeNode):
            item = self.value(node.type, selection, coordinate)
            fast = None if item.fast is None else list[item.fast]  # type: ignore[name-defined]  # made from data
            convert = item.convert and each(item.convert)
            innermost = not isinstance(nullable(node.type), ListTypeNode)
            if innermost and selection is not None and selection.type in self.wire.entries:
                return Reading(None, entries(item.exact, coordinate, declared))
            single = SINGLE_TO_LIST in self.wire.coerce
            return Reading(fast, listed(item.exact, coordinate, declared, single=single), convert)
        if selection is None:
            return self._leaf(node.name.value, coordinate, declared)  # type: ignore[attr-defined]  # a NamedTypeNode
        return self.object(selection, coordinate)

    def _leaf(self, name: str, coordinate: str, declared: str) -> Reading:
        node = self.subgraph.types.get(name)
        if isinstance(node, EnumTypeDefinitionNode):
            return self._enum(node, coordinate, declared)
        kind = self.wire.scalars.get(name, "Any") if isinstance(node, ScalarTypeDefinitionNode) or name not in EXACT else name
        return Reading(FAST[kind], leaf(coercing(kind, self.wire.coerce), coordinate, declared))

    def _enum(self, node: EnumTypeDefinitionNode, coordinate: str, declared: str) -> Reading:
        names = {v.name.value: v.name.value for v in node.values or ()}
        escaped = self.wire.values.get(node.name.value)
        accepted: Mapping[Any, str] = escaped if escaped is not None else names
        if node.name.value in self.wire.open_enums:
            fast = str if all(isinstance(v, str) for v in accepted) else None
            return Reading(fast, leaf(open_enum(accepted), coordinate, declared), accepted.get)
        exact = leaf(exact_enum(accepted), coordinate, declared)
        if not all(isinstance(v, str) for v in accepted):
            return Reading(None, exact)
        renamed = any(k != v for k, v in accepted.items())
        return Reading(fast_enum(accepted), exact, accepted.__getitem__ if renamed else None)

    def rows_list(self, selection: Selection, coordinate: str) -> Reading:
        """A list of rows to be matched by their own key: null items are passed over, null itself is no rows."""
        item = self.object(selection, coordinate)
        fast = None if item.fast is None else list[item.fast | None]  # type: ignore[name-defined]  # made from data
        read = optional(listed(optional(item.exact, coordinate, "", True), coordinate, "a list"), coordinate, "a list", True)
        return Reading(fast, read, item.convert and each(unless_null(item.convert)))

    def ordered(self, selection: Selection, coordinate: str) -> Reading:
        """A list of rows that stand for what was sent, by their positions: a null stands for nothing found."""
        item = self.object(selection, coordinate)
        fast = None if item.fast is None else list[item.fast | None]  # type: ignore[name-defined]  # made from data
        read = required(listed(optional(item.exact, coordinate, "", True), coordinate, "a list"), coordinate, "a list")
        return Reading(fast, read, item.convert and each(unless_null(item.convert)))

    # ------------------------------------------------------------ objects

    def object(self, selection: Selection, coordinate: str) -> Reading:
        """A row: of the one case there is, or of the case of the type the value says it has."""
        dispatch = self.wire.dispatch.get(selection.type)
        told = any(f.name == "__typename" for case in selection.cases for f in case.answer)
        if len(selection.cases) > 1 or _is_tagged(selection) or (dispatch is not None and (told or self._wrapped(selection))):
            return self._members(selection, dispatch or Dispatch(), coordinate)
        (case,) = selection.cases
        return RowReading(self, case, selection.type, case.types[0] if len(case.types) == 1 else None).reading(coordinate)

    def _wrapped(self, selection: Selection) -> bool:
        return any(name in self.wire.wraps for case in selection.cases for name in case.types)

    def _members(self, selection: Selection, dispatch: Dispatch, coordinate: str) -> Reading:
        classes = [(case, row_class(self, case)) for case in selection.cases]
        members = {
            name: RowReading(self, case, selection.type, _only(case.types) if case.on else name, row)
            for case, row in classes
            for name in case.on or case.types
        }
        resolve = self._resolver(selection, dispatch, frozenset(members))
        wraps = self.wire.wraps

        def exact(value: Any, sink: Sink) -> Any:
            name = resolve(value)
            if name is None:
                return sink.drift(coordinate, selection.type, value)
            return members[name].exact({wraps[name]: value} if name in wraps else value, sink)

        tag_field, tags = self._tags(selection, dispatch, members)
        if self._wrapped(selection) or any(m.fast_fields is None for m in members.values()):
            return Reading(None, exact)
        if tag_field is None:
            find = resolve if dispatch.property or dispatch.resolve is None else dispatch.resolve
            return Reading(dict[str, Any], exact, _by_value(find, {name: m.untagged() for name, m in members.items()}))
        converters = {tag: made for tag, name in tags.items() if (made := members[name].converter(tag_field, tag))}
        alone = len(converters) == 1
        tagged = {members[tags[tag]].tagged(tag_field, tag, alone): made for tag, made in converters.items()}
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


Member = tuple[type, Callable[[Any], Any]]


def _by_value(resolve: Callable[[Any], str | None], members: Mapping[str, Member]) -> Callable[[Any], Any]:
    """For values that only as a whole say what they are: decoded as they come, then rows of the class they turn out to be."""
    into = msgspec.convert

    def convert(value: dict[str, Any]) -> Any:
        member = members.get(resolve(value) or "")
        if member is None:
            raise msgspec.ValidationError("of no member")  # which is for the exact reader to tell
        decoded, made = member
        return made(into(value, decoded))

    return convert


def _is_tagged(selection: Selection) -> bool:
    """The values may be of types that nothing is selected on."""
    return any(f.hidden and f.name == "__typename" and f.key in TAGS for case in selection.cases for f in case.fields)


def _only(types: tuple[str, ...]) -> str | None:
    return types[0] if len(types) == 1 else None


def _tag_key(selection: Selection) -> str:
    """The key under which every value says its type."""
    asked = [[f.key for f in case.fields if f.name == "__typename"] for case in selection.cases if case.fields]
    return next((key for key in (asked[0] if asked else ()) if all(key in keys for keys in asked)), "__typename")
