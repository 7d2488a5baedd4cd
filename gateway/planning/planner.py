"""Plans an operation: a cheapest-path search over the supergraph's moves, one place of the answer at a time.

Every object position of the answer has a *home*, the fetch that first reaches it. `costs` says which subgraphs to ask for its
fields; a subgraph the rows are not in yet is entered by key, by a requirement, or by asking the parent again there. Fields that
take the same move share its fetch. A link starts a fetch of its own. Bounded: no search ever branches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from graphql import FieldDefinitionNode, TypeNode, parse_type

from gateway.composition.graph import Graph, Provided
from gateway.composition.supergraph import Link, Supergraph
from gateway.errors import InternalError, LimitExceeded
from gateway.planning.cost import Costs, Parent, everyones
from gateway.planning.draft import Asked, CaseDraft, Draft, Group, Place, Position, Presence, same
from gateway.planning.entering import Entering
from gateway.planning.finish import finish
from gateway.planning.operation import INTROSPECTED, Operation
from gateway.planning.plan import Plan
from gateway.planning.streams import set_apart
from gateway.sources.base import Argument, Batch, Entry, Field, Input, Selection
from gateway.sources.reach import named

QUERY = "Query"
POSITIONS = 20_000
"""Places times types of one operation: far beyond any operation that passes the limits, and a bound on time and memory."""


def plan(operation: Operation, supergraph: Supergraph) -> Plan:
    """The plan of an operation.

    Raises `LimitExceeded` beyond `POSITIONS`, `InternalError` when there is no way to a field, which composition excludes.
    """
    return Planner(supergraph).plan(operation)


class Planner:
    """Holds what one operation's planning writes on."""

    def __init__(self, supergraph: Supergraph) -> None:
        self.graph: Graph = supergraph.graph
        self.subgraphs = supergraph.subgraphs
        self.schema = supergraph.whole or supergraph.schema
        self.costs = Costs(self.graph, lambda s: self.subgraphs[s].together)
        self.entering = Entering(self)
        self.drafts: list[Draft] = []
        self.marks = 0
        self.variables: dict[object, str] = {}
        self.taken: frozenset[str] = frozenset()
        self.deferred: Group = ()
        """With which fragments what is being planned may come."""

    def plan(self, operation: Operation) -> Plan:
        self.taken = frozenset(d.variable.name.value for d in operation.node.variable_definitions or ())
        (case,) = operation.selection.cases
        root = Position(self.nowhere().rows, operation.selection.type, case.types, [])
        self.fill(root, [f for f in case.fields if not f.name.startswith("__")])
        introspected = tuple(f.key for f in case.fields if f.name in INTROSPECTED)
        steps = set_apart(finish(self.drafts, self.graph, self.subgraphs), operation.streams)
        return Plan(operation.selection, steps, introspected)

    def nowhere(self) -> Draft:
        return Draft(-1, "", QUERY, None)

    def draft(self, subgraph: str, type_name: str, entry: Entry | None = None) -> Draft:
        draft = Draft(len(self.drafts), subgraph, type_name, entry)
        draft.deferred = self.deferred
        draft.wanted.add(self.deferred)
        self.drafts.append(draft)
        return draft

    def variable(self, value: object) -> str:
        """The variable for a value from above: no client's, and one for each value."""
        if value not in self.variables:
            number = len(self.variables)
            while f"_c{number}" in self.taken:
                number += len(self.taken)
            self.variables[value] = f"_c{number}"
        return self.variables[value]

    # ------------------------------------------------------------ the fields of one position

    def fill(self, position: Position, fields: Sequence[Field]) -> set[int]:
        """Have these fields brought to the rows of this position; gives the fetches that takes.

        What may come later is planned later: so that nothing that comes at once waits for it.
        """
        later = dict.fromkeys(field.deferred for field in fields if field.deferred)
        if not later:
            return self._fill(position, fields)
        involved = self._fill(position, [field for field in fields if not field.deferred])
        around = self.deferred
        for group in later:
            self.deferred = group
            involved |= self._fill(position, [field for field in fields if field.deferred == group])
        self.deferred = around
        return involved

    def _fill(self, position: Position, fields: Sequence[Field]) -> set[int]:
        """What the rows' home has comes first, so that what a join needs is already there when the join is planned."""
        involved: set[int] = set()
        wanted, linked = [], []
        for field in fields:
            if field.name == "__typename":
                self._typename(field, position)
            elif link := self.graph.links.get((position.type, field.name)):
                linked.append((link, field))
            else:
                wanted.append(field)
        shared = everyones(position.field.selection) if position.field is not None else frozenset()
        chosen, _, _ = self.costs.cover(position.type, wanted, self._here(position), self._parent(position), shared)
        home = position.presences[0].subgraph if position.presences else None
        for field in sorted(wanted, key=lambda f: self._order(position, f, chosen.get(f.key), home)):
            involved |= self._obtain(position, field, chosen.get(field.key))
        for link, field in linked:
            involved |= self._follow(link, field, position)
        return involved

    def _order(self, position: Position, field: Field, subgraph: str | None, home: str | None) -> int:
        """Home, then other subgraphs, then what requires something of them."""
        at = (position.type, field.name, subgraph)
        if at in self.graph.requires or at in self.graph.contextual:
            return 2
        return 0 if subgraph == home else 1

    def _here(self, position: Position) -> dict[str, Provided]:
        here: dict[str, Provided] = {}
        for presence in position.presences:
            here.setdefault(presence.subgraph, presence.provided)
        return here

    def _parent(self, position: Position) -> Parent | None:
        if position.parent is None or position.field is None or not position.parent.presences:
            return None
        return (position.parent.type, position.field.name, position.parent.presences[0].subgraph)

    def _typename(self, field: Field, position: Position) -> None:
        """A row that is certain of its type has it as a constant; where it may be of several it asks."""
        if len(position.types) != 1:
            position.home.add(field)

    def _obtain(self, position: Position, field: Field, subgraph: str | None) -> set[int]:
        tried = [subgraph] if subgraph else []
        tried += (s for s in self.graph.fields.get((position.type, field.name), ()) if s != subgraph)
        for candidate in tried:
            presence = self.entering.presence(position, field, candidate)
            if presence is not None:
                return self.ask(field, presence, position)
        home = position.presences[0].subgraph if position.presences else "the root"
        raise InternalError(f"no way from {home} to {position.type}.{field.name}")

    def ask(self, field: Field, presence: Presence, position: Position) -> set[int]:
        """Ask a subgraph for a field that it answers there, and plan what is selected below it."""
        subgraph = presence.subgraph
        presence.draft.wanted.add(self.deferred)
        definition = self.graph.definition(position.type, field.name, subgraph)
        if field.hidden and position.presences[0] is not presence:
            position.home.slots.append(field.key)
        known = presence.case.fields.get(field.key)
        if known is not None and known.involved is not None and same(known.field, field):
            return set(known.involved)
        asked = presence.case.add(field, (*_typed(field.arguments, definition), *presence.given.get(field.name, ())))
        asked.involved = frozenset((presence.draft.id,))
        if field.selection is None:
            return {presence.draft.id}
        inside = self.graph.provided(position.type, field.name, presence.provided) or ()
        provided = (*inside, *self.costs.provides(position.type, field.name, subgraph))
        place = presence.place.child(field.key, position.told_apart)
        involved = self.select(field, asked, presence.draft, place, position, named(definition.type), provided)
        asked.involved = frozenset((presence.draft.id, *involved))
        return set(asked.involved)

    # ------------------------------------------------------------ selections

    def select(
        self, field: Field, asked: Asked, draft: Draft, place: Place, parent: Position, wire: str, provided: Provided
    ) -> set[int]:
        """Plan what a client selects on the object (or objects) that `asked` gives."""
        selection = field.selection
        assert selection is not None  # only asked for fields that have one
        node = asked.node(wire)
        if (draft.subgraph, wire) in self.graph.stand_ins:
            return self.entering.stand_in(field, node, draft, place, parent, provided)
        common = self._common(parent, field, draft.subgraph) if wire in self.graph.possible else None
        positions = []
        for types, fields in self.split(selection, wire, draft.subgraph, provided, self._parent_of(parent, field, draft)):
            case = node.case(types)
            positions.append(
                (self.position(place, types[0] if types else wire, types, case, draft, provided, parent, field), fields)
            )
        several = len(selection.cases) > 1 or len(positions) > 1
        involved: set[int] = set()
        for position, fields in positions:
            position.told_apart = frozenset(position.types) if several else frozenset()
            position.home.answer = fields
        for position, fields in positions:
            if common is not None and not common.issuperset(position.types):
                self._withhold(position, fields)
            else:
                involved |= self.fill(position, fields)
        return involved

    def _common(self, parent: Position, field: Field, subgraph: str) -> frozenset[str] | None:
        """The object types that every subgraph knows which could answer the field here; None: all that this one knows.

        Were it otherwise, an answer would depend on which of them is asked.
        """
        offering = [s for s in self.graph.fields.get((parent.type, field.name), ()) if s != subgraph]
        known = self.graph.values(parent.type, field.name, subgraph)
        others = [self.graph.values(parent.type, field.name, s) for s in offering if self.entering.could_reach(parent, s)]
        return known.intersection(*others) if any(other != known for other in others) else None

    def _withhold(self, position: Position, fields: tuple[Field, ...]) -> None:
        """Only the type is told of a value that others who answer the field do not know."""
        for field in fields:
            if field.name == "__typename":
                self._typename(field, position)
            else:
                position.home.add(msgspec.structs.replace(field, withheld=True))

    def _parent_of(self, parent: Position, field: Field, draft: Draft) -> Parent:
        return (parent.type, field.name, draft.subgraph)

    def position(
        self,
        place: Place,
        type_name: str,
        types: tuple[str, ...],
        case: CaseDraft,
        draft: Draft,
        provided: Provided,
        parent: Position | None,
        field: Field | None,
    ) -> Position:
        self.marks += 1
        if self.marks > POSITIONS:
            said = f"This operation meets more than {POSITIONS} types at its places; it cannot be planned."
            raise LimitExceeded(said, which="plan", limit=POSITIONS)
        case.mark = self.marks
        return Position(place, type_name, types, [Presence(draft, case, place, provided)], parent, field)

    def split(
        self, selection: Selection, wire: str, subgraph: str, provided: Provided, parent: Parent | None
    ) -> Iterable[tuple[tuple[str, ...], tuple[Field, ...]]]:
        """The cases as this subgraph can answer them: only types it knows, and together only those that are planned alike."""
        found: list[tuple[tuple[str, ...], tuple[Field, ...]]] = []
        runtime = self.graph.runtime.get((subgraph, wire))
        for case in selection.cases:
            types = case.types if runtime is None else tuple(t for t in case.types if t in runtime)
            if len(types) > 1 and not self._on_itself(wire, case.fields):
                found += [((type_name,), case.fields) for type_name in types]
            elif len(types) > 1 and not self._closed(types, case.fields, subgraph, provided, parent):
                groups: dict[object, list[str]] = {}
                for type_name in types:
                    groups.setdefault(self.costs.profile(type_name, case.fields), []).append(type_name)
                found += [(tuple(group), case.fields) for group in groups.values()]
            elif types:
                found.append((types, case.fields))
        return found or [((), selection.cases[0].fields)]

    def _on_itself(self, wire: str, fields: tuple[Field, ...]) -> bool:
        """Does the abstract type itself have all of this? A union never has."""
        return all(f.name == "__typename" or (wire, f.name) in self.graph.declared for f in fields)

    def _closed(
        self, types: tuple[str, ...], fields: tuple[Field, ...], subgraph: str, provided: Provided, parent: Parent | None
    ) -> bool:
        """Nothing under these fields needs another fetch."""
        for type_name in types:
            chosen, hops, rest = self.costs.cover(type_name, fields, {subgraph: provided}, parent)
            if hops or rest or any((type_name, f.name) in self.graph.links for f in fields):
                return False
            if any(s != subgraph for s in chosen.values()):
                return False
        return True

    # ------------------------------------------------------------ links

    def _follow(self, link: Link, field: Field, position: Position) -> set[int]:
        inputs: list[Input] = []
        needs: set[int] = set()
        arguments: list[Argument] = []
        given = {a.name: a for a in field.arguments}
        bound = {b.argument for b in link.bindings}
        for binding in link.bindings:
            kind = self._argument_type(link.subgraph, link.via, binding.argument)
            if binding.path:
                value, more = self.entering.path(f"{link.field}_{binding.argument}", binding.path, position)
                inputs.append(value)
                needs |= more
                arguments.append(Argument(binding.argument, input=value.name, type=kind))
            elif binding.from_argument is None:
                arguments.append(Argument(binding.argument, value=binding.constant, type=kind))
            elif (own := given.get(binding.from_argument)) is not None:
                arguments.append(Argument(binding.argument, value=own.value, type=kind))
        free = [a for a in field.arguments if a.name not in bound and a.name in self._argument_names(link.subgraph, link.via)]
        arguments += (Argument(a.name, a.value, type=self._argument_type(link.subgraph, link.via, a.name)) for a in free)
        batch = link.batch if self._fits(link, arguments) else None
        result = self.graph.fields[QUERY, link.via][link.subgraph].type
        entry = Entry(link.via, tuple(inputs), tuple(arguments), batch, result, link.many)
        return self._fetch_link(link, field, entry, needs, position)

    def _fetch_link(self, link: Link, field: Field, entry: Entry, needs: set[int], position: Position) -> set[int]:
        wire = named(self.graph.fields[QUERY, link.via][link.subgraph].type)
        draft = self.draft(link.subgraph, wire if field.selection else link.via, entry)
        draft.hang(position, needs)
        draft.into = field.key
        involved = {draft.id}
        if field.selection is not None:
            involved |= self.select(field, draft.root_asked, draft, draft.rows, position, wire, ())
            for case in draft.root.cases.values():
                self.show_key(entry.batch, case, case.types[0] if case.types else wire, link.subgraph)
        return involved

    def show_key(self, batch: Batch | None, case: CaseDraft, type_name: str, subgraph: str) -> None:
        """Rows of a batch are matched by their own key, so it has to be among what is asked."""
        if batch is not None:
            case.hide(batch.key, self.graph.fields[type_name, batch.key][subgraph].type)

    def _fits(self, link: Link, arguments: list[Argument]) -> bool:
        """The batch field can only stand in when it takes everything else that is given."""
        if link.batch is None:
            return False
        known = self._argument_names(link.subgraph, link.batch.via)
        return all(a.name in known for a in arguments if a.input is None)

    def _argument_names(self, subgraph: str, via: str) -> frozenset[str]:
        return frozenset(a.name.value for a in self.graph.fields[QUERY, via][subgraph].arguments or ())

    def _argument_type(self, subgraph: str, via: str, name: str) -> TypeNode:
        return argument_type(self.graph.fields[QUERY, via][subgraph], name)


def _typed(arguments: tuple[Argument, ...], definition: FieldDefinitionNode) -> tuple[Argument, ...]:
    return tuple(Argument(a.name, a.value, a.input, argument_type(definition, a.name)) for a in arguments)


def argument_type(definition: FieldDefinitionNode, name: str) -> TypeNode:
    for argument in definition.arguments or ():
        if argument.name.value == name:
            return argument.type
    return parse_type("String", no_location=True)
