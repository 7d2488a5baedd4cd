"""What planning searches: nodes (type, subgraph) and the moves between them, each with what it requires of where it starts.

A *field* move stays in its subgraph, a *lookup* re-enters the same type in another by key, a *link* follows a join field, a
*downcast* goes from an abstract type to a member, a *re-entry* asks the parent again elsewhere. Kinds of sources differ only in
which moves they offer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
from graphql import FieldDefinitionNode, FieldNode, InlineFragmentNode, SelectionNode, SelectionSetNode

from gateway.sources.base import Contextual, Lookup
from gateway.sources.reach import named

if TYPE_CHECKING:
    from gateway.composition.supergraph import Link

Key = tuple[str, str]
"""(type, field)."""


class Hop(msgspec.Struct, frozen=True):
    """A lookup move: from wherever the lookup's key can be read, into `subgraph`, which calls the type `name`."""

    subgraph: str
    lookup: Lookup
    name: str


class Way(msgspec.Struct, frozen=True):
    """How to get from one subgraph to another at the same type: the hops in their order, and all the fetches that costs."""

    hops: tuple[Hop, ...] = ()
    cost: int = 0


HERE = Way()
Provided = tuple[SelectionSetNode, ...]


class Moves(msgspec.Struct):
    """What a supergraph offers to planning, as composition gathers it."""

    fields: dict[Key, dict[str, FieldDefinitionNode]] = {}
    """(type, field) → the subgraphs that answer it, each with its own definition."""
    declared: dict[Key, dict[str, FieldDefinitionNode]] = {}
    """The same with those that only name it."""
    requires: dict[tuple[str, str, str], SelectionSetNode] = {}
    """(type, field, subgraph) → what has to be sent along."""
    provides: dict[tuple[str, str, str], SelectionSetNode] = {}
    """(type, field, subgraph) → what is answered below that is not answered elsewhere."""
    lookups: dict[str, list[Hop]] = {}
    links: Mapping[Key, Link] = {}
    possible: Mapping[str, tuple[str, ...]] = {}
    """abstract type → its object types."""
    runtime: dict[tuple[str, str], tuple[str, ...]] = {}
    """(subgraph, type) → the object types of the supergraph that its values there can have."""
    contextual: dict[tuple[str, str, str], tuple[Contextual, ...]] = {}
    """(type, field, subgraph) → its arguments that come from further up."""
    contexts: dict[tuple[str, str], tuple[str, ...]] = {}
    """(subgraph, context) → the types that set it."""
    stand_ins: set[tuple[str, str]] = set()
    """(subgraph, type) → an object type there that stands for an interface."""


class Graph:
    """The moves of a supergraph. Built once; what it finds it remembers, so a second plan does not search again."""

    __slots__ = (
        "_busy", "_ways", "contexts", "contextual", "declared", "fields", "links", "lookups", "possible", "profiles", "provides",
        "requires", "runtime", "stand_ins",
    )  # fmt: skip

    def __init__(self, moves: Moves) -> None:
        self.fields: Mapping[Key, Mapping[str, FieldDefinitionNode]] = moves.fields
        self.declared: Mapping[Key, Mapping[str, FieldDefinitionNode]] = moves.declared
        self.requires = moves.requires
        self.provides = moves.provides
        self.contextual = moves.contextual
        self.contexts = moves.contexts
        self.lookups: Mapping[str, Sequence[Hop]] = moves.lookups
        self.links = moves.links
        self.possible = moves.possible
        self.runtime = moves.runtime
        self.stand_ins = moves.stand_ins
        self.profiles: dict[str, object] = {}
        self._ways: dict[tuple[str, str], dict[str, Way]] = {}
        self._busy: set[tuple[str, str]] = set()

    def offers(self, type_name: str, field: str, subgraph: str) -> bool:
        """Can this field be read here, without a move?"""
        return subgraph in self.fields.get((type_name, field), ())

    def definition(self, type_name: str, field: str, subgraph: str) -> FieldDefinitionNode:
        """The field as this subgraph defines it, whether it answers it everywhere or only where provided."""
        return self.declared[type_name, field][subgraph]

    def values(self, type_name: str, field: str, subgraph: str) -> frozenset[str]:
        """The object types that the field's values can have, as far as this subgraph knows."""
        inner = named(self.definition(type_name, field, subgraph).type)
        return frozenset(self.runtime.get((subgraph, inner), (inner,)))

    def is_a(self, type_name: str, condition: str) -> bool:
        return type_name == condition or type_name in self.possible.get(condition, ())

    # ------------------------------------------------------------ what is provided

    def provided(self, type_name: str, field: str, provided: Provided) -> Provided | None:
        """What is provided below the field; None when the field itself is not."""
        below: list[SelectionSetNode] = []
        found = False
        for node in self.selected(type_name, (s for each in provided for s in each.selections)):
            if node.name.value == field:
                found = True
                below += (node.selection_set,) if node.selection_set else ()
        return tuple(below) if found else None

    def selected(self, type_name: str, nodes: Iterable[SelectionNode]) -> Iterator[FieldNode]:
        for node in nodes:
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode) and (
                node.type_condition is None
                or self.is_a(type_name, node.type_condition.name.value)
                or self.is_a(node.type_condition.name.value, type_name)
            ):
                yield from self.selected(type_name, node.selection_set.selections)

    # ------------------------------------------------------------ ways by key

    def ways(self, type_name: str, here: str, provided: Provided = ()) -> Mapping[str, Way]:
        """subgraph → the cheapest way there by lookups, from (type, here). Bounded by lookups x subgraphs of the type."""
        if provided:
            return self._search(type_name, here, provided)
        asked = (type_name, here)
        if (known := self._ways.get(asked)) is not None:
            return known
        if asked in self._busy:  # a key that needs itself is no key
            return {here: HERE}
        self._busy.add(asked)
        try:
            found = self._search(type_name, here, ())
        finally:
            self._busy.discard(asked)
        if not self._busy:  # what was found inside another search may have been cut short
            self._ways[asked] = found
        return found

    def _search(self, type_name: str, here: str, provided: Provided) -> dict[str, Way]:
        found = {here: HERE}
        lookups = self.lookups.get(type_name, ())
        changed = True
        while changed:
            changed = False
            for hop in lookups:
                if hop.subgraph == here:
                    continue
                gathered = self._gather(type_name, hop.lookup, found, here, provided)
                if gathered is None:
                    continue
                hops, extra = gathered
                way = Way((*hops, hop), len(hops) + 1 + extra)
                if hop.subgraph not in found or way.cost < found[hop.subgraph].cost:
                    found[hop.subgraph] = way
                    changed = True
        return found

    def _gather(
        self, type_name: str, lookup: Lookup, found: Mapping[str, Way], here: str, provided: Provided
    ) -> tuple[tuple[Hop, ...], int] | None:
        """The hops that bring the key together, and the fetches that its nested fields cost besides; None: it cannot be."""
        if lookup.fields is None:
            return self._gather_field(type_name, lookup.key, None, found, here, provided)
        hops: dict[Hop, None] = {}
        extra = 0
        for node in self.selected(type_name, lookup.fields.selections):
            part = self._gather_field(type_name, node.name.value, node.selection_set, found, here, provided)
            if part is None:
                return None
            hops |= dict.fromkeys(part[0])
            extra += part[1]
        return tuple(hops), extra

    def _gather_field(
        self,
        type_name: str,
        field: str,
        below: SelectionSetNode | None,
        found: Mapping[str, Way],
        here: str,
        provided: Provided,
    ) -> tuple[tuple[Hop, ...], int] | None:
        if field == "__typename":
            return (), 0
        best: tuple[tuple[Hop, ...], int] | None = None
        for subgraph, way in found.items():
            inside = self.provided(type_name, field, provided) if subgraph == here else None
            if inside is None and not self.offers(type_name, field, subgraph):
                continue
            extra = 0 if below is None else self._nested_cost(type_name, field, below, subgraph, inside or ())
            if extra is not None and (best is None or way.cost + extra < len(best[0]) + best[1]):
                best = (way.hops, way.cost - len(way.hops) + extra)
        return best

    def _nested_cost(self, type_name: str, field: str, below: SelectionSetNode, subgraph: str, provided: Provided) -> int | None:
        """The fetches that the fields below cost, when the field itself is read in this subgraph."""
        inner = named(self.definition(type_name, field, subgraph).type)
        total = 0
        for node in self.selected(inner, below.selections):
            found = self.ways(inner, subgraph, provided)
            part = self._gather_field(inner, node.name.value, node.selection_set, found, subgraph, provided)
            if part is None:
                return None
            total += len(part[0]) + part[1]
        return total
