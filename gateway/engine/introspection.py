"""What the gateway answers itself: `__schema` and `__type`, by graphql-core, which has the whole of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from graphql import (
    REMOVE,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    Visitor,
    execute_sync,
    visit,
)

from gateway.engine.document import INCREMENTAL, Document
from gateway.errors import InternalError

N = TypeVar("N", bound=Node)
encode = msgspec.json.Encoder().encode


def introspect(
    schema: GraphQLSchema, document: Document, fields: Sequence[FieldNode], variables: Mapping[str, Any]
) -> Mapping[str, bytes]:
    """Response key → JSON. A large schema takes seconds: call it off the event loop, and keep the answer."""
    node, operation = document.parsed
    if document.apart:
        node = _at_once(node)
    only = OperationDefinitionNode(
        operation=operation.operation,
        variable_definitions=operation.variable_definitions,
        directives=(),
        selection_set=SelectionSetNode(selections=tuple(map(_at_once, fields)) if document.apart else tuple(fields)),
    )
    fragments = (d for d in node.definitions if isinstance(d, FragmentDefinitionNode))
    result = execute_sync(schema, DocumentNode(definitions=(only, *fragments)), variable_values=dict(variables))
    if result.data is None or result.errors:
        raise InternalError()
    return {key: encode(value) for key, value in result.data.items()}


def _at_once(node: N) -> N:
    """Without `@defer` and `@stream`: what the gateway says of itself never comes in parts."""
    made: N = visit(node, _AtOnce())
    return made


class _AtOnce(Visitor):
    def enter_directive(self, node: DirectiveNode, *_: object) -> Any:
        return REMOVE if node.name.value in INCREMENTAL else None
