"""What a key or a requirement asks for, as a field in normal form: planned like a client's, but hidden."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec
from graphql import FieldNode, GraphQLSchema, NameNode, OperationDefinitionNode, SelectionSetNode, parse

from gateway.planning.operation import Normaliser
from gateway.sources.base import Field

TYPENAME = FieldNode(name=NameNode(value="__typename"), directives=(), arguments=())


def field_of_requirement(schema: GraphQLSchema, type_name: str, key: str, wanted: Sequence[FieldNode] | str) -> Field:
    """Nested objects carry their type, so that whoever is sent them can tell what they are."""
    nodes = list(_parsed(wanted)) if isinstance(wanted, str) else list(wanted)
    normaliser = Normaliser(schema, {}, {})
    field = normaliser.field(schema.type_map[type_name], key, [_typed(node) for node in nodes])
    return msgspec.structs.replace(field, hidden=True, location=None)


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
    made = []
    for node in selections.selections:
        if isinstance(node, FieldNode):
            made.append(_typed(node))
        else:
            made.append(type(node)(**{**{k: getattr(node, k) for k in node.keys if k != "loc"},
                                      "selection_set": _plain(node.selection_set)}))  # fmt: skip
    return SelectionSetNode(selections=(TYPENAME, *made))


def _plain(selections: SelectionSetNode) -> SelectionSetNode:
    return SelectionSetNode(selections=_typed_set(selections).selections[1:])
