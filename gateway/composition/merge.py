"""Merges the types of all subgraphs, unchanged, into one document and its schema.

A type that one subgraph has is taken as it is. A type that several have must be an entity (some subgraph has a lookup for
it), whose fields are united, or the very same value type. Everything else is a clash, reported with the way out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    DirectiveDefinitionNode,
    DocumentNode,
    FieldDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    InterfaceTypeDefinitionNode,
    NameNode,
    ObjectTypeDefinitionNode,
    TypeDefinitionNode,
    UnionTypeDefinitionNode,
    build_ast_schema,
    validate_schema,
)
from graphql.type.directives import GraphQLDisableErrorPropagationDirective

from gateway.composition.graph import Graph, Hop, Key
from gateway.composition.links import link_field, resolve_links
from gateway.composition.rules import Clash, directive_differences, merge_differences, sharing_differences
from gateway.composition.satisfiability import query_as_a_type, unsatisfied
from gateway.composition.supergraph import Link, Supergraph
from gateway.config.model import Link as LinkSettings
from gateway.config.problem import ConfigError, Problem
from gateway.sources.base import Subgraph

QUERY = "Query"
Parts = Mapping[str, TypeDefinitionNode]
"""subgraph → its definition of one type."""


def compose(subgraphs: Sequence[Subgraph], links: Sequence[LinkSettings] = ()) -> Supergraph:
    """All subgraphs and links as one supergraph. Raises `ConfigError` with every problem; nothing half-composed is served."""
    problems: list[Problem] = []
    parts = _by_name(subgraphs)
    by_name = {s.name: s for s in subgraphs}
    entities = {lookup.type for s in subgraphs for lookup in s.lookups}
    root = _merge_root(subgraphs, by_name, problems)
    types: dict[str, TypeDefinitionNode] = {QUERY: root}
    for name, definitions in parts.items():
        types[name] = _merge_type(name, definitions, name in entities, by_name, problems)
    directives = _merge_directives(subgraphs, problems)
    problems += query_as_a_type(subgraphs)
    resolved = resolve_links(links, types, by_name, problems)
    for link in resolved:
        types[link.type] = _with_field(types[link.type], link_field(link))
    if any(p.severity == "error" for p in problems):
        raise ConfigError(problems)
    document = DocumentNode(definitions=(*directives, *types.values()))
    schema = _build(document, problems)
    graph = _graph(subgraphs, types, resolved)
    if out_of_reach := unsatisfied(graph, types, by_name, resolved):
        raise ConfigError([*problems, *out_of_reach])
    return Supergraph(schema, document, by_name, graph, tuple(problems))


# ---------------------------------------------------------------- types


def _by_name(subgraphs: Sequence[Subgraph]) -> dict[str, dict[str, TypeDefinitionNode]]:
    parts: dict[str, dict[str, TypeDefinitionNode]] = {}
    for subgraph in subgraphs:
        for name, node in subgraph.types.items():
            if name != subgraph.query:
                parts.setdefault(name, {})[subgraph.name] = node
    return parts


def _merge_root(
    subgraphs: Sequence[Subgraph], by_name: Mapping[str, Subgraph], problems: list[Problem]
) -> ObjectTypeDefinitionNode:
    owners: dict[str, str] = {}
    fields: list[FieldDefinitionNode] = []
    for subgraph in subgraphs:
        for field in _fields(subgraph.types[subgraph.query]):
            name = field.name.value
            if name in owners:
                clash = Clash("INVALID_FIELD_SHARING", QUERY, ("both have a root field of this name",), field=name)
                problems.append(clash.problem((by_name[owners[name]], subgraph)))
                continue
            owners[name] = subgraph.name
            fields.append(field)
    return ObjectTypeDefinitionNode(name=NameNode(value=QUERY), interfaces=(), directives=(), fields=tuple(fields))


def _merge_type(
    name: str, parts: Parts, entity: bool, by_name: Mapping[str, Subgraph], problems: list[Problem]
) -> TypeDefinitionNode:
    (first, merged), *others = parts.items()
    for subgraph, node in others:
        judge = merge_differences if entity else sharing_differences
        problems += (clash.problem((by_name[first], by_name[subgraph])) for clash in judge(name, merged, node))
        if entity and isinstance(merged, ObjectTypeDefinitionNode) and isinstance(node, ObjectTypeDefinitionNode):
            merged = _united(merged, node)
    return merged


def _united(merged: ObjectTypeDefinitionNode, node: ObjectTypeDefinitionNode) -> ObjectTypeDefinitionNode:
    """An entity has the fields and interfaces of all its sources; the first description there is stands for all."""
    fields = {f.name.value for f in merged.fields or ()}
    interfaces = {i.name.value for i in merged.interfaces or ()}
    return ObjectTypeDefinitionNode(
        description=merged.description or node.description,
        name=merged.name,
        interfaces=(*(merged.interfaces or ()), *(i for i in node.interfaces or () if i.name.value not in interfaces)),
        directives=merged.directives,
        fields=(*_fields(merged), *(f for f in _fields(node) if f.name.value not in fields)),
    )


def _fields(node: TypeDefinitionNode | None) -> tuple[FieldDefinitionNode, ...]:
    return tuple(getattr(node, "fields", None) or ())


def _with_field(node: TypeDefinitionNode, *fields: FieldDefinitionNode) -> TypeDefinitionNode:
    known: dict[str, Any] = {key: getattr(node, key) for key in node.keys if key != "loc"}
    known["fields"] = (*_fields(node), *fields)
    return type(node)(**known)


def _merge_directives(subgraphs: Sequence[Subgraph], problems: list[Problem]) -> tuple[DirectiveDefinitionNode, ...]:
    first: dict[str, tuple[Subgraph, DirectiveDefinitionNode]] = {}
    for subgraph in subgraphs:
        for directive in subgraph.directives:
            other, known = first.setdefault(directive.name.value, (subgraph, directive))
            problems += (clash.problem((other, subgraph)) for clash in directive_differences(known, directive))
    return tuple(directive for _, directive in first.values())


# ---------------------------------------------------------------- schema and graph


def _build(document: DocumentNode, problems: list[Problem]) -> GraphQLSchema:
    """The schema clients see. What composition let through and GraphQL does not is a problem too, never a traceback."""
    try:
        schema = build_ast_schema(document, assume_valid_sdl=True)
        faults: Sequence[GraphQLError | TypeError] = validate_schema(schema)
    except TypeError as unknown:
        faults = [unknown]
    if faults:
        found = [Problem("INVALID_GRAPHQL", getattr(f, "message", str(f))) for f in faults]
        raise ConfigError([*problems, *found])
    return with_error_propagation(schema)


def with_error_propagation(schema: GraphQLSchema) -> GraphQLSchema:
    """Operations may ask for errors that stay where they are; graphql-core knows the directive, but defines it in no schema."""
    keys: dict[str, Any] = {**schema.to_kwargs()}
    keys["directives"] = (*schema.directives, GraphQLDisableErrorPropagationDirective)
    return GraphQLSchema(**keys)


def _graph(subgraphs: Sequence[Subgraph], types: Mapping[str, TypeDefinitionNode], links: Sequence[Link]) -> Graph:
    fields: dict[Key, dict[str, FieldDefinitionNode]] = {}
    lookups: dict[str, list[Hop]] = {}
    for subgraph in subgraphs:
        for name, node in subgraph.types.items():
            owner = QUERY if name == subgraph.query else name
            for field in _fields(node):
                if isinstance(field, FieldDefinitionNode):
                    fields.setdefault((owner, field.name.value), {})[subgraph.name] = field
        for lookup in subgraph.lookups:
            lookups.setdefault(lookup.type, []).append(Hop(subgraph.name, lookup))
    for subgraph in subgraphs:  # after all that clients see, so that a root field is asked of the source that exposes it
        for name, unexposed in subgraph.unexposed.items():
            fields.setdefault((QUERY, name), {}).setdefault(subgraph.name, unexposed)
    hops = {name: tuple(found) for name, found in lookups.items()}
    return Graph(fields, hops, {(link.type, link.field): link for link in links}, _possible(types))


def _possible(types: Mapping[str, TypeDefinitionNode]) -> dict[str, tuple[str, ...]]:
    possible: dict[str, list[str]] = {
        name: [m.name.value for m in node.types or ()]
        for name, node in types.items()
        if isinstance(node, UnionTypeDefinitionNode)
    }
    possible |= {name: [] for name, node in types.items() if isinstance(node, InterfaceTypeDefinitionNode)}
    for name, node in types.items():
        if isinstance(node, ObjectTypeDefinitionNode):
            for interface in node.interfaces or ():
                possible.setdefault(interface.name.value, []).append(name)
    return {name: tuple(members) for name, members in possible.items()}
