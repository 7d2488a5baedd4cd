"""Batches that the document seems to offer: printed with the YAML to paste, never enabled by guess (B3)."""

from __future__ import annotations

from collections.abc import Iterator

from graphql import FieldDefinitionNode, ListTypeNode, ObjectTypeDefinitionNode

from gateway.sources.base import Diagnostic, Lookup
from gateway.sources.openapi.build import Built
from gateway.sources.openapi.endpoint import Endpoint
from gateway.sources.openapi.parameters import TEMPLATE, Parameter
from gateway.sources.reach import field_of, fields_of, named, nullable

_PLURALS = ("{}", "{}s", "{}[]", "{}_in", "{}__in", "filter[{}]")
_ALWAYS = ("ids", "id", "ids[]", "id[]")


def batches(built: Built, lookups: tuple[Lookup, ...]) -> tuple[Diagnostic, ...]:
    """For each operation that gives one by key: the one that gives many, where path, type and parameter agree."""
    by_path = {each.path: each for each in built.endpoints.values()}
    known = {lookup.via for lookup in lookups if lookup.batch is not None}
    return tuple(
        found for each in built.endpoints.values() if each.field not in known for found in _suggestions(built, each, by_path)
    )


def _suggestions(built: Built, one: Endpoint, by_path: dict[str, Endpoint]) -> Iterator[Diagnostic]:
    head, _, last = one.path.rpartition("/")
    many = by_path.get(head)
    wanted = TEMPLATE.fullmatch(last)
    if many is None or wanted is None or TEMPLATE.search(head):
        return
    type_name = named(built.types[one.field])
    key = _key(built, type_name, wanted.group(1))
    path = _rows(built, many, type_name)
    argument = next((each.argument for each in one.parameters if (each.place, each.name) == ("path", wanted.group(1))), None)
    if key is None or path is None or argument is None:
        return
    for parameter in many.parameters:
        if _takes(parameter, wanted.group(1)):
            lookup = _yaml(one, many, argument, parameter, (type_name, key.name.value), path)
            if isinstance(nullable(many.types[parameter.argument]), ListTypeNode):
                if named(many.types[parameter.argument]) == named(key.type):
                    said = f"{many.template} seems to answer many of it at once."
                    yield Diagnostic("BATCH_CANDIDATE", one.template, said, lookup)
            elif "comma" in parameter.node.text("description").lower():
                yield Diagnostic("BATCH_CANDIDATE", one.template, _maybe(many, parameter))


def _key(built: Built, type_name: str, parameter: str) -> FieldDefinitionNode | None:
    node = built.draft.types.get(type_name)
    return field_of(node, parameter) or field_of(node, "id")


def _rows(built: Built, many: Endpoint, type_name: str) -> str | None:
    """The way to the list of rows: the answer itself, or the only list in it."""
    type_ = nullable(built.types[many.field])
    if isinstance(type_, ListTypeNode):
        return "" if named(type_) == type_name else None
    node = built.draft.types.get(named(type_))
    lists = [each for each in fields_of(node) if isinstance(nullable(each.type), ListTypeNode)]
    fits = isinstance(node, ObjectTypeDefinitionNode) and len(lists) == 1 and named(lists[0].type) == type_name
    return lists[0].name.value if fits else None


def _takes(parameter: Parameter, key: str) -> bool:
    return parameter.place == "query" and parameter.name in (*(plural.format(key) for plural in _PLURALS), *_ALWAYS)


def _maybe(many: Endpoint, parameter: Parameter) -> str:
    """A text that speaks of commas may be meant as a list."""
    return f"{many.template} may answer many of it at once, but a batch needs `{parameter.name}` as a list, not as a text."


def _yaml(one: Endpoint, many: Endpoint, argument: str, parameter: Parameter, key: tuple[str, str], path: str) -> str:
    limit = many.limits.get(parameter.argument, 100)
    where = f", path: {path}" if path else ""
    batch = f"{{via: {many.field}, arg: {parameter.argument}, key: {key[1]}{where}, max: {limit}}}"
    return f"lookups: [{{type: {key[0]}, key: {key[1]}, via: {one.field}, arg: {argument}, batch: {batch}}}]"
