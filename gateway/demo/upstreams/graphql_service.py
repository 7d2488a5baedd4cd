"""A small GraphQL server for the demo: one schema, one object of root resolvers, `POST /graphql`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    execute_sync,
    parse,
    validate,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.demo.upstreams.faults import Fault, problem

Resolvers = Mapping[str, Callable[..., Any]]
"""Root field → function of (info, **arguments). Rows are dicts, abstract ones carry `__typename`."""


def service(sdl: Path, roots: Resolvers, fault: Fault) -> Starlette:
    schema = build_schema(sdl.read_text(encoding="utf-8"))
    prepared = lru_cache(maxsize=512)(lambda text: _prepare(schema, text))

    async def graphql(request: Request) -> Response:
        try:
            asked = await request.json()
        except ValueError:
            return problem(400, "Not JSON", "send {query, variables, operationName}")
        document, errors = prepared(asked.get("query") or "")
        if not (document and _introspects(document)) and (broken := await fault()):
            return broken
        if document is None or errors:
            return JSONResponse({"errors": [error.formatted for error in errors]})
        variables, operation = asked.get("variables") or {}, asked.get("operationName")
        return JSONResponse(execute_sync(schema, document, roots, variable_values=variables, operation_name=operation).formatted)

    return Starlette(routes=[Route("/graphql", graphql, methods=["POST"])])


def _prepare(schema: GraphQLSchema, text: str) -> tuple[DocumentNode | None, list[GraphQLError]]:
    try:
        document = parse(text)
    except GraphQLError as error:
        return None, [error]
    return document, validate(schema, document)


def _introspects(document: DocumentNode) -> bool:
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    fields = [field for operation in operations for field in operation.selection_set.selections]
    return all(isinstance(field, FieldNode) and field.name.value.startswith("__") for field in fields)
