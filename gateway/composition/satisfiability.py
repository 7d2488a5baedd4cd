"""Is there a way to every field? What is found here would otherwise be a client's query that cannot be planned.

Walks from the root fields down. A *state* is a type and the subgraphs its rows can be brought into there: those that give the
field above, and those their keys lead to. Every field of the type has to be answered by one of them, with what it requires; every
link has to find its keys. States repeat, so the walk is bounded by the types and the sets of subgraphs they are met in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter

import msgspec
from graphql import FieldNode, ObjectTypeDefinitionNode, SelectionSetNode, TypeDefinitionNode

from gateway.composition.graph import Graph, Provided
from gateway.composition.rules import contact_of
from gateway.composition.supergraph import Link
from gateway.config.problem import Problem
from gateway.sources.base import QUERY, SUBSCRIPTION, Subgraph
from gateway.sources.packed import Packed
from gateway.sources.reach import fields_of, named, possible_types

Types = Mapping[str, TypeDefinitionNode]
STATES = 200_000
"""Beyond that the walk stops: a supergraph that has more is checked in part, and says so."""

Reached = frozenset[tuple[str, Provided]]
"""(subgraph, what is provided there below a field that provides)."""


Set = frozenset[tuple[str, str]]
"""(subgraph, context) that some type further up sets."""


class State(msgspec.Struct, frozen=True):
    type: str
    home: str
    """Of the subgraphs that give the rows, the first."""
    reached: Reached
    above: Set = frozenset()


def unsatisfied(graph: Graph, types: Types, subgraphs: Mapping[str, Subgraph], links: Sequence[Link]) -> list[Problem]:
    """One problem for each (home, type, source out of reach) and for each link whose keys are out of reach. `types` as clients
    see them."""
    walk = _Walk(graph, types, links)
    for root in (QUERY, SUBSCRIPTION) if any(s.subscriptions for s in subgraphs.values()) else (QUERY,):
        walk.run(State(root, "", frozenset((name, ()) for name in subgraphs)))
    problems = [
        _problem(subgraphs[home], subgraphs[other], name, fields) for (home, name, other), fields in sorted(walk.missing.items())
    ]
    problems += [_link_problem(subgraphs[home], link, key) for (home, _, _), (link, key) in sorted(walk.lacking.items())]
    if walk.cut:
        said = f"only the first {STATES} of this supergraph's ways were checked"
        problems.append(Problem("SATISFIABILITY_UNCHECKED", said, severity="hint"))
    return problems


class _Walk:
    def __init__(self, graph: Graph, types: Types, links: Sequence[Link]) -> None:
        self.graph = graph
        self.types = types
        self.links = links
        self.missing: dict[tuple[str, str, str], list[str]] = {}
        self.lacking: dict[tuple[str, str, str], tuple[Link, str]] = {}
        self.cut = False

    def run(self, root: State) -> None:
        seen = {(root.type, root.reached, root.above)}
        pending = [root]
        while pending:
            for state in self._below(pending.pop()):
                if (state.type, state.reached, state.above) not in seen:
                    seen.add((state.type, state.reached, state.above))
                    pending.append(state)
            if len(seen) > STATES:
                self.cut = True
                return

    def _below(self, state: State) -> Iterable[State]:
        above = state.above | self._sets(state)
        for found in self._fields(state):
            yield msgspec.structs.replace(found, above=above) if above else found

    def _sets(self, state: State) -> Set:
        """The contexts this type sets, as far as what is taken of them can be read here."""
        graph = self.graph
        return frozenset(
            (subgraph, context)
            for (subgraph, context), types in graph.contexts.items()
            if any(graph.is_a(state.type, name) for name in types)
            and all(
                self._readable(state, argument.selection)
                for (_, _, taking), given in graph.contextual.items()
                for argument in given
                if (taking, argument.context) == (subgraph, context)
            )
        )

    def _fields(self, state: State) -> Iterable[State]:
        for field in fields_of(self.types.get(state.type)):
            name = field.name.value
            if (link := self.graph.links.get((state.type, name))) is not None:
                yield from self._linked(state, link)
                continue
            answering = self._answering(state, name)
            if answering and not self._composite(named(field.type)):
                continue
            if answering:
                yield from self._values(state.type, name, answering)
            else:
                having = self.graph.fields.get((state.type, name)) or self.graph.declared.get((state.type, name), {})
                fields = self.missing.setdefault((state.home, state.type, next(iter(having))), [])
                if name not in fields:
                    fields.append(name)

    def _composite(self, name: str) -> bool:
        return name in self.graph.possible or isinstance(self.types.get(name), ObjectTypeDefinitionNode)

    # ------------------------------------------------------------ who answers

    def _answering(self, state: State, field: str) -> list[tuple[str, Provided]]:
        """The subgraphs among those reached that answer the field, and what they provide below it."""
        found: list[tuple[str, Provided]] = []
        for subgraph, provided in state.reached:
            inside = self.graph.provided(state.type, field, provided) if provided else None
            if inside is None and not self.graph.offers(state.type, field, subgraph):
                continue
            required = self.graph.requires.get((state.type, field, subgraph))
            if required is not None and not self._brought(state, subgraph, required):
                continue
            if (given := self.graph.contextual.get((state.type, field, subgraph))) is not None and not (
                all((subgraph, argument.context) in state.above for argument in given)
                and any(hop.subgraph == subgraph for hop in self.graph.lookups.get(state.type, ()))
            ):
                continue
            more = self.graph.provides.get((state.type, field, subgraph))
            found.append((subgraph, (*(inside or ()), *((more,) if more is not None else ()))))
        return sorted(found, key=itemgetter(0)) if len(found) > 1 else found

    def _brought(self, state: State, subgraph: str, required: SelectionSetNode) -> bool:
        """Can the rows come into the subgraph by key, with what is required?"""
        if not any(hop.subgraph == subgraph for hop in self.graph.lookups.get(state.type, ())):
            return False
        return self._readable(state, required)

    def _readable(self, state: State, selection: SelectionSetNode) -> bool:
        return all(self._node_readable(state, node) for node in self.graph.selected(state.type, selection.selections))

    def _node_readable(self, state: State, node: FieldNode) -> bool:
        if node.name.value == "__typename":
            return True
        answering = [
            (s, inside or ())
            for s, provided in state.reached
            if (inside := self.graph.provided(state.type, node.name.value, provided)) is not None
            or self.graph.offers(state.type, node.name.value, s)
        ]
        if node.selection_set is None or not answering:
            return bool(answering)
        return all(self._readable(below, node.selection_set) for below in self._values(state.type, node.name.value, answering))

    # ------------------------------------------------------------ what is below

    def _values(self, type_name: str, field: str, answering: Sequence[tuple[str, Provided]]) -> Iterable[State]:
        """The object types that the field's values can have, each with where its rows can be brought."""
        starts: dict[str, list[tuple[str, Provided]]] = {}
        for subgraph, provided in answering:
            wire = named(self.graph.definition(type_name, field, subgraph).type)
            for member, start in self._members(subgraph, wire, provided):
                starts.setdefault(member, []).append((start, provided if start == subgraph else ()))
        for member, found in starts.items():
            if member in self.types:
                reached: dict[tuple[str, Provided], None] = dict.fromkeys(found)
                for start, provided in found:
                    reached |= {(s, ()): None for s in self.graph.ways(member, start, provided) if (s, ()) not in reached}
                given = {s for s, provided in reached if provided}
                yield State(member, found[0][0], frozenset(r for r in reached if r[1] or r[0] not in given))

    def _members(self, subgraph: str, wire: str, provided: Provided) -> Iterable[tuple[str, str]]:
        """(object type, subgraph its rows are in). What stands for an interface has rows wherever its own key leads."""
        if (subgraph, wire) not in self.graph.stand_ins:
            for member in self.graph.runtime.get((subgraph, wire), ()):
                yield member, subgraph
            return
        for start in self.graph.ways(wire, subgraph, provided):
            for member in self.graph.possible.get(wire, ()):
                yield member, start

    # ------------------------------------------------------------ links

    def _linked(self, state: State, link: Link) -> Iterable[State]:
        for binding in link.bindings:
            if binding.path and not self._path_readable(state, binding.path):
                key = "$" + ".".join(binding.path)
                self.lacking.setdefault((state.home, link.type, link.field), (link, key))
        yield from self._values(QUERY, link.via, [(link.subgraph, ())])

    def _path_readable(self, state: State, path: Sequence[str]) -> bool:
        answering = [(s, ()) for s, _ in state.reached if self.graph.offers(state.type, path[0], s)]
        if len(path) == 1 or not answering:
            return bool(answering)
        return all(self._path_readable(below, path[1:]) for below in self._values(state.type, path[0], answering))


# ---------------------------------------------------------------- said


def _problem(home: Subgraph, other: Subgraph, name: str, fields: Sequence[str]) -> Problem:
    first = f"{name}.{fields[0]}"
    several = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
    message = f"{home.name} gives {name}, but there is no way from there to {first}{several} of {other.name}"
    return Problem(
        "SATISFIABILITY_ERROR",
        f"{message}: {_why(other, home, name)}.",
        path=("sources", other.name),
        coordinates=(f"{home.name}: {name}", *(f"{other.name}: {name}.{field}" for field in fields)),
        sources=(home.name, other.name),
        owners=_owners(home, other),
        fix=_way_out(other, home, name),
    )


def _why(other: Subgraph, home: Subgraph, name: str) -> str:
    if other.facts is None:
        return f"{other.name} has no lookup for {name} whose key {home.name} can give"
    return f"no @key of {name} that {other.name} resolves can be given by {home.name}, nor is there a way around"


def _way_out(other: Subgraph, home: Subgraph, name: str) -> str:
    if other.facts is not None:
        return f"give {name} in {other.name} a @key of fields that {home.name} has, or let {home.name} answer them (@shareable)"
    return (
        f"say how {other.name} is asked for one {name} by key:\n"
        f"  - name: {other.name}\n    lookups: [{{type: {name}, key: ..., via: ..., arg: ...}}]"
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


def query_as_a_type(subgraphs: Iterable[Subgraph], types: Types) -> list[Problem]:
    """A root that can be met below the root, and a plain type with the root's name: neither can be told from the real one.

    What only writes lead to (`type CreatedPayload { query: Query }`) is met by nobody.
    """
    problems, giving = [], []
    for subgraph in subgraphs:
        for name, node in subgraph.types.items() if not isinstance(subgraph.types, Packed) else ():
            if name == "Query" != subgraph.query:
                problems.append(second_root(subgraph, "Query", "is a plain type, but Query is the root of every schema"))
            fields = [field.name.value for field in fields_of(node) if named(field.type) == subgraph.query]
            giving += [(subgraph, name, field) for field in fields]
    met = _met(types) if giving else set()
    for subgraph, name, field in giving:
        if name in met or name == subgraph.query:
            problems.append(second_root(subgraph, f"{name}.{field}", "gives the query root itself"))
    return problems


def _met(types: Types) -> set[str]:
    """The types that queries and subscriptions lead to; `types` are merged."""
    possible = possible_types(types)
    met: set[str] = set()
    pending = [QUERY, SUBSCRIPTION]
    while pending:
        name = pending.pop()
        if name not in met:
            met.add(name)
            pending += [named(field.type) for field in fields_of(types.get(name))]
            pending += possible.get(name, ())
    return met


def second_root(subgraph: Subgraph, coordinate: str, said: str) -> Problem:
    renamed = "rename it in this source; the new name is undone on the wire:\n"
    prefix = "".join(part.capitalize() for part in subgraph.name.replace("-", "_").split("_"))
    yaml = f"  - name: {subgraph.name}\n    prefix: {{types: {prefix}_, only: [{coordinate}]}}"
    return Problem(
        "QUERY_TYPE_CLASH",
        f"{coordinate} of {subgraph.name} {said}.",
        path=("sources", subgraph.name),
        coordinates=(f"{subgraph.name}: {coordinate}",),
        sources=(subgraph.name,),
        owners=_owners(subgraph),
        fix=renamed + yaml if "." not in coordinate else "leave the root fields that lead there out with `expose`",
    )
