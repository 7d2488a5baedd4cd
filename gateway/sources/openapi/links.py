"""`links` of the document become links of the configuration: a field that asks another operation of the same service (B1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import ListTypeNode, ObjectTypeDefinitionNode

from gateway.config.model import Link
from gateway.sources.openapi.build import Built
from gateway.sources.openapi.endpoint import Endpoint
from gateway.sources.openapi.names import escape, tokens
from gateway.sources.openapi.references import Node
from gateway.sources.reach import field_of, fields_of, named

_BODY = "$response.body#"


class _Impossible(Exception):
    """Why a link cannot be a field."""


def stated_links(source: str, built: Built) -> tuple[Link, ...]:
    """Every link that can be resolved from the answer it stands on; the others are reported."""
    found: dict[str, Link] = {}
    for name, response in built.responses.items():
        for key, entry in response.node.child("links").members():
            node = built.draft.references.follow(entry)
            try:
                link = _link(source, built, name, key, node or entry)
            except _Impossible as reason:
                built.draft.fidelity.deviation("LINK_OMITTED", entry.at, f"The link {key!r} has no field: {reason}.")
                continue
            found.setdefault(link.field, link)
    return tuple(found.values())


def _link(source: str, built: Built, name: str, key: str, node: Node) -> Link:
    target = _target(built, node)
    owner = _owner(built, name)
    field = escape(key)
    if field_of(built.draft.types[owner], field) is not None:
        raise _Impossible(f"{owner} has a property of that name")
    parameters = node.child("parameters").members()
    arguments = dict(_binding(built, owner, target, parameter, value.value) for parameter, value in parameters)
    return Link.model_validate({"field": f"{owner}.{field}", "to": f"{source}.{target.field}", "with": arguments})


def _target(built: Built, node: Node) -> Endpoint:
    """The operation a link leads to, by its id or by a reference to it; it must be one that is read."""
    wanted = node.text("operationId")
    if wanted:
        named_so = [each for each in built.operations.values() if each.id == wanted]
    else:
        place = built.draft.references.resolve(node.text("operationRef"), node.at)
        named_so = [each for each in built.operations.values() if place is not None and each.node.at == place.at]
    if len(named_so) != 1 or named_so[0].field not in built.endpoints:
        raise _Impossible("it does not lead to an operation that is read")
    return built.endpoints[named_so[0].field]


def _owner(built: Built, name: str) -> str:
    """The object type the answer has."""
    type_ = built.types[name]
    if isinstance(type_, ListTypeNode):
        raise _Impossible("the answer is a list, and the document cannot say that each of its items has it")
    if not isinstance(built.draft.types.get(named(type_)), ObjectTypeDefinitionNode):
        raise _Impossible(f"{named(type_)} is no object type")
    return named(type_)


def _binding(built: Built, owner: str, target: Endpoint, parameter: str, value: Any) -> tuple[str, Any]:
    place, _, rest = parameter.partition(".")
    qualified = place in ("path", "query", "header", "cookie") and rest
    for each in target.parameters:
        if each.name == parameter or (qualified and (each.place, each.name) == (place, rest)):
            return each.argument, _expression(built, owner, value)
    raise _Impossible(f"{target.template} has no parameter {parameter!r}")


def _expression(built: Built, owner: str, value: Any) -> Any:
    """A constant, or the way from the parent to the value."""
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    if not value.startswith(_BODY):
        raise _Impossible(f"{value} is not part of the answer")
    return "$" + ".".join(_path(built, owner, tokens(value.removeprefix(_BODY))))


def _path(built: Built, owner: str, keys: list[str]) -> Iterator[str]:
    for key in keys:
        names: Mapping[str, str] = {
            built.draft.names.get((owner, each.name.value), each.name.value): each.name.value
            for each in fields_of(built.draft.types.get(owner))
        }
        if key not in names:
            raise _Impossible(f"{owner} has no property {key!r}")
        yield names[key]
        field = field_of(built.draft.types[owner], names[key])
        assert field is not None
        owner = named(field.type)
