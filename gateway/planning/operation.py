"""A client document, parsed and valid, becomes an `Operation`: fragments inlined, fields merged, conditions decided.

The normal form is a `Selection`: on an object type one case; on an abstract type one case per group of members that select
the same (GraphQL, "CollectFields"). What planning and execution see has no fragments and no directives left: of `@defer`, each
field says with which fragments it may come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import msgspec
from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    StringValueNode,
    TypeNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_abstract_type,
    parse_type,
)

from gateway.sources.base import Argument, Case, Deferral, Field, Selection

Flags = Mapping[str, int]
"""Values of the variables that decide what is selected, and how many items of a list come first."""

CONDITIONS = frozenset({"skip", "include", "defer", "stream"})
INTROSPECTION = frozenset({"__schema", "__type"})
TYPENAME = parse_type("String!", no_location=True)
INTROSPECTED = {"__schema": parse_type("__Schema!", no_location=True), "__type": parse_type("__Type", no_location=True)}

CompositeType = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType


class Operation(msgspec.Struct, frozen=True):
    """A valid query in normal form. `introspection` are the root fields the gateway answers itself."""

    node: OperationDefinitionNode
    selection: Selection
    introspection: tuple[FieldNode, ...] = ()
    streams: tuple[Deferral, ...] = ()
    """Rests of lists that may come later, from the outside in."""


def flag_names(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> tuple[str, ...]:
    """The variables in the `if:` of directives: they are part of the variant an operation is compiled for."""
    conditions = (d for d in directives(operation, fragments) if d.name.value in CONDITIONS)
    given = (argument(d, "if") for d in conditions)
    return tuple(sorted({value.name.value for value in given if isinstance(value, VariableNode)}))


def first_items(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> tuple[ValueNode, ...]:
    """What the `initialCount:` of `@stream` says."""
    given = (argument(d, "initialCount") for d in directives(operation, fragments) if d.name.value == "stream")
    return tuple(value for value in given if value is not None)


def argument(directive: DirectiveNode, name: str) -> ValueNode | None:
    return next((a.value for a in directive.arguments or () if a.name.value == name), None)


def directives(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> Iterator[DirectiveNode]:
    """Every directive on what an operation selects, valid or not."""
    return _directives(operation.selection_set, fragments, set())


def _directives(
    selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], seen: set[str]
) -> Iterator[DirectiveNode]:
    for node in selections.selections:
        yield from node.directives or ()
        if isinstance(node, FragmentSpreadNode):
            if node.name.value not in seen and node.name.value in fragments:
                seen.add(node.name.value)
                yield from _directives(fragments[node.name.value].selection_set, fragments, seen)
        elif (inner := getattr(node, "selection_set", None)) is not None:
            yield from _directives(inner, fragments, seen)


def normalise(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    flags: Flags,
    *,
    root: GraphQLObjectType | None = None,
    incremental: bool = False,
) -> Operation:
    """The operation in normal form. The document has to be valid for the schema.

    `root`: in place of the query type. `incremental`: heed `@defer` and `@stream`; otherwise all of it comes at once.
    """
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    query = root or schema.query_type
    assert query is not None  # composition always makes one
    normaliser = Normaliser(schema, fragments, flags, incremental=incremental)
    sets: Sets = ((operation.selection_set, None),)
    collected = normaliser.collect(query, sets, ())
    introspected = tuple(p.node for parts in collected.values() for p in parts if p.node.name.value in INTROSPECTION)
    selection = normaliser.selection(query, sets)
    return Operation(operation, selection, introspected, tuple(d for d in normaliser.deferrals.values() if d.first is not None))


class Part(NamedTuple):
    """A field as written, and the innermost fragment it stands in that may come later."""

    node: FieldNode
    deferral: Deferral | None


Sets = Sequence[tuple[SelectionSetNode, Deferral | None]]
Collected = dict[str, list[Part]]


class At(NamedTuple):
    """Where in the answer: the response keys, and with which fragments what stands there comes."""

    path: tuple[str, ...] = ()
    deferred: tuple[Deferral, ...] = ()


ROOT = At()


class Normaliser:
    """Holds what does not change on the way down."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        flags: Flags,
        *,
        incremental: bool = False,
    ) -> None:
        self.schema = schema
        self.fragments = fragments
        self.flags = flags
        self.incremental = incremental
        self.deferrals: dict[tuple[object, ...], Deferral] = {}

    def selection(self, parent: CompositeType, sets: Sets, at: At = ROOT) -> Selection:
        if not is_abstract_type(parent):
            return Selection(parent.name, (Case((parent.name,), self._fields(parent, sets, at)),))
        members = self.schema.get_possible_types(parent)
        if isinstance(parent, GraphQLInterfaceType) and self._uniform(parent, members, sets):
            return Selection(parent.name, (Case(tuple(m.name for m in members), self._fields(parent, sets, at)),))
        return Selection(parent.name, self._grouped(members, sets, at))

    def _uniform(self, parent: GraphQLInterfaceType, members: Sequence[GraphQLObjectType], sets: Sets) -> bool:
        """Every member selects the same fields, with the types the interface gives them."""
        return all(
            node.name.value.startswith("__")
            or all(str(m.fields[node.name.value].type) == str(parent.fields[node.name.value].type) for m in members)
            for selections, _ in sets
            for node in selections.selections
            if isinstance(node, FieldNode)
        ) and all(isinstance(node, FieldNode) for selections, _ in sets for node in selections.selections)

    def _grouped(self, members: Sequence[GraphQLObjectType], sets: Sets, at: At) -> tuple[Case, ...]:
        groups: dict[tuple[object, ...], tuple[list[str], GraphQLObjectType]] = {}
        for member in members:
            collected = self.collect(member, sets, at.path)
            identity = tuple(
                (key, *((id(p.node), id(p.deferral)) for p in parts), self._printed(member, parts[0].node))
                for key, parts in collected.items()
            )
            groups.setdefault(identity, ([], member))[0].append(member.name)
        return tuple(Case(tuple(names), self._fields(member, sets, at)) for names, member in groups.values())

    def _printed(self, member: CompositeType, node: FieldNode) -> str:
        return str(self._definition_type(member, node.name.value))

    def _definition_type(self, parent: CompositeType, name: str) -> GraphQLOutputType | None:
        if name.startswith("__") or isinstance(parent, GraphQLUnionType):
            return None
        declared: GraphQLOutputType = parent.fields[name].type
        return declared

    def _fields(self, parent: CompositeType, sets: Sets, at: At) -> tuple[Field, ...]:
        return tuple(self.field(parent, key, parts, at) for key, parts in self.collect(parent, sets, at.path).items())

    def field(self, parent: CompositeType, key: str, parts: Sequence[Part], at: At = ROOT) -> Field:
        node = parts[0].node
        name = node.name.value
        location = _location(node)
        group = together(parts) if self.deferrals else ()
        deferred = group if group != at.deferred else ()
        if (declared := self._definition_type(parent, name)) is None:
            return Field(key, name, INTROSPECTED.get(name, TYPENAME), location=location, deferred=deferred)
        arguments = tuple(Argument(a.name.value, value=bare(a.value)) for a in node.arguments or ())
        named: GraphQLNamedType = get_named_type(declared)
        inner = streamed = None
        if isinstance(named, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType):
            sets = [(p.node.selection_set, p.deferral) for p in parts if p.node.selection_set]
            streamed = self._streamed(node, group, (*at.path, key)) if self.incremental else None
            inner = self.selection(named, sets, At((*at.path, key), group))
        told = {"location": location, "deferred": deferred, "streamed": streamed}
        return Field(key, name, _type_node(str(declared)), arguments, inner, **told)  # type: ignore[arg-type]  # by name

    # ------------------------------------------------------------ CollectFields

    def collect(self, parent: CompositeType, sets: Sets, path: tuple[str, ...]) -> Collected:
        collected: Collected = {}
        visited: set[object] = set()
        for selections, deferral in sets:
            self._collect_into(collected, parent, selections, visited, deferral, path)
        return collected

    def _collect_into(
        self,
        collected: Collected,
        parent: CompositeType,
        selections: SelectionSetNode,
        visited: set[object],
        deferral: Deferral | None,
        path: tuple[str, ...],
    ) -> None:
        for node in selections.selections:
            if not self._included(node):
                continue
            if isinstance(node, FieldNode):
                collected.setdefault((node.alias or node.name).value, []).append(Part(node, deferral))
            elif isinstance(node, FragmentSpreadNode):
                fragment = self.fragments[node.name.value]
                inner = self._deferral(node, deferral, path)
                visit = node.name.value if inner is None else (node.name.value, inner.id)
                if visited.isdisjoint((node.name.value, visit)) and self._applies(fragment.type_condition.name.value, parent):
                    visited.add(visit)
                    self._collect_into(collected, parent, fragment.selection_set, visited, inner, path)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition.name.value if node.type_condition else parent.name
                if self._applies(condition, parent):
                    inner = self._deferral(node, deferral, path)
                    self._collect_into(collected, parent, node.selection_set, visited, inner, path)

    def _deferral(
        self, node: FragmentSpreadNode | InlineFragmentNode, outer: Deferral | None, path: tuple[str, ...]
    ) -> Deferral | None:
        """What this fragment may come with: itself, where it says `@defer`; else what it stands in."""
        directive = next((d for d in node.directives or () if d.name.value == "defer"), None) if self.incremental else None
        if directive is None or not self._wanted(directive):
            return outer
        place = (id(node), id(outer), path)
        if (known := self.deferrals.get(place)) is None:
            known = self.deferrals[place] = Deferral(len(self.deferrals), _label(directive), path, outer)
        return known

    def _streamed(self, node: FieldNode, group: tuple[Deferral, ...], path: tuple[str, ...]) -> Deferral | None:
        """A valid field that says `@stream` says it alone. In a list that may come with several fragments nothing comes later."""
        directive = next((d for d in node.directives or () if d.name.value == "stream"), None)
        if directive is None or not self._wanted(directive) or len(group) > 1:
            return None
        outer = group[0] if group else None
        place = (id(node), outer and outer.id, path)
        if (known := self.deferrals.get(place)) is None:
            first = self._first(argument(directive, "initialCount"))
            known = self.deferrals[place] = Deferral(len(self.deferrals), _label(directive), path, outer, first)
        return known

    def _first(self, value: ValueNode | None) -> int:
        return self.flags[value.name.value] if isinstance(value, VariableNode) else int(getattr(value, "value", 0))

    def _applies(self, condition: str, parent: CompositeType) -> bool:
        if condition == parent.name:
            return True
        wanted = self.schema.type_map[condition]
        return is_abstract_type(wanted) and isinstance(parent, GraphQLObjectType) and self.schema.is_sub_type(wanted, parent)

    def _included(self, node: SelectionNode) -> bool:
        for directive in node.directives or ():
            name = directive.name.value
            if name in ("skip", "include") and self._wanted(directive) is (name == "skip"):
                return False
        return True

    def _wanted(self, directive: DirectiveNode) -> bool:
        """The directive's `if`, which `@defer` need not have."""
        value = argument(directive, "if")
        if isinstance(value, VariableNode):
            return bool(self.flags[value.name.value])
        return value is None or bool(getattr(value, "value", False))


def together(parts: Sequence[Part]) -> tuple[Deferral, ...]:
    """The fragments a field may come with: none, where it also stands outside of them; the outer one of two, one in the other."""
    found = {p.deferral.id: p.deferral for p in parts if p.deferral is not None}
    if any(p.deferral is None for p in parts):
        return ()
    return tuple(found[number] for number in sorted(found) if not any(outer.id in found for outer in around(found[number])))


def around(deferral: Deferral) -> Iterator[Deferral]:
    """The fragments it stands in, from the inside."""
    while deferral.outer is not None:
        deferral = deferral.outer
        yield deferral


def _label(directive: DirectiveNode) -> str | None:
    value = argument(directive, "label")
    return value.value if isinstance(value, StringValueNode) else None


def _location(node: FieldNode) -> tuple[int, int] | None:
    if node.loc is None:
        return None
    return (node.loc.start_token.line, node.loc.start_token.column)


@lru_cache(maxsize=4096)
def _type_node(printed: str) -> TypeNode:
    """One for all operations: they live as long as their plans."""
    return parse_type(printed, no_location=True)


AnyNode = TypeVar("AnyNode", bound=Node)


def bare(node: AnyNode) -> AnyNode:
    """The node without its place in the text, which would hold on to every token of the document."""
    made: AnyNode = node.__class__(**{key: _bare(getattr(node, key)) for key in node.keys if key != "loc"})
    return made


def _bare(value: Any) -> Any:
    if isinstance(value, Node):
        return bare(value)
    return tuple(map(_bare, value)) if isinstance(value, tuple | list) else value
