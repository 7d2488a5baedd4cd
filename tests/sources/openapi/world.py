"""The world of these tests: a document, the subgraph it becomes, its schema as text, a fetch, and a wire over real HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from graphql import (
    ConstDirectiveNode,
    DocumentNode,
    EnumTypeDefinitionNode,
    GraphQLSchema,
    build_ast_schema,
    parse,
    print_ast,
    validate_schema,
)

from gateway.config.model import Lookup, Prefix, Schema, Source
from gateway.config.problem import ConfigError, Problem
from gateway.config.yaml import read_yaml
from gateway.errors import Owner
from gateway.sources.base import Chunk, Diagnostic, Fetch, Subgraph
from gateway.sources.document import Document
from gateway.sources.openapi import Options
from gateway.sources.openapi.fidelity import Fidelity
from gateway.sources.openapi.load import subgraph, value_of
from gateway.upstream.call import HeaderRules, Request, Sends
from tests.sources.graphql.world import a_fetch, by_key, over_http, sends

__all__ = ["a_fetch", "by_key", "over_http", "sends"]

OWNER = Owner("Stock & Supply", "https://stock.example.com", {"email": "stock@example.com"})
URL = "http://stock.example.com"
Text = str | bytes | Mapping[str, Any]
SHORT = re.compile(r"\$ref: ([A-Z]\w*)")


def options(**keys: Any) -> Options:
    return Options.model_validate(keys)


def a_source(**keys: Any) -> Source:
    lookups = tuple(Lookup.model_validate(lookup) for lookup in keys.pop("lookups", ()))
    prefix = Prefix.model_validate(keys.pop("prefix")) if "prefix" in keys else None
    settings = options(**keys.pop("options", {}))
    schema = Schema.model_construct(from_=keys.pop("schema", "/stock.yaml"))
    plain = {"name": "stock", "kind": "openapi", "url": URL, "owner": OWNER, "schema_": schema, "options": settings}
    return Source(**plain | {"lookups": lookups, "prefix": prefix} | keys)


def a_subgraph(
    document: str | bytes | Mapping[str, Any], rules: HeaderRules = HeaderRules(), base: Path | None = None, **keys: Any
) -> Subgraph:
    text = document if isinstance(document, bytes) else (document if isinstance(document, str) else json.dumps(document)).encode()
    fidelity = Fidelity()
    source, read = a_source(**keys), Document(text, "stock.yaml", base)
    return subgraph(source, sends(headers=rules), read, value_of(source, read, fidelity), {}, fidelity)


def problems_of(document: Text, **keys: Any) -> tuple[Problem, ...]:
    """What is refused about it; nothing when it is accepted."""
    try:
        a_subgraph(document, **keys)
    except ConfigError as error:
        return error.problems
    return ()


def answering(schemas: str, root: str = "It", version: str = "3.1.0") -> dict[str, Any]:
    """A document whose `GET /it` answers the shared schema `root`; these are YAML, in which `$ref: Name` is short."""
    place = "#/definitions/" if version == "2.0" else "#/components/schemas/"
    shared, _ = read_yaml(SHORT.sub(rf"$ref: '{place}\1'", schemas), "schemas")
    if version == "2.0":
        answer = {"description": "ok", "schema": {"$ref": f"#/definitions/{root}"}}
        return {
            "swagger": "2.0",
            "paths": {"/it": {"get": {"operationId": "it", "responses": {"200": answer}}}},
            "definitions": shared,
        }
    media = {"application/json": {"schema": {"$ref": f"#/components/schemas/{root}"}}}
    paths = {"/it": {"get": {"operationId": "it", "responses": {"200": {"description": "ok", "content": media}}}}}
    return {"openapi": version, "paths": paths, "components": {"schemas": shared}}


def asking(parameters: str, path: str = "/it", version: str = "3.1.0", **document: Any) -> dict[str, Any]:
    """A document whose `GET path` takes these parameters (YAML) and answers a boolean."""
    listed, _ = read_yaml(parameters, "parameters")
    schema = {"type": "boolean"}
    answer: dict[str, Any] = {"schema": schema} if version == "2.0" else {"content": {"application/json": {"schema": schema}}}
    operation = {"operationId": "it", "parameters": listed or [], "responses": {"200": {"description": "ok", **answer}}}
    said = {"swagger": version} if version == "2.0" else {"openapi": version}
    return {**said, "paths": {path: {"get": operation}}, **document}


# ---------------------------------------------------------------- the schema as text


def schema_of(graph: Subgraph) -> GraphQLSchema:
    """Built and validated by graphql-core."""
    schema = build_ast_schema(DocumentNode(definitions=tuple(graph.types.values())))
    assert validate_schema(schema) == []
    return schema


def sdl(graph: Subgraph, *names: str, origins: bool = False) -> str:
    """These types as they are printed (all but the query root when none is named), each on its own, without descriptions."""
    schema_of(graph)
    nodes = [graph.types[name] for name in (names or [name for name in graph.types if name != graph.query])]
    return "\n".join(print_ast(_with_origins(graph, node) if origins else node) for node in nodes)


def _with_origins(graph: Subgraph, node: Any) -> Any:
    name = node.name.value
    members = "values" if isinstance(node, EnumTypeDefinitionNode) else "fields"
    changes: dict[str, Any] = {"directives": (*(node.directives or ()), *_directives(graph, name))}
    if getattr(node, members, None):
        changes[members] = tuple(_member(graph, name, each) for each in getattr(node, members))
    return replace(node, **changes)


def _member(graph: Subgraph, parent: str, node: Any) -> Any:
    coordinate = f"{parent}.{node.name.value}"
    changes: dict[str, Any] = {"directives": (*(node.directives or ()), *_directives(graph, coordinate))}
    if getattr(node, "arguments", None):
        changes["arguments"] = tuple(
            replace(each, directives=tuple(_directives(graph, f"{coordinate}({each.name.value}:)"))) for each in node.arguments
        )
    return replace(node, **changes)


def _directives(graph: Subgraph, coordinate: str) -> Sequence[ConstDirectiveNode]:
    text = graph.origins.get(coordinate)
    return parse(f"scalar X {text}", no_location=True).definitions[0].directives if text else ()  # type: ignore[attr-defined, return-value]


def field_type(graph: Subgraph, coordinate: str) -> str:
    """`Type.field` → its type as text."""
    parent, _, name = coordinate.partition(".")
    node = next(each for each in graph.types[parent].fields if each.name.value == name)  # type: ignore[attr-defined, union-attr]
    return print_ast(node.type)


def arguments(graph: Subgraph, field: str = "it") -> dict[str, str]:
    """argument → its type, with the default."""
    node = next(each for each in graph.types["Query"].fields if each.name.value == field)  # type: ignore[attr-defined, union-attr]
    shown = {}
    for each in node.arguments or ():
        shown[each.name.value] = print_ast(each.type) + (f" = {print_ast(each.default_value)}" if each.default_value else "")
    return shown


def codes(graph: Subgraph) -> list[str]:
    return [diagnostic.code for diagnostic in graph.diagnostics]


def diagnostic(graph: Subgraph, code: str) -> Diagnostic:
    return next(each for each in graph.diagnostics if each.code == code)


# ---------------------------------------------------------------- calls


def chunks(
    graph: Subgraph, fetch: Fetch | str, keys: Sequence[tuple[Any, ...]] = (), variables: Mapping[str, Any] = {}, **request: Any
) -> Sequence[Chunk]:
    asked = a_fetch(graph, fetch) if isinstance(fetch, str) else fetch
    return graph.prepare(asked).calls(keys, variables, Request("req_1", **request), lambda reply: reply)


def url(graph: Subgraph, query: str, variables: Mapping[str, Any] = {}) -> str:
    """What follows the service's address in the one call of this query."""
    (chunk,) = chunks(graph, query, variables=variables)
    assert chunk.call.url.startswith(URL)
    return chunk.call.url.removeprefix(URL)


def headers(graph: Subgraph, query: str, variables: Mapping[str, Any] = {}, **request: Any) -> dict[str, str]:
    (chunk,) = chunks(graph, query, variables=variables, **request)
    return dict(chunk.call.headers)


def plain_sends(rules: HeaderRules = HeaderRules()) -> Sends:
    return sends(headers=rules)
