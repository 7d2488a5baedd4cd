"""Rules for `@cost` and `@listSize` (IBM's cost specification, as Apollo Federation 2.9 has it)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from graphql import (
    ConstDirectiveNode,
    FieldDefinitionNode,
    InterfaceTypeDefinitionNode,
    ListTypeNode,
    print_ast,
    value_from_ast_untyped,
)

from gateway.sources.base import Subgraph
from gateway.sources.reach import field_of, fields_of, named, nullable, possible_types

Say = Callable[[str, str, str], None]


def check_costs(subgraph: Subgraph, say: Say) -> None:
    for name, node in subgraph.types.items():
        for field in fields_of(node):
            at = f"{name}.{field.name.value}"
            for directive in field.directives or ():
                if directive.name.value == "cost" and isinstance(node, InterfaceTypeDefinitionNode):
                    said = f"{at} is a field of an interface: what it costs is what the field of the object type costs"
                    say("COST_APPLIED_TO_INTERFACE_FIELD", at, said)
                elif directive.name.value == "listSize":
                    for code, said in _faults(at, field, directive, subgraph):
                        say(code, at, said)


def _faults(at: str, field: FieldDefinitionNode, directive: ConstDirectiveNode, subgraph: Subgraph) -> Iterator[tuple[str, str]]:
    told = {a.name.value: value_from_ast_untyped(a.value) for a in directive.arguments or ()}
    sized = told.get("sizedFields") or ()
    if not sized and not _is_list(field):
        yield "LIST_SIZE_APPLIED_TO_NON_LIST", f"@listSize of {at} stands on {print_ast(field.type)}, which is no list"
    assumed = told.get("assumedSize")
    if isinstance(assumed, int) and assumed < 0:
        yield "LIST_SIZE_INVALID_ASSUMED_SIZE", f"@listSize of {at} assumes {assumed} items: there are never fewer than 0"
    arguments = {a.name.value: a for a in field.arguments or ()}
    for name in told.get("slicingArguments") or ():
        if name not in arguments:
            yield "LIST_SIZE_INVALID_SLICING_ARGUMENT", f"@listSize of {at} names {name}, which is no argument of the field"
        elif print_ast(nullable(arguments[name].type)) != "Int":
            said = f"@listSize of {at} names {name}, which is {print_ast(arguments[name].type)}, not Int"
            yield "LIST_SIZE_INVALID_SLICING_ARGUMENT", said
    yield from _sized_faults(at, field, sized, subgraph)


def _sized_faults(at: str, field: FieldDefinitionNode, sized: Any, subgraph: Subgraph) -> Iterator[tuple[str, str]]:
    inner = named(field.type)
    if sized and inner not in possible_types(subgraph.types) and not fields_of(subgraph.types.get(inner)):
        yield "LIST_SIZE_INVALID_SIZED_FIELD", f"@listSize of {at} has sizedFields, but {inner} has no fields"
        return
    for name in sized:
        below = field_of(subgraph.types.get(inner), name)
        if below is None:
            yield "LIST_SIZE_INVALID_SIZED_FIELD", f"@listSize of {at} names {inner}.{name}, which does not exist here"
        elif not _is_list(below):
            yield "LIST_SIZE_APPLIED_TO_NON_LIST", f"@listSize of {at} names {inner}.{name}, which is no list"


def _is_list(field: FieldDefinitionNode) -> bool:
    return isinstance(nullable(field.type), ListTypeNode)
