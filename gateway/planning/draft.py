"""What the planner writes on: a `Draft` is a fetch in the making, a `Position` a place in the answer and who fills it."""

from __future__ import annotations

from graphql import TypeNode

from gateway.planning.operation import TYPENAME
from gateway.planning.plan import Hop
from gateway.sources.base import Argument, Case, Entry, Fetch, Field, Selection


class Asked:
    """A field being asked of a subgraph."""

    __slots__ = ("arguments", "below", "field", "hidden", "key")

    def __init__(self, field: Field, arguments: tuple[Argument, ...], hidden: bool) -> None:
        self.field = field
        self.key = field.key
        self.arguments = arguments
        self.hidden = hidden
        self.below: Node | None = None

    def node(self, type_name: str) -> Node:
        if self.below is None:
            self.below = Node(type_name)
        return self.below

    def freeze(self) -> Field:
        field = self.field
        selection = self.below.freeze() if self.below is not None else None
        return Field(self.key, field.name, field.type, self.arguments, selection, self.hidden, field.location)


class CaseDraft:
    """The fields asked on some object types, under distinct keys."""

    __slots__ = ("answer", "fields", "slots", "types")

    def __init__(self, types: tuple[str, ...]) -> None:
        self.types = types
        self.slots: list[str] = []
        self.fields: dict[str, Asked] = {}
        self.answer: tuple[Field, ...] = ()

    def add(self, field: Field, arguments: tuple[Argument, ...] = ()) -> Asked:
        asked = self.fields[field.key] = Asked(field, arguments, hidden=False)
        return asked

    def hide(self, name: str, kind: TypeNode, *, nested: bool = False, mark: str = "_") -> Asked:
        """Ask for a field that a join needs, unless the client asks for the very same. Its key is one no client field has."""
        for asked in self.fields.values():
            if asked.field.name == name and not asked.arguments and (asked.hidden or not nested):
                return asked
        taken = self.fields.keys() | {f.key for f in self.answer}
        key = mark + name.lstrip("_")
        while key in taken:
            key += "_"
        asked = self.fields[key] = Asked(Field(key, name, kind), (), hidden=True)
        return asked

    def tag(self, key: str) -> None:
        """Ask for `__typename` under the one key that tells the members of an abstract type apart."""
        self.fields[key] = Asked(Field(key, "__typename", TYPENAME), (), hidden=True)

    def freeze(self) -> Case:
        return Case(self.types, tuple(asked.freeze() for asked in self.fields.values()), self.answer, tuple(self.slots))


class Node:
    """An object position inside a fetch."""

    __slots__ = ("cases", "type")

    def __init__(self, type_name: str) -> None:
        self.type = type_name
        self.cases: dict[tuple[str, ...], CaseDraft] = {}

    def case(self, types: tuple[str, ...]) -> CaseDraft:
        if types not in self.cases:
            self.cases[types] = CaseDraft(types)
        return self.cases[types]

    def freeze(self) -> Selection:
        return Selection(self.type, tuple(case.freeze() for case in self.cases.values()))


class Draft:
    """A fetch in the making, and where its rows belong."""

    __slots__ = ("base_id", "entry", "id", "into", "needs", "path", "root_asked", "subgraph", "types")

    def __init__(self, number: int, subgraph: str, type_name: str, entry: Entry | None) -> None:
        self.id = number
        self.subgraph = subgraph
        self.entry = entry
        self.root_asked = Asked(Field("", "", _NOTHING), (), hidden=False)
        self.root_asked.below = Node(type_name)
        self.base_id: int | None = None
        self.path: tuple[Hop, ...] = ()
        self.types: frozenset[str] = frozenset()
        self.into: str | None = None
        self.needs: set[int] = set()

    @property
    def root(self) -> Node:
        assert self.root_asked.below is not None
        return self.root_asked.below

    def fetch(self) -> Fetch:
        return Fetch(self.id, self.subgraph, self.root.freeze(), self.entry)


class Position:
    """A place in the answer: `home` is where its rows come from, `guests` are the lookups that add fields to them."""

    __slots__ = ("draft", "guests", "home", "path", "type", "types")

    def __init__(self, draft: Draft, path: tuple[Hop, ...], types: frozenset[str], type_name: str, home: CaseDraft) -> None:
        self.draft = draft
        self.path = path
        self.types = types
        self.type = type_name
        self.home = home
        self.guests: dict[str, tuple[Draft, CaseDraft]] = {}


_NOTHING = TypeNode()
