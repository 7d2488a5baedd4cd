"""How the rows of a position get into a subgraph they are not in yet: by key, with what a field requires, or from above.

by key        the lookups on the cheapest way, one fetch each; their keys are brought together first
required      like by key, but the fetch takes along what the field requires, so it waits for whoever brings that
from above    the parent's field asked again in the other subgraph; its rows complete those that are there (re-entry)
a stand-in    an object that stands for an interface: first another subgraph says which types the values have
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from graphql import FieldNode, SelectionSetNode, TypeNode, print_ast

from gateway.composition.graph import Hop, Provided
from gateway.errors import InternalError
from gateway.planning.contextual import with_context
from gateway.planning.cost import FETCH, everyones
from gateway.planning.draft import Draft, Node, Place, Position, Presence, same, same_fields
from gateway.planning.operation import TYPENAME
from gateway.planning.requirement import field_of_requirement
from gateway.sources.base import Argument, Entry, Field, Input, Representation
from gateway.sources.reach import named

if TYPE_CHECKING:
    from gateway.planning.planner import Planner

QUERY = "Query"
ENTITY = "_Entity"


class Entering:
    """The moves between subgraphs, for one operation."""

    def __init__(self, planner: Planner) -> None:
        self.planner = planner
        self.graph = planner.graph

    def presence(self, position: Position, field: Field, subgraph: str) -> Presence | None:
        """Where in this subgraph the field can be asked for the rows of this position; None when they cannot get there."""
        given = self.graph.contextual.get((position.type, field.name, subgraph))
        if given is not None:
            return with_context(self, position, subgraph, field, given)
        required = self.graph.requires.get((position.type, field.name, subgraph))
        if required is not None:
            return self._required(position, subgraph, required, field)
        for known in position.presences:
            if known.subgraph == subgraph and self._answers(known, position, field) and self._joins(known, position):
                return known
        if position.type == QUERY:
            return self._root(position, subgraph)
        return self._by_key(position, subgraph, field) or self._from_above(position, subgraph, field)

    def _answers(self, presence: Presence, position: Position, field: Field) -> bool:
        if (known := presence.case.fields.get(field.key)) is not None and not same(known.field, field):
            return False
        if self.graph.offers(position.type, field.name, presence.subgraph):
            return True
        return self.graph.provided(position.type, field.name, presence.provided) is not None

    def _joins(self, presence: Presence, position: Position) -> bool:
        """Root fields that may come later are a call of their own; below, a call that is made anyway brings them."""
        return position.type != QUERY or presence.draft.deferred == self.planner.deferred

    def _root(self, position: Position, subgraph: str) -> Presence:
        together = self.planner.subgraphs[subgraph].together
        draft = self.planner.draft(subgraph, QUERY)
        presence = Presence(draft, draft.root.case((QUERY,)), draft.rows)
        if together:
            position.presences.append(presence)
        return presence

    # ------------------------------------------------------------ by key

    def _by_key(self, position: Position, subgraph: str, field: Field) -> Presence | None:
        hops = self._way(position, subgraph) or ()
        presence = None
        for hop in hops:
            presence = next((p for p in position.presences if p.root and p.subgraph == hop.subgraph), None)
            if presence is None or (hop is hops[-1] and not self._answers(presence, position, field)):
                presence = self._enter(position, hop)
        return presence

    def _way(self, position: Position, subgraph: str) -> tuple[Hop, ...] | None:
        ways = [self.graph.ways(position.type, p.subgraph, p.provided).get(subgraph) for p in position.presences]
        found = [way for way in ways if way is not None and way.hops]
        return min(found, key=lambda way: way.cost).hops if found else None

    def _enter(self, position: Position, hop: Hop) -> Presence:
        if hop.lookup.fields is None:
            return self._look_up(position, hop)
        inputs, needs = self.key(position, hop)
        return self.represented(position, hop, inputs, needs)

    def _look_up(self, position: Position, hop: Hop) -> Presence:
        """A root field that takes the key."""
        lookup, planner = hop.lookup, self.planner
        key, needs = self.path(lookup.key, (lookup.key,), position)
        via = self.graph.fields[QUERY, lookup.via][hop.subgraph]
        argument = Argument(lookup.arg, input=key.name, type=planner._argument_type(hop.subgraph, lookup.via, lookup.arg))
        entry = Entry(lookup.via, (key,), (argument,), lookup.batch, via.type)
        draft = planner.draft(hop.subgraph, position.type, entry)
        draft.hang(position, needs)
        case = draft.root.case((position.type,))
        planner.show_key(lookup.batch, case, position.type, hop.subgraph)
        presence = Presence(draft, case, draft.rows, root=True)
        position.presences.append(presence)
        return presence

    def key(self, position: Position, hop: Hop) -> tuple[list[Input], set[int]]:
        fields = hop.lookup.fields
        assert fields is not None  # a lookup by representation
        return self.inputs(position, fields, nullable=False)

    # ------------------------------------------------------------ representations

    def represented(
        self, position: Position, hop: Hop, inputs: Sequence[Input], needs: set[int], *, alone: bool = False
    ) -> Presence:
        """Rows of this position join a fetch of the same place that enters there anyway, or begin one."""
        draft = None if alone else self._shared(position, hop, needs)
        if draft is None:
            entry = Entry(hop.lookup.via, (), (), chunk=self.planner.subgraphs[hop.subgraph].entities_per_call)
            draft = self.planner.draft(hop.subgraph, ENTITY, entry)
            if not alone:
                position.place.guests.append(draft)
        draft.hang(position, needs)
        typename = None
        on: tuple[str, ...] = ()
        if hop.name not in position.types:
            sent = hop.name
            on = (hop.name,)
        elif len(position.types) > 1:
            typename, more = self._typename(position)
            draft.needs |= more
            sent = position.type
        else:
            sent = hop.name
        draft.representations[position.home.mark] = Representation(sent, position.home.mark, tuple(inputs), typename)
        case = draft.root.case(position.types, on)
        presence = Presence(draft, case, draft.rows, root=True)
        draft.entered.append(position)
        position.presences.append(presence)
        return presence

    def _shared(self, position: Position, hop: Hop, needs: set[int]) -> Draft | None:
        """A fetch that these rows can join: one that asks nothing of their types yet, or the very same of rows like them."""
        before = self.before(needs)
        names = {hop.name, *position.types}
        for draft in position.place.guests:
            if draft.subgraph != hop.subgraph or draft.id in before or draft.deferred != self.planner.deferred:
                continue
            if position.home.mark in draft.representations:
                continue
            taken = {name for case in draft.root.cases.values() for name in (*case.types, *case.on)}
            if not taken & names:
                return draft
            twins = (p for p in draft.entered if p.types == position.types)
            if any(same_fields(twin.home.answer, position.home.answer) for twin in twins):
                return draft
        return None

    def before(self, needs: Iterable[int]) -> set[int]:
        """These fetches and all they wait for."""
        found: set[int] = set()
        pending = list(needs)
        while pending:
            number = pending.pop()
            if number >= 0 and number not in found:
                found.add(number)
                draft = self.planner.drafts[number]
                pending += [*draft.needs, *draft.after]
        return found

    def _typename(self, position: Position) -> tuple[Input, set[int]]:
        """The rows of several types say which they are."""
        for asked in position.home.fields.values():
            if asked.field.name == "__typename" and not asked.hidden:
                return Input("__typename", (asked.key,), TYPENAME), {position.presences[0].draft.id}
        key = position.free_key("__typename")
        position.home.add(Field(key, "__typename", TYPENAME))
        return Input("__typename", (key,), TYPENAME, hidden=True), {position.presences[0].draft.id}

    # ------------------------------------------------------------ requirements

    def _required(self, position: Position, subgraph: str, required: SelectionSetNode, field: Field) -> Presence | None:
        """Into the subgraph with what the field requires; a fetch there may still take more along while none waits for it."""
        hop = self.hop(position, subgraph)
        if hop is None:
            return None
        inputs, needs = self.inputs(position, required, nullable=True)
        before = self.before(needs)
        for known in position.presences:
            if (
                known.root
                and known.subgraph == subgraph
                and known.draft.id not in before
                and known.draft.deferred == self.planner.deferred
                and self._takes(known, position, inputs, field)
            ):
                self._send_along(known.draft, position, inputs, needs)
                return known
        keys, more = self.key(position, hop)
        return self.represented(position, hop, [*keys, *inputs], needs | more)

    def _takes(self, presence: Presence, position: Position, inputs: Sequence[Input], field: Field) -> bool:
        known = presence.draft.representations.get(position.home.mark)
        if known is None or ((asked := presence.case.fields.get(field.key)) is not None and not same(asked.field, field)):
            return False
        sent = {i.name: i.path for i in known.inputs}
        return all(sent.get(i.name, i.path) == i.path for i in inputs)

    def _send_along(self, draft: Draft, position: Position, inputs: Sequence[Input], needs: set[int]) -> None:
        known = draft.representations[position.home.mark]
        names = {i.name for i in known.inputs}
        more = tuple(i for i in inputs if i.name not in names)
        draft.representations[position.home.mark] = Representation(known.type, known.mark, (*known.inputs, *more), known.typename)
        draft.needs |= needs

    def hop(self, position: Position, subgraph: str) -> Hop | None:
        """A lookup into this subgraph from anywhere the rows are; also from the same subgraph."""
        if (hops := self._way(position, subgraph)) is not None:
            for hop in hops[:-1]:
                if not any(p.root and p.subgraph == hop.subgraph for p in position.presences):
                    self._enter(position, hop)
            return hops[-1]
        for hop in self.graph.lookups.get(position.type, ()):
            if hop.subgraph == subgraph and hop.lookup.fields is not None:
                return hop
        return None

    def inputs(self, position: Position, fields: SelectionSetNode, *, nullable: bool) -> tuple[list[Input], set[int]]:
        """What a key or requirement takes of the rows, one input per field."""
        inputs: list[Input] = []
        needs: set[int] = set()
        for nodes in self._by_name(position.type, fields).values():
            value, more = self._input(position, nodes, nullable=nullable)
            inputs.append(value)
            needs |= more
        return inputs, needs

    def _by_name(self, type_name: str, fields: SelectionSetNode) -> Mapping[str, list[FieldNode]]:
        found: dict[str, list[FieldNode]] = {}
        for node in self.graph.selected(type_name, fields.selections):
            if node.name.value != "__typename":
                found.setdefault(node.name.value, []).append(node)
        return found

    def _input(self, position: Position, nodes: list[FieldNode], *, nullable: bool) -> tuple[Input, set[int]]:
        name = nodes[0].name.value
        nested = any(n.selection_set for n in nodes)
        wanted = " ".join(print_ast(n) for n in nodes) + ("?" if nullable else "")
        if wanted in position.hidden:
            value, known = position.hidden[wanted]
            return value, set(known)
        if not nested and not nodes[0].arguments and (visible := self._visible(position, name)) is not None:
            key, kind, draft = visible
            return Input(name, (key,), kind, nullable=nullable), {draft.id}
        field = field_of_requirement(self.planner.schema, position.type, position.free_key(name), nodes)
        needs = self.planner.fill(position, (field,))
        value = Input(name, (field.key,), field.type, hidden=True, nullable=nullable, rows=nested)
        position.hidden[wanted] = (value, frozenset(needs))
        return value, needs

    def _visible(self, position: Position, name: str) -> tuple[str, TypeNode, Draft] | None:
        """The client's own field, when it asks for the very same."""
        for presence in position.presences:
            for asked in presence.case.fields.values():
                if (
                    asked.field.name == name
                    and not asked.arguments
                    and not asked.hidden
                    and asked.below is None
                    and not asked.merged
                ):
                    return asked.key, asked.field.type, presence.draft
        return None

    def path(self, name: str, path: tuple[str, ...], position: Position) -> tuple[Input, set[int]]:
        """One value of the rows, perhaps inside an object: what a link or a lookup by a single key takes."""
        if len(path) == 1 and (visible := self._visible(position, path[0])) is not None:
            key, kind, draft = visible
            return Input(name, (key,), kind), {draft.id}
        wanted = ".".join(path)
        if wanted in position.hidden:
            value, known = position.hidden[wanted]
            return Input(name, value.path, value.type, value.hidden), set(known)
        text = path[-1]
        for step in reversed(path[:-1]):
            text = f"{step} {{ {text} }}"
        field = field_of_requirement(self.planner.schema, position.type, position.free_key(path[0]), text)
        needs = self.planner.fill(position, (field,))
        inner, keys = field, [field.key]
        while inner.selection is not None:
            inner = next(f for f in inner.selection.cases[0].fields if f.name != "__typename")
            keys.append(inner.key)
        value = Input(name, tuple(keys), inner.type, hidden=True)
        position.hidden[wanted] = (value, frozenset(needs))
        return value, needs

    # ------------------------------------------------------------ from above

    def _from_above(self, position: Position, subgraph: str, field: Field) -> Presence | None:
        parent, leading = position.parent, position.field
        if parent is None or leading is None or field.key in everyones(leading.selection):
            return None
        if not self.graph.offers(parent.type, leading.name, subgraph):
            return None
        above = self.presence(parent, leading, subgraph) if self._can_repeat(parent, leading, subgraph) else None
        if above is None or (above is parent.presences[0] and parent.type != QUERY):
            return None
        definition = self.graph.definition(parent.type, leading.name, subgraph)
        wire = named(definition.type)
        asked = above.case.fields.get(leading.key)
        if asked is None:
            asked = above.case.add(leading, self.planner_typed(leading, parent, subgraph))
            asked.merged = True
        above.draft.after.add(position.presences[0].draft.id)
        case = asked.node(wire).case(position.types)
        place = above.place.child(leading.key, parent.told_apart)
        inside = self.graph.provided(parent.type, leading.name, above.provided) or ()
        provided: Provided = (*inside, *self.planner.costs.provides(parent.type, leading.name, subgraph))
        presence = Presence(above.draft, case, place, provided)
        position.presences.append(presence)
        return presence

    def could_reach(self, position: Position, subgraph: str) -> bool:
        """Could the rows of this position be had from this subgraph, too?"""
        if position.type == QUERY:
            return True
        if any(subgraph in self.graph.ways(position.type, p.subgraph, p.provided) for p in position.presences):
            return True
        parent, leading = position.parent, position.field
        if parent is None or leading is None or not self.graph.offers(parent.type, leading.name, subgraph):
            return False
        return self.could_reach(parent, subgraph)

    def _can_repeat(self, parent: Position, leading: Field, subgraph: str) -> bool:
        """The field is not already asked there for its own sake."""
        known = parent.here(subgraph)
        asked = known.case.fields.get(leading.key) if known is not None else None
        return asked is None or asked.merged

    def planner_typed(self, field: Field, parent: Position, subgraph: str) -> tuple[Argument, ...]:
        definition = self.graph.definition(parent.type, field.name, subgraph)
        kinds = {a.name.value: a.type for a in definition.arguments or ()}
        return tuple(Argument(a.name, a.value, a.input, kinds.get(a.name)) for a in field.arguments)

    # ------------------------------------------------------------ stand-ins

    def stand_in(self, field: Field, node: Node, draft: Draft, place: Place, parent: Position, provided: Provided) -> set[int]:
        """Plan a selection on an object that stands for an interface."""
        planner, selection = self.planner, field.selection
        assert selection is not None  # only objects stand for interfaces
        wire, subgraph = node.type, draft.subgraph
        types = tuple(dict.fromkeys(t for case in selection.cases for t in case.types))
        case = node.case(types, (wire,))
        untold = planner.position(place, wire, types, case, draft, provided, parent, field)
        if not planner.costs.needs_types(selection, wire, subgraph):
            case.answer = selection.cases[0].fields
            return planner.fill(untold, selection.cases[0].fields)
        teller = self._teller(untold, field)
        return self._told(field, untold, teller)

    def _teller(self, untold: Position, field: Field) -> Presence:
        """A fetch whose rows take the place of those that do not know their type."""
        planner, wire = self.planner, untold.type
        presence = untold.presences[0]
        ways = [
            (FETCH * way.cost + planner.costs._told(field.selection, s, presence.subgraph), s, way)  # type: ignore[arg-type]  # it has one
            for s, way in self.graph.ways(wire, presence.subgraph, presence.provided).items()
            if planner.costs.tells(s, wire) and way.hops
        ]
        if not ways:
            raise InternalError(f"no subgraph says which types the values of {wire} from {presence.subgraph} have")
        _, _, way = min(ways, key=lambda w: (w[0], w[1]))
        for hop in way.hops[:-1]:
            self._enter(untold, hop)
        inputs, needs = self.key(untold, way.hops[-1])
        told = self.represented(untold, way.hops[-1], inputs, needs, alone=True)
        told.draft.replaces = True
        return told

    def _told(self, field: Field, untold: Position, teller: Presence) -> set[int]:
        planner, selection = self.planner, field.selection
        assert selection is not None  # only objects stand for interfaces
        root = teller.draft.root
        root.type = untold.type
        root.cases.clear()
        place = teller.draft.rows
        involved = {teller.draft.id}
        for types, fields in planner.split(selection, untold.type, teller.subgraph, (), None):
            case = root.case(types)
            position = planner.position(
                place, types[0] if types else untold.type, types, case, teller.draft, (), untold.parent, field
            )
            position.told_apart = frozenset(types)
            case.answer = fields
            before = untold.presences[0]
            position.presences.append(Presence(before.draft, before.case, place, before.provided))
            involved |= planner.fill(position, fields)
        return involved
