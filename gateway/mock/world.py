"""The rows there are, and which of them a question is about.

Every type with a key has `POOL` rows, the same ones for every source that has the type. A row's fields are made when they are
asked for. Arguments that are named like a field of the rows choose among them (`id: 7`, `ids: [...]`, `genre: NOVEL`), others say
which page. A key that none of them has still gives a row: whatever a client has at hand is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from random import Random
from typing import Any

import msgspec

from gateway.mock.values import Leaf, Place, made, spoken, theme

POOL = 48
"""Rows of a type."""
LISTED = 10
"""Rows of a list at the top, where nothing says how many."""
FEW = 4
"""Most values of a list inside a row."""
MANY = 1000
"""Most rows of an answer, whatever is asked for."""
CALLED, LOGINS = ("name", "title", "fullName", "displayName"), ("login", "username", "userName")
"""Fields that say how a row is called, and those that follow from them but say it, too."""
TEXTS = ("text", "whole")
LIMITS = frozenset(
    (*("first", "last", "limit", "size", "take", "count", "top", "max", "n", "rows"), *("page size", "per page", "max results"))
)
OFFSETS = frozenset(("offset", "skip", "start", "start index"))
CURSORS = frozenset(("after", "cursor", "page token", "starting after"))

Who = tuple[Any, ...]
"""Which row of its type: (number,) of the pool, or what it was asked for by."""
Coordinate = tuple[str, str]


class Kind(msgspec.Struct, frozen=True):
    """A type as far as its rows are concerned."""

    name: str
    leaves: Mapping[str, Leaf] = {}
    keys: frozenset[str] = frozenset()
    """Leaves that tell one row from another; without any, its values belong to whatever they stand in."""

    @property
    def keyed(self) -> bool:
        return bool(self.keys)


class Row(msgspec.Struct, frozen=True):
    """`given`: fields whose values the question said. `asked`: the arguments that a wrapper passes on to what it wraps."""

    type: str
    who: Who
    given: Mapping[str, Any] = {}
    asked: Mapping[str, Any] = {}


class Page(msgspec.Struct, frozen=True):
    offset: int = 0
    limit: int | None = None


class World:
    """`kinds` are known by name, to all sources. `references`: (type, field) → the (type, key) whose values it holds."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.kinds: dict[str, Kind] = {}
        self.references: dict[Coordinate, Coordinate] = {}
        self._found = lru_cache(4096)(self._values)
        self._by_words: dict[str, str] | None = None

    def learn(self, kind: Kind) -> None:
        """Of a field that several sources have, the schema that says more is believed; a key of one is a key."""
        known = self.kinds.get(kind.name)
        if known is None:
            self.kinds[kind.name] = kind
            return
        leaves = dict(known.leaves)
        for name, leaf in kind.leaves.items():
            if name not in leaves or leaf.weight > leaves[name].weight:
                leaves[name] = leaf
        self.kinds[kind.name] = Kind(kind.name, leaves, known.keys | kind.keys)

    def _named(self) -> Mapping[str, str]:
        """Types whose rows have an `id`, by what they are called in words."""
        if self._by_words is None:
            self._by_words = {spoken(name): name for name, kind in self.kinds.items() if "id" in kind.keys}
        return self._by_words

    def kind(self, name: str) -> Kind:
        return self.kinds.get(name) or Kind(name)

    def random(self, *parts: Any) -> Random:
        """The randomness of one place, the same in every process."""
        digest = blake2b(msgspec.json.encode((self.seed, *parts), order="sorted"), digest_size=8).digest()
        return Random(int.from_bytes(digest, "big"))

    # ------------------------------------------------------------ values

    def value(self, row: Row, name: str, leaf: Leaf) -> Any:
        """A leaf of a row, as the schema at hand has it."""
        if name in row.given and not isinstance(row.given[name], dict):
            return _as(leaf, row.given[name])
        if (target := self._target(row.type, name)) is not None:
            mine = row.who[0] if name in self.kind(row.type).keys and len(row.who) == 1 else None
            rng = self.random(row.type, row.who, name)
            index = mine if mine is not None else min(rng.randrange(POOL), rng.randrange(POOL))
            return _as(leaf, self._own(*target, (index,)))
        believed = self.kind(row.type).leaves.get(name, leaf)
        return _as(leaf, self._own(row.type, name, row.who, believed if _alike(believed, leaf) else leaf))

    def _target(self, type: str, name: str) -> Coordinate | None:
        """What the configuration joins, or what a name says: `productId` is the `id` of a Product."""
        if (stated := self.references.get((type, name))) is not None or name in self.kind(type).keys:
            return stated
        said, _, last = spoken(name).rpartition(" ")
        found = self._named().get(said) if last == "id" else None
        return (found, "id") if found is not None else None

    def _own(self, type: str, name: str, who: Who, leaf: Leaf | None = None) -> Any:
        kind = self.kind(type)
        leaf = leaf or kind.leaves.get(name) or Leaf("text")
        number = who[0] if len(who) == 1 and isinstance(who[0], int) else None
        if name in kind.keys and number is not None and _counted(name, leaf):
            return _numbered(leaf, number)
        free = leaf.kind == "text" and not (leaf.choices or leaf.examples or leaf.pattern or leaf.longest)
        if free and (kin := self._kin(kind, name, who)) is not None:
            return kin
        return made(leaf, Place(name, type), self.random(type, who, theme(name)))

    def _kin(self, kind: Kind, name: str, who: Who) -> str | None:
        """What follows from how the row is called: its slug, and of a person the user name, the mail address, the full name."""
        said = spoken(name)
        if said == "name" and {"firstName", "lastName"} <= kind.leaves.keys():
            return " ".join(str(self._own(kind.name, part, who)) for part in ("firstName", "lastName"))
        names = (*CALLED, *LOGINS) if said.endswith("mail") else CALLED
        called = next((each for each in names if each in kind.leaves), None)
        if called is None or not re.search(r"\b(slug|user ?name|login|e ?mail)$", said):
            return None
        call = re.sub(r"[^a-z0-9]+", "-", str(self._own(kind.name, called, who)).lower()).strip("-")
        unique = who[0] + 1 if len(who) == 1 and name in kind.keys else ""
        if said.endswith("slug"):
            return f"{call}-{unique}".rstrip("-")
        return f"{call.replace('-', '.')}{unique}{'@example.com' if said.endswith('mail') else ''}"

    # ------------------------------------------------------------ rows

    def one(self, kind: Kind, asked: Mapping[str, Any], place: Who) -> Row:
        """The row that is asked for by these values of its fields, or, without any, the one that belongs at this place."""
        if not kind.keyed:
            return Row(kind.name, place, asked)
        if not asked:
            return Row(kind.name, (self.random(kind.name, place).randrange(POOL),))
        known = sorted(asked.items(), key=lambda item: (item[0] not in kind.keys, item[0]))
        for name, value in known:
            for number in self._having(kind, name, value):
                return Row(kind.name, (number,), asked)
        return Row(kind.name, ("=", *(part for item in known[:1] for part in map(str, item))), asked)

    def many(self, kind: Kind, asked: Mapping[str, Any], place: Who, page: Page, *, inside: bool) -> list[Row]:
        """The rows that have these values; `inside`: of a list in another row, which has a few of its own."""
        if not kind.keyed or (inside and not asked):
            return self._few(kind, place, page)
        found = list(self._chosen(kind, asked)) if asked else [Row(kind.name, (number,)) for number in range(POOL)]
        return _paged(found, page, MANY if asked else LISTED)

    def _few(self, kind: Kind, place: Who, page: Page) -> list[Row]:
        rng = self.random(kind.name, place, "list")
        count = rng.randint(1, FEW)
        if not kind.keyed:
            return _paged([Row(kind.name, (*place, number)) for number in range(count)], page, FEW)
        return _paged([Row(kind.name, (number,)) for number in rng.sample(range(POOL), count)], page, FEW)

    def _chosen(self, kind: Kind, asked: Mapping[str, Any]) -> Iterator[Row]:
        """One value, or a list of them, for each field: a row has to fit all; each value of a list has its rows."""
        several = next((name for name, value in asked.items() if isinstance(value, list)), None)
        if several is None:
            yield from self._fitting(kind, asked)
            return
        for value in list(dict.fromkeys(map(_hashable, asked[several])))[:MANY]:
            yield from self._chosen(kind, {**asked, several: value})

    def _fitting(self, kind: Kind, asked: Mapping[str, Any]) -> Iterator[Row]:
        sets = [set(self._having(kind, name, value)) for name, value in asked.items()]
        if numbers := sorted(set.intersection(*sets)):
            yield from (Row(kind.name, (number,), asked) for number in numbers)
            return
        if not asked.keys().isdisjoint(kind.keys):
            yield self.one(kind, asked, ())
            return
        if any(self._refers_to_one(kind, name, value) for name, value in asked.items()):
            return
        who = ("=", *(part for item in sorted(asked.items()) for part in map(str, item)))
        yield from (Row(kind.name, (*who, number), asked) for number in range(self.random(kind.name, who).randint(1, FEW)))

    def _refers_to_one(self, kind: Kind, name: str, value: Any) -> bool:
        """A row of the pool that nothing refers to: its list is empty. What is not of the pool has rows made for it."""
        target = self._target(kind.name, name)
        return target is not None and bool(self._having(self.kind(target[0]), target[1], value))

    def _having(self, kind: Kind, name: str, value: Any) -> Sequence[int]:
        return self._found(kind.name, name).get(str(value), ())

    def _values(self, type: str, name: str) -> Mapping[str, Sequence[int]]:
        """A field's values in the pool → the rows that have them."""
        leaf = self.kind(type).leaves.get(name, Leaf("text"))
        found: dict[str, list[int]] = {}
        for number in range(POOL):
            found.setdefault(str(self.value(Row(type, (number,)), name, leaf)), []).append(number)
        return found


def _paged(rows: list[Row], page: Page, otherwise: int) -> list[Row]:
    limit = otherwise if page.limit is None else max(0, min(page.limit, MANY))
    return rows[page.offset : page.offset + limit]


def _hashable(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool) or value is None else msgspec.json.encode(value).decode()


# ---------------------------------------------------------------- keys


def _counted(name: str, leaf: Leaf) -> bool:
    """Keys that are numbers, or texts that stand for numbers: 1, 2, 3. Others have a form of their own."""
    if leaf.kind == "whole":
        return True
    plain = leaf.kind == "text" and not (leaf.format or leaf.pattern or leaf.choices or leaf.examples)
    return plain and spoken(name).split(" ")[-1] in ("id", "identifier", "no", "nr")


def _numbered(leaf: Leaf, number: int) -> Any:
    if leaf.choices:
        return leaf.choices[number % len(leaf.choices)]
    found = number + max(1, int(leaf.low or 1))
    return found if leaf.kind == "whole" else str(found)


def _alike(believed: Leaf, leaf: Leaf) -> bool:
    """Whether a value of one schema may stand where the other one counts."""
    return (believed.kind == leaf.kind or {believed.kind, leaf.kind} <= set(TEXTS)) and not leaf.choices


def _as(leaf: Leaf, value: Any) -> Any:
    if leaf.kind == "text" and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if leaf.kind == "whole" and isinstance(value, str):
        return int(value) if value.lstrip("-").isdecimal() else int.from_bytes(blake2b(value.encode(), digest_size=3).digest())
    return value


# ---------------------------------------------------------------- questions


def page_of(arguments: Mapping[str, Any]) -> Page:
    said = {spoken(name): value for name, value in arguments.items() if value is not None}
    limit = next((int(value) for name, value in said.items() if name in LIMITS and _whole(value)), None)
    offset = next((int(value) for name, value in said.items() if name in OFFSETS and _whole(value)), 0)
    if _whole(said.get("page")):
        offset = max(0, int(said["page"]) - 1) * (limit or LISTED)
    if cursor := next((value for name, value in said.items() if name in CURSORS), None):
        offset = int(cursor) if _whole(cursor) else 0
    return Page(max(0, offset), limit)


def _whole(value: Any) -> bool:
    return not isinstance(value, bool) and str(value).isdecimal() and len(str(value)) < 10


def asked_of(kind: Kind, arguments: Mapping[str, Any], meant: Mapping[str, str] = {}) -> dict[str, Any]:
    """The arguments that name a field of the rows: as the configuration says (`meant`), or by their own names."""
    found: dict[str, Any] = {}
    for name, value in arguments.items():
        if value is None or spoken(name) in LIMITS | OFFSETS | CURSORS:
            continue
        if isinstance(value, dict):
            found |= asked_of(kind, value, meant)
        elif (field := meant.get(name) or field_of(kind, name, isinstance(value, list))) in kind.leaves:
            found[field] = value
    return found


def field_of(kind: Kind, argument: str, several: bool = False) -> str:
    """The field that an argument of this name is about; the argument itself where there is none."""
    said = spoken(argument).removeprefix("by ")
    candidates = {said, said.removeprefix(f"{spoken(kind.name)} ")}
    if several:
        candidates |= {each.removesuffix("s") for each in candidates} | {each.removesuffix("es") for each in candidates}
    return next((name for name in kind.leaves if spoken(name) in candidates), argument)
