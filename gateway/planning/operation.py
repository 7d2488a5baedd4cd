"""A client document, parsed and valid, becomes an `Operation`: fragments inlined, fields merged, conditions decided.

The normal form is a `Selection`: on an object type one case; on an abstract type one case per group of members that select
the same (GraphQL, "CollectFields"). What planning and execution see has no fragments and no directives left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from graphql import (
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
    TypeNode,
    VariableNode,
    get_named_type,
    is_abstract_type,
    parse_type,
)

from gateway.sources.base import Argument, Case, Field, Selection

Flags = Mapping[str, bool]
"""Values of the boolean variables that decide `@skip` and `@include`."""

INTROSPECTION = frozenset({"__schema", "__type"})
TYPENAME = parse_type("String!", no_location=True)
INTROSPECTED = {"__schema": parse_type("__Schema!", no_location=True), "__type": parse_type("__Type", no_location=True)}

CompositeType = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType


class Operation(msgspec.Struct, frozen=True):
    """A valid query in normal form. `introspection` are the root fields the gateway answers itself."""

    node: OperationDefinitionNode
    selection: Selection
    introspection: tuple[FieldNode, ...] = ()


def flag_names(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> tuple[str, ...]:
    """The variables that decide `@skip` and `@include`: they are part of the variant an operation is compiled for."""
    return tuple(sorted(set(_flags(operation.selection_set, fragments, set()))))


def _flags(selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], seen: set[str]) -> Iterator[str]:
    for node in selections.selections:
        for directive in node.directives or ():
            if directive.name.value in ("skip", "include"):
                yield from (a.value.name.value for a in directive.arguments or () if isinstance(a.value, VariableNode))
        if isinstance(node, FragmentSpreadNode):
            if node.name.value not in seen:
                seen.add(node.name.value)
                yield from _flags(fragments[node.name.value].selection_set, fragments, seen)
        elif (inner := getattr(node, "selection_set", None)) is not None:
            yield from _flags(inner, fragments, seen)


def normalise(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, flags: Flags) -> Operation:
    """The operation in normal form. The document has to be valid for the schema."""
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    query = schema.query_type
    assert query is not None  # composition always makes one
    normaliser = Normaliser(schema, fragments, flags)
    collected = normaliser.collect(query, (operation.selection_set,))
    introspected = tuple(n for nodes in collected.values() for n in nodes if n.name.value in INTROSPECTION)
    return Operation(operation, normaliser.selection(query, (operation.selection_set,)), introspected)


Collected = dict[str, list[FieldNode]]


class Normaliser:
    """Holds what does not change on the way down."""

    def __init__(self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], flags: Flags) -> None:
        self.schema = schema
        self.fragments = fragments
        self.flags = flags

    def selection(self, parent: CompositeType, sets: Sequence[SelectionSetNode]) -> Selection:
        if not is_abstract_type(parent):
            return Selection(parent.name, (Case((parent.name,), self._fields(parent, sets)),))
        members = self.schema.get_possible_types(parent)
        if isinstance(parent, GraphQLInterfaceType) and self._uniform(parent, members, sets):
            return Selection(parent.name, (Case(tuple(m.name for m in members), self._fields(parent, sets)),))
        return Selection(parent.name, self._grouped(members, sets))

    def _uniform(
        self, parent: GraphQLInterfaceType, members: Sequence[GraphQLObjectType], sets: Sequence[SelectionSetNode]
    ) -> bool:
        """Every member selects the same fields, with the types the interface gives them."""
        return all(
            node.name.value.startswith("__")
            or all(str(m.fields[node.name.value].type) == str(parent.fields[node.name.value].type) for m in members)
            for selections in sets
            for node in selections.selections
            if isinstance(node, FieldNode)
        ) and all(isinstance(node, FieldNode) for selections in sets for node in selections.selections)

    def _grouped(self, members: Sequence[GraphQLObjectType], sets: Sequence[SelectionSetNode]) -> tuple[Case, ...]:
        groups: dict[tuple[object, ...], tuple[list[str], GraphQLObjectType]] = {}
        for member in members:
            collected = self.collect(member, sets)
            identity = tuple((key, *map(id, nodes), self._printed(member, nodes[0])) for key, nodes in collected.items())
            groups.setdefault(identity, ([], member))[0].append(member.name)
        return tuple(Case(tuple(names), self._fields(member, sets)) for names, member in groups.values())

    def _printed(self, member: CompositeType, node: FieldNode) -> str:
        return str(self._definition_type(member, node.name.value))

    def _definition_type(self, parent: CompositeType, name: str) -> GraphQLOutputType | None:
        if name.startswith("__") or isinstance(parent, GraphQLUnionType):
            return None
        declared: GraphQLOutputType = parent.fields[name].type
        return declared

    def _fields(self, parent: CompositeType, sets: Sequence[SelectionSetNode]) -> tuple[Field, ...]:
        return tuple(self.field(parent, key, nodes) for key, nodes in self.collect(parent, sets).items())

    def field(self, parent: CompositeType, key: str, nodes: list[FieldNode]) -> Field:
        node = nodes[0]
        name = node.name.value
        location = _location(node)
        if (declared := self._definition_type(parent, name)) is None:
            return Field(key, name, INTROSPECTED.get(name, TYPENAME), location=location)
        arguments = tuple(Argument(a.name.value, value=bare(a.value)) for a in node.arguments or ())
        named: GraphQLNamedType = get_named_type(declared)
        inner = None
        if isinstance(named, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType):
            inner = self.selection(named, [n.selection_set for n in nodes if n.selection_set])
        return Field(key, name, _type_node(str(declared)), arguments, inner, location=location)

    # ------------------------------------------------------------ CollectFields

    def collect(self, parent: CompositeType, sets: Sequence[SelectionSetNode]) -> Collected:
        collected: Collected = {}
        visited: set[str] = set()
        for selections in sets:
            self._collect_into(collected, parent, selections, visited)
        return collected

    def _collect_into(self, collected: Collected, parent: CompositeType, selections: SelectionSetNode, visited: set[str]) -> None:
        for node in selections.selections:
            if not self._included(node):
                continue
            if isinstance(node, FieldNode):
                collected.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, FragmentSpreadNode):
                if node.name.value not in visited:
                    visited.add(node.name.value)
                    fragment = self.fragments[node.name.value]
                    if self._applies(fragment.type_condition.name.value, parent):
                        self._collect_into(collected, parent, fragment.selection_set, visited)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition.name.value if node.type_condition else parent.name
                if self._applies(condition, parent):
                    self._collect_into(collected, parent, node.selection_set, visited)

    def _applies(self, condition: str, parent: CompositeType) -> bool:
        if condition == parent.name:
            return True
        wanted = self.schema.type_map[condition]
        return is_abstract_type(wanted) and isinstance(parent, GraphQLObjectType) and self.schema.is_sub_type(wanted, parent)

    def _included(self, node: SelectionNode) -> bool:
        for directive in node.directives or ():
            if directive.name.value in ("skip", "include"):
                (argument,) = directive.arguments or ()
                value = argument.value
                wanted = self.flags[value.name.value] if isinstance(value, VariableNode) else bool(getattr(value, "value", False))
                if wanted is (directive.name.value == "skip"):
                    return False
        return True


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
