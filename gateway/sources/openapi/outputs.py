"""Shapes become output types: one per shared or inline schema, defined once, reached through a queue (rules T1-T13, C1)."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from graphql import FieldDefinitionNode, ListTypeNode, NamedTypeNode, TypeNode

from gateway.sources.openapi import scalars
from gateway.sources.openapi.dispatch import Member
from gateway.sources.openapi.draft import Draft
from gateway.sources.openapi.enums import allowed, define_enum
from gateway.sources.openapi.interfaces import Hierarchy, fit
from gateway.sources.openapi.names import MERGED, distinct, token
from gateway.sources.openapi.nodes import field, interface_type, listed, named, non_null, object_type
from gateway.sources.openapi.references import Node, is_reference
from gateway.sources.openapi.shape import Property, Shape
from gateway.sources.openapi.unions import Unions

MAX_LISTS = 16
Reference = NamedTypeNode | ListTypeNode


class Outputs:
    """Types of answers. `use` gives the type of a schema and sees to it that its definition will be there."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._queue: deque[tuple[str, Shape]] = deque()
        self._queued: dict[str, Shape] = {}
        self._lists = 0
        self._unions = Unions(draft, self)
        self._hierarchy = Hierarchy(draft)

    def of(self, node: Node) -> TypeNode:
        """The type of a schema, with its nullability."""
        shape = self._draft.shapes.of(node)
        return self.use(shape) if shape.nullable or self._open(shape) else non_null(self.use(shape))

    def _open(self, shape: Shape) -> bool:
        """An enum whose unknown values are null."""
        return shape.kind == "enum" and self._draft.options.unknown_enum == "null"

    def use(self, shape: Shape) -> Reference:
        """The type of a shape, without its nullability."""
        if shape.kind == "string" or shape.kind == "enum":
            return self._string(shape)
        if shape.kind == "integer":
            return named(self._draft.scalar(scalars.integer_scalar(shape, self._draft.options)))
        if shape.kind == "number":
            return named("Float")
        if shape.kind == "boolean":
            return named("Boolean")
        if shape.kind == "object":
            return self.json() if self.unreadable(shape) else named(self.name(shape))
        if shape.kind == "array":
            return self._list(shape)
        if shape.kind == "map":
            return self._map(shape)
        if shape.kind == "union":
            return self._unions.use(shape)
        if shape.kind == "mixed":
            return self._unions.mixed(shape)
        return self.json()

    def json(self) -> NamedTypeNode:
        return named(self._draft.scalar("JSON"))

    def name(self, shape: Shape) -> str:
        """The name of an object's type, which joins the queue of those to be defined."""
        name = self._draft.naming.of(shape.at)
        if name not in self._queued:
            self._queued[name] = canonical = self._draft.shapes.known(shape)
            self._queue.append((name, canonical))
        return name

    def members(self, shape: Shape) -> list[Member]:
        """The concrete types an object may have: itself, or those that extend it; none where nothing of it can be read."""
        if self.unreadable(shape):
            return []
        if self._hierarchy.is_interface(shape.at):
            self.name(shape)
            return self._hierarchy.concrete(shape, self)
        return [Member(self.name(shape), shape)]

    def unreadable(self, shape: Shape) -> bool:
        """An object all of whose properties are only ever written (T10)."""
        return all(self._write_only(given) for given in shape.properties.values())

    def finish(self) -> None:
        """Define all that was used, then what depends on all being there."""
        while self._queue:
            self._define(*self._queue.popleft())
        fit(self._draft, self._hierarchy.interfaces)
        self._hierarchy.dispatch()
        self._unions.dispatch()

    # ------------------------------------------------------------ scalars, lists, maps

    def _string(self, shape: Shape) -> NamedTypeNode:
        if shape.kind == "enum" and self._draft.options.unknown_enum != "string":
            name = self._draft.naming.of(shape.at)
            if self._draft.options.unknown_enum == "null":
                self._draft.open_enums.add(name)
            known = self._draft.shapes.known(shape)
            define_enum(self._draft, name, known.enum, known.description)
            return named(name)
        return named(self._draft.scalar(scalars.string_scalar(shape, self._draft.options)))

    def _list(self, shape: Shape) -> Reference:
        if self._lists >= MAX_LISTS:
            self._draft.fidelity.deviation("NESTED_TOO_DEEP", shape.at, "Lists nested too deeply; it is read as any JSON.")
            return self.json()
        self._lists += 1
        try:
            return listed(self._item(shape))
        finally:
            self._lists -= 1

    def _item(self, shape: Shape) -> TypeNode:
        if shape.items is not None:
            return self.of(shape.items)
        return self._tuple_item(shape) if shape.tuple_items else self.json()

    def _tuple_item(self, shape: Shape) -> TypeNode:
        """All the same, or any JSON (T7)."""
        found = [self._draft.shapes.of(node) for node in shape.tuple_items]
        if len({(item.at if item.kind in ("object", "enum", "union") else item.kind, item.format) for item in found}) == 1:
            return self.use(found[0])
        self._draft.fidelity.deviation("TUPLE", shape.at, "A list whose places have different types; its items are any JSON.")
        return self.json()

    def _map(self, shape: Shape) -> Reference:
        """A map is JSON under a name that tells its values, or a list of entries where the configuration says so (T9)."""
        if shape.values is None:
            return self.json()
        if self._draft.options.maps.get(shape.at):
            return self._entries(shape, shape.values)
        words, closed = self._map_words(shape, 0)
        if not closed:
            return self.json()
        return named(self._draft.map_scalar(f"Map_{words}", f"A JSON object whose values are {words}.", shape.at))

    def _map_words(self, shape: Shape, depth: int) -> tuple[str, bool]:
        """How a map's values are called, without defining their types."""
        assert shape.values is not None
        value = self._draft.shapes.of(shape.values)
        suffix = ""
        while value.kind == "array" and value.items is not None and depth < MAX_LISTS:
            value, suffix, depth = self._draft.shapes.of(value.items), f"{suffix}_list", depth + 1
        if value.kind in ("any", "mixed", "array") or depth >= MAX_LISTS:
            return "", False
        if value.kind == "map":
            words, closed = self._map_words(value, depth + 1) if value.values is not None else ("", False)
            return f"Map_{words}{suffix}", closed
        if value.kind in ("object", "union"):
            return f"{self._draft.naming.of(value.at)}{suffix}", True
        words = "String" if value.kind == "enum" else self.use(value).name.value  # type: ignore[union-attr]  # scalars are named
        return f"{words}{suffix}", True

    def _entries(self, shape: Shape, values: Node) -> Reference:
        name = self._draft.naming.of(shape.at, "_entry")
        if name not in self._draft.types:
            fields = [field("key", non_null(named("String"))), field("value", self.of(values))]
            self._draft.types[name] = object_type(name, fields, "One member of a JSON object.")
            self._draft.entries.add(name)
            self._draft.fidelity.deviation("MAP_ENTRIES", shape.at, f"The map is a list of {name}, as configured.")
        return listed(non_null(named(name)))

    # ------------------------------------------------------------ objects

    def _define(self, name: str, shape: Shape) -> None:
        fields = self._fields(name, shape)
        interfaces = self._hierarchy.implemented(shape, self)
        if self._hierarchy.is_interface(shape.at):
            self._draft.types[name] = interface_type(name, fields, shape.description, interfaces)
            self._hierarchy.opened(name, shape, self)
            if self._hierarchy.stands_for_itself(shape):
                itself = self._hierarchy.itself(shape)
                own = self._fields(itself, shape)
                self._draft.types[itself] = object_type(itself, own, shape.description, (name, *interfaces))
        else:
            self._draft.types[name] = object_type(name, fields, shape.description, interfaces)
        source = self._draft.naming.source_name(shape.at)
        self._draft.fidelity.origin(name, "schemaRef", pointer=shape.at)
        if source and source != name:
            self._draft.renamed(name, source, shape.at)

    def _fields(self, type_name: str, shape: Shape) -> list[FieldDefinitionNode]:
        readable = {name: given for name, given in shape.properties.items() if not self._write_only(given)}
        names = distinct(readable)
        fields = [self._field(type_name, names[name], name, shape, given) for name, given in readable.items()]
        return [*fields, *self._rest(type_name, shape, names.values())]

    def _rest(self, type_name: str, shape: Shape, taken: Collection[str]) -> list[FieldDefinitionNode]:
        """The members that no property declares, under the configured name (T8)."""
        name = self._draft.options.extra_field
        if name is None or not shape.open:
            return []
        if name in taken:
            message = f"{type_name} has a property of its own called {name}: what it does not declare is not readable."
            self._draft.fidelity.deviation("EXTRA_FIELD_TAKEN", shape.at, message)
            return []
        self._draft.rest[type_name] = name
        return [field(name, self.json(), "The members that the schema does not declare.")]

    def _write_only(self, given: Property) -> bool:
        for node in given.nodes:
            target = self._draft.references.follow(node)
            for value in (node.value, target.value if target else None):
                if isinstance(value, dict) and value.get("writeOnly") is True:
                    return True
        return False

    def _field(self, type_name: str, name: str, source: str, owner: Shape, given: Property) -> FieldDefinitionNode:
        shape = self.chosen(owner, source, given)
        coordinate = f"{type_name}.{name}"
        options = self._draft.options
        if shape.kind == "integer" and coordinate in options.int64_fields:
            type_: Reference = named(self._draft.scalar("Int64"))
        else:
            type_ = self.use(shape)
        required = given.required and not shape.nullable and not self._open(shape)
        if options.nullability == "lenient" or coordinate in options.nullable:
            required = False
        description = described(given, shape)
        if name != source:
            self._draft.names[(type_name, name)] = source
            self._draft.renamed(coordinate, source, given.nodes[0].at)
            description = "\n\n".join(filter(None, (description, f"Source name: `{source}`.")))
        deprecated = shape.deprecated or any(
            isinstance(node.value, dict) and node.value.get("deprecated") is True for node in given.nodes
        )
        return field(name, non_null(type_) if required else type_, description, deprecated=deprecated)

    def chosen(self, owner: Shape, source: str, given: Property) -> Shape:
        """Of a property that is given several times: the most specific, objects merged, else the most derived (C1)."""
        if len(given.nodes) == 1:
            return self._draft.shapes.of(given.nodes[0])
        shapes = [self._draft.shapes.of(node) for node in given.nodes]
        typed = list({shape.at: shape for shape in shapes if shape.kind != "any"}.values())
        if len(typed) < 2:
            return typed[0] if typed else shapes[0]
        kinds = {shape.kind for shape in typed}
        if kinds <= {"object", "map"}:
            return self._draft.shapes.merged(given.nodes, f"{owner.at}/properties/{token(source)}/{MERGED}")
        if kinds <= {"string", "enum"}:
            return next((shape for shape in typed if shape.kind == "enum"), typed[0])
        if len(kinds) > 1:
            at = f"{owner.at}/properties/{token(source)}"
            message = f"Given as {' and '.join(sorted(kinds))} by different parts; the {typed[0].kind} counts."
            self._draft.fidelity.deviation("PROPERTY_CONFLICT", at, message)
        return typed[0]


def described(given: Property, shape: Shape) -> str:
    """The words that stand at the property, else those of a schema whose type cannot carry them."""
    own = next((text for node in given.nodes if (text := node.text("description"))), "")
    if not own and (shape.kind not in ("object", "union", "enum") or not is_reference(given.nodes[0].value)):
        own = shape.description
    if shape.enum and shape.kind != "enum":
        own = "\n\n".join(filter(None, (own, allowed(shape.enum))))
    return own
