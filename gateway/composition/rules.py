"""When two definitions of one name may stand together, and what is said when they may not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from graphql import (
    DirectiveDefinitionNode,
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    TypeDefinitionNode,
    UnionTypeDefinitionNode,
    print_ast,
)

from gateway.config.problem import Problem
from gateway.sources.base import Subgraph


class Clash(msgspec.Struct, frozen=True):
    """Two definitions of one type (or root field) that cannot be one."""

    code: str
    type: str
    reasons: tuple[str, ...]
    field: str | None = None

    def problem(self, both: tuple[Subgraph, Subgraph]) -> Problem:
        """Names both coordinates and both owners, and gives the YAML that would settle it."""
        coordinate = f"{self.type}.{self.field}" if self.field else self.type
        first, second = both
        return Problem(
            self.code,
            f"{coordinate} is defined by {first.name} and {second.name}, and the two cannot be one: {'; '.join(self.reasons)}.",
            path=("sources", second.name),
            coordinates=(f"{first.name}: {coordinate}", f"{second.name}: {coordinate}"),
            sources=(first.name, second.name),
            owners=tuple(contact_of(s) for s in both),
            fix=_fix(self, second),
        )


def several(
    code: str, coordinate: str, message: str, where: Sequence[Subgraph], fix: str | None = None, severity: str = "error"
) -> Problem:
    """A problem between any number of subgraphs: all coordinates, all owners, each owner once."""
    return Problem(
        code,
        message + ".",
        path=("sources", where[-1].name) if where else (),
        coordinates=tuple(f"{s.name}: {coordinate}" for s in where),
        sources=tuple(s.name for s in where),
        owners=tuple(dict.fromkeys(contact_of(s) for s in where)),
        fix=fix,
        severity=severity,
    )


def contact_of(subgraph: Subgraph) -> str:
    """Who answers for a source, and the first way to reach them."""
    contact = next(iter(subgraph.owner.contact.values()), subgraph.owner.url)
    return f"{subgraph.owner.team} <{contact}>" if contact else subgraph.owner.team


def _fix(clash: Clash, second: Subgraph) -> str:
    if clash.type.startswith("@"):
        return f"write the definition of {clash.type} in {second.name} as the other has it, or apply it nowhere in one of them"
    if clash.field:
        return (
            f"leave one of the two out with its source's allow-list:\n"
            f"  - name: {second.name}\n    expose: [...]   # without {clash.field}"
        )
    prefix = "".join(part.capitalize() for part in second.name.replace("-", "_").split("_"))
    return (
        f"rename it in one source; the new name is undone on the wire:\n"
        f"  - name: {second.name}\n    prefix: {{types: {prefix}_, only: [{clash.type}]}}"
    )


# ---------------------------------------------------------------- rules


def sharing_differences(name: str, one: TypeDefinitionNode, other: TypeDefinitionNode) -> Iterable[Clash]:
    """A value type may be shared when it is the same: kind, fields, arguments, defaults, values, wrapping."""
    if one.kind != other.kind:
        yield Clash("TYPE_KIND_MISMATCH", name, (f"one is {_kind(one)}, the other {_kind(other)}",))
    elif reasons := tuple(_differences(_signature(one), _signature(other))):
        yield Clash("TYPE_DEFINITION_MISMATCH", name, reasons)


def merge_differences(name: str, one: TypeDefinitionNode, other: TypeDefinitionNode) -> Iterable[Clash]:
    """An entity's fields are united; a field that both have must be the same field."""
    if one.kind != other.kind or not isinstance(one, ObjectTypeDefinitionNode):
        yield from sharing_differences(name, one, other)
        return
    ours, theirs = _signature(one), _signature(other)
    both = ours.keys() & theirs.keys()
    if reasons := tuple(_differences({k: ours[k] for k in both}, {k: theirs[k] for k in both})):
        yield Clash("FIELD_TYPE_MISMATCH", name, reasons)


def directive_differences(one: DirectiveDefinitionNode, other: DirectiveDefinitionNode) -> Iterable[Clash]:
    """Two definitions of a directive must take the same arguments, be repeatable both or not, and stand in the same places."""
    if reasons := tuple(_differences(_directive(one), _directive(other))):
        yield Clash("DIRECTIVE_DEFINITION_MISMATCH", f"@{one.name.value}", reasons)


def _directive(node: DirectiveDefinitionNode) -> dict[str, str]:
    places = {f"on {location.value}": "stated" for location in node.locations}
    repeatable = {"repeatable": "stated"} if node.repeatable else {}
    return {f"{a.name.value}:": _input(a) for a in node.arguments or ()} | places | repeatable


def _kind(node: TypeDefinitionNode) -> str:
    return "an " + node.kind.removesuffix("_definition").replace("_", " ")


def _differences(ours: dict[str, str], theirs: dict[str, str]) -> Iterable[str]:
    for member in sorted(ours.keys() | theirs.keys()):
        mine, yours = ours.get(member), theirs.get(member)
        if mine != yours:
            yield f"{member} is {mine or 'missing'} in one and {yours or 'missing'} in the other"


def _signature(node: TypeDefinitionNode) -> dict[str, str]:
    """What has to be equal, member by member; descriptions and order are not part of it."""
    if isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
        implemented = {f"implements {i.name.value}": "stated" for i in node.interfaces or ()}
        return {f.name.value: _field(f) for f in node.fields or ()} | implemented
    if isinstance(node, InputObjectTypeDefinitionNode):
        return {f.name.value: _input(f) for f in node.fields or ()}
    if isinstance(node, EnumTypeDefinitionNode):
        return {v.name.value: "a value" for v in node.values or ()}
    if isinstance(node, UnionTypeDefinitionNode):
        return {m.name.value: "a member" for m in node.types or ()}
    return {}


def _field(field: FieldDefinitionNode) -> str:
    arguments = ", ".join(f"{a.name.value}: {_input(a)}" for a in sorted(field.arguments or (), key=lambda a: a.name.value))
    return f"({arguments}): {print_ast(field.type)}" if arguments else print_ast(field.type)


def _input(value: InputValueDefinitionNode) -> str:
    default = f" = {print_ast(value.default_value)}" if value.default_value else ""
    return print_ast(value.type) + default
