"""Rules for federation subgraphs together: who may share a field, what interfaces demand, what requirements wait for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graphql import (
    FieldNode,
    ObjectTypeDefinitionNode,
    SelectionSetNode,
    TypeDefinitionNode,
)

from gateway.composition.graph import Graph
from gateway.composition.hints import values_of
from gateway.composition.moves import NOTHING
from gateway.composition.types import Parts, Report
from gateway.sources.base import Subgraph
from gateway.sources.reach import field_of, fields_of, named

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


def check_values(types: Types, graph: Graph, report: Report) -> None:
    """Sharers of a field of an abstract type have to know at least one type in common, or they never answer the same."""
    for (name, field), having in graph.fields.items():
        if len(having) > 1 and isinstance(types.get(name), ObjectTypeDefinitionNode):
            known = values_of(name, field, list(having), graph)
            if known and not frozenset.intersection(*known.values()):
                at = f"{name}.{field}"
                told = "; ".join(f"{', '.join(sorted(values)) or 'nothing'} in {s}" for s, values in known.items())
                said = f"{at} is shared, but can be {told}: never the same in all of them"
                report("SHAREABLE_HAS_MISMATCHED_RUNTIME_TYPES", at, said, having)


def check_extensions(subgraphs: Mapping[str, Subgraph], parts: Mapping[str, Parts], report: Report) -> None:
    """A type that is extended has to be defined by somebody."""
    for name, definitions in parts.items():
        facts = [f for s in definitions if (f := subgraphs[s].facts) is not None]
        if len(facts) == len(definitions) and all(name in f.extended for f in facts):
            said = f"{name} is extended in {', '.join(definitions)}, but defined nowhere"
            fix = f"write it without extend (and without @extends) in the subgraph {name} belongs to"
            report("EXTENSION_WITH_NO_BASE", name, said, definitions, fix)


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
