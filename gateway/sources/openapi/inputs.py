"""Schemas of parameters become types of arguments (rules A3, N9, U5)."""

from __future__ import annotations

import json
from typing import Any

from graphql import (
    EnumTypeDefinitionNode,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    TypeNode,
    ValueNode,
)

from gateway.sources.openapi.draft import Draft
from gateway.sources.openapi.enums import allowed, define_enum
from gateway.sources.openapi.names import distinct
from gateway.sources.openapi.nodes import input_type, input_value, list_literal, listed, literal, named, non_null, symbol
from gateway.sources.openapi.outputs import Outputs, described
from gateway.sources.openapi.parameters import Parameter
from gateway.sources.openapi.references import Node
from gateway.sources.openapi.scalars import INT_MAX, INT_MIN
from gateway.sources.openapi.shape import Property, Shape

Reference = NamedTypeNode | ListTypeNode
MAX_LISTS = 16


class Inputs:
    """Types of arguments; made after all output types, so that a shared schema keeps its name for answers."""

    def __init__(self, draft: Draft, outputs: Outputs) -> None:
        self._draft = draft
        self._outputs = outputs
        self._names: dict[str, str] = {}

    def argument(self, field: str, parameter: Parameter) -> InputValueDefinitionNode:
        """The definition of one argument; non-null where the parameter is required and nothing stands in for it."""
        draft = self._draft
        draft.naming.hint(parameter.schema.at, f"{field}_{parameter.argument}")
        shape = draft.shapes.of(parameter.schema)
        type_ = self.use(shape)
        has_default, default, words = self._default(parameter.schema, type_)
        required = parameter.required and not has_default
        description = "\n\n".join(
            filter(
                None, (parameter.node.text("description") or shape.description, words, *self._marks(parameter, shape, required))
            )
        )
        definition = non_null(type_) if required else type_
        return input_value(
            parameter.argument, definition, description, deprecated=parameter.deprecated and not required, default=default
        )

    @staticmethod
    def _marks(parameter: Parameter, shape: Shape, required: bool) -> list[str]:
        """What the schema cannot say, said in words."""
        marks = []
        if parameter.argument != parameter.name:
            marks.append(f"Source name: `{parameter.name}`.")
        if parameter.deprecated and required:
            marks.append("Deprecated.")
        if shape.enum and shape.kind != "enum":
            marks.append(allowed(shape.enum))
        return marks

    def use(self, shape: Shape, depth: int = 0) -> Reference:
        """The type of a value that is sent."""
        if shape.kind == "object":
            return named(self._object(shape))
        if shape.kind == "array":
            return self._list(shape, depth)
        if shape.kind == "enum":
            name = self._draft.naming.of(shape.at)
            known = self._draft.shapes.known(shape)
            define_enum(self._draft, name, known.enum, known.description)
            return named(name)
        if shape.kind in ("map", "any", "mixed") or (shape.kind == "union" and self._has_objects(shape)):
            return self._outputs.json()
        return self._outputs.use(shape)

    def _has_objects(self, shape: Shape) -> bool:
        kinds = {self._draft.shapes.of(node).kind for node in shape.alternatives}
        return not kinds <= {"string", "enum", "integer", "number", "boolean"}

    def _list(self, shape: Shape, depth: int) -> Reference:
        if shape.items is None or depth >= MAX_LISTS:
            return listed(self._outputs.json())
        item = self._draft.shapes.of(shape.items)
        type_ = self.use(item, depth + 1)
        return listed(type_ if item.nullable else non_null(type_))

    # ------------------------------------------------------------ objects

    def _object(self, shape: Shape) -> str:
        """The name of an input type. Defined at once: what is required of itself, directly or not, is met on the way."""
        if shape.at not in self._names:
            self._names[shape.at] = self._input_name(shape)
            self._define(self._names[shape.at], shape)
        return self._names[shape.at]

    def _input_name(self, shape: Shape) -> str:
        """Its own name, or with `_Input` where answers have that type too (N9)."""
        name = self._draft.naming.of(shape.at)
        return self._draft.naming.of(shape.at, "_Input") if name in self._draft.types else name

    def _define(self, name: str, shape: Shape) -> None:
        writable = {source: given for source, given in shape.properties.items() if not _read_only(given)} or shape.properties
        names = distinct(writable)
        fields = [self._field(name, names[source], source, shape, given) for source, given in writable.items()]
        self._draft.types[name] = input_type(name, fields, self._draft.shapes.known(shape).description)

    def _field(self, type_name: str, name: str, source: str, owner: Shape, given: Property) -> InputValueDefinitionNode:
        shape = self._outputs.chosen(owner, source, given)
        type_ = self.use(shape)
        has_default, default, words = self._default(given.nodes[0], type_)
        required = given.required and not shape.nullable and not has_default and not self._open(type_)
        description = "\n\n".join(filter(None, (described(given, shape), words)))
        if name != source:
            self._draft.names[(type_name, name)] = source
            self._draft.renamed(f"{type_name}.{name}", source, given.nodes[0].at)
        return input_value(name, non_null(type_) if required else type_, description, default=default)

    def _open(self, type_: TypeNode) -> bool:
        """An input type that is still being defined: to require it inside itself would leave no value for it."""
        return (
            isinstance(type_, NamedTypeNode)
            and type_.name.value in self._names.values()
            and type_.name.value not in self._draft.types
        )

    # ------------------------------------------------------------ defaults

    def _default(self, schema: Node, type_: TypeNode) -> tuple[bool, ValueNode | None, str]:
        """(there is one, as a literal where the schema can say it, as words where it cannot)."""
        target = self._draft.references.follow(schema) or schema
        holders = [node.value for node in (schema, target) if isinstance(node.value, dict) and "default" in node.value]
        if not holders:
            return False, None, ""
        value = holders[0]["default"]
        node = self._literal(value, type_)
        unsaid = node is None and value is not None
        return True, node, f"Default: `{value if isinstance(value, str) else json.dumps(value)}`." if unsaid else ""

    def _literal(self, value: Any, type_: TypeNode) -> ValueNode | None:
        """A default as a literal, where it is of its own type."""
        if isinstance(type_, NonNullTypeNode):
            return self._literal(value, type_.type)
        if isinstance(type_, ListTypeNode):
            fits = isinstance(value, list) and all(self._literal(item, type_.type) is not None for item in value)
            items = [node for item in value if (node := self._literal(item, type_.type)) is not None] if fits else []
            return list_literal(items) if fits else None
        assert isinstance(type_, NamedTypeNode)
        name = type_.name.value
        definition = self._draft.types.get(name)
        if isinstance(definition, EnumTypeDefinitionNode):
            return self._enum_literal(name, definition, value)
        if isinstance(definition, InputObjectTypeDefinitionNode):
            return None
        return literal(value) if _is_of(name, value) else None

    def _enum_literal(self, name: str, definition: EnumTypeDefinitionNode, value: Any) -> ValueNode | None:
        spelled = self._draft.values.get(name)
        found = (spelled or {}).get(value) if isinstance(value, (str, int, float)) else None
        if spelled is None and any(each.name.value == value for each in definition.values or ()):
            found = value
        return symbol(found) if found else None


def _is_of(scalar: str, value: Any) -> bool:
    if scalar == "Boolean":
        return isinstance(value, bool)
    if scalar in ("Int", "Int64"):
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole and (scalar == "Int64" or INT_MIN <= value <= INT_MAX)
    if scalar == "Float":
        return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")
    if scalar == "JSON" or scalar.startswith("Map_"):
        return isinstance(value, (str, bool, int))
    return isinstance(value, str)


def _read_only(given: Property) -> bool:
    return any(isinstance(node.value, dict) and node.value.get("readOnly") is True for node in given.nodes)
