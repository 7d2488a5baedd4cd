"""Rules for `@inaccessible`: what clients see must not lead to what they do not, and must be whole without it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graphql import (
    EnumValueNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    ListValueNode,
    NonNullTypeNode,
    ObjectValueNode,
    TypeDefinitionNode,
    TypeNode,
    ValueNode,
)

from gateway.composition.types import Report
from gateway.sources.reach import BUILT_IN, fields_of, named

Types = Mapping[str, TypeDefinitionNode]
Sources = Mapping[str, Iterable[str]]
QUERY = "Query"


def check_hidden(types: Types, visible: Types, hidden: frozenset[str], report: Report, sources: Sources) -> None:
    """`sources`: type → the sources that have it."""
    if not hidden:
        return
    if QUERY in hidden:
        report("QUERY_ROOT_TYPE_INACCESSIBLE", QUERY, f"{QUERY} is @inaccessible: there would be no schema", sources[QUERY])
    for name, node in visible.items():
        for at, used in _typed(name, node):
            inner = named(used.type)
            if inner not in visible and inner in types and inner not in BUILT_IN:
                report("REFERENCED_INACCESSIBLE", at, f"{at} is visible, but {inner} is @inaccessible", sources[name])
            default = getattr(used, "default_value", None)
            for coordinate in _in_default(default, used.type, types) if default is not None else ():
                if coordinate in hidden:
                    said = f"the default of {at} names {coordinate}, which is @inaccessible"
                    report(
                        "DEFAULT_VALUE_USES_INACCESSIBLE", at, said, sources[name], f"change the default, or show {coordinate}"
                    )
        for part in ("fields", "values", "types"):
            if getattr(types[name], part, None) and not getattr(node, part, None) and name != QUERY:
                said = f"{name} is visible, but everything in it is @inaccessible"
                report("ONLY_INACCESSIBLE_CHILDREN", name, said, sources[name])
        _check_implemented(name, node, visible, hidden, report, sources)
    _check_required(types, hidden, report, sources)


def _typed(name: str, node: Any) -> Iterator[tuple[str, Any]]:
    """Everything in it that has a type: its fields and their arguments."""
    for field in getattr(node, "fields", None) or ():
        at = f"{name}.{field.name.value}"
        yield at, field
        yield from ((f"{at}({a.name.value}:)", a) for a in getattr(field, "arguments", None) or ())


def _in_default(value: ValueNode, kind: TypeNode, types: Types) -> Iterator[str]:
    """The enum values and input fields that a default names."""
    inner = named(kind)
    if isinstance(value, EnumValueNode):
        yield f"{inner}.{value.value}"
    for item in value.values if isinstance(value, ListValueNode) else ():
        yield from _in_default(item, kind, types)
    for member in value.fields if isinstance(value, ObjectValueNode) else ():
        yield f"{inner}.{member.name.value}"
        known = next((f for f in getattr(types.get(inner), "fields", None) or () if f.name.value == member.name.value), None)
        if known is not None:
            yield from _in_default(member.value, known.type, types)


def _check_implemented(
    name: str, node: TypeDefinitionNode, visible: Types, hidden: frozenset[str], report: Report, sources: Sources
) -> None:
    """Every visible field of an interface, with its arguments, is visible in the types behind it."""
    for implemented in getattr(node, "interfaces", None) or ():
        for field in fields_of(visible.get(implemented.name.value)):
            at = f"{name}.{field.name.value}"
            for coordinate in hidden.intersection((at, *(f"{at}({a.name.value}:)" for a in field.arguments or ()))):
                said = f"{coordinate} is @inaccessible, but implements what is visible in {implemented.name.value}"
                report("IMPLEMENTED_BY_INACCESSIBLE", coordinate, said, sources[name])


def _check_required(types: Types, hidden: frozenset[str], report: Report, sources: Sources) -> None:
    """What has to be given cannot be hidden."""
    for name, node in types.items():
        for field in getattr(node, "fields", None) or ():
            at = f"{name}.{field.name.value}"
            given = {at: field} if isinstance(node, InputObjectTypeDefinitionNode) else {}
            if isinstance(field, FieldDefinitionNode):
                given |= {f"{at}({a.name.value}:)": a for a in field.arguments or ()}
            for coordinate, value in given.items():
                if coordinate in hidden and isinstance(value.type, NonNullTypeNode) and value.default_value is None:
                    said = f"{coordinate} is @inaccessible, but has to be given"
                    report("REQUIRED_INACCESSIBLE", coordinate, said, sources[name])
