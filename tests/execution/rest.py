"""A REST-like source: another spelling on the wire. Renamed properties, escaped enum values, scalars by their formats, types told
by a property or by structure, members that are no objects, maps spelled as lists of entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from graphql import (
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    ObjectTypeDefinitionNode,
    build_schema,
    is_abstract_type,
    is_leaf_type,
    parse,
    print_ast,
)

from gateway.errors import Owner
from gateway.sources.base import Chunk, Dispatch, Fetch, Prepared, Subgraph, Wire
from gateway.sources.openapi.verify import verifier
from gateway.upstream.call import Call, Reply, Request
from tests.execution.choices import Choices
from tests.execution.replies import Body, a_leaf, spoil
from tests.execution.schemas import ENUMS, Model, a_model

PROPERTIES = ("a", "b", "c", "d", "e", "x-1", "", "ä b", "f_a", "__typename", "kind")
KINDS = ("Int", "Float", "String", "Boolean", "ID", "Int64", "Any")
SPELLED: tuple[Mapping[Any, str], ...] = (
    {"a-0": "A0", "b 0": "B0"},
    {1: "A0", 2: "B0"},
    {"A0": "B0", "B0": "A0"},
    {1.5: "A0", "": "B0"},
)
SAMPLES: Mapping[str, tuple[Any, ...]] = {
    "Int": (1, -7),
    "Float": (1.5, 2),
    "String": ("s", ""),
    "Boolean": (True, False),
    "ID": ("i", "7"),
    "Int64": (2**40, 3),
    "Any": ({"x": [1, None]}, "any", 7),
}


class Rest(msgspec.Struct):
    """A service: its types, how its JSON spells them, and the answers it gave."""

    model: Model
    schema: GraphQLSchema
    wire: Wire
    choices: Choices
    replies: dict[str, bytes] = {}

    async def send(self, call: Call) -> Reply:
        return call.verify(Reply(200, {"content-type": "application/json"}, self.replies.get(call.url, b"null")))

    def reply(self, key: str, name: str) -> bytes:
        """One answer for each different call."""
        if key not in self.replies:
            body = Body(None)
            assert self.schema.query_type is not None
            holder = {"value": self.value(self.schema.query_type.fields[name].type, 0)}
            for _ in range(self.choices.below(3)):
                spoil(body, self.choices, holder)
            body.value = holder.get("value")
            self.replies[key] = body.encode()
        return self.replies[key]

    def subgraph(self) -> Subgraph:
        types = {d.name.value: d for d in parse(self.model.sdl()).definitions if hasattr(d, "name")}
        owner = Owner("Team rest", "http://rest.example.com")
        return Subgraph(
            "rest",
            "openapi",
            "http://rest.example.com",
            owner,
            types,
            "Query",
            self.prepare,
            self.send,
            wire=self.wire,
            together=False,
        )

    def prepare(self, fetch: Fetch) -> Prepared:
        (case,) = fetch.selection.cases
        (field,) = case.fields
        given = " ".join(f"{a.name}={print_ast(a.value)}" for a in field.arguments if a.value)
        key = f"/{field.name} {given}".strip()

        def calls(_keys: Sequence[Any], _variables: Mapping[str, Any], request: Request, verify: Any) -> Sequence[Chunk]:
            return (Chunk(Call("GET", key, (), None, "GET /", request, verify)),)

        return Prepared(calls, verifier("json", True), "value")

    # ------------------------------------------------------------ its JSON

    def value(self, given: Any, depth: int) -> Any:
        if isinstance(given, GraphQLNonNull):
            return self._something(given.of_type, depth)
        return None if self.choices.chance(10) else self._something(given, depth)

    def _something(self, given: Any, depth: int) -> Any:
        if isinstance(given, GraphQLList):
            if getattr(_bare(given.of_type), "name", "") in self.wire.entries:
                return self._map(_bare(given.of_type), depth)
            return [self.value(given.of_type, depth + 1) for _ in range(self.choices.below(3) if depth < 5 else 0)]
        if is_leaf_type(given):
            return self._leaf(given)
        if is_abstract_type(given):
            return self._member(given, depth)
        return self._object(given, depth)

    def _leaf(self, given: Any) -> Any:
        if given.name in ENUMS:
            return self.choices.of(list(self.wire.values.get(given.name, {name: name for name in ENUMS[given.name]})))
        kind = self.wire.scalars.get(given.name)
        return self.choices.of(SAMPLES[kind]) if kind else a_leaf(given, self.choices)

    def _member(self, given: Any, depth: int) -> Any:
        member = self.choices.of(list(self.schema.get_possible_types(given)))
        if member.name in self.wire.wraps:
            return self.value(member.fields[self.wire.wraps[member.name]].type, depth + 1)
        made = self._object(member, depth)
        dispatch = self.wire.dispatch[given.name]
        if dispatch.property is not None:
            told = [value for value, name in dispatch.mapping.items() if name == member.name]
            made[dispatch.property] = self.choices.of(told)
        return made

    def _object(self, given: Any, depth: int) -> dict[str, Any]:
        made = {}
        for name, field in given.fields.items():
            deep = depth > 4 and not isinstance(field.type, GraphQLNonNull)
            if deep or (not isinstance(field.type, GraphQLNonNull) and self.choices.chance(8)):
                continue
            made[self.wire.names.get((given.name, name), name)] = self.value(field.type, depth + 1)
        return made

    def _map(self, entry: Any, depth: int) -> dict[str, Any]:
        keys = self.choices.some(("k1", "k2", ""), 3) if self.choices.chance(80) else []
        return {key: self.value(entry.fields["value"].type, depth + 1) for key in keys}


def _bare(given: Any) -> Any:
    return given.of_type if isinstance(given, GraphQLNonNull) else given


# ---------------------------------------------------------------- generated


def a_rest(choices: Choices) -> Rest:
    model = a_model(choices)
    _add_wrap(model, choices)
    entries = _add_entries(model, choices)
    schema = build_schema(model.sdl())
    return Rest(model, schema, _a_wire(model, schema, entries, choices), choices, {})


def _add_wrap(model: Model, choices: Choices) -> None:
    """A union member that is a plain value."""
    if model.unions and choices.chance(40):
        name = choices.of(sorted(model.unions))
        model.objects["Plain"] = {"value": choices.of(("Int!", "[Int!]", "String!"))}
        model.implements["Plain"] = []
        model.unions[name].append("Plain")


def _add_entries(model: Model, choices: Choices) -> frozenset[str]:
    if not choices.chance(40):
        return frozenset()
    model.objects["Pair"] = {"key": "String!", "value": choices.of(("Int", "[String!]", "T0", "[T0!]!"))}
    model.implements["Pair"] = []
    wrap = choices.of(("[Pair!]", "[Pair!]!", "[[Pair!]!]", "[[Pair!]!]!"))
    choices.of([model.root, model.objects["T0"]])["m"] = wrap
    return frozenset({"Pair"})


def _a_wire(model: Model, schema: GraphQLSchema, entries: frozenset[str], choices: Choices) -> Wire:
    names: dict[tuple[str, str], str] = {}
    for owner, fields in model.interfaces.items():
        names |= _renamed(owner, fields, choices, {})
    for owner, fields in model.objects.items():
        if owner in ("Plain", "Pair"):
            continue
        inherited = {f: names.get((i, f), f) for i in model.implements[owner] for f in model.interfaces[i]}
        names |= _renamed(owner, fields, choices, inherited)
    dispatch = {name: _a_dispatch(schema, name, choices) for name, t in schema.type_map.items() if is_abstract_type(t)}
    return Wire(
        names=names,
        values={"E0": choices.of(SPELLED)} if choices.chance(50) else {},
        scalars={"S0": choices.of(KINDS), "S1": choices.of(KINDS)},
        dispatch=dispatch,
        wraps={"Plain": "value"} if "Plain" in model.objects else {},
        entries=entries,
        response_keys=False,
        absent_is_null=True,
    )


def _renamed(owner: str, fields: Mapping[str, str], choices: Choices, fixed: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """No two fields of a type share a property; what an interface says, its types say too."""
    taken = set(fixed.values())
    made = {}
    for field in fields:
        if field in fixed:
            made[owner, field] = fixed[field]
            continue
        options = [p for p in (field, field, *PROPERTIES) if p not in taken] or [field + "!"]
        made[owner, field] = choices.of(options)
        taken.add(made[owner, field])
    return {key: value for key, value in made.items() if key[1] != value}


def _a_dispatch(schema: GraphQLSchema, name: str, choices: Choices) -> Dispatch:
    abstract = schema.type_map[name]
    members = [m.name for m in schema.get_possible_types(abstract)]  # type: ignore[arg-type]  # it is abstract
    mapping = {f"is-{m}": m for m in members if m != "Plain"} | {f"also-{m}": m for m in members[:1] if m != "Plain"}
    tagged = "Plain" not in members and mapping and choices.chance(60)
    if tagged and not isinstance(abstract, GraphQLInterfaceType):
        return Dispatch("kind", mapping)
    if tagged:
        return Dispatch(choices.of(("kind", "!type")), mapping)
    return (
        Dispatch("!type", mapping, _by_structure(members)) if choices.chance(50) else Dispatch("!type", mapping, lambda _v: None)
    )


def _by_structure(members: list[str]) -> Any:
    def resolve(value: Any) -> str | None:
        if not isinstance(value, dict):
            return "Plain" if "Plain" in members else None
        return members[len(value) % len(members)]

    return resolve


__all__ = ["ObjectTypeDefinitionNode", "Rest", "a_rest"]
