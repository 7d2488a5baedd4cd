"""Arguments become the JSON that the service knows: original names and enum values, from literals, variables and keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphql import (
    BooleanValueNode,
    EnumValueNode,
    FloatValueNode,
    InputObjectTypeDefinitionNode,
    IntValueNode,
    ListTypeNode,
    ListValueNode,
    NonNullTypeNode,
    NullValueNode,
    ObjectValueNode,
    StringValueNode,
    TypeDefinitionNode,
    TypeNode,
    ValueNode,
    VariableNode,
)

from gateway.sources.reach import field_of, named

ABSENT: Any = object()
"""A variable the client did not give: the argument is as if it were not there."""

Convert = Callable[[Any], Any]
Read = Callable[[Mapping[str, Any]], Any]
"""Client variables → the value of an argument, or `ABSENT`."""


class Spelling:
    """How the types of arguments are spelled for the service."""

    def __init__(
        self, types: Mapping[str, TypeDefinitionNode], names: Mapping[tuple[str, str], str], sent: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self._types = types
        self._names = names
        self._sent = sent
        self._changing: dict[str, bool] = {}

    def path(self, type_: TypeNode | None, fields: Sequence[str]) -> tuple[str, ...]:
        """The properties that a way of fields leads through."""
        found: list[str] = []
        for name in fields:
            owner = named(type_) if type_ is not None else ""
            found.append(self._names.get((owner, name), name))
            field = field_of(self._types.get(owner), name)
            type_ = field.type if field is not None else None
        return tuple(found)

    def converter(self, type_: TypeNode) -> Convert | None:
        """What makes a GraphQL value of this type the service's; None where they are the same."""
        name = named(type_)
        if not self._changes(name, set()):
            return None
        is_list = isinstance(type_.type if isinstance(type_, NonNullTypeNode) else type_, ListTypeNode)
        return lambda value: self.convert(name, [value] if is_list and not isinstance(value, list) else value)

    def convert(self, name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self.convert(name, item) for item in value]
        if name in self._sent:
            return self._sent[name].get(value, value) if isinstance(value, str) else value
        definition = self._types.get(name)
        if not isinstance(definition, InputObjectTypeDefinitionNode) or not isinstance(value, dict):
            return value
        types = {field.name.value: named(field.type) for field in definition.fields or ()}
        return {self._names.get((name, key), key): self.convert(types[key], item) for key, item in value.items() if key in types}

    def _changes(self, name: str, seen: set[str]) -> bool:
        if name in seen:
            return False
        seen.add(name)
        definition = self._types.get(name)
        if not isinstance(definition, InputObjectTypeDefinitionNode):
            return name in self._sent
        fields = definition.fields or ()
        return any((name, field.name.value) in self._names or self._changes(named(field.type), seen) for field in fields)


def always(value: Any) -> Read:
    """The same value for every request."""
    return lambda _: value


def reader(node: ValueNode, convert: Convert | None) -> tuple[Read, bool]:
    """(how the value is had, whether it is the same for every request)."""
    read = _read(node)
    if not _has_variables(node):
        value = read({})
        value = convert(value) if convert is not None and value is not None else value
        return always(value), True
    if convert is None:
        return read, False

    def converted(variables: Mapping[str, Any]) -> Any:
        value = read(variables)
        return value if value is ABSENT or value is None else convert(value)

    return converted, False


def _has_variables(node: ValueNode) -> bool:
    if isinstance(node, ListValueNode):
        return any(_has_variables(item) for item in node.values)
    if isinstance(node, ObjectValueNode):
        return any(_has_variables(field.value) for field in node.fields)
    return isinstance(node, VariableNode)


def _read(node: ValueNode) -> Read:
    if isinstance(node, VariableNode):
        name = node.name.value
        return lambda variables: variables.get(name, ABSENT)
    if isinstance(node, ListValueNode):
        items = [_read(item) for item in node.values]
        return lambda variables: [None if (value := item(variables)) is ABSENT else value for item in items]
    if isinstance(node, ObjectValueNode):
        fields = [(field.name.value, _read(field.value)) for field in node.fields]
        return lambda variables: {key: value for key, read in fields if (value := read(variables)) is not ABSENT}
    return always(_constant(node))


def _constant(node: ValueNode) -> Any:
    if isinstance(node, NullValueNode):
        return None
    if isinstance(node, IntValueNode):
        return int(node.value)
    if isinstance(node, FloatValueNode):
        return float(node.value)
    if isinstance(node, BooleanValueNode | StringValueNode | EnumValueNode):
        return node.value
    raise TypeError(f"not a constant: {node.kind}")
