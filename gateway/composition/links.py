"""Links of the YAML become `Link`s, each checked against the types it joins; a fault is a `Problem` with its place in YAML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from graphql import (
    ConstValueNode,
    FieldDefinitionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    ListTypeNode,
    NameNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    TypeDefinitionNode,
    TypeNode,
    parse_const_value,
    print_ast,
)

from gateway.composition.rules import contact_of
from gateway.composition.supergraph import Binding, Link
from gateway.config.model import Link as LinkSettings
from gateway.config.problem import Problem
from gateway.sources.base import Batch, Subgraph
from gateway.sources.lookups import batch_of, paging_faults
from gateway.sources.reach import BUILT_IN, named, nullable

INTO_ID = frozenset({"Int", "Int64", "String", "UUID", "ID"})
FROM_ID = frozenset({"String", "Int", "Int64", "ID"})

Types = Mapping[str, TypeDefinitionNode]


class Fault(Exception):
    """One link cannot be made. `at` is the key of the link that says so."""

    def __init__(self, code: str, message: str, at: tuple[str | int, ...], fix: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.at, self.fix = code, message, at, fix


def resolve_links(
    links: Sequence[LinkSettings], types: Types, subgraphs: Mapping[str, Subgraph], problems: list[Problem]
) -> tuple[Link, ...]:
    """Every link that can be made, those of the configuration first; one problem or hint for each that cannot."""
    made: MutableMapping[tuple[str, str], Link] = {}
    for index, settings in enumerate(links):
        try:
            link = _resolve(settings, types, subgraphs)
            if (link.type, link.field) in made:
                raise Fault("LINK_FIELD_EXISTS", f"{settings.field} is already made by another link", ("field",))
            made[link.type, link.field] = link
        except Fault as fault:
            problems.append(_problem(fault, index, settings, subgraphs))
    for subgraph in subgraphs.values():
        for stated in subgraph.links:
            try:
                link = _resolve(stated, types, subgraphs)
                made.setdefault((link.type, link.field), link)
            except Fault as fault:
                problems.append(_unmade(fault, stated, subgraph))
    return tuple(made.values())


def _unmade(fault: Fault, stated: LinkSettings, subgraph: Subgraph) -> Problem:
    """A link that a source's own document states is no mistake of the configuration: it is left out, and told."""
    said = f"the document's link {stated.field} has no field: {fault.message}"
    path = ("sources", subgraph.name, "options", "links")
    where = (f"{subgraph.name}: {stated.field}",)
    return Problem(fault.code, said, path, where, (subgraph.name,), (contact_of(subgraph),), severity="hint")


def _problem(fault: Fault, index: int, settings: LinkSettings, subgraphs: Mapping[str, Subgraph]) -> Problem:
    target = subgraphs.get(settings.to.partition(".")[0])
    return Problem(
        fault.code,
        fault.message,
        ("links", index, *fault.at),
        coordinates=(settings.field, settings.to),
        sources=(target.name,) if target else (),
        owners=(contact_of(target),) if target else (),
        fix=fault.fix,
    )


def link_field(link: Link) -> FieldDefinitionNode:
    """The link as a field of its type."""
    return FieldDefinitionNode(name=NameNode(value=link.field), arguments=link.arguments, type=link.result, directives=())


def _resolve(settings: LinkSettings, types: Types, subgraphs: Mapping[str, Subgraph]) -> Link:
    type_name, field = _split(settings.field, ("field",))
    source, via = _split(settings.to, ("to",))
    parent = _object(types, type_name)
    if _member(parent, field) is not None:
        raise Fault("LINK_FIELD_EXISTS", f"{settings.field} is already a field of {type_name}", ("field",))
    subgraph = subgraphs.get(source)
    if subgraph is None:
        raise Fault("LINK_UNKNOWN_SOURCE", f"there is no source {source}", ("to",), _near(source, subgraphs))
    target = _root_field(subgraph, via, ("to",))
    bindings = tuple(_binding(name, value, target, parent, types) for name, value in settings.with_.items())
    bound = {b.argument for b in bindings}
    free = tuple(a for a in target.arguments or () if a.name.value not in bound)
    own = _own_arguments(free, bindings, target)
    _check_exposed(subgraph, target, own)
    batch = _batch(settings, subgraph, bindings, via)
    if settings.many and not _is_list(target.type):
        raise Fault("LINK_NOT_A_LIST", f"{settings.to} is {print_ast(target.type)}: many needs a list", ("many",))
    return Link(type_name, field, source, via, bindings, nullable(target.type), own, batch, settings.many)


def _own_arguments(
    free: Sequence[InputValueDefinitionNode], bindings: Sequence[Binding], target: FieldDefinitionNode
) -> tuple[InputValueDefinitionNode, ...]:
    """What the link field takes itself: the target's arguments that nothing binds, and each `$args.x` as the target has it."""
    own = {argument.name.value: argument for argument in free}
    for binding in bindings:
        if (name := binding.from_argument) is None:
            continue
        at = ("with", binding.argument)
        wanted = _argument(target, binding.argument, at)
        known = own.setdefault(name, replace(wanted, name=NameNode(value=name)))
        if print_ast(known.type) != print_ast(wanted.type):
            said = f"$args.{name} is {print_ast(known.type)} and {print_ast(wanted.type)} at the same time"
            raise Fault("LINK_ARGUMENT_CONFLICT", said, at, "use another name after $args.")
    return tuple(own.values())


def _check_exposed(subgraph: Subgraph, target: FieldDefinitionNode, own: Sequence[InputValueDefinitionNode]) -> None:
    """A target that clients do not see may still be linked to, as long as its types are among those that they do."""
    used = (named(target.type), *(named(argument.type) for argument in own))
    pruned = [name for name in dict.fromkeys(used) if name not in subgraph.types and name not in BUILT_IN]
    if pruned:
        said = f"{subgraph.name} does not expose {target.name.value}, and nothing else of it leads to {', '.join(pruned)}"
        fix = f"  - name: {subgraph.name}\n    expose: [..., {target.name.value}]"
        raise Fault("LINK_TARGET_NOT_EXPOSED", said, ("to",), fix)


def _split(coordinate: str, at: tuple[str, ...]) -> tuple[str, str]:
    head, dot, tail = coordinate.partition(".")
    if not (head and dot and tail):
        raise Fault("LINK_COORDINATE", f"{coordinate!r} has to be two names with a dot between", at)
    return head, tail


def _object(types: Types, name: str) -> TypeDefinitionNode:
    node = types.get(name)
    if isinstance(node, InterfaceTypeDefinitionNode):
        members = [n for n, t in types.items() if name in (i.name.value for i in getattr(t, "interfaces", None) or ())]
        said = f"{name} is an interface: a link is a field of an object type"
        raise Fault("LINK_ON_AN_INTERFACE", said, ("field",), f"make one for each of {', '.join(members)}" if members else None)
    if not isinstance(node, ObjectTypeDefinitionNode):
        objects = [n for n, t in types.items() if isinstance(t, ObjectTypeDefinitionNode)]
        raise Fault("LINK_UNKNOWN_TYPE", f"there is no object type {name}", ("field",), _near(name, objects))
    return node


def _member(node: TypeDefinitionNode | None, name: str) -> FieldDefinitionNode | None:
    fields: Iterable[FieldDefinitionNode] = getattr(node, "fields", None) or ()
    return next((f for f in fields if f.name.value == name), None)


def _root_field(subgraph: Subgraph, name: str, at: tuple[str, ...]) -> FieldDefinitionNode:
    root = subgraph.types[subgraph.query]
    if (field := _member(root, name) or subgraph.unexposed.get(name)) is None:
        known = [*(f.name.value for f in getattr(root, "fields", None) or ()), *subgraph.unexposed]
        raise Fault("LINK_UNKNOWN_FIELD", f"source {subgraph.name} has no root field {name}", at, _near(name, known))
    return field


def _argument(field: FieldDefinitionNode, name: str, at: tuple[str, ...]) -> InputValueDefinitionNode:
    for argument in field.arguments or ():
        if argument.name.value == name:
            return argument
    known = [a.name.value for a in field.arguments or ()]
    raise Fault("LINK_UNKNOWN_ARGUMENT", f"{field.name.value} has no argument {name}", at, _near(name, known))


def _near(name: str, known: Iterable[str]) -> str | None:
    close = get_close_matches(name, list(known), 1)
    return f"did you mean {close[0]}?" if close else None


# ---------------------------------------------------------------- bindings


def _binding(name: str, value: Any, target: FieldDefinitionNode, parent: TypeDefinitionNode, types: Types) -> Binding:
    at = ("with", name)
    argument = _argument(target, name, at)
    if isinstance(value, str) and value.startswith("$args."):
        return Binding(name, from_argument=value.removeprefix("$args."))
    if isinstance(value, str) and value.startswith("$"):
        path = tuple(value.removeprefix("$").split("."))
        _check_types(_leaf(path, parent, types, at), named(argument.type), value, at)
        return Binding(name, path=path)
    return Binding(name, constant=_constant(value, argument, types))


def _leaf(path: tuple[str, ...], parent: TypeDefinitionNode, types: Types, at: tuple[str, ...]) -> str:
    node: TypeDefinitionNode | None = parent
    name = parent.name.value
    for step in path:
        field = _member(node, step)
        if field is None:
            known = [f.name.value for f in getattr(node, "fields", None) or ()]
            raise Fault("LINK_UNKNOWN_FIELD", f"{name} has no field {step}", at, _near(step, known))
        if _is_list(field.type):
            raise Fault("LINK_KEY_IS_A_LIST", f"{name}.{step} is a list: a key has to be one value", at)
        if any(isinstance(a.type, NonNullTypeNode) and not a.default_value for a in field.arguments or ()):
            raise Fault("LINK_KEY_HAS_ARGUMENTS", f"{name}.{step} cannot be read without its arguments", at)
        name = named(field.type)
        node = types.get(name)
    if getattr(node, "fields", None):
        raise Fault("LINK_KEY_IS_AN_OBJECT", f"${'.'.join(path)} is {name}: a key has to be a scalar or an enum", at)
    return name


def _check_types(given: str, wanted: str, value: str, at: tuple[str, ...]) -> None:
    if given == wanted or (wanted == "ID" and given in INTO_ID) or (given == "ID" and wanted in FROM_ID):
        return
    raise Fault("LINK_TYPE_MISMATCH", f"{value} is {given}, but the argument takes {wanted}", at)


def _constant(value: Any, argument: InputValueDefinitionNode, types: Types) -> ConstValueNode:
    if isinstance(value, str) and types.get(named(argument.type)) is not None and hasattr(types[named(argument.type)], "values"):
        return parse_const_value(value)
    return parse_const_value(_literal(value))


def _literal(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_literal(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_literal(v)}" for k, v in value.items()) + "}"
    return json.dumps(value)


# ---------------------------------------------------------------- batches


def _batch(settings: LinkSettings, subgraph: Subgraph, bindings: Sequence[Binding], via: str) -> Batch | None:
    """The link's own batch, else that of the lookup whose `via` it is."""
    if settings.batch is None:
        keyed = {b.argument for b in bindings if b.path}
        return next((k.batch for k in subgraph.lookups if k.via == via and {k.arg} == keyed), None)
    batch = batch_of(settings.batch)
    field = _root_field(subgraph, batch.via, ("batch", "via"))
    for said, at in paging_faults(batch, field, not subgraph.together):
        raise Fault("LINK_BATCH_PAGES", said, ("batch", *at))
    if batch.arg and not _is_list(_argument(field, batch.arg, ("batch", "arg")).type):
        raise Fault("LINK_BATCH_NOT_A_LIST", f"{batch.via}({batch.arg}:) does not take a list", ("batch", "arg"))
    if len([b for b in bindings if b.path]) != 1:
        raise Fault("LINK_BATCH_KEYS", "a batch needs exactly one argument bound to a field of the parent", ("batch",))
    _check_rows(batch, field, subgraph)
    return batch


def _check_rows(batch: Batch, field: FieldDefinitionNode, subgraph: Subgraph) -> None:
    type_node: TypeNode = field.type
    for step in batch.path:
        inner = _member(subgraph.types.get(named(type_node)), step)
        if inner is None:
            raise Fault("LINK_UNKNOWN_FIELD", f"{named(type_node)} has no field {step}", ("batch", "path"))
        type_node = inner.type
    if not _is_list(type_node):
        raise Fault("LINK_BATCH_NOT_A_LIST", f"{batch.via} gives {print_ast(type_node)}, not a list of rows", ("batch", "path"))
    row = subgraph.types.get(named(type_node))
    if _member(row, batch.key) is None:
        known = [f.name.value for f in getattr(row, "fields", None) or ()]
        raise Fault(
            "LINK_UNKNOWN_FIELD", f"{named(type_node)} has no field {batch.key}", ("batch", "key"), _near(batch.key, known)
        )


# ---------------------------------------------------------------- type nodes


def _is_list(node: TypeNode) -> bool:
    return isinstance(nullable(node), ListTypeNode)
