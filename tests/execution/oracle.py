"""What is right: graphql-core executes the client's query over the upstream's JSON, which a naive reader hands to it.

The reader knows one value at a time: is it there, is it of the declared type, how is it spelled. Null propagation, paths and
order are graphql-core's. Scalars have the gateway's rules: numbers as they came, an ID from a string or an integer, an Int from
an integral number within 32 bits, all else from itself only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from math import isfinite, isinf
from typing import Any

import msgspec
from graphql import (
    DirectiveNode,
    DocumentNode,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLString,
    NameNode,
    execute_sync,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    parse,
)

from gateway.sources.base import Wire

Place = tuple[Any, ...]
GIVEN_AS_THEY_ARE = (GraphQLInt, GraphQLFloat, GraphQLString, GraphQLBoolean, GraphQLID)
MISSING = object()


class Wrong(Exception):
    """The value does not fit."""


class Told(dict[str, Any]):
    """An object whose type is known already."""

    type_name = ""


class Expected(msgspec.Struct):
    """The data as bytes, where errors are (each null they cost is at or above one), and what caused them."""

    data: bytes
    paths: list[Place]
    causes: set[str]


def parse_body(raw: bytes) -> Any:
    text = raw.decode("utf-8", "surrogateescape")
    return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 4300 else float("inf"))


class Oracle:
    """`fetch(field key, info)` gives the JSON value of a root field, or raises."""

    def __init__(self, schema: GraphQLSchema, wire: Wire) -> None:
        self.schema = schema
        self.wire = wire

    def execute(self, query: str, variables: Mapping[str, Any], root: Any, on_error: str = "propagate") -> Expected:
        document = parse(query)
        if on_error == "null":
            document = _with_directive(document, "experimental_disableErrorPropagation")
        with _scalars_as_they_are():
            result = execute_sync(
                self.schema,
                document,
                root,
                variable_values=dict(variables),
                field_resolver=self._resolve,
                type_resolver=self._type,
            )
        for error in result.errors or ():
            assert "non-nullable" in error.message or isinstance(error.original_error, Wrong), error
        errors = sorted((tuple(e.path or ()) for e in result.errors or ()), key=str)
        causes = {str(error.original_error) for error in result.errors or ()}
        return Expected(msgspec.json.encode(result.data), errors, causes)

    # ------------------------------------------------------------ reading

    def _resolve(self, source: Any, info: Any, **arguments: Any) -> Any:
        if callable(source):  # a root whose fields are calls
            return self._adapt(source(info, arguments), info.return_type)
        if isinstance(source, Exception):
            raise source
        wire = self.wire
        name = info.path.key if wire.response_keys else wire.names.get((info.parent_type.name, info.field_name), info.field_name)
        value = source.get(name, MISSING)
        if value is MISSING and not wire.absent_is_null:
            raise Wrong(f"{name} is missing")
        return self._adapt(None if value is MISSING else value, info.return_type)

    def _adapt(self, value: Any, given: Any) -> Any:
        if isinstance(given, GraphQLNonNull):
            given = given.of_type
        if value is None or isinstance(value, Exception):
            return value
        if isinstance(given, GraphQLList):
            return self._items(value, given)
        if is_leaf_type(given):
            return self._leaf(value, given)
        if is_abstract_type(given) and not self.wire.response_keys:
            return self._told(value, given)
        return value if isinstance(value, dict) else Wrong("no object")

    def _items(self, value: Any, given: Any) -> Any:
        innermost = not isinstance(
            given.of_type.of_type if isinstance(given.of_type, GraphQLNonNull) else given.of_type, GraphQLList
        )
        if innermost and get_named_type(given).name in self.wire.entries:
            if not isinstance(value, dict):
                return Wrong("no map")
            return [self._adapt({"key": key, "value": item}, given.of_type) for key, item in value.items()]
        return [self._adapt(item, given.of_type) for item in value] if isinstance(value, list) else Wrong("no list")

    def _leaf(self, value: Any, given: Any) -> Any:
        if isinstance(given, GraphQLEnumType):
            return self._enum(value, given)
        kind = given.name if given in GIVEN_AS_THEY_ARE else self.wire.scalars.get(given.name, "Any")
        if (error := _error_within(value)) is not None and kind == "Any":
            return error
        return scalar(value, kind)

    def _enum(self, value: Any, given: GraphQLEnumType) -> Any:
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            return Wrong("no enum value")
        spelled = self.wire.values.get(given.name)
        known = spelled if spelled is not None else {name: name for name in given.values}
        return known[value] if value in known else Wrong("no such enum value")

    # ------------------------------------------------------------ which type

    def _told(self, value: Any, given: Any) -> Any:
        dispatch = self.wire.dispatch[given.name]
        name = None
        if isinstance(value, dict) and isinstance(told := value.get(dispatch.property), str):
            name = dispatch.mapping.get(told)
        if name is None and dispatch.resolve is not None:
            name = dispatch.resolve(value)
        if name in self.wire.wraps:
            value = {self.wire.wraps[name]: value}
        if not isinstance(value, dict):
            return Wrong("no object")
        told_object = Told(value)
        told_object.type_name = name if name in {m.name for m in self.schema.get_possible_types(given)} else ""
        return told_object

    def _type(self, value: Any, info: Any, abstract: Any) -> str:
        members = [m.name for m in self.schema.get_possible_types(abstract)]
        alike = _selects_the_same(self.schema, abstract, info)
        if isinstance(value, Told):
            if value.type_name:
                return value.type_name
            if isinstance(abstract, GraphQLInterfaceType) and alike == "nothing tells":
                return str(members[0])
            raise Wrong("of no known type")
        if alike == "nothing tells" or (alike and len(members) == 1):
            return str(members[0])
        tags = [value[k] for k in value if k in alike] if alike else []
        for key in ("__typename", "_tag", "_tag_"):
            if not tags and key in value:
                tags = [value[key]]
        name = self.wire.types.get(tags[0], tags[0]) if tags and isinstance(tags[0], str) else None
        if name not in members:
            raise Wrong("of no known type")
        return str(name)


def _with_directive(document: DocumentNode, name: str) -> DocumentNode:
    directive = DirectiveNode(name=NameNode(value=name), arguments=())
    operations = (replace(d, directives=(directive,)) if d.kind == "operation_definition" else d for d in document.definitions)
    return DocumentNode(definitions=tuple(operations))


def _selects_the_same(schema: GraphQLSchema, abstract: Any, info: Any) -> Any:
    """Where all members select the same fields of the same types: the keys that ask for the type, or "nothing tells"."""
    selected = []
    for member in schema.get_possible_types(abstract):
        found: dict[str, list[Any]] = {}
        for node in info.field_nodes:
            _collect(schema, member, node.selection_set, info, found, set())
        selected.append([(k, [id(n) for n in nodes], _type_of(member, nodes[0].name.value)) for k, nodes in found.items()])
    if any(one != selected[0] for one in selected):
        return None
    keys = [k for k, nodes in found.items() if nodes[0].name.value == "__typename"]
    return keys or "nothing tells"


def _type_of(member: Any, name: str) -> str:
    return "" if name == "__typename" else str(member.fields[name].type)


def _collect(schema: GraphQLSchema, member: Any, selections: Any, info: Any, found: dict[str, list[Any]], seen: set[str]) -> None:
    for node in selections.selections:
        if not _included(node, info.variable_values):
            continue
        if node.kind == "field":
            found.setdefault((node.alias or node.name).value, []).append(node)
            continue
        if node.kind == "fragment_spread":
            if node.name.value in seen:
                continue
            seen.add(node.name.value)
            node = info.fragments[node.name.value]
            node = getattr(node, "definition", node)
        condition = node.type_condition.name.value if node.type_condition else member.name
        wanted = schema.type_map[condition]
        if wanted is member or (is_abstract_type(wanted) and schema.is_sub_type(wanted, member)):
            _collect(schema, member, node.selection_set, info, found, seen)


def _included(node: Any, variables: Any) -> bool:
    values = getattr(variables, "coerced", variables)
    for directive in node.directives or ():
        given = directive.arguments[0].value
        wanted = values[given.name.value] if given.kind == "variable" else given.value
        if wanted is (directive.name.value == "skip"):
            return False
    return True


# ---------------------------------------------------------------- scalars


def scalar(value: Any, kind: str) -> Any:
    fits: Any = {
        "Int": lambda: _integral(value) and -(2**31) <= value < 2**31,
        "Int64": lambda: _integral(value),
        "Float": lambda: (
            isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) if _small(value) else True
        ),
        "String": lambda: isinstance(value, str),
        "Boolean": lambda: isinstance(value, bool),
        "ID": lambda: isinstance(value, str | int) and not isinstance(value, bool),
        "Any": lambda: True,
    }[kind]
    if not representable(value) or not fits():
        return Wrong(f"no {kind}")
    return {"Int": int, "Int64": int, "ID": str}.get(kind, lambda same: same)(value)


def _small(value: Any) -> bool:
    """An integer may be larger than any float."""
    return not (isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**300)


def _integral(value: Any) -> bool:
    return not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))


def representable(value: Any) -> bool:
    if isinstance(value, str):
        return not any(0xD800 <= ord(c) <= 0xDFFF for c in value)
    if isinstance(value, float):
        return not isinf(value)
    if isinstance(value, list):
        return all(representable(item) for item in value)
    return not isinstance(value, dict) or all(representable(k) and representable(v) for k, v in value.items())


def _error_within(value: Any) -> Exception | None:
    if isinstance(value, Exception):
        return value
    inner = value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
    return next((error for item in inner if (error := _error_within(item)) is not None), None)


@contextmanager
def _scalars_as_they_are() -> Iterator[None]:
    """graphql-core's own serialisers are more lenient, and turn 1 into 1.0."""
    kept = [(scalar_type, scalar_type.coerce_output_value) for scalar_type in GIVEN_AS_THEY_ARE]
    try:
        for scalar_type in GIVEN_AS_THEY_ARE:
            scalar_type.coerce_output_value = lambda value: value  # put back below
        yield
    finally:
        for scalar_type, coerce in kept:
            scalar_type.coerce_output_value = coerce


# ---------------------------------------------------------------- a GraphQL reply


def root_of_reply(raw: bytes | None) -> tuple[Any, set[str]]:
    """What root fields are read from, with upstream errors in their places; and the errors that explain nothing."""
    if raw is None:
        return {}, set()
    body = parse_body(raw)
    if not isinstance(body, dict) or not isinstance(body.get("data"), dict):
        return Wrong("no data"), set()
    loose: set[str] = set()
    entries = body.get("errors")
    for entry in entries if isinstance(entries, list) else []:
        path = entry.get("path") if isinstance(entry, dict) else None
        said = _identity(entry)
        if not _blame(body["data"], path if isinstance(path, list) else [], said) and not _blame_nulls(body["data"], said):
            loose.add(said)
    return body["data"], loose


def _identity(entry: Any) -> str:
    """Entries that say the same are one."""
    if not isinstance(entry, dict):
        return str((str(entry), ""))
    return str((str(entry.get("message")), (entry.get("extensions") or {}).get("code") or ""))


def _blame(data: Any, path: list[Any], said: str) -> bool:
    """The null on the way to `path` is the error's; one that is an error's already is explained."""
    here = data
    for step in path:
        below = here.get(step, MISSING) if isinstance(here, dict) and isinstance(step, str) else MISSING
        if isinstance(here, list) and isinstance(step, int) and 0 <= step < len(here):
            below = here[step]
        if isinstance(below, Exception):
            return True
        if below is None:
            here[step] = Wrong(said)
            return True
        here = below
    return False


def _blame_nulls(data: dict[str, Any], said: str) -> bool:
    nulls = [key for key, value in data.items() if value is None]
    data.update((key, Wrong(said)) for key in nulls)
    return bool(nulls)
