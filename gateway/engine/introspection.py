"""What the gateway answers itself: `__schema` and `__type`, by graphql-core, which has the whole of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    execute_sync,
)

from gateway.engine.document import Document
from gateway.errors import InternalError

encode = msgspec.json.Encoder().encode


def introspect(
    schema: GraphQLSchema, document: Document, fields: Sequence[FieldNode], variables: Mapping[str, Any]
) -> Mapping[str, bytes]:
    """Response key → JSON. A large schema takes seconds: call it off the event loop, and keep the answer."""
    node, operation = document.parsed
    only = OperationDefinitionNode(
        operation=operation.operation,
        variable_definitions=operation.variable_definitions,
        directives=(),
        selection_set=SelectionSetNode(selections=tuple(fields)),
    )
    fragments = (d for d in node.definitions if isinstance(d, FragmentDefinitionNode))
    result = execute_sync(schema, DocumentNode(definitions=(only, *fragments)), variable_values=dict(variables))
    if result.data is None or result.errors:
        raise InternalError()
    return {key: encode(value) for key, value in result.data.items()}
