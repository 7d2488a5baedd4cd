"""What planning searches: nodes (type, subgraph) and the moves between them, each with what it requires of where it starts.

A *field* move stays in its subgraph, a *lookup* re-enters the same type in another by key, a *link* follows a join field, a
*downcast* goes from an abstract type to a member. Kinds of sources differ only in which moves they offer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec
from graphql import FieldDefinitionNode

from gateway.sources.base import Lookup

if TYPE_CHECKING:
    from gateway.composition.supergraph import Link

Key = tuple[str, str]
"""(type, field)."""


class Hop(msgspec.Struct, frozen=True):
    """A lookup move: from wherever `lookup.key` can be read, into `subgraph`."""

    subgraph: str
    lookup: Lookup


class Graph:
    """The moves of a supergraph. Built once; `reach` remembers what it found, so a second plan does not search again."""

    __slots__ = ("_reached", "fields", "links", "lookups", "possible")

    def __init__(
        self,
        fields: Mapping[Key, Mapping[str, FieldDefinitionNode]],
        lookups: Mapping[str, tuple[Hop, ...]],
        links: Mapping[Key, Link],
        possible: Mapping[str, tuple[str, ...]],
    ) -> None:
        self.fields = fields
        """(type, field) → subgraph → the field as that subgraph defines it."""
        self.lookups = lookups
        """type → ways to reach it by key."""
        self.links = links
        self.possible = possible
        """abstract type → its object types."""
        self._reached: dict[tuple[str, str, str], tuple[Hop, ...] | None] = {}

    def offers(self, type_name: str, field: str, subgraph: str) -> bool:
        """Can this field be read here, without a move?"""
        return subgraph in self.fields.get((type_name, field), ())

    def reach(self, type_name: str, here: str, field: str) -> tuple[Hop, ...] | None:
        """The fewest lookups from (type, here) to a subgraph that has the field; None when there is no way."""
        asked = (type_name, here, field)
        if asked not in self._reached:
            self._reached[asked] = self._search(type_name, here, field)
        return self._reached[asked]

    def _search(self, type_name: str, here: str, field: str) -> tuple[Hop, ...] | None:
        """Breadth first over at most (number of subgraphs) nodes: every move costs one fetch."""
        seen = {here}
        frontier: list[tuple[Hop, ...]] = [()]
        while frontier:
            following: list[tuple[Hop, ...]] = []
            for path in frontier:
                for hop in self._hops(type_name, (here, *(h.subgraph for h in path))):
                    if hop.subgraph in seen:
                        continue
                    if self.offers(type_name, field, hop.subgraph):
                        return (*path, hop)
                    seen.add(hop.subgraph)
                    following.append((*path, hop))
            frontier = following
        return None

    def _hops(self, type_name: str, subgraphs: tuple[str, ...]) -> Iterable[Hop]:
        """The lookups whose key one of these subgraphs can give."""
        return (h for h in self.lookups.get(type_name, ()) if any(self.offers(type_name, h.lookup.key, s) for s in subgraphs))
