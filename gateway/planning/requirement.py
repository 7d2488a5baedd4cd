"""What a key or a requirement asks for, as a field in normal form: planned like a client's, but hidden."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec
from graphql import (
    FieldNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    NameNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    parse,
)

from gateway.planning.operation import CompositeType, Normaliser, Part
from gateway.sources.base import Field

TYPENAME = FieldNode(name=NameNode(value="__typename"), directives=(), arguments=())


def field_of_requirement(schema: GraphQLSchema, type_name: str, key: str, wanted: Sequence[FieldNode] | str) -> Field:
    """Nested objects carry their type, so that whoever is sent them can tell what they are."""
    nodes = list(_parsed(wanted)) if isinstance(wanted, str) else list(wanted)
    normaliser = Normaliser(schema, {}, {})
    field = normaliser.field(_composite(schema, type_name), key, [Part(_typed(node), None) for node in nodes])
    return msgspec.structs.replace(field, hidden=True, location=None)


def _composite(schema: GraphQLSchema, type_name: str) -> CompositeType:
    found = schema.type_map[type_name]
    assert isinstance(found, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType)  # rows are of nothing else
    return found


@lru_cache(maxsize=1024)
def _parsed(text: str) -> tuple[FieldNode, ...]:
    (operation,) = parse(f"{{ {text} }}", no_location=True).definitions
    assert isinstance(operation, OperationDefinitionNode)  # it begins with a brace
    return tuple(node for node in operation.selection_set.selections if isinstance(node, FieldNode))


def _typed(node: FieldNode) -> FieldNode:
    if node.selection_set is None:
        return node
    return FieldNode(
        name=node.name, alias=None, arguments=node.arguments, directives=(), selection_set=_typed_set(node.selection_set)
    )


def _typed_set(selections: SelectionSetNode) -> SelectionSetNode:
    return SelectionSetNode(selections=(TYPENAME, *_members(selections)))


def _members(selections: SelectionSetNode) -> list[SelectionNode]:
    made: list[SelectionNode] = []
    for node in selections.selections:
        if isinstance(node, FieldNode):
            made.append(_typed(node))
        elif isinstance(node, InlineFragmentNode):
            inner = SelectionSetNode(selections=tuple(_members(node.selection_set)))
            made.append(InlineFragmentNode(type_condition=node.type_condition, directives=(), selection_set=inner))
    return made
