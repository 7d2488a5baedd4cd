"""Plans an operation: a cheapest-path search over the supergraph's moves, one selection at a time.

Every object position of the answer has a *home*, the fetch that first reaches it. A field is asked where its position already
is, if that subgraph has it; else by the fewest lookups from there; a link starts a fetch of its own. Fields that need the same
move share its fetch. Bounded by the size of the operation times the number of subgraphs.
"""

from __future__ import annotations

from collections.abc import Iterator

from graphql import FieldDefinitionNode, TypeNode, parse_type

from gateway.composition.graph import Graph
from gateway.composition.graph import Hop as LookupHop
from gateway.composition.supergraph import Link, Supergraph
from gateway.errors import InternalError
from gateway.planning.draft import Asked, CaseDraft, Draft, Position
from gateway.planning.operation import INTROSPECTED, TYPENAME, Operation
from gateway.planning.plan import Hop, Plan, Step
from gateway.sources.base import Argument, Batch, Case, Entry, Field, Input, Selection
from gateway.sources.reach import named

QUERY = "Query"


def plan(operation: Operation, supergraph: Supergraph) -> Plan:
    """The plan of an operation. Raises `InternalError` when the supergraph has no way to a field, which composition excludes."""
    return _Planner(supergraph).plan(operation)


class _Planner:
    def __init__(self, supergraph: Supergraph) -> None:
        self.graph: Graph = supergraph.graph
        self.subgraphs = supergraph.subgraphs
        self.drafts: list[Draft] = []

    def plan(self, operation: Operation) -> Plan:
        (case,) = operation.selection.cases
        for field in case.fields:
            if not field.name.startswith("__"):
                self._root_field(field)
        steps = tuple(Step(d.fetch(), d.base_id, d.path, d.into, d.types, frozenset(d.needs)) for d in self.drafts)
        introspected = tuple(f.key for f in case.fields if f.name in INTROSPECTED)
        return Plan(operation.selection, steps, introspected)

    # ------------------------------------------------------------ roots

    def _root_field(self, field: Field) -> None:
        subgraph = next(iter(self.graph.fields[QUERY, field.name]))
        draft = self._root_draft(subgraph)
        self._ask(field, draft.root.case((QUERY,)), Position(draft, (), frozenset(), QUERY, draft.root.case((QUERY,))))

    def _root_draft(self, subgraph: str) -> Draft:
        if self.subgraphs[subgraph].together:
            for draft in self.drafts:
                if draft.entry is None and draft.subgraph == subgraph:
                    return draft
        return self._draft(subgraph, QUERY)

    def _draft(self, subgraph: str, type_name: str, entry: Entry | None = None) -> Draft:
        draft = Draft(len(self.drafts), subgraph, type_name, entry)
        self.drafts.append(draft)
        return draft

    # ------------------------------------------------------------ selections

    def _select(self, selection: Selection, asked: Asked, draft: Draft, path: tuple[Hop, ...]) -> None:
        """Plan a client selection whose home is the object `asked` of `draft`."""
        cases = tuple(self._told_apart(selection, draft))
        several = len(cases) > 1
        for case in cases:
            home = asked.node(selection.type).case(case.types)
            home.answer = case.fields
            type_name = case.types[0] if len(case.types) == 1 else selection.type
            position = Position(draft, path, frozenset(case.types) if several else frozenset(), type_name, home)
            self._case(case.fields, position)
        self._tell_types(selection, asked, draft)

    def _told_apart(self, selection: Selection, draft: Draft) -> Iterator[Case]:
        """Object types that select the same share a case only where the abstract type itself offers all of it here."""
        for case in selection.cases:
            fields = [f.name for f in case.fields if f.name != "__typename"]
            if len(case.types) == 1 or all(self.graph.offers(selection.type, name, draft.subgraph) for name in fields):
                yield case
            else:
                yield from (Case((name,), case.fields) for name in case.types)

    def _tell_types(self, selection: Selection, asked: Asked, draft: Draft) -> None:
        """Ask for `__typename` where members differ; and never send an empty selection."""
        if not self.subgraphs[draft.subgraph].wire.response_keys:
            return
        cases = asked.node(selection.type).cases.values()
        if selection.type in self.graph.possible and len(cases) > 1:
            taken = any(f.key == "__typename" and f.name != "__typename" for case in cases for f in case.answer)
            for case in cases:
                case.tag("_tag" if taken else "__typename")
        for case in cases:
            if not case.fields:
                case.hide("__typename", TYPENAME)

    def _case(self, fields: tuple[Field, ...], position: Position) -> None:
        """Local fields first, so that what a join needs is already there when the join is planned."""
        later = [f for f in fields if not self._local(f, position)]
        for field in later:
            link = self.graph.links.get((position.type, field.name))
            if link is not None:
                self._follow(link, field, position)
            else:
                self._look_up(field, position)

    def _local(self, field: Field, position: Position) -> bool:
        if field.name == "__typename":
            if position.type in self.graph.possible and not position.types:
                position.home.add(field)
            return True
        if not self.graph.offers(position.type, field.name, position.draft.subgraph):
            return False
        self._ask(field, position.home, position)
        return True

    def _ask(self, field: Field, case: CaseDraft, position: Position, draft: Draft | None = None) -> None:
        """Ask a subgraph for a field that it has, and plan what is selected below it."""
        draft = draft or position.draft
        definition = self.graph.fields[position.type, field.name][draft.subgraph]
        asked = case.add(field, _typed(field.arguments, definition))
        if field.selection is not None:
            below = (*position.path, Hop(field.key, position.types)) if draft is position.draft else (Hop(field.key),)
            self._select(field.selection, asked, draft, below)

    # ------------------------------------------------------------ lookups

    def _look_up(self, field: Field, position: Position) -> None:
        for draft, case in position.guests.values():
            if self.graph.offers(position.type, field.name, draft.subgraph):
                self._ask(field, case, position, draft)
                return
        hops = self.graph.reach(position.type, position.draft.subgraph, field.name)
        if hops is None:
            raise InternalError(f"no way from {position.draft.subgraph} to {position.type}.{field.name}")
        for hop in hops:
            if hop.subgraph not in position.guests:
                self._visit(hop, position)
        draft, case = position.guests[hops[-1].subgraph]
        self._ask(field, case, position, draft)

    def _visit(self, hop: LookupHop, position: Position) -> None:
        """A fetch by key whose fields are placed into the rows of this position."""
        lookup = hop.lookup
        key, needs = self._input(lookup.key, (lookup.key,), position)
        argument = self._argument_type(hop.subgraph, lookup.via, lookup.arg)
        result = self.graph.fields[QUERY, lookup.via][hop.subgraph].type
        entry = Entry(lookup.via, (key,), (Argument(lookup.arg, input=key.name, type=argument),), lookup.batch, result)
        draft = self._draft(hop.subgraph, position.type, entry)
        self._hang(draft, position, needs, into=None)
        case = draft.root.case((position.type,))
        position.guests[hop.subgraph] = (draft, case)
        self._show_key(lookup.batch, case, position.type, hop.subgraph)

    def _hang(self, draft: Draft, position: Position, needs: frozenset[int], into: str | None) -> None:
        draft.base_id, draft.path, draft.types, draft.into = position.draft.id, position.path, position.types, into
        draft.needs |= needs | {position.draft.id}

    def _show_key(self, batch: Batch | None, case: CaseDraft, type_name: str, subgraph: str) -> None:
        """Rows of a batch are matched by their own key, so it has to be among what is asked."""
        if batch is not None:
            case.hide(batch.key, self.graph.fields[type_name, batch.key][subgraph].type)

    # ------------------------------------------------------------ links

    def _follow(self, link: Link, field: Field, position: Position) -> None:
        inputs: list[Input] = []
        needs: frozenset[int] = frozenset()
        arguments: list[Argument] = []
        given = {a.name: a for a in field.arguments}
        bound = {b.argument for b in link.bindings}
        for binding in link.bindings:
            kind = self._argument_type(link.subgraph, link.via, binding.argument)
            if binding.path:
                value, more = self._input(f"{link.field}_{binding.argument}", binding.path, position)
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
        self._fetch_link(link, field, entry, needs, position)

    def _fetch_link(self, link: Link, field: Field, entry: Entry, needs: frozenset[int], position: Position) -> None:
        draft = self._draft(link.subgraph, field.selection.type if field.selection else link.via, entry)
        self._hang(draft, position, needs, into=field.key)
        if field.selection is None:
            return
        self._select(field.selection, draft.root_asked, draft, ())
        for case in draft.root.cases.values():
            self._show_key(entry.batch, case, case.types[0] if len(case.types) == 1 else field.selection.type, link.subgraph)

    def _fits(self, link: Link, arguments: list[Argument]) -> bool:
        """The batch field can only stand in when it takes everything else that is given."""
        if link.batch is None:
            return False
        known = self._argument_names(link.subgraph, link.batch.via)
        return all(a.name in known for a in arguments if a.input is None)

    # ------------------------------------------------------------ keys and arguments

    def _input(self, name: str, path: tuple[str, ...], position: Position) -> tuple[Input, frozenset[int]]:
        """Make sure the rows of this position have a value, and say under which keys; and which fetches bring it."""
        if self.graph.offers(position.type, path[0], position.draft.subgraph):
            keys, kind = self._hide_path(path, position.home, position.type, position.draft.subgraph)
            return Input(name, keys, kind, position.home.fields[keys[0]].hidden), frozenset((position.draft.id,))
        draft, case = self._guest_with(path[0], position)
        keys, kind = self._hide_path(path, case, position.type, draft.subgraph, mark=f"_{draft.id}_")
        hidden = case.fields[keys[0]].hidden
        if hidden and keys[0] not in position.home.slots:
            position.home.slots.append(keys[0])
        return Input(name, keys, kind, hidden), frozenset((draft.id,))

    def _guest_with(self, field: str, position: Position) -> tuple[Draft, CaseDraft]:
        for draft, case in position.guests.values():
            if self.graph.offers(position.type, field, draft.subgraph):
                return draft, case
        hops = self.graph.reach(position.type, position.draft.subgraph, field)
        if hops is None:
            raise InternalError(f"no way from {position.draft.subgraph} to {position.type}.{field}")
        for hop in hops:
            if hop.subgraph not in position.guests:
                self._visit(hop, position)
        return position.guests[hops[-1].subgraph]

    def _hide_path(
        self, path: tuple[str, ...], case: CaseDraft, type_name: str, subgraph: str, mark: str = "_"
    ) -> tuple[tuple[str, ...], TypeNode]:
        keys: list[str] = []
        for index, name in enumerate(path):
            definition = self.graph.fields[type_name, name][subgraph]
            asked = case.hide(name, definition.type, nested=index < len(path) - 1, mark=mark)
            keys.append(asked.key)
            type_name = named(definition.type)
            if index < len(path) - 1:
                case = asked.node(type_name).case((type_name,))
        return tuple(keys), definition.type

    def _argument_names(self, subgraph: str, via: str) -> frozenset[str]:
        return frozenset(a.name.value for a in self.graph.fields[QUERY, via][subgraph].arguments or ())

    def _argument_type(self, subgraph: str, via: str, name: str) -> TypeNode:
        return _argument_type(self.graph.fields[QUERY, via][subgraph], name)


def _typed(arguments: tuple[Argument, ...], definition: FieldDefinitionNode) -> tuple[Argument, ...]:
    return tuple(Argument(a.name, a.value, a.input, _argument_type(definition, a.name)) for a in arguments)


def _argument_type(definition: FieldDefinitionNode, name: str) -> TypeNode:
    for argument in definition.arguments or ():
        if argument.name.value == name:
            return argument.type
    return parse_type("String", no_location=True)
