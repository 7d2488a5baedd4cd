"""Gathers from the subgraphs what planning may do: who answers a field, what that requires, how types are reached by key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from graphql import (
    FieldDefinitionNode,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    TypeDefinitionNode,
    UnionTypeDefinitionNode,
)

from gateway.composition.graph import Graph, Hop, Moves
from gateway.composition.unopened import Opening
from gateway.sources.base import Coordinate, Facts, Override, Subgraph
from gateway.sources.packed import Packed
from gateway.sources.reach import field_of, fields_of, outline, possible_types

if TYPE_CHECKING:
    from gateway.composition.supergraph import Link

QUERY = "Query"
NOTHING = Facts()


def overridden(subgraphs: Sequence[Subgraph], chosen: frozenset[str] = frozenset()) -> frozenset[tuple[str, str, str]]:
    """(type, field, subgraph) that another subgraph answers in its place.

    An override with a label is for the requests for which the label is `chosen`; for all others it is its own subgraph that
    does not answer.
    """
    return frozenset(
        (_owner(s, type_name), field, override.source if override.label is None or override.label in chosen else s.name)
        for s, (type_name, field), override in answering(subgraphs)
    )


def overridden_for_good(subgraphs: Sequence[Subgraph]) -> frozenset[tuple[str, str, str]]:
    """The same for every request: what moves for some only is still with both."""
    labels = frozenset(o.label for _, _, o in answering(subgraphs) if o.label is not None)
    return overridden(subgraphs) & overridden(subgraphs, labels)


def answering(subgraphs: Sequence[Subgraph]) -> Iterator[tuple[Subgraph, Coordinate, Override]]:
    """The overrides that decide who answers: not those from a subgraph that is not there, nor, with a label, from one that
    never had the field. In a composed supergraph, fields that moved for good are with their new subgraph already."""
    known = {s.name: s for s in subgraphs}
    for subgraph in subgraphs:
        facts = subgraph.facts or NOTHING
        for (type_name, field), override in facts.overrides.items():
            other = known.get(override.source)
            if other is None or (override.label is None and facts.composed):
                continue
            own = other.query if type_name == subgraph.query else type_name
            if override.label is None or field_of(other.types.get(own), field) is not None:
                yield subgraph, (type_name, field), override


def _owner(subgraph: Subgraph, type_name: str) -> str:
    return QUERY if type_name == subgraph.query else type_name


def answers(subgraph: Subgraph, type_name: str, field: str, taken: frozenset[tuple[str, str, str]]) -> bool:
    """Does this subgraph itself answer the field? `type_name` is the supergraph's."""
    facts = subgraph.facts or NOTHING
    own = subgraph.query if type_name == QUERY else type_name
    return (own, field) not in facts.external and (type_name, field, subgraph.name) not in taken


def graph_of(
    subgraphs: Sequence[Subgraph],
    types: Mapping[str, TypeDefinitionNode],
    links: Sequence[Link],
    chosen: frozenset[str] = frozenset(),
) -> Graph:
    """The moves of these subgraphs, whose merged types are `types`, for requests that have the `chosen` labels of overrides."""
    gatherer = _Gatherer(subgraphs, possible_of(types), chosen)
    for subgraph in subgraphs:
        gatherer.types_of(subgraph)
        gatherer.lookups_of(subgraph)
    for subgraph in subgraphs:  # after all that clients see, so that a root field is asked of the source that exposes it
        for name, unexposed in subgraph.unexposed.items():
            gatherer.moves.declared.setdefault((QUERY, name), {}).setdefault(subgraph.name, unexposed)
            gatherer.moves.fields.setdefault((QUERY, name), {}).setdefault(subgraph.name, unexposed)
    possible = gatherer.moves.possible
    gatherer.moves.links = {(name, link.field): link for link in links for name in (link.type, *possible.get(link.type, ()))}
    return Graph(gatherer.moves)


class _Gatherer:
    def __init__(self, subgraphs: Sequence[Subgraph], possible: Mapping[str, tuple[str, ...]], chosen: frozenset[str]) -> None:
        self.taken = overridden(subgraphs, chosen)
        self.moves = Moves()
        if packed := [s for s in subgraphs if isinstance(s.types, Packed)]:
            self.moves.fields, self.moves.declared = Opening(packed, self.taken), Opening(packed)
        self.moves.possible = possible

    # ------------------------------------------------------------ fields

    def types_of(self, subgraph: Subgraph) -> None:
        if isinstance(subgraph.types, Packed):
            self._packed_types_of(subgraph)
            return
        local = possible_types(subgraph.types)
        facts = subgraph.facts or NOTHING
        self.moves.contexts |= {(subgraph.name, context): types for context, types in facts.contexts.items()}
        for name, node in subgraph.types.items():
            owner = _owner(subgraph, name)
            members = self.moves.possible.get(owner, ())
            if name in facts.interface_objects:
                self.moves.stand_ins.add((subgraph.name, name))
                self.moves.runtime[subgraph.name, name] = members
                for stood_for in (owner, *members):
                    self._fields(subgraph, facts, stood_for, name, node)
            elif isinstance(node, ObjectTypeDefinitionNode):
                self.moves.runtime[subgraph.name, owner] = (owner,)
                self._fields(subgraph, facts, owner, name, node)
            elif isinstance(node, InterfaceTypeDefinitionNode | UnionTypeDefinitionNode):
                self.moves.runtime[subgraph.name, name] = tuple(sorted(local.get(name, ())))
                self._interface(subgraph, facts, name, node, local.get(name, frozenset()))

    def _packed_types_of(self, subgraph: Subgraph) -> None:
        """The root, which every request begins with; of the other types only what they are."""
        local = possible_types(subgraph.types)
        for name, kind, _ in outline(subgraph.types):
            if kind == "object":
                self.moves.runtime[subgraph.name, _owner(subgraph, name)] = (_owner(subgraph, name),)
            elif kind in ("interface", "union"):
                self.moves.runtime[subgraph.name, name] = tuple(sorted(local.get(name, ())))
        self._fields(subgraph, NOTHING, QUERY, subgraph.query, subgraph.types[subgraph.query])

    def _fields(self, subgraph: Subgraph, facts: Facts, owner: str, name: str, node: TypeDefinitionNode) -> None:
        for field in fields_of(node):
            self._field(
                subgraph,
                facts,
                owner,
                name,
                field,
                answers(subgraph, name if owner != QUERY else QUERY, field.name.value, self.taken),
            )

    def _field(self, subgraph: Subgraph, facts: Facts, owner: str, name: str, field: FieldDefinitionNode, answered: bool) -> None:
        at, own = (owner, field.name.value), (name, field.name.value)
        self.moves.declared.setdefault(at, {})[subgraph.name] = field
        if answered:
            self.moves.fields.setdefault(at, {})[subgraph.name] = field
        if own in facts.requires:
            self.moves.requires[(*at, subgraph.name)] = facts.requires[own]
        if own in facts.from_context:
            self.moves.contextual[(*at, subgraph.name)] = facts.from_context[own]
        if own in facts.provides:
            self.moves.provides[(*at, subgraph.name)] = facts.provides[own]

    def _interface(self, subgraph: Subgraph, facts: Facts, name: str, node: TypeDefinitionNode, members: Iterable[str]) -> None:
        """A field of an interface is answered where every object type of it there answers it."""
        for field in fields_of(node):
            everywhere = all(answers(subgraph, member, field.name.value, self.taken) for member in members)
            self._field(subgraph, facts, name, name, field, everywhere)

    # ------------------------------------------------------------ lookups

    def lookups_of(self, subgraph: Subgraph) -> None:
        facts = subgraph.facts or NOTHING
        for lookup in subgraph.lookups:
            hop = Hop(subgraph.name, lookup, lookup.type)
            reached = [lookup.type]
            if lookup.type in facts.interface_objects:
                reached += self.moves.possible.get(lookup.type, ())
            for name in reached:
                self.moves.lookups.setdefault(name, []).append(hop)


def possible_of(types: Mapping[str, TypeDefinitionNode]) -> dict[str, tuple[str, ...]]:
    kinds = list(outline(types))
    possible = {name: list(names) for name, kind, names in kinds if kind == "union"}
    possible |= {name: [] for name, kind, _ in kinds if kind == "interface"}
    for name, kind, names in kinds:
        for interface in names if kind == "object" else ():
            possible.setdefault(interface, []).append(name)
    return {name: tuple(members) for name, members in possible.items()}
