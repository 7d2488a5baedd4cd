"""Merges the types of all subgraphs into one document and its schema, and gathers the moves between them.

A type that one subgraph has is taken as it is. A type that several have must be an entity (some subgraph has a lookup for it),
whose fields are united, or the very same value type; where federation subgraphs have it, it merges in the federation sense.
Everything else is a clash, reported with the way out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import Any

from graphql import (
    DirectiveDefinitionNode,
    DocumentNode,
    FieldDefinitionNode,
    GraphQLDeferDirective,
    GraphQLError,
    GraphQLSchema,
    GraphQLStreamDirective,
    InterfaceTypeDefinitionNode,
    NamedTypeNode,
    NameNode,
    ObjectTypeDefinitionNode,
    TypeDefinitionNode,
    build_ast_schema,
    validate_schema,
)
from graphql.type.directives import GraphQLDisableErrorPropagationDirective

from gateway.composition.access import check_access
from gateway.composition.choices import choices
from gateway.composition.directives import check_directives, interface_keys
from gateway.composition.graph import Graph
from gateway.composition.hiding import check_hidden
from gateway.composition.hints import hints
from gateway.composition.links import link_field, resolve_links
from gateway.composition.moves import answers, graph_of, overridden_for_good
from gateway.composition.rules import Clash, directive_differences, merge_differences, several, sharing_differences
from gateway.composition.satisfiability import query_as_a_type, unsatisfied
from gateway.composition.schema import OpeningSchema
from gateway.composition.subscriptions import merge_subscriptions, subscription_as_a_type, with_roots
from gateway.composition.supergraph import Supergraph
from gateway.composition.together import check_extensions, check_interfaces, check_requirements, check_sharing, check_values
from gateway.composition.types import Merging, Report, Usage, merge_type
from gateway.composition.unopened import Merged, is_shared, merged_types, opened_for
from gateway.composition.visible import hidden_coordinates, visible_types, with_visible_values
from gateway.config.model import Link as LinkSettings
from gateway.config.problem import ConfigError, Problem
from gateway.sources.base import QUERY, SUBSCRIPTION, Subgraph
from gateway.sources.packed import Packed
from gateway.sources.reach import fields_of, named, possible_types

EXECUTABLE = (GraphQLDisableErrorPropagationDirective, GraphQLDeferDirective, GraphQLStreamDirective)
"""Directives of operations."""
Parts = Mapping[str, TypeDefinitionNode]
"""subgraph → its definition of one type."""


def compose(subgraphs: Sequence[Subgraph], links: Sequence[LinkSettings] = ()) -> Supergraph:
    """All subgraphs and links as one supergraph. Raises `ConfigError` with every problem; nothing half-composed is served."""
    problems: list[Problem] = []
    subgraphs = opened_for(subgraphs)
    by_name = {s.name: s for s in subgraphs}
    types = _merged_types(subgraphs, by_name, problems)
    directives = _merge_directives(subgraphs, problems)
    problems += query_as_a_type(subgraphs, types)
    resolved = resolve_links(links, types, by_name, problems)
    for link in resolved:
        types[link.type] = _with_field(types[link.type], link_field(link))
    hidden = hidden_coordinates(subgraphs)
    visible = visible_types(types, hidden)
    graph = graph_of(subgraphs, types, resolved)
    _check_federation(subgraphs, by_name, types, visible, hidden, graph, problems)
    if not fields_of(visible[QUERY]):
        nothing = "no source has a root field that clients could ask for"
        report = _reporter(by_name, problems)
        report("NO_QUERIES", QUERY, nothing, by_name)
    if any(p.severity == "error" for p in problems):
        raise ConfigError(problems)
    subscribes = any(s.subscriptions for s in subgraphs) and bool(fields_of(visible.get(SUBSCRIPTION)))
    schema = _schema(subgraphs, directives, visible, problems, subscribes=subscribes)
    whole = _schema(subgraphs, directives, types, problems, subscribes=subscribes) if hidden else schema
    moving = choices(subgraphs, graph.possible, lambda labels: graph_of(subgraphs, types, resolved, labels))
    graphs = [graph, *(moving.graph(labels) for labels in moving.to_check())] if moving else [graph]
    if isinstance(types, Merged) and not is_shared(subgraphs):
        graphs = []  # of plain sources that share nothing, every field is where its row is
    if out_of_reach := [problem for each in graphs for problem in unsatisfied(each, visible, by_name, resolved)]:
        raise ConfigError([*problems, *dict.fromkeys(out_of_reach)])
    narrowed = with_visible_values(subgraphs, visible)
    return Supergraph(schema, directives, visible, narrowed, graph, tuple(problems), types, whole, moving)


def _check_federation(
    subgraphs: Sequence[Subgraph],
    by_name: Mapping[str, Subgraph],
    types: Mapping[str, TypeDefinitionNode],
    visible: Mapping[str, TypeDefinitionNode],
    hidden: frozenset[str],
    graph: Graph,
    problems: list[Problem],
) -> None:
    """The rules of federation. Graphs of plain sources only have nothing that they could find."""
    if all(s.facts is None for s in subgraphs):
        return
    report = _reporter(by_name, problems)
    for subgraph in subgraphs:
        check_directives(subgraph, by_name, report)
    parts = {name: {s.name: s.types[name] for s in having} for name, having in _by_name(subgraphs).items()}
    sources = {name: [s.name for s in subgraphs if name in s.types or name == QUERY] for name in types}
    interface_keys(by_name, graph.possible, report)
    check_extensions(by_name, parts, report)
    check_sharing(by_name, types, graph, report)
    check_values(types, graph, report)
    check_interfaces(types, report, sources)
    check_hidden(types, visible, hidden, report, sources)
    check_requirements(types, graph, report)
    check_access(subgraphs, types, report)
    hints(subgraphs, parts, types, graph, _usage(subgraphs), _reporter(by_name, problems, "hint"))


def _reporter(by_name: Mapping[str, Subgraph], problems: list[Problem], severity: str = "error") -> Report:
    def report(code: str, coordinate: str, message: str, where: Iterable[str], fix: str | None = None) -> None:
        problems.append(several(code, coordinate, message, [by_name[s] for s in where], fix, severity))

    return report


# ---------------------------------------------------------------- types


def _merged_types(
    subgraphs: Sequence[Subgraph], by_name: Mapping[str, Subgraph], problems: list[Problem]
) -> MutableMapping[str, TypeDefinitionNode]:
    parts = _by_name(subgraphs)
    entities = {lookup.type for s in subgraphs for lookup in s.lookups}
    merging = _merging(subgraphs, by_name, problems)
    types = merged_types(subgraphs)
    types[QUERY] = _merge_root(subgraphs, merging, problems)
    problems += subscription_as_a_type(subgraphs)
    if subscribing := [s for s in subgraphs if s.subscriptions]:
        types[SUBSCRIPTION] = merge_subscriptions(subscribing, problems)
        parts.pop(SUBSCRIPTION)
    for name, having in parts.items():
        if isinstance(types, Merged) and len(having) == 1 and isinstance(packed := having[0].types, Packed):
            types.leave(name, packed)
            continue
        definitions = {s.name: s.types[name] for s in having}
        if any(by_name[s].facts is not None for s in definitions):
            types[name] = merge_type(name, definitions, merging)
        else:
            types[name] = _merge_plain(name, definitions, name in entities, by_name, problems)
    _stand_in_fields(subgraphs, types)
    return types


def _by_name(subgraphs: Sequence[Subgraph]) -> dict[str, list[Subgraph]]:
    parts: dict[str, list[Subgraph]] = {}
    for subgraph in subgraphs:
        for name in subgraph.types:
            if name != subgraph.query:
                parts.setdefault(name, []).append(subgraph)
    return parts


def _merging(subgraphs: Sequence[Subgraph], by_name: Mapping[str, Subgraph], problems: list[Problem]) -> Merging:
    supertypes: dict[str, set[str]] = {}
    for subgraph in subgraphs:
        for abstract, members in possible_types(subgraph.types).items():
            for member in members:
                supertypes.setdefault(member, set()).add(abstract)
    taken = overridden_for_good(subgraphs)
    return Merging(
        by_name,
        lambda name, of: of in supertypes.get(name, ()),
        _usage(subgraphs if any(s.facts for s in subgraphs) else ()),
        _reporter(by_name, problems),
        _reporter(by_name, problems, "hint"),
        _contextual(subgraphs),
        lambda name, field, subgraph: answers(by_name[subgraph], name, field, taken),
    )


def _contextual(subgraphs: Sequence[Subgraph]) -> dict[tuple[str, str], frozenset[str]]:
    found: dict[tuple[str, str], frozenset[str]] = {}
    for at, given in (item for s in subgraphs if s.facts for item in s.facts.from_context.items()):
        found[at] = found.get(at, frozenset()) | {argument.name for argument in given}
    return found


def _usage(subgraphs: Iterable[Subgraph]) -> Usage:
    """Which types arguments and input fields name, and which fields give."""
    taken: set[str] = set()
    given: set[str] = set()
    for node in (node for s in subgraphs for node in s.types.values()):
        for field in getattr(node, "fields", None) or ():
            (given if isinstance(field, FieldDefinitionNode) else taken).add(named(field.type))
            taken |= {named(a.type) for a in getattr(field, "arguments", None) or ()}
    return Usage(frozenset(taken), frozenset(given))


def _merge_root(subgraphs: Sequence[Subgraph], merging: Merging, problems: list[Problem]) -> ObjectTypeDefinitionNode:
    """Federation subgraphs may share root fields; of any other, a root field is its own."""
    owners: dict[str, list[Subgraph]] = {}
    for subgraph in subgraphs:
        for field in fields_of(subgraph.types[subgraph.query]):
            owners.setdefault(field.name.value, []).append(subgraph)
    for name, having in owners.items():
        if len(having) > 1 and (plain := [s for s in having if s.facts is None]):
            other = next(s for s in having if s is not plain[0])
            clash = Clash("INVALID_FIELD_SHARING", QUERY, ("both have a root field of this name",), field=name)
            first, second = sorted((plain[0], other), key=having.index)
            problems.append(clash.problem((first, second)))
    roots = {s.name: replace(s.types[s.query], name=NameNode(value=QUERY)) for s in subgraphs}
    merged = merge_type(QUERY, roots, merging)
    assert isinstance(merged, ObjectTypeDefinitionNode)  # every query root is one
    return replace(merged, description=None, directives=(), interfaces=())


def _stand_in_fields(subgraphs: Sequence[Subgraph], types: MutableMapping[str, TypeDefinitionNode]) -> None:
    """What is added to an interface by an object that stands for it, all its object types have."""
    for name in dict.fromkeys(n for s in subgraphs if s.facts for n in s.facts.interface_objects):
        added = fields_of(types.get(name))
        for member, node in types.items():
            if isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode) and _implements(node, name):
                known = {f.name.value for f in fields_of(node)}
                if more := [f for f in added if f.name.value not in known]:
                    types[member] = _with_field(node, *more)


def _implements(node: ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode, interface: str) -> bool:
    return any(i.name.value == interface for i in node.interfaces or ())


def _merge_plain(
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


def _schema(
    subgraphs: Sequence[Subgraph],
    directives: tuple[DirectiveDefinitionNode, ...],
    types: Mapping[str, TypeDefinitionNode],
    problems: list[Problem],
    *,
    subscribes: bool,
) -> GraphQLSchema:
    if not isinstance(types, Merged):
        return _build(DocumentNode(definitions=(*directives, *types.values())), problems, subscribes=subscribes)
    own = _build(DocumentNode(definitions=(*directives, _ANY_QUERY)), problems)
    schema = OpeningSchema(types, own.directives, subscribes=subscribes)
    roots = [f.name.value for s in subgraphs if not isinstance(s.types, Packed) for f in fields_of(s.types[s.query])]
    _refuse(schema.faults(types.made, roots), problems)
    return schema


_ANY_QUERY = ObjectTypeDefinitionNode(
    name=NameNode(value=QUERY),
    interfaces=(),
    directives=(),
    fields=(
        FieldDefinitionNode(
            name=NameNode(value="any"), type=NamedTypeNode(name=NameNode(value="Boolean")), arguments=(), directives=()
        ),
    ),
)


def _build(document: DocumentNode, problems: list[Problem], *, subscribes: bool = False) -> GraphQLSchema:
    """The schema clients see. What composition let through and GraphQL does not is a problem too, never a traceback."""
    try:
        schema = build_ast_schema(with_roots(document, subscribes=subscribes), assume_valid_sdl=True)
        faults: Sequence[GraphQLError | TypeError] = validate_schema(schema)
    except TypeError as unknown:
        faults = [unknown]
    _refuse(faults, problems)
    return with_directives(schema)


def _refuse(faults: Sequence[GraphQLError | TypeError], problems: list[Problem]) -> None:
    if faults:
        found = [Problem("INVALID_GRAPHQL", getattr(f, "message", str(f))) for f in faults]
        raise ConfigError([*problems, *found])


def with_directives(schema: GraphQLSchema) -> GraphQLSchema:
    """What operations may say beside what every schema lets them: graphql-core knows these, but defines them in no schema."""
    keys: dict[str, Any] = {**schema.to_kwargs()}
    keys["directives"] = (*schema.directives, *EXECUTABLE)
    return GraphQLSchema(**keys)
