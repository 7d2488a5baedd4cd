"""Is there a way to every field? What is found here would otherwise be a client's query that cannot be planned.

A row of an entity starts in some subgraph, its *home*. Every field that another subgraph adds, and every key of a link, must be
reachable from there by lookups whose keys can be given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from graphql import TypeDefinitionNode

from gateway.composition.graph import Graph
from gateway.composition.rules import contact_of
from gateway.composition.supergraph import Link
from gateway.config.problem import Problem
from gateway.sources.base import Subgraph
from gateway.sources.reach import field_of, fields_of, named, reachable_types

Types = Mapping[str, TypeDefinitionNode]


def unsatisfied(graph: Graph, types: Types, subgraphs: Mapping[str, Subgraph], links: Sequence[Link]) -> list[Problem]:
    """One problem for each (home, entity, source out of reach) and for each link whose keys are out of reach."""
    problems: list[Problem] = []
    for home in subgraphs.values():
        for name in sorted(_homes(home, links)):
            for other, fields in _out_of_reach(graph, types, home, name, links).items():
                problems.append(_problem(home, subgraphs[other], name, fields))
            for link in links:
                if link.type == name and (lacking := _lacking(graph, home.name, link)):
                    problems.append(_link_problem(home, link, lacking))
    return problems


def _homes(subgraph: Subgraph, links: Sequence[Link]) -> frozenset[str]:
    """The types whose rows start in this subgraph. Those that only lookups reach are guests, but what is below them is not."""
    root = subgraph.types[subgraph.query]
    targets = [field_of(root, link.via) or subgraph.unexposed.get(link.via) for link in links if link.subgraph == subgraph.name]
    starts = {named(field.type) for field in (*fields_of(root), *targets) if field is not None}
    guests = {lookup.type for lookup in subgraph.lookups}
    starts |= {named(field.type) for guest in guests for field in fields_of(subgraph.types.get(guest))}
    return reachable_types(subgraph.types, starts) & subgraph.types.keys()


def _out_of_reach(graph: Graph, types: Types, home: Subgraph, name: str, links: Sequence[Link]) -> dict[str, list[str]]:
    """source → the fields of this type that it alone could give, and that cannot be had from home."""
    linked = {link.field for link in links if link.type == name}
    missing: dict[str, list[str]] = {}
    for field in fields_of(types.get(name)):
        field_name = field.name.value
        having = graph.fields.get((name, field_name), {})
        if field_name in linked or home.name in having or graph.reach(name, home.name, field_name) is not None:
            continue
        missing.setdefault(next(iter(having)), []).append(field_name)
    return missing


def _lacking(graph: Graph, home: str, link: Link) -> str | None:
    """The first key path of a link that cannot be read for rows that start here."""
    for binding in link.bindings:
        if binding.path and not _readable(graph, home, link.type, binding.path):
            return "$" + ".".join(binding.path)
    return None


def _readable(graph: Graph, home: str, type_name: str, path: Sequence[str]) -> bool:
    subgraph = home
    if not graph.offers(type_name, path[0], home):
        hops = graph.reach(type_name, home, path[0])
        if hops is None:
            return False
        subgraph = hops[-1].subgraph
    for step in path:
        definition = graph.fields.get((type_name, step), {}).get(subgraph)
        if definition is None:
            return False
        type_name = named(definition.type)
    return True


# ---------------------------------------------------------------- said


def _problem(home: Subgraph, other: Subgraph, name: str, fields: Sequence[str]) -> Problem:
    first = f"{name}.{fields[0]}"
    several = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
    message = f"{home.name} gives {name}, but there is no way from there to {first}{several} of {other.name}"
    return Problem(
        "SATISFIABILITY_ERROR",
        f"{message}: {other.name} has no lookup for {name} whose key {home.name} can give.",
        path=("sources", other.name),
        coordinates=(f"{home.name}: {name}", *(f"{other.name}: {name}.{field}" for field in fields)),
        sources=(home.name, other.name),
        owners=_owners(home, other),
        fix=f"say how {other.name} is asked for one {name} by key:\n"
        f"  - name: {other.name}\n    lookups: [{{type: {name}, key: ..., via: ..., arg: ...}}]",
    )


def _link_problem(home: Subgraph, link: Link, key: str) -> Problem:
    return Problem(
        "SATISFIABILITY_ERROR",
        f"{home.name} gives {link.type}, but {link.type}.{link.field} needs {key}, to which there is no way from there.",
        coordinates=(f"{home.name}: {link.type}", f"{link.type}.{link.field}"),
        sources=(home.name, link.subgraph),
        owners=_owners(home),
        fix=f"give a source that has {key} a lookup for {link.type}",
    )


def _owners(*subgraphs: Subgraph) -> tuple[str, ...]:
    return tuple(contact_of(subgraph) for subgraph in subgraphs)


def query_as_a_type(subgraphs: Iterable[Subgraph]) -> list[Problem]:
    """A root that can be met below the root, and a plain type with the root's name: neither can be told from the real one."""
    problems = []
    for subgraph in subgraphs:
        for name, node in subgraph.types.items():
            if name == "Query" != subgraph.query:
                problems.append(_second_query(subgraph, "Query", "is a plain type, but Query is the root of every schema"))
            for field in fields_of(node):
                if named(field.type) == subgraph.query:
                    problems.append(_second_query(subgraph, f"{name}.{field.name.value}", "gives the query root itself"))
    return problems


def _second_query(subgraph: Subgraph, coordinate: str, said: str) -> Problem:
    renamed = "rename it in this source; the new name is undone on the wire:\n"
    prefix = "".join(part.capitalize() for part in subgraph.name.replace("-", "_").split("_"))
    yaml = f"  - name: {subgraph.name}\n    prefix: {{types: {prefix}_, only: [Query]}}"
    return Problem(
        "QUERY_TYPE_CLASH",
        f"{coordinate} of {subgraph.name} {said}.",
        path=("sources", subgraph.name),
        coordinates=(f"{subgraph.name}: {coordinate}",),
        sources=(subgraph.name,),
        owners=_owners(subgraph),
        fix=renamed + yaml if coordinate == "Query" else "leave the root fields that lead there out with `expose`",
    )
