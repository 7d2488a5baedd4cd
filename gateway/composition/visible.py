"""What of the merged types clients see: all but the inaccessible. The rest stays usable inside, for keys and requirements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from graphql import EnumTypeDefinitionNode, TypeDefinitionNode

from gateway.composition.unopened import changed
from gateway.sources.base import Subgraph

Types = Mapping[str, TypeDefinitionNode]
QUERY = "Query"


def hidden_coordinates(subgraphs: Sequence[Subgraph]) -> frozenset[str]:
    """Whatever one subgraph hides is hidden; where it stands for an interface, on that interface."""
    return frozenset(_shown(coordinate, s.query) for s in subgraphs if s.facts for coordinate in s.facts.inaccessible)


def _shown(coordinate: str, query: str) -> str:
    """As the supergraph has it: there, the root has one name."""
    name, dot, rest = coordinate.partition(".")
    return f"{QUERY}{dot}{rest}" if name == query else coordinate


def visible_types(types: Types, hidden: frozenset[str]) -> Types:
    """The types without what is hidden."""
    if not hidden:
        return types
    return {name: _visible(name, node, hidden) for name, node in types.items() if name not in hidden or name == QUERY}


def _visible(name: str, node: Any, hidden: frozenset[str]) -> TypeDefinitionNode:
    changes: dict[str, Any] = {}
    if (fields := getattr(node, "fields", None)) is not None:
        changes["fields"] = tuple(_field(name, f, hidden) for f in fields if f"{name}.{f.name.value}" not in hidden)
    if (values := getattr(node, "values", None)) is not None:
        changes["values"] = tuple(v for v in values if f"{name}.{v.name.value}" not in hidden)
    for part in ("interfaces", "types"):
        if (members := getattr(node, part, None)) is not None:
            changes[part] = tuple(m for m in members if m.name.value not in hidden)
    made: TypeDefinitionNode = replace(node, **changes)
    return made


def _field(parent: str, field: Any, hidden: frozenset[str]) -> Any:
    if not getattr(field, "arguments", None):
        return field
    at = f"{parent}.{field.name.value}"
    return replace(field, arguments=tuple(a for a in field.arguments if f"{at}({a.name.value}:)" not in hidden))


def with_visible_values(subgraphs: Iterable[Subgraph], types: Types) -> dict[str, Subgraph]:
    """The subgraphs, each knowing which of its enum values may be answered: any other is drift."""
    return {s.name: _narrowed(s, types) for s in subgraphs}


def _narrowed(subgraph: Subgraph, types: Types) -> Subgraph:
    narrowed: dict[str, Mapping[Any, str]] = {}
    for name in changed(types):
        node, shown = subgraph.types.get(name), types.get(name)
        if isinstance(node, EnumTypeDefinitionNode) and isinstance(shown, EnumTypeDefinitionNode):
            names = {v.name.value for v in shown.values or ()}
            if any(v.name.value not in names for v in node.values or ()):
                known = subgraph.wire.values.get(name) or {v.name.value: v.name.value for v in node.values or ()}
                narrowed[name] = {wire: value for wire, value in known.items() if value in names}
    if not narrowed:
        return subgraph
    wire = msgspec.structs.replace(subgraph.wire, values={**subgraph.wire.values, **narrowed})
    return msgspec.structs.replace(subgraph, wire=wire)
