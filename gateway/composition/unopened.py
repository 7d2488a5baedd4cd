"""Merged types and their fields where sources come packed: what one source alone has is handed on as it is, unopened.

A start from packed types is as quick as the types that are looked at are few. Where a federation subgraph takes part, all are
opened: its rules look at everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import msgspec
from graphql import FieldDefinitionNode, TypeDefinitionNode

from gateway.sources.base import Subgraph
from gateway.sources.packed import Packed
from gateway.sources.reach import KINDS, Outline, fields_of, relatives

QUERY = "Query"
Key = tuple[str, str]
Fields = dict[Key, dict[str, FieldDefinitionNode]]


def opened_for(subgraphs: Sequence[Subgraph]) -> Sequence[Subgraph]:
    """The subgraphs as composition takes them: packed only where nobody has to look inside."""
    if all(s.facts is None for s in subgraphs):
        return subgraphs
    return [msgspec.structs.replace(s, types=dict(s.types)) if isinstance(s.types, Packed) else s for s in subgraphs]


class Merged(MutableMapping[str, TypeDefinitionNode]):
    """The types of all sources. `made`: those that were looked at; the others are their only source's."""

    def __init__(self) -> None:
        self.made: dict[str, TypeDefinitionNode] = {}
        self._origin: dict[str, Packed | None] = {}

    def leave(self, name: str, packed: Packed) -> None:
        """One source alone has it."""
        self._origin[name] = packed

    def __getitem__(self, name: str) -> TypeDefinitionNode:
        packed = self._origin[name]
        return self.made[name] if packed is None else packed[name]

    def __setitem__(self, name: str, node: TypeDefinitionNode) -> None:
        self.made[name] = node
        self._origin[name] = None

    def __delitem__(self, name: str) -> None:
        del self._origin[name]
        self.made.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._origin

    def __iter__(self) -> Iterator[str]:
        return iter(self._origin)

    def __len__(self) -> int:
        return len(self._origin)

    def outline(self) -> Iterator[Outline]:
        for name, packed in self._origin.items():
            if packed is None:
                yield name, KINDS[type(self.made[name])], relatives(self.made[name])
            else:
                entry = packed.index[name]
                yield name, entry.kind, entry.names


def merged_types(subgraphs: Iterable[Subgraph]) -> MutableMapping[str, TypeDefinitionNode]:
    """The table that merging fills."""
    return Merged() if any(isinstance(s.types, Packed) for s in subgraphs) else {}


def changed(types: Mapping[str, TypeDefinitionNode]) -> Iterable[str]:
    """Names of the types that may differ from what their sources say."""
    return types.made if isinstance(types, Merged) else types


def is_shared(subgraphs: Sequence[Subgraph]) -> bool:
    """Does any object or interface stand in two of the subgraphs? Else there is nothing that has to be reached by key."""
    seen: set[str] = set()
    for subgraph in subgraphs:
        own = {name for name in subgraph.types if name != subgraph.query}
        both = seen & own
        if any(KINDS[type(subgraph.types[name])] in ("object", "interface") for name in both):
            return True
        seen |= own
    return False


class Opening(dict[Key, dict[str, FieldDefinitionNode]]):
    """(type, field) → subgraph → definition. A packed type's fields come in when one of them is first asked for."""

    def __init__(self, packed: Sequence[Subgraph], taken: frozenset[tuple[str, str, str]] = frozenset()) -> None:
        super().__init__()
        self._packed = packed
        self._taken = taken
        self._open = {QUERY}
        """Types whose fields are in; those of the root are put in by who makes the table."""

    def __missing__(self, key: Key) -> dict[str, FieldDefinitionNode]:
        name = key[0]
        if name in self._open:
            raise KeyError(key)
        self._open.add(name)
        for subgraph in self._packed:
            if name in subgraph.types:
                for field in fields_of(subgraph.types[name]):
                    at = (name, field.name.value)
                    if (*at, subgraph.name) not in self._taken:
                        self.setdefault(at, {})[subgraph.name] = field
        return self[key]

    def get(self, key: Key, default: Any = None) -> Any:
        try:
            return self[key]
        except KeyError:
            return default

    def __contains__(self, key: object) -> bool:
        return self.get(key) is not None  # type: ignore[arg-type]  # what is no key is in no table
