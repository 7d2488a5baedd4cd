"""What it costs, in fetches, to answer a selection from a subgraph; and which subgraphs to ask for the fields of one place.

An estimate: each place is looked at once per subgraph it can be reached in, and remembered. Choosing subgraphs for the fields of
one place is a set cover; it is solved greedily, which is exact for the few candidates there are in practice. So the work grows
with (selections x subgraphs that offer something of them), never with the number of possible plans.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from gateway.composition.graph import HERE, Graph, Provided, Way
from gateway.sources.base import Field, Selection
from gateway.sources.reach import named

QUERY = "Query"
FETCH = 1_000_000
"""What a fetch costs. Between plans of equally many, the one that asks fewer fields away from where the rows are is cheaper."""
NEVER = 1_000 * FETCH
"""More than any real way costs."""
ABOVE = 2 * FETCH
"""Asking the parent again elsewhere, where it is not known yet what that takes."""

Parent = tuple[str, str, str]
"""(type, field, subgraph) of the field that leads here."""
Offers = Mapping[str, int]
"""subgraph → what answering the field there costs, the way to the subgraph apart."""


def everyones(selection: Selection | None) -> frozenset[str]:
    """Keys of the fields selected on an abstract type itself: two subgraphs that give the value may not agree on what it is, so
    one of them has to answer them for all types."""
    if selection is None:
        return frozenset()
    found: dict[tuple[str, object], int] = {}
    for case in selection.cases:
        for field in case.fields:
            found[field.key, field.location] = found.get((field.key, field.location), 0) + len(case.types)
    return frozenset(key for (key, location), types in found.items() if types > 1 and location is not None)


class Costs:
    """Estimates for one operation."""

    def __init__(self, graph: Graph, together: Callable[[str], bool]) -> None:
        self.graph = graph
        self.together = together
        self._known: dict[tuple[int, str, str, Provided], int] = {}
        self._keep: list[object] = []
        self._sizes: dict[int, int] = {}

    # ------------------------------------------------------------ below a field

    def below(self, field: Field, type_name: str, subgraph: str, provided: Provided) -> int:
        """Of everything under this field, when this subgraph answers it."""
        if field.selection is None:
            return 0
        definition = self.graph.definition(type_name, field.name, subgraph)
        inside = (*(self.graph.provided(type_name, field.name, provided) or ()), *self.provides(type_name, field.name, subgraph))
        return self.selection(field.selection, named(definition.type), subgraph, inside, (type_name, field.name, subgraph))

    def provides(self, type_name: str, field: str, subgraph: str) -> Provided:
        selected = self.graph.provides.get((type_name, field, subgraph))
        return (selected,) if selected is not None else ()

    def selection(self, selection: Selection, wire: str, subgraph: str, provided: Provided, parent: Parent | None) -> int:
        known = (id(selection), wire, subgraph, provided)
        if known not in self._known:
            self._known[known] = 0
            self._keep.append(selection)  # its id is the key
            self._known[known] = self._selection(selection, wire, subgraph, provided, parent)
        return self._known[known]

    def _selection(self, selection: Selection, wire: str, subgraph: str, provided: Provided, parent: Parent | None) -> int:
        if (subgraph, wire) in self.graph.stand_ins:
            return self._stand_in(selection, wire, subgraph, provided, parent)
        runtime = self.graph.runtime.get((subgraph, wire), (wire,))
        hops: set[str] = set()
        fetches, asked = 0, 0
        shared = everyones(selection)
        for case in selection.cases:
            seen: set[object] = set()
            for type_name in case.types:
                if type_name not in runtime or (profile := self.profile(type_name, case.fields)) in seen:
                    continue
                seen.add(profile)
                found, more = self.cover(type_name, case.fields, {subgraph: provided}, parent, shared)[1:]
                hops |= found
                fetches, asked = max(fetches, more // FETCH), asked + more % FETCH
        return FETCH * (len(hops) + fetches) + asked

    def _stand_in(self, selection: Selection, wire: str, subgraph: str, provided: Provided, parent: Parent | None) -> int:
        if not self.needs_types(selection, wire, subgraph):
            return self._case(selection.cases[0].fields, wire, subgraph, provided, parent)
        ways = [(s, way) for s, way in self.graph.ways(wire, subgraph, provided).items() if self.tells(s, wire)]
        return min((FETCH * way.cost + self._told(selection, s, subgraph) for s, way in ways), default=NEVER)

    def _told(self, selection: Selection, teller: str, subgraph: str) -> int:
        """Once `teller` has said which types the values have."""
        costs = [
            self._total(self.cover(type_name, case.fields, {teller: (), subgraph: ()}, None))
            for case in selection.cases
            for type_name in case.types[:1]
        ]
        return max(costs, default=0)

    def _case(self, fields: Sequence[Field], type_name: str, subgraph: str, provided: Provided, parent: Parent | None) -> int:
        return self._total(self.cover(type_name, fields, {subgraph: provided}, parent))

    @staticmethod
    def _total(covered: tuple[Mapping[str, str], frozenset[str], int]) -> int:
        return FETCH * len(covered[1]) + covered[2]

    # ------------------------------------------------------------ stand-ins

    def needs_types(self, selection: Selection, wire: str, subgraph: str) -> bool:
        """Can this selection on an object that stands for an interface only be answered once the values' types are known?"""
        if len(selection.cases) > 1:
            return True
        reachable = self.graph.ways(wire, subgraph)
        return any(
            f.name == "__typename" or not any(s in reachable for s in self.graph.fields.get((wire, f.name), ()))
            for f in selection.cases[0].fields
        )

    def tells(self, subgraph: str, interface: str) -> bool:
        """Does this subgraph know the object types behind the interface?"""
        return (subgraph, interface) not in self.graph.stand_ins and bool(self.graph.runtime.get((subgraph, interface)))

    def profile(self, type_name: str, fields: Iterable[Field]) -> object:
        """Types of one profile are planned alike: the same subgraphs answer these fields, by the same keys."""
        graph = self.graph
        lookups = graph.profiles.get(type_name)
        if lookups is None:
            lookups = graph.profiles[type_name] = frozenset(
                (h.subgraph, h.lookup.key, h.lookup.via, None if h.name == type_name else h.name)
                for h in graph.lookups.get(type_name, ())
            )
        answered = tuple(frozenset(graph.fields.get((type_name, f.name), ())) for f in fields)
        contexts = tuple(each for each, types in graph.contexts.items() if any(graph.is_a(type_name, name) for name in types))
        required = tuple(
            id(graph.requires.get((type_name, f.name, s))) if (type_name, f.name, s) in graph.requires else None
            for f in fields
            for s in graph.fields.get((type_name, f.name), ())
        )
        return (lookups, answered, required, contexts)

    # ------------------------------------------------------------ one place

    def cover(
        self,
        type_name: str,
        fields: Sequence[Field],
        here: Mapping[str, Provided],
        parent: Parent | None,
        shared: frozenset[str] = frozenset(),
    ) -> tuple[Mapping[str, str], frozenset[str], int]:
        """For each field the subgraph to ask; the subgraphs to go to; and what the fields cost there.

        `here` are the subgraphs that rows of this place are already in, the first of them their home. `shared` fields are not
        asked for from above.
        """
        offers = {f.key: self.offers(type_name, f, here) for f in fields if f.name != "__typename"}
        for key in shared & offers.keys():
            offers[key] = {s: cost for s, cost in offers[key].items() if s in here or self._by_key(type_name, s, here)}
        offers = {key: offered for key, offered in offers.items() if offered}
        hops = {s: self.way(type_name, s, here, parent) for offered in offers.values() for s in offered if s not in here}
        chosen = self._greedy(offers, hops, list(here))
        assigned = {key: min((s for s in offered if s in chosen), key=lambda s: (offered[s], chosen.index(s)), default=None)
                    for key, offered in offers.items()}  # fmt: skip
        assigned_known = {key: s for key, s in assigned.items() if s is not None}
        used = {s for s in assigned_known.values() if s not in here}
        tokens = frozenset(token for s in used for token in hops[s][0])
        rest = sum(hops[s][1] for s in used) + sum(offers[key][s] for key, s in assigned_known.items())
        missing = sum(
            NEVER for f in fields if f.key not in assigned_known and f.name != "__typename" and not self._linked(type_name, f)
        )
        return assigned_known, tokens, rest + missing

    def _linked(self, type_name: str, field: Field) -> bool:
        return (type_name, field.name) in self.graph.links

    def _greedy(
        self, offers: Mapping[str, Offers], hops: Mapping[str, tuple[frozenset[str], int]], chosen: list[str]
    ) -> list[str]:
        at_home = len(chosen)

        def total(subgraphs: Sequence[str]) -> int:
            tokens = {token for s in subgraphs if s in hops for token in hops[s][0]}
            ways = sum(hops[s][1] for s in subgraphs if s in hops)
            return (
                FETCH * len(tokens) + ways + sum(min((o[s] for s in subgraphs if s in o), default=NEVER) for o in offers.values())
            )

        known = total(chosen)
        while True:
            tried = [(total([*chosen, s]), index, s) for index, s in enumerate(hops) if s not in chosen]
            if not tried or min(tried)[0] >= known:
                break
            known, _, best = min(tried)
            chosen = [*chosen, best]
        for s in chosen[at_home:]:
            without = [c for c in chosen if c != s]
            if total(without) <= known:
                chosen = without
        return chosen

    def offers(self, type_name: str, field: Field, here: Mapping[str, Provided]) -> dict[str, int]:
        found: dict[str, int] = {}
        for subgraph in self.graph.fields.get((type_name, field.name), ()):
            cost = self.below(field, type_name, subgraph, here.get(subgraph, ()))
            cost += 0 if subgraph in here or type_name == QUERY else self._size(field)
            found[subgraph] = cost + self._required(type_name, field.name, subgraph, here)
        for subgraph, provided in here.items():
            if subgraph not in found and self.graph.provided(type_name, field.name, provided) is not None:
                found[subgraph] = self.below(field, type_name, subgraph, provided)
        return found

    def _required(self, type_name: str, field: str, subgraph: str, here: Mapping[str, Provided]) -> int:
        """What a requirement costs besides: its fields, and coming back to a subgraph that is already here."""
        again = FETCH if subgraph in here and (type_name, field, subgraph) in self.graph.contextual else 0
        required = self.graph.requires.get((type_name, field, subgraph))
        if required is None:
            return again
        names = [getattr(s, "name", None) for s in required.selections]
        absent = [n for n in names if n is not None and not any(self.graph.offers(type_name, n.value, s) for s in here)]
        return FETCH * (len(absent) + (1 if subgraph in here else 0))

    def _size(self, field: Field) -> int:
        """Fields asked, with all below."""
        if field.selection is None:
            return 1
        known = self._sizes.get(id(field.selection))
        if known is None:
            known = 1 + sum(self._size(f) for case in field.selection.cases for f in case.fields)
            self._sizes[id(field.selection)] = known
        return known

    def way(
        self, type_name: str, subgraph: str, here: Mapping[str, Provided], parent: Parent | None
    ) -> tuple[frozenset[str], int]:
        """The subgraphs on the way, and the fetches it costs besides."""
        if type_name == QUERY:
            return frozenset((subgraph,)), 0
        best: Way | None = None
        for start, provided in here.items():
            way = self.graph.ways(type_name, start, provided).get(subgraph)
            if way is not None and (best is None or way.cost < best.cost):
                best = way
        if best is not None and best is not HERE:
            return frozenset(h.subgraph for h in best.hops), FETCH * (best.cost - len(best.hops))
        return frozenset((subgraph,)), self._above(subgraph, parent)

    def _by_key(self, type_name: str, subgraph: str, here: Mapping[str, Provided]) -> bool:
        return any(subgraph in self.graph.ways(type_name, start, provided) for start, provided in here.items())

    def _above(self, subgraph: str, parent: Parent | None) -> int:
        if parent is None:
            return NEVER
        type_name, field, here = parent
        if not self.graph.offers(type_name, field, subgraph):
            return NEVER
        if type_name == QUERY:
            return 1
        way = self.graph.ways(type_name, here).get(subgraph)
        return 1 + FETCH * (way.cost - 1) if way is not None and way.cost else ABOVE
