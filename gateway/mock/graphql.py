"""A GraphQL service played from its types: what it is asked is executed against them, entities by their keys included."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from graphql import (
    DocumentNode,
    GraphQLAbstractType,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    build_ast_schema,
    execute_sync,
    extend_schema,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    parse,
)

from gateway.mock.values import Leaf
from gateway.mock.world import LISTED, POOL, Kind, Row, Who, World, asked_of, page_of
from gateway.sources.base import SUBSCRIPTION, Subgraph

ENTITIES = "_entities"
EXAMPLES = re.compile(r"(?:\be\.g\.|\bfor example|\bsuch as|\bexamples?:)\s*[`\"']([^`\"']{1,60})[`\"']", re.IGNORECASE)
BETWEEN = re.compile(r"\b(?:from |between )?(\d+(?:\.\d+)?)(?: \([\w ]+\))?(?: to | and |\s?(?:-|–|\.\.)\s?)(\d+(?:\.\d+)?)\b")
KINDS = {"Int": "whole", "Float": "number", "Boolean": "truth", "String": "text", "ID": "text"}
WHOLE = frozenset(
    ("int64", "long", "bigint", "biginteger", "uint", "unsignedint", "positiveint", "nonnegativeint", "short", "byte")
)
NUMBER = frozenset(("decimal", "bigdecimal", "money", "double", "float", "number", "positivefloat", "nonnegativefloat"))
ANYTHING = frozenset(("json", "jsonobject", "object", "map", "any", "_any", "unknown", "void"))

Meant = Mapping[str, Mapping[str, str]]
"""root field → argument → the field of its rows that it names."""


class Body(msgspec.Struct):
    """What a call carries."""

    query: str
    variables: dict[str, Any] = {}


def kinds_of(schema: GraphQLSchema, keys: Mapping[str, Iterable[str]]) -> Iterable[Kind]:
    """Every type with fields. `keys`: those the configuration or the schema states; a field called `id` is one, too."""
    for name, type in schema.type_map.items():
        if isinstance(type, GraphQLObjectType | GraphQLInterfaceType) and not name.startswith("__"):
            fields = type.fields
            leaves = {
                field: leaf_of(get_named_type(each.type), each.description)
                for field, each in fields.items()
                if is_leaf_type(get_named_type(each.type)) and not _is_list(each.type)
            }
            stated = frozenset(keys.get(name, ())) | {"id"}
            yield Kind(name, leaves, stated & leaves.keys())


def leaf_of(type: GraphQLNamedType, description: str | None = None) -> Leaf:
    if isinstance(type, GraphQLEnumType):
        return Leaf("text", choices=tuple(type.values))
    name = type.name.lower()
    kind = KINDS.get(type.name) or ("whole" if name in WHOLE else "number" if name in NUMBER else None)
    if kind is None:
        kind = "any" if name in ANYTHING else "text"
    format = "" if type.name in KINDS else name.replace("_", "")
    examples = tuple(EXAMPLES.findall(description or "")) if kind == "text" else ()
    between = BETWEEN.search(description or "") if kind in ("whole", "number") else None
    low, high = (float(between[1]), float(between[2])) if between and float(between[1]) < float(between[2]) else (None, None)
    return Leaf(kind, format, low=low, high=high, examples=examples)


def schema_of(subgraph: Subgraph) -> GraphQLSchema:
    """What the service would execute. `subgraph`: the whole of it, under its own names."""
    subscription = f"subscription: {SUBSCRIPTION}" if subgraph.subscriptions else ""
    root = parse(f"schema {{ query: {subgraph.query} {subscription} }}").definitions
    definitions = (*root, *subgraph.directives, *subgraph.types.values())
    schema = build_ast_schema(DocumentNode(definitions=definitions), assume_valid=True, assume_valid_sdl=True)
    entities = sorted({lookup.type for lookup in subgraph.lookups if lookup.via == ENTITIES})
    members = [name for entity in entities for name in _members(schema, entity)]
    if not members:
        return schema
    any_type = "" if "_Any" in schema.type_map else "scalar _Any"
    union = f"union _Entity = {' | '.join(dict.fromkeys(members))}"
    field = f"extend type {subgraph.query} {{ {ENTITIES}(representations: [_Any!]!): [_Entity]! }}"
    return extend_schema(schema, parse(f"{any_type} {union} {field}"), assume_valid=True, assume_valid_sdl=True)


def _members(schema: GraphQLSchema, name: str) -> list[str]:
    type = schema.type_map[name]
    if isinstance(type, GraphQLInterfaceType):
        return [each.name for each in schema.get_possible_types(type)]
    return [name]


class GraphQLMock:
    """One service."""

    def __init__(self, schema: GraphQLSchema, world: World, meant: Meant) -> None:
        self._schema = schema
        self._world = world
        self._meant = meant

    def answer(self, body: Body, event: int = 0) -> dict[str, Any]:
        """`event`: which one it is, of a subscription's."""
        try:
            document = parse(body.query, no_location=True)
        except GraphQLError as error:
            return {"errors": [{"message": error.message}]}
        done = execute_sync(
            self._schema,
            document,
            Row("", (event,) if event else ()),
            variable_values=body.variables,
            field_resolver=self._resolve,
            type_resolver=lambda row, _info, _type: row.type,
        )
        return done.formatted  # type: ignore[return-value]  # a mapping of what JSON knows

    def rows_of(self, field: str) -> str | None:
        """The type of the rows that a root field gives."""
        root = self._schema.query_type
        return get_named_type(root.fields[field].type).name if root is not None and field in root.fields else None

    def _resolve(self, row: Row, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        name = info.field_name
        if name == ENTITIES and row.type == "":
            return [self._entity(each) for each in arguments["representations"]]
        return self._value(row, name, info.return_type, arguments)

    def _entity(self, representation: Mapping[str, Any]) -> Row:
        given = {name: value for name, value in representation.items() if name != "__typename"}
        kind = self._world.kind(str(representation["__typename"]))
        keys = {name: value for name, value in given.items() if name in kind.keys} or {
            name: value for name, value in given.items() if name in kind.leaves
        }
        row = self._world.one(kind, keys, ("entity", str(sorted(given.items(), key=lambda item: item[0]))))
        return self._concrete(msgspec.structs.replace(row, given=given))

    def _value(self, row: Row, name: str, type: GraphQLOutputType, arguments: Mapping[str, Any]) -> Any:
        inner = type.of_type if isinstance(type, GraphQLNonNull) else type
        named = get_named_type(inner)
        if isinstance(named, GraphQLScalarType | GraphQLEnumType):
            return self._leaf(row, name, inner, named)
        given = row.given.get(name)
        if isinstance(given, Row):
            return given
        if isinstance(given, dict):
            return self._entity({"__typename": named.name, **given})
        return self._rows(row, name, inner, named, arguments)

    def _leaf(self, row: Row, name: str, type: GraphQLOutputType, named: GraphQLNamedType) -> Any:
        leaf = leaf_of(named)
        if not _is_list(type):
            if row.asked:
                leaf = self._about_page(row, name, leaf)
            return self._world.value(row, name, leaf)
        if isinstance(row.given.get(name), list):
            return row.given[name]
        count = self._world.random(row.type, row.who, name).randint(1, 3)
        values = [self._world.value(Row(row.type, (*row.who, number)), name, leaf) for number in range(count)]
        return list({str(value): value for value in values}.values())

    def _about_page(self, row: Row, name: str, leaf: Leaf) -> Leaf:
        """What a page says of itself."""
        page = page_of(row.asked)
        end = page.offset + (LISTED if page.limit is None else page.limit)
        if name in ("hasNextPage", "hasMore", "hasNext"):
            return Leaf("truth", choices=(end < POOL,))
        if name in ("hasPreviousPage", "hasPrevious"):
            return Leaf("truth", choices=(page.offset > 0,))
        if name in ("startCursor", "endCursor"):
            return Leaf(leaf.kind, choices=(str(page.offset + 1 if name == "startCursor" else end),))
        if re.fullmatch("total|totalCount|totalItems|total_count|count", name):
            return Leaf(leaf.kind, choices=(POOL,))
        return leaf

    def _rows(
        self, row: Row, name: str, type: GraphQLOutputType, named: GraphQLNamedType, arguments: Mapping[str, Any]
    ) -> Row | list[Row]:
        kind = self._world.kind(named.name)
        top = row.type == ""
        said = {**row.asked, **arguments}
        asked = asked_of(kind, said, self._meant.get(name if top else row.asked.get("", ""), {}))
        place = (row.type, *row.who, name, *_place(arguments))
        if _is_list(type):
            if row.asked and (edges := self._edges(named, said, place)) is not None:
                return edges
            found = self._world.many(kind, asked, place, page_of(said), inside=not top and not row.asked)
            return [self._concrete(each) for each in found]
        made = self._world.one(kind, asked, place)
        if not kind.keyed and (top or row.asked or arguments):
            made = msgspec.structs.replace(made, given={}, asked={**said, "": name if top else row.asked.get("", "")})
        return self._concrete(made)

    def _edges(self, named: GraphQLNamedType, said: Mapping[str, Any], place: Who) -> list[Row] | None:
        """Of a connection (Relay): each has its row as `node`, and the cursor of the next. None: these are no edges."""
        node = named.fields.get("node") if isinstance(named, GraphQLObjectType) else None
        kind = self._world.kind(get_named_type(node.type).name) if node is not None else None
        if kind is None or not kind.keyed:
            return None
        page, asked = page_of(said), asked_of(kind, said, self._meant.get(said[""], {}))
        rows = map(self._concrete, self._world.many(kind, asked, place, page, inside=False))
        numbered = enumerate(rows, page.offset + 1)
        return [Row(named.name, (*place, number), {"node": row, "cursor": str(number)}) for number, row in numbered]

    def _concrete(self, row: Row) -> Row:
        """One of the types that it may be; a row of the pool where that has one."""
        type = self._schema.type_map.get(row.type)
        if not is_abstract_type(type):
            return row
        possible: list[str] = sorted(each.name for each in self._schema.get_possible_types(_abstract(type)))
        chosen = self._world.kind(self._world.random(row.type, row.who, "type").choice(possible))
        if chosen.keyed and not self._world.kind(row.type).keyed:
            return self._world.one(chosen, {}, row.who)
        return msgspec.structs.replace(row, type=chosen.name)


def _abstract(type: Any) -> GraphQLAbstractType:
    return type  # type: ignore[no-any-return]  # the question was asked just before


def _is_list(type: GraphQLOutputType) -> bool:
    return is_list_type(type.of_type if isinstance(type, GraphQLNonNull) else type)


def _place(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    return (msgspec.json.encode(arguments, order="sorted", enc_hook=str).decode(),) if arguments else ()
