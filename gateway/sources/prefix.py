"""`prefix`: other names for a source's types, where two sources claim one name and neither will give way.

Opt-in and total: the subgraph that leaves here speaks the new names everywhere, and what it is asked is translated back, so
that the kind itself never learns of it. Each renaming is recorded as `@name(was:)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from graphql import NamedTypeNode, NameNode, Node, ScalarTypeDefinitionNode, TypeDefinitionNode
from msgspec.structs import replace as restated

from gateway.config.problem import ConfigError, Problem
from gateway.sources.base import SUBSCRIPTION, Argument, Dispatch, Entry, Fetch, Field, Prepared, Selection, Subgraph, Wire
from gateway.sources.reach import BUILT_IN
from gateway.sources.report import fault, nearest

if TYPE_CHECKING:
    from gateway.config.model import Prefix, Source

Names = Mapping[str, str]
T = TypeVar("T")
N = TypeVar("N", bound=Node)
PARTS = ("interfaces", "fields", "types", "arguments", "type")
"""Attributes of nodes under which types are mentioned."""
PREFIX = re.compile(r"_?[A-Za-z][_0-9A-Za-z]*")


def prefixed(source: Source, subgraph: Subgraph) -> Subgraph:
    """The subgraph under the names that `source.prefix` asks for. Raises `ConfigError` with every name that cannot be made."""
    if source.prefix is None:
        return subgraph
    names = _names(source, source.prefix, subgraph)
    back = {new: old for old, new in names.items()}
    prepare = subgraph.prepare
    return restated(
        subgraph,
        types={names.get(name, name): renamed(node, names) for name, node in subgraph.types.items()},
        directives=tuple(renamed(directive, names) for directive in subgraph.directives),
        unexposed={name: renamed(field, names) for name, field in subgraph.unexposed.items()},
        subscriptions={name: renamed(field, names) for name, field in subgraph.subscriptions.items()},
        lookups=tuple(restated(k, type=names.get(k.type, k.type)) for k in subgraph.lookups),
        prepare=lambda fetch: _prepare_back(prepare, fetch, back),
        wire=_wire(subgraph.wire, names),
        origins=_origins(subgraph.origins, names),
    )


def _names(source: Source, prefix: Prefix, subgraph: Subgraph) -> dict[str, str]:
    """old → new. Without `only`: every type but the query root and scalars, which merge when they are the same."""
    roots = {subgraph.query, SUBSCRIPTION} if subgraph.subscriptions else {subgraph.query}
    every = [n for n, node in subgraph.types.items() if n not in roots and not isinstance(node, ScalarTypeDefinitionNode)]
    names = {name: prefix.types + name for name in (every if prefix.only is None else prefix.only)}
    if problems := _problems(source, prefix, subgraph, names):
        raise ConfigError(problems)
    return names


def _problems(source: Source, prefix: Prefix, subgraph: Subgraph, names: Names) -> list[Problem]:
    problems = []
    if not PREFIX.fullmatch(prefix.types):
        message = f"{prefix.types!r} cannot begin the name of a type"
        problems.append(
            fault(source, "PREFIX_INVALID", message, ("prefix", "types"), fix="use letters, digits and _, such as `Stock_`")
        )
    for index, (old, new) in enumerate(names.items()):
        at = ("prefix", "only", index)
        if old not in subgraph.types or old in BUILT_IN or old == subgraph.query:
            known = [name for name in subgraph.types if name != subgraph.query]
            problems.append(fault(source, "PREFIX_UNKNOWN", f"there is no type {old} to rename", at, fix=nearest(old, known)))
        elif new in subgraph.types and new not in names:
            problems.append(fault(source, "PREFIX_TAKEN", f"{old} cannot become {new}: the source has a type of that name", at))
    return problems


# ---------------------------------------------------------------- nodes


def renamed(node: N, names: Names) -> N:
    """A definition with every mention of a renamed type renamed. What does not change is kept as it is."""
    changed: dict[str, Any] = {}
    if isinstance(node, NamedTypeNode | TypeDefinitionNode) and (new := names.get(node.name.value)):
        changed["name"] = NameNode(value=new)
    for part in PARTS:
        value = getattr(node, part, None)
        if isinstance(value, Node) and (renewed := renamed(value, names)) is not value:
            changed[part] = renewed
        elif isinstance(value, tuple):
            members = tuple(renamed(member, names) for member in value)
            if any(new is not old for old, new in zip(value, members, strict=True)):
                changed[part] = members
    return replace(node, **changed) if changed else node


# ---------------------------------------------------------------- the way back: what is asked, in the source's own names


def _prepare_back(prepare: Callable[[Fetch], Prepared], fetch: Fetch, back: Names) -> Prepared:
    entry = fetch.entry and _entry(fetch.entry, back)
    return prepare(restated(fetch, selection=_selection(fetch.selection, back), entry=entry))


def _selection(selection: Selection, back: Names) -> Selection:
    cases = tuple(
        restated(
            case,
            types=tuple(back.get(name, name) for name in case.types),
            fields=tuple(_field(field, back) for field in case.fields),
        )
        for case in selection.cases
    )
    return Selection(back.get(selection.type, selection.type), cases)


def _field(field: Field, back: Names) -> Field:
    selection = field.selection and _selection(field.selection, back)
    arguments = tuple(_argument(argument, back) for argument in field.arguments)
    return restated(field, type=renamed(field.type, back), arguments=arguments, selection=selection)


def _argument(argument: Argument, back: Names) -> Argument:
    return restated(argument, type=argument.type and renamed(argument.type, back))


def _entry(entry: Entry, back: Names) -> Entry:
    inputs = tuple(restated(given, type=renamed(given.type, back)) for given in entry.inputs)
    arguments = tuple(_argument(argument, back) for argument in entry.arguments)
    return restated(entry, inputs=inputs, arguments=arguments, result=entry.result and renamed(entry.result, back))


# ---------------------------------------------------------------- the wire, in the new names


def _wire(wire: Wire, names: Names) -> Wire:
    def keyed(table: Mapping[str, T]) -> dict[str, T]:
        return {names.get(name, name): value for name, value in table.items()}

    return restated(
        wire,
        names={(names.get(kind, kind), field): property for (kind, field), property in wire.names.items()},
        types={
            **{old: names.get(new, new) for old, new in wire.types.items()},
            **{o: n for o, n in names.items() if o not in wire.types},
        },
        values=keyed(wire.values),
        scalars=keyed(wire.scalars),
        dispatch={name: _dispatch(dispatch, names) for name, dispatch in keyed(wire.dispatch).items()},
        wraps=keyed(wire.wraps),
        entries=frozenset(names.get(name, name) for name in wire.entries),
        open_enums=frozenset(names.get(name, name) for name in wire.open_enums),
        rest=keyed(wire.rest),
    )


def _dispatch(dispatch: Dispatch, names: Names) -> Dispatch:
    resolve = dispatch.resolve
    mapping = {value: names.get(name, name) for value, name in dispatch.mapping.items()}
    if resolve is None:
        return restated(dispatch, mapping=mapping)

    def resolved(value: Any) -> str | None:
        name = resolve(value)
        return names.get(name, name) if name else None

    return restated(dispatch, mapping=mapping, resolve=resolved)


def _origins(origins: Mapping[str, str], names: Names) -> dict[str, str]:
    """The recorded directives under the new coordinates, and `@name(was:)` on each renamed type."""
    moved: dict[str, str] = {}
    for coordinate, directives in origins.items():
        name, dot, rest = coordinate.partition(".")
        moved[f"{names.get(name, name)}{dot}{rest}"] = directives
    for old, new in names.items():
        moved[new] = f'@name(was: "{old}") {moved[new]}' if new in moved else f'@name(was: "{old}")'
    return moved
