"""Links and lookups against a naive join: batched and aliased, one row and many, several inputs, shared rows, missing rows, and
calls that fail. Every null is the naive join's own, or explained by an error."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from hypothesis import given, note
from hypothesis import strategies as st

from gateway.errors import UpstreamFailed
from gateway.upstream.call import Call, Reply
from tests.execution.agreement import places
from tests.execution.choices import Choices, bounded
from tests.graphs import Service, an_engine, answer

KEYS = ("1", "2", "3", "4", "gone", "bad", None)
SIZE = 2
"""Keys of one call."""

LINKS: tuple[Mapping[str, Any], ...] = (
    {"field": "Parent.one", "to": "rows.row", "with": {"id": "$key"}},
    {"field": "Parent.alias", "to": "rows.rowAgain", "with": {"id": "$key"}},
    {
        "field": "Parent.many",
        "to": "rows.rowsOf",
        "with": {"owner": "$id"},
        "many": True,
        "batch": {"via": "rowsOfMany", "arg": "owners", "key": "owner", "max": SIZE},
    },
    {"field": "Parent.list", "to": "rows.rowsOf", "with": {"owner": "$at.key"}},
    {"field": "Parent.pair", "to": "rows.pair", "with": {"a": "$key", "b": "$number"}},
    {"field": "Row.parent", "to": "parents.parent", "with": {"id": "$owner"}},
)
FIELDS = {
    "one": "one { id v }",
    "alias": "x: alias { id }",
    "many": "many { id owner }",
    "list": "list { v }",
    "pair": "pair { id v }",
    "extra": "extra",
    "level": "l: level",
    "back": "back: one { parent { id at { key } } }",
}


class World:
    """Parents in one service, rows in another, more of each parent in a third."""

    def __init__(self, choices: Choices) -> None:
        count = 1 + choices.below(6)
        self.parents = [
            {"id": f"p{i}", "key": choices.of(KEYS), "number": choices.of((1, 2, None)), "at": self._at(choices)}
            for i in range(count)
        ]
        owners = [p["id"] for p in self.parents] + ["1", "2", "stranger"]
        self.rows = [{"id": k, "v": i, "owner": choices.of(owners)} for i, k in enumerate(KEYS) if k not in ("gone", None)] + [
            {"id": f"more{i}", "v": 10 + i, "owner": choices.of(owners)} for i in range(choices.below(5))
        ]
        self.extras = [
            {"id": p["id"], "extra": choices.of(("e", None)), "level": i}
            for i, p in enumerate(self.parents)
            if choices.chance(70)
        ]
        self.fields = list(dict.fromkeys(choices.some(list(FIELDS), len(FIELDS))))

    def _at(self, choices: Choices) -> dict[str, Any] | None:
        return None if choices.chance(20) else {"key": choices.of(("p0", "p1", "1", None))}

    def services(self) -> list[Service]:
        rows = {row["id"]: row for row in self.rows}
        extras = {extra["id"]: extra for extra in self.extras}
        return [
            Service(
                "parents",
                """type Query { parents: [Parent]! parent(id: ID!): Parent }
                type Parent { id: ID! key: ID number: Int at: At } type At { key: ID }""",
                {
                    "parents": [*self.parents, None, self.parents[0]],
                    "parent": lambda _info, id: next((p for p in self.parents if p["id"] == id), None),
                },
                lookups=[{"type": "Parent", "key": "id", "via": "parent", "arg": "id"}],
            ),
            Failing(
                "rows",
                """type Query { row(id: ID!): Row rowAgain(id: ID!): Row rowsById(ids: [ID!]!): [Row] rowsOf(owner: ID!): [Row]
                rowsOfMany(owners: [ID!]!): [Row]! pair(a: ID!, b: Int!): Row } type Row { id: ID! v: Int owner: ID }""",
                {
                    "row": lambda _info, id: rows.get(id),
                    "rowAgain": lambda _info, id: rows.get(id),
                    "rowsById": lambda _info, ids: [rows[i] for i in reversed(ids) if i in rows],
                    "rowsOf": lambda _info, owner: [r for r in self.rows if r["owner"] == owner],
                    "rowsOfMany": lambda _info, owners: [r for r in self.rows if r["owner"] in owners],
                    "pair": lambda _info, a, b: rows.get(a) if b == 1 else None,
                },
                lookups=[
                    {"type": "Row", "key": "id", "via": "row", "arg": "id"}
                    | {"batch": {"via": "rowsById", "arg": "ids", "key": "id", "max": SIZE}}
                ],
            ),
            Service(
                "extras",
                """type Query { known(id: ID!): Parent knownMany(ids: [ID!]!): [Parent]! }
                type Parent { id: ID! extra: String level: Int }""",
                {"known": lambda _info, id: extras.get(id), "knownMany": lambda _info, ids: [extras.get(i) for i in ids]},
                lookups=[
                    {"type": "Parent", "key": "id", "via": "known", "arg": "id"}
                    | {"batch": {"via": "knownMany", "arg": "ids", "key": "id", "max": SIZE}}
                ],
            ),
        ]

    def query(self) -> str:
        return f"{{ parents {{ {' '.join(FIELDS[name] for name in self.fields)} }} }}"


class Failing(Service):
    """Refuses every call that asks for `bad`."""

    async def send(self, call: Call) -> Reply:
        if b'"bad"' in (call.body or b""):
            raise UpstreamFailed("answered 500")
        return await super().send(call)


# ---------------------------------------------------------------- the naive join


class Naive:
    """One parent and one field at a time. What a failed call costs is an error at its place."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.errors: list[tuple[Any, ...]] = []
        self.rows = {row["id"]: row for row in world.rows}
        self.failing = self._failing()

    def _failing(self) -> dict[str, set[Any]]:
        """field → the keys that were in a call with `bad`."""
        keys = list(dict.fromkeys(p["key"] for p in self.world.parents if p["key"] is not None))
        chunks = [keys[i : i + SIZE] for i in range(0, len(keys), SIZE)]
        pairs = list(dict.fromkeys((p["key"], p["number"]) for p in self.world.parents if None not in (p["key"], p["number"])))
        return {
            "one": {key for chunk in chunks if "bad" in chunk for key in chunk},
            "alias": set(keys) if "bad" in keys else set(),
            "pair": set(pairs) if any(key == "bad" for key, _ in pairs) else set(),
        }

    def answer(self) -> dict[str, Any]:
        parents = [*self.world.parents, None, self.world.parents[0]]
        return {"parents": [p and self.parent(p, ("parents", i)) for i, p in enumerate(parents)]}

    def parent(self, parent: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name in self.world.fields:
            made |= getattr(self, name)(parent, path)
        return made

    def one(self, parent: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
        return {"one": self._row("one", parent["key"], (*path, "one"), ("id", "v"))}

    def alias(self, parent: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
        return {"x": self._row("alias", parent["key"], (*path, "x"), ("id",))}

    def pair(self, parent: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
        key, number = parent["key"], parent["number"]
        if key is None or number is None:
            return {"pair": None}
        if (key, number) in self.failing["pair"]:
            return {"pair": self._failed((*path, "pair"))}
        return {"pair": _of(self.rows.get(key), ("id", "v")) if number == 1 else None}

    def many(self, parent: dict[str, Any], _path: tuple[Any, ...]) -> dict[str, Any]:
        return {"many": [_of(r, ("id", "owner")) for r in self.world.rows if r["owner"] == parent["id"]]}

    def list(self, parent: dict[str, Any], _path: tuple[Any, ...]) -> dict[str, Any]:
        key = (parent["at"] or {}).get("key")
        return {"list": None if key is None else [_of(r, ("v",)) for r in self.world.rows if r["owner"] == key]}

    def extra(self, parent: dict[str, Any], _path: tuple[Any, ...]) -> dict[str, Any]:
        return {"extra": next((e["extra"] for e in self.world.extras if e["id"] == parent["id"]), None)}

    def level(self, parent: dict[str, Any], _path: tuple[Any, ...]) -> dict[str, Any]:
        return {"l": next((e["level"] for e in self.world.extras if e["id"] == parent["id"]), None)}

    def back(self, parent: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
        row = self._row("one", parent["key"], (*path, "back"), ("owner",))
        if row is None:
            return {"back": None}
        owner = next((p for p in self.world.parents if p["id"] == row["owner"]), None)
        return {"back": {"parent": owner and {"id": owner["id"], "at": owner["at"]}}}

    def _row(self, field: str, key: Any, path: tuple[Any, ...], fields: tuple[str, ...]) -> Any:
        return self._failed(path) if key in self.failing[field] else _of(self.rows.get(key), fields)

    def _failed(self, path: tuple[Any, ...]) -> None:
        self.errors.append(path)


def _of(row: dict[str, Any] | None, fields: tuple[str, ...]) -> dict[str, Any] | None:
    return row and {field: row[field] for field in fields}


# ---------------------------------------------------------------- the property


@bounded(150)
@given(st.data())
def test_links_and_lookups_join_like_a_naive_join(data: st.DataObject) -> None:
    world = World(Choices(data.draw))
    note(f"{world.query()}\n{world.parents}\n{world.rows}\n{world.extras}")
    engine = an_engine(world.services(), LINKS, per_path=True)
    body = asyncio.run(answer(engine, world.query())).body
    note(body.decode())
    naive = Naive(world)
    expected = naive.answer()
    answered = msgspec.json.decode(body)
    assert answered["data"] == expected
    assert sorted(places(answered.get("errors", [])), key=str) == sorted(naive.errors, key=str)


def test_a_key_is_asked_for_once_however_many_rows_share_it() -> None:
    world = World(Choices(lambda _strategy: 0))
    world.parents = [{"id": f"p{i}", "key": "1", "number": 1, "at": None} for i in range(5)]
    world.fields = ["one", "pair"]
    services = world.services()
    asyncio.run(answer(an_engine(services, LINKS), world.query()))
    assert [list(asked["variables"].values()) for asked in services[1].asked] in ([[["1"]], ["1", 1]], [["1", 1], [["1"]]])
