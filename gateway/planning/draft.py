"""What the planner writes on: a `Draft` is a fetch in the making, a `Position` a place in the answer and who fills it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from graphql import TypeNode

from gateway.composition.graph import Provided
from gateway.planning.operation import TYPENAME
from gateway.planning.plan import Hop
from gateway.sources.base import Argument, Case, Deferral, Entry, Fetch, Field, Input, Representation, Selection

Group = tuple[Deferral, ...]
"""Fragments, any of which may bring something later; empty: it comes at once."""


class Asked:
    """A field being asked of a subgraph."""

    __slots__ = ("alias", "arguments", "below", "field", "hidden", "involved", "key", "merged")

    def __init__(self, field: Field, arguments: tuple[Argument, ...], hidden: bool) -> None:
        self.field = field
        self.key = field.key
        self.arguments = arguments
        self.hidden = hidden
        self.below: Node | None = None
        self.alias: str | None = None
        self.merged = False
        self.involved: frozenset[int] | None = None
        """The fetches that bring it with all that is below, once that is planned."""

    def node(self, type_name: str) -> Node:
        if self.below is None:
            self.below = Node(type_name)
        return self.below

    def freeze(self) -> Field:
        field = self.field
        if field.withheld:
            return field
        selection = self.below.freeze() if self.below is not None else None
        return msgspec.structs.replace(
            field, arguments=self.arguments, selection=selection, hidden=self.hidden, alias=self.alias, merged=self.merged
        )


class CaseDraft:
    """The fields asked on some object types, under distinct keys."""

    __slots__ = ("answer", "fields", "mark", "on", "slots", "types")

    def __init__(self, types: tuple[str, ...], on: tuple[str, ...] = ()) -> None:
        self.types = types
        self.on = on
        self.mark = 0
        self.slots: list[str] = []
        self.fields: dict[str, Asked] = {}
        self.answer: tuple[Field, ...] = ()

    def add(self, field: Field, arguments: tuple[Argument, ...] = ()) -> Asked:
        asked = self.fields[field.key] = Asked(field, arguments, hidden=field.hidden)
        return asked

    def hide(self, name: str, kind: TypeNode) -> Asked:
        """Ask for a field that matching rows needs, unless it is asked anyway. Its key is one no client field has."""
        for asked in self.fields.values():
            if asked.field.name == name and not asked.arguments:
                return asked
        taken = self.fields.keys() | {f.key for f in self.answer}
        key = "_" + name.lstrip("_")
        while key in taken:
            key += "_"
        asked = self.fields[key] = Asked(Field(key, name, kind), (), hidden=True)
        return asked

    def tag(self, key: str) -> None:
        """Ask for `__typename` under the one key that tells the members of an abstract type apart."""
        self.fields[key] = Asked(Field(key, "__typename", TYPENAME), (), hidden=True)

    def freeze(self) -> Case:
        fields = tuple(asked.freeze() for asked in self.fields.values())
        return Case(self.types, fields, self.answer, tuple(self.slots), self.mark, self.on)


class Node:
    """An object position inside a fetch."""

    __slots__ = ("cases", "type")

    def __init__(self, type_name: str) -> None:
        self.type = type_name
        self.cases: dict[tuple[str, ...], CaseDraft] = {}

    def case(self, types: tuple[str, ...], on: tuple[str, ...] = ()) -> CaseDraft:
        if types not in self.cases:
            self.cases[types] = CaseDraft(types, on)
        return self.cases[types]

    def nodes(self) -> Iterator[Node]:
        """This one and all below it."""
        yield self
        for case in self.cases.values():
            for asked in case.fields.values():
                if asked.below is not None:
                    yield from asked.below.nodes()

    def freeze(self) -> Selection:
        return Selection(self.type, tuple(case.freeze() for case in self.cases.values()))


class Place:
    """Where rows are: on a path from the rows of a fetch. `guests` are the fetches that add to the rows there."""

    __slots__ = ("base", "below", "guests", "path")

    def __init__(self, base: Draft, path: tuple[Hop, ...] = ()) -> None:
        self.base = base
        self.path = path
        self.guests: list[Draft] = []
        self.below: dict[str, Place] = {}

    def child(self, key: str, types: frozenset[str]) -> Place:
        """One place per response key, whatever the types it is reached through: so that one fetch can serve them all."""
        if (known := self.below.get(key)) is None:
            known = self.below[key] = Place(self.base, (*self.path, Hop(key, types)))
        elif (last := known.path[-1]).types != types:
            known.widen(Hop(key, last.types | types if last.types and types else frozenset()), len(known.path) - 1)
        return known

    def widen(self, hop: Hop, index: int) -> None:
        self.path = (*self.path[:index], hop, *self.path[index + 1 :])
        for below in self.below.values():
            below.widen(hop, index)


class Above:
    """A value of rows further up (at `place`, of the cases with `mark`) that a whole call is made with, as `variable`.

    `below` are the keys that lead from those rows to the parents.
    """

    __slots__ = ("below", "mark", "place", "value", "variable")

    def __init__(self, variable: str, place: Place, mark: int, below: tuple[str, ...], value: Input) -> None:
        self.variable = variable
        self.place = place
        self.mark = mark
        self.below = below
        self.value = value


class Draft:
    """A fetch in the making, and where its rows belong."""

    __slots__ = (
        "above", "after", "also", "apart", "deferred", "entered", "entry", "id", "into", "marks", "needs", "place", "replaces",
        "representations", "root_asked", "rows", "subgraph", "types", "wanted",
    )  # fmt: skip

    def __init__(self, number: int, subgraph: str, type_name: str, entry: Entry | None) -> None:
        self.id = number
        self.subgraph = subgraph
        self.entry = entry
        self.root_asked = Asked(Field("", "", _NOTHING), (), hidden=False)
        self.root_asked.below = Node(type_name)
        self.place: Place | None = None
        self.rows = Place(self)
        """Where its own rows are."""
        self.types: frozenset[str] | None = None
        self.into: str | None = None
        self.needs: set[int] = set()
        self.after: set[int] = set()
        self.marks: set[int] = set()
        self.also: list[tuple[Place, set[int]]] = []
        """Further places whose rows it serves, and their marks."""
        self.above: list[Above] = []
        """What it is called with besides keys."""
        self.apart = False
        """Each of its parents has rows of its own, also where several have the same key."""
        self.replaces = False
        self.representations: dict[int, Representation] = {}
        self.entered: list[Position] = []
        """Which positions are here, by representation."""
        self.deferred: Group = ()
        """With which fragments what it was begun for may come."""
        self.wanted: set[Group] = set()
        """The same of all that it is asked for."""

    @property
    def root(self) -> Node:
        assert self.root_asked.below is not None
        return self.root_asked.below

    def hang(self, position: Position, needs: set[int]) -> None:
        """This fetch (also) serves the rows of this position."""
        self.place = position.place
        self.marks.add(position.home.mark)
        types = position.told_apart
        self.types = types if self.types is None else (self.types | types if self.types and types else frozenset())
        self.needs |= needs | {position.place.base.id}

    def fetch(self) -> Fetch:
        entry = self.entry
        if entry is not None and self.representations:
            sent = tuple(self.representations.values())
            variables = tuple(above.variable for above in self.above)
            entry = Entry(entry.via, (), (), chunk=entry.chunk, representations=sent, variables=variables)
        return Fetch(self.id, self.subgraph, self.root.freeze(), entry)


class Presence:
    """Where fields of a position can be asked: a place in a fetch, in the terms of its subgraph."""

    __slots__ = ("case", "draft", "given", "place", "provided", "root")

    def __init__(self, draft: Draft, case: CaseDraft, place: Place, provided: Provided = (), *, root: bool = False) -> None:
        self.draft = draft
        self.case = case
        self.place = place
        self.provided = provided
        self.given: Mapping[str, tuple[Argument, ...]] = {}
        """Field → the arguments it is given that are not the client's."""
        self.root = root
        """The rows of the fetch itself, which entered here by key: what it is sent can still grow."""

    @property
    def subgraph(self) -> str:
        return self.draft.subgraph


def same(one: Field, other: Field) -> bool:
    """Do two fields ask for the same, wherever they are written?"""
    return (
        one.name == other.name
        and _bare(one.arguments) == _bare(other.arguments)
        and same_selection(one.selection, other.selection)
    )


def _bare(arguments: tuple[Argument, ...]) -> tuple[tuple[str, object], ...]:
    return tuple((a.name, a.value) for a in arguments)


def same_selection(one: Selection | None, other: Selection | None) -> bool:
    if one is None or other is None or one is other:
        return one is other
    if one.type != other.type or len(one.cases) != len(other.cases):
        return False
    return all(a.types == b.types and same_fields(a.fields, b.fields) for a, b in zip(one.cases, other.cases, strict=True))


def same_fields(ones: tuple[Field, ...], others: tuple[Field, ...]) -> bool:
    if ones is others:
        return True
    return len(ones) == len(others) and all(a.key == b.key and same(a, b) for a, b in zip(ones, others, strict=True))


class Position:
    """Object types at a place of the answer. The first presence is its home, where its rows come from."""

    __slots__ = ("contextual", "field", "hidden", "parent", "place", "presences", "selection", "told_apart", "type", "types")

    def __init__(
        self,
        place: Place,
        type_name: str,
        types: tuple[str, ...],
        presences: list[Presence],
        parent: Position | None = None,
        field: Field | None = None,
    ) -> None:
        self.place = place
        self.type = type_name
        """What stands for all its types where the graph is asked."""
        self.types = types
        self.presences = presences
        self.parent = parent
        self.field = field
        """The field of the parent that leads here."""
        self.told_apart: frozenset[str] = frozenset()
        """Its types, where others can stand at the same place."""
        self.contextual: dict[tuple[str, ...], Presence] = {}
        """Where fields are asked that take values from above, by which."""
        self.hidden: dict[str, tuple[Input, frozenset[int]]] = {}
        """What joins already had brought here, by what was wanted."""

    @property
    def home(self) -> CaseDraft:
        return self.presences[0].case

    def here(self, subgraph: str) -> Presence | None:
        return next((p for p in self.presences if p.subgraph == subgraph), None)

    def free_key(self, name: str) -> str:
        """A key for a hidden field, which nothing at this place has."""
        taken = {key for p in self.presences for key in p.case.fields} | {f.key for f in self.home.answer} | {*self.home.slots}
        key = "_" + name.lstrip("_")
        while key in taken:
            key += "_"
        return key


_NOTHING = TypeNode()
