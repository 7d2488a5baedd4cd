"""The layers that `allOf` puts on top of each other, read together as one schema (rules C1, U1, T11)."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.sources.openapi.references import Node
from gateway.sources.openapi.shape import Discriminator, Property, Shape

_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number"}
_IGNORED = ("not", "if", "dependentSchemas", "propertyNames", "contains", "dependencies", "unevaluatedProperties")


class Layers(msgspec.Struct):
    """The schemas that `allOf` puts on top of each other: `rank` derived first, `order` base first."""

    rank: list[Node] = []
    order: list[Node] = []
    bases: list[str] = []


def discriminator_of(node: Node) -> Discriminator | None:
    said = node.value.get("discriminator") if isinstance(node.value, dict) else None
    if isinstance(said, str) and said:
        return Discriminator(said, {}, node.at)
    if isinstance(said, dict) and isinstance(said.get("propertyName"), str):
        mapping = said.get("mapping")
        return Discriminator(said["propertyName"], mapping if isinstance(mapping, dict) else {}, node.at)
    return None


_COMPOSED = frozenset({"allOf", "oneOf", "anyOf", "properties", "required", "prefixItems", "additionalProperties"}) | {
    "patternProperties",
    "discriminator",
    "const",
    "contentEncoding",
    *_IGNORED,
}
_PLAIN = frozenset({"string", "integer", "number", "boolean", "array"})


def plain_shape(node: Node) -> Shape | None:
    """The shape of a schema that is one scalar or list and nothing else: most of a document, so it is had the short way."""
    value = node.value
    type_ = value.get("type")
    if type_.__class__ is not str or type_ not in _PLAIN or not _COMPOSED.isdisjoint(value):
        return None
    enum = value.get("enum")
    listed = enum if isinstance(enum, list) else ()
    values = tuple(each for each in listed if each is not None)
    return Shape(
        at=node.at,
        kind="enum" if type_ == "string" and values else type_,
        nullable=_says_nullable(value) or None in listed,
        description=_text(value.get("description")),
        deprecated=value.get("deprecated") is True,
        format=_text(value.get("format")),
        enum=values,
        minimum=_number(value.get("minimum")),
        maximum=_number(value.get("maximum")),
        items=node.child("items") if isinstance(value.get("items"), dict) else None,
        types=(type_,),
    )


def _says_nullable(value: dict[str, Any]) -> bool:
    return value.get("nullable") is True or value.get("x-nullable") is True or value.get("x-isnullable") is True


class Facts:
    """The layers of one schema read together: of each keyword the most derived word counts, `required` is united."""

    def __init__(self, layers: Layers, node: Node) -> None:
        self._layers = layers
        self._rank = layers.rank
        self._node = node

    def first(self, keyword: str) -> Any:
        return next((part.value[keyword] for part in self._rank if keyword in part.value), None)

    def node(self, keyword: str) -> Node | None:
        return next((part.child(keyword) for part in self._rank if keyword in part.value), None)

    @property
    def ignored(self) -> list[str]:
        return [keyword for keyword in _IGNORED if keyword in self._node.value]

    @property
    def nullable(self) -> bool:
        return any(_says_nullable(part.value) for part in self._rank)

    def properties(self) -> dict[str, Property]:
        required = {
            str(name) for part in self._rank if isinstance(part.value.get("required"), list) for name in part.value["required"]
        }
        names: dict[str, None] = {}
        for part in self._layers.order:
            if isinstance(part.value.get("properties"), dict):
                names.update(dict.fromkeys(map(str, part.value["properties"])))
        found: dict[str, list[Node]] = {name: [] for name in names}
        for part in self._rank:
            for name, node in part.child("properties").members():
                found[name].append(node)
        return {name: Property(tuple(nodes), name in required) for name, nodes in found.items()}

    def types(self) -> tuple[tuple[str, ...], bool]:
        """(types without null, whether null is one). The first that is given counts; null counts wherever it stands."""
        types: tuple[str, ...] | None = None
        nullable = False
        for part in self._rank:
            said = part.value.get("type")
            if said is None:
                continue
            listed = [str(word) for word in said] if isinstance(said, list) else [str(said)]
            nullable = nullable or "null" in listed
            if types is None:
                types = tuple(dict.fromkeys(word for word in listed if word != "null")) or ("null",)
        return types or (), nullable

    def values(self) -> tuple[bool, Node | None, bool]:
        """(it is open to other members, the schema of these, it is closed)."""
        for keyword in ("additionalProperties", "patternProperties"):
            node = self.node(keyword)
            if node is None or node.value is False:
                continue
            if keyword == "patternProperties":
                patterns = node.members()
                return bool(patterns), patterns[0][1] if len(patterns) == 1 else None, False
            return True, node if isinstance(node.value, dict) and node.value else None, False
        return False, None, self.first("additionalProperties") is False

    def enum(self) -> tuple[tuple[Any, ...] | None, bool]:
        said = self.first("enum")
        values = said if isinstance(said, list) else None
        if values is None and any("const" in part.value for part in self._rank):
            values = [self.first("const")]
        if values is None:
            return None, False
        return tuple(value for value in values if value is not None), None in values

    def shape(self, at: str, alternatives: tuple[Node, ...], alternatives_nullable: bool) -> Shape:
        types, null_type = self.types()
        enum, null_value = self.enum()
        properties = self.properties()
        is_open, values, closed = self.values()
        items = self.node("items")
        if not types:
            types = _types_by_keywords(properties, items, enum, is_open and not alternatives)
        kind = "union" if alternatives else _kind(types, enum, properties)
        return Shape(
            at=at,
            kind=kind,
            nullable=self.nullable or null_type or null_value or alternatives_nullable or types == ("null",),
            description=_text(self._node.value.get("description")) or self._inherited_description(),
            deprecated=self._node.value.get("deprecated") is True,
            format=_text(self.first("format")) or ("byte" if self.first("contentEncoding") == "base64" else ""),
            enum=enum or (),
            minimum=_number(self.first("minimum")),
            maximum=_number(self.first("maximum")),
            properties=properties,
            items=items if items is not None and isinstance(items.value, dict) else None,
            tuple_items=tuple(prefix.items()) if (prefix := self.node("prefixItems")) else (),
            values=values,
            open=is_open,
            closed=closed,
            alternatives=alternatives,
            types=types,
            discriminator=next((found for part in self._rank if (found := discriminator_of(part))), None),
            bases=tuple(self._layers.bases),
        )

    def _inherited_description(self) -> str:
        """A made-up `allOf` has no words of its own."""
        own = [part for part in self._rank[1:] if isinstance(self._node.value.get("allOf"), list) and len(self._rank) == 2]
        return _text(own[0].value.get("description")) if own else ""


def _types_by_keywords(
    properties: dict[str, Property], items: Node | None, enum: tuple[Any, ...] | None, is_open: bool
) -> tuple[str, ...]:
    """The types of a schema that does not name any."""
    if properties:
        return ("object",)
    if items is not None:
        return ("array",)
    if enum:
        return tuple(sorted({_TYPES.get(type(value), "object") for value in enum}))
    return ("object",) if is_open else ()


def _kind(types: tuple[str, ...], enum: tuple[Any, ...] | None, properties: dict[str, Property]) -> str:
    if not types or types == ("null",):
        return "any"
    if len(types) > 1:
        return "mixed"
    only = types[0]
    if only == "string" and enum:
        return "enum"
    if only == "object":
        return "object" if properties else "map"
    if only == "file":
        return "string"
    return only if only in ("array", "string", "integer", "number", "boolean") else "any"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
