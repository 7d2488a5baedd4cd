"""Rules for federation subgraphs together: who may share a field, what interfaces demand, what hiding leaves behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from graphql import (
    FieldDefinitionNode,
    FieldNode,
    InputObjectTypeDefinitionNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    SelectionSetNode,
    TypeDefinitionNode,
)

from gateway.composition.graph import Graph
from gateway.composition.moves import NOTHING, overridden
from gateway.composition.types import Report
from gateway.sources.base import Subgraph
from gateway.sources.reach import BUILT_IN, field_of, fields_of, named

Types = Mapping[str, TypeDefinitionNode]
QUERY = "Query"


def check_sharing(subgraphs: Mapping[str, Subgraph], types: Types, graph: Graph, report: Report) -> None:
    """A field that several answer has to be meant to be: @shareable in all of them, or part of a key."""
    keyed = {name: _keyed(subgraph) for name, subgraph in subgraphs.items()}
    for name, node in types.items():
        if not isinstance(node, ObjectTypeDefinitionNode):
            continue
        for field in fields_of(node):
            having = [
                subgraphs[s]
                for s in graph.fields.get((name, field.name.value), ())
                if field.name.value not in subgraphs[s].unexposed
            ]
            if len(having) < 2 or any(s.facts is None for s in having):
                continue
            unwilling = [
                s for s in having if not _shares(s, name, field.name.value) and (name, field.name.value) not in keyed[s.name]
            ]
            if unwilling:
                at = f"{name}.{field.name.value}"
                said = f"{at} is answered by {_listed(having)}, but not shareable in {_listed(unwilling)}"
                fix = f"mark {at} @shareable in each of them, or let one @override(from:) the other"
                report("INVALID_FIELD_SHARING", at, said, [s.name for s in having], fix)


def _listed(subgraphs: Iterable[Subgraph]) -> str:
    return ", ".join(s.name for s in subgraphs)


def _shares(subgraph: Subgraph, name: str, field: str) -> bool:
    facts = subgraph.facts or NOTHING
    own = subgraph.query if name == QUERY else name
    return facts.shares or (own, field) in facts.shareable or own not in subgraph.types


def _keyed(subgraph: Subgraph) -> set[tuple[str, str]]:
    """Every field that some key is made of, at any depth: those may always be shared."""
    found: set[tuple[str, str]] = set()

    def note(name: str, selection: SelectionSetNode) -> None:
        for node in selection.selections:
            if isinstance(node, FieldNode):
                found.add((name, node.name.value))
                definition = field_of(subgraph.types.get(name), node.name.value)
                if node.selection_set is not None and definition is not None:
                    note(named(definition.type), node.selection_set)

    for name, keys in (subgraph.facts or NOTHING).keys.items():
        for key in keys:
            note(name, key.fields)
    return found


def check_interfaces(types: Types, report: Report, sources: Mapping[str, Iterable[str]]) -> None:
    """Every object type has what its interfaces have together."""
    for name, node in types.items():
        for implemented in getattr(node, "interfaces", None) or ():
            interface = types.get(implemented.name.value)
            own = {f.name.value for f in fields_of(node)}
            for field in fields_of(interface):
                if field.name.value not in own:
                    at = f"{implemented.name.value}.{field.name.value}"
                    report(
                        "INTERFACE_FIELD_NO_IMPLEM",
                        at,
                        f"{at} is not a field of {name}, which implements the interface",
                        sources[name],
                    )


# ---------------------------------------------------------------- hiding


def check_hidden(
    types: Types, visible: Types, hidden: frozenset[str], report: Report, sources: Mapping[str, Iterable[str]]
) -> None:
    """What clients see must not lead to what they do not, and must leave something of every type."""
    if not hidden:
        return
    for name, node in visible.items():
        for field in getattr(node, "fields", None) or ():
            at = f"{name}.{field.name.value}"
            for used in (field, *(getattr(field, "arguments", None) or ())):
                inner = named(used.type)
                if inner not in visible and inner in types and inner not in BUILT_IN:
                    report("REFERENCED_INACCESSIBLE", at, f"{at} is visible, but {inner} is @inaccessible", sources[name])
        for part in ("fields", "values", "types"):
            if getattr(types[name], part, None) and not getattr(node, part, None) and name != QUERY:
                report(
                    "ONLY_INACCESSIBLE_CHILDREN", name, f"{name} is visible, but everything in it is @inaccessible", sources[name]
                )
    _check_required(types, hidden, report, sources)


def _check_required(types: Types, hidden: frozenset[str], report: Report, sources: Mapping[str, Iterable[str]]) -> None:
    """What has to be given cannot be hidden."""
    for name, node in types.items():
        for field in getattr(node, "fields", None) or ():
            at = f"{name}.{field.name.value}"
            given = {at: field} if isinstance(node, InputObjectTypeDefinitionNode) else {}
            if isinstance(field, FieldDefinitionNode):
                given |= {f"{at}({a.name.value}:)": a for a in field.arguments or ()}
            for coordinate, value in given.items():
                if coordinate in hidden and isinstance(value.type, NonNullTypeNode) and value.default_value is None:
                    report(
                        "REQUIRED_INACCESSIBLE", coordinate, f"{coordinate} is @inaccessible, but has to be given", sources[name]
                    )


# ---------------------------------------------------------------- requirements


def check_requirements(types: Types, graph: Graph, report: Report) -> None:
    """Requirements that go round in a circle: nobody could begin."""
    fields = {
        (name, f.name.value)
        for name, node in types.items()
        if isinstance(node, ObjectTypeDefinitionNode)
        for f in fields_of(node)
    }
    answered = {at for at in fields if any((*at, s) not in graph.requires for s in graph.fields.get(at, ()))}
    waiting = {at for at in fields if at not in answered and graph.fields.get(at) and at not in graph.links}
    while grown := {at for at in waiting if _startable(at, graph, answered)}:
        answered |= grown
        waiting -= grown
    for name, field in sorted(waiting):
        at = f"{name}.{field}"
        said = f"what {at} requires waits, directly or not, for {at} itself"
        report("REQUIRES_CYCLE", at, said, graph.fields[name, field], "break the circle: one of the fields has to do without")


def _startable(at: tuple[str, str], graph: Graph, answered: set[tuple[str, str]]) -> bool:
    return any(
        all(
            (at[0], node.name.value) in answered or (at[0], node.name.value) not in graph.fields
            for node in graph.selected(at[0], graph.requires[(*at, subgraph)].selections)
        )
        for subgraph in graph.fields[at]
        if (*at, subgraph) in graph.requires
    )


# ---------------------------------------------------------------- worth knowing


def hints(subgraphs: Sequence[Subgraph], types: Types, graph: Graph, report: Report) -> None:
    """What composes but may surprise."""
    taken = overridden(subgraphs)
    names = {s.name for s in subgraphs}
    for subgraph in subgraphs:
        facts = subgraph.facts or NOTHING
        for (name, field), override in facts.overrides.items() if not facts.composed else ():
            at = f"{name}.{field}"
            if override.source not in names:
                said = f"{at} overrides a field of {override.source}, which is no source of this gateway"
                report("FROM_SUBGRAPH_DOES_NOT_EXIST", at, said, (subgraph.name,))
            elif (name, field, override.source) in taken:
                said = f"{at} is answered by {subgraph.name} now: {override.source} need not have it any more"
                report("OVERRIDDEN_FIELD_CAN_BE_REMOVED", at, said, (override.source,))
    for (name, field), having in graph.fields.items():
        if name in types and isinstance(types[name], ObjectTypeDefinitionNode) and len(having) > 1:
            _same_values(name, field, list(having), graph, report)


def _same_values(name: str, field: str, having: Sequence[str], graph: Graph, report: Report) -> None:
    inner = {named(definition.type) for definition in graph.fields[name, field].values()}
    if not any(i in graph.possible for i in inner) or any((s, i) in graph.stand_ins for s in having for i in inner):
        return
    known = {s: graph.values(name, field, s) for s in having}
    if len(set(known.values())) > 1:
        told = "; ".join(f"{', '.join(sorted(values))} in {s}" for s, values in known.items())
        said = (
            f"{name}.{field} can be {told}. Of a type that not all know, only __typename is answered where several can be asked"
        )
        report("INCONSISTENT_RUNTIME_TYPES_FOR_SHAREABLE_RETURN", f"{name}.{field}", said, having)
