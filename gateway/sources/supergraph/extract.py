"""Takes a supergraph apart: what each join graph contributes, as that graph's own types and facts (join specification)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec
from graphql import (
    BooleanValueNode,
    ConstDirectiveNode,
    DirectiveDefinitionNode,
    DocumentNode,
    EnumTypeDefinitionNode,
    EnumValueNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InterfaceTypeDefinitionNode,
    ListValueNode,
    NamedTypeNode,
    NameNode,
    ObjectTypeDefinitionNode,
    ObjectValueNode,
    OperationType,
    SchemaDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    TypeDefinitionNode,
    UnionTypeDefinitionNode,
    parse_type,
)

from gateway.sources.base import Contextual, Coordinate, Facts, Key, Override
from gateway.sources.federation.read import Read, field_set, value_selection
from gateway.sources.supergraph.spec import JoinSpec

SPECIFIED = frozenset({"deprecated", "specifiedBy", "oneOf", "include", "skip"})
DROPPED = frozenset({"inaccessible", "context", "fromContext"})

Arguments = Mapping[str, Any]


class Extracted(msgspec.Struct, frozen=True):
    """One graph of the supergraph."""

    name: str
    url: str
    read: Read
    roots: Mapping[OperationType, str] = {}


def extract(document: DocumentNode, spec: JoinSpec) -> tuple[Extracted, ...]:
    """Every graph, in the order in which the supergraph names them."""
    graphs = _graphs(document, spec)
    parts = {graph: _Graph(graph, spec) for graph in graphs}
    for node in document.definitions:
        if isinstance(node, TypeDefinitionNode) and not node.name.value.startswith(spec.machinery):
            types = list(_joined(node, "join__type", spec))
            for graph in parts if not types else dict.fromkeys(a["graph"] for a in types):
                parts[graph].add(node, [a for a in types if a["graph"] == graph])
    roots = _roots(document)
    directives = tuple(d for d in document.definitions if isinstance(d, DirectiveDefinitionNode) and _is_own(d.name.value, spec))
    return tuple(Extracted(name, url, parts[graph].read(directives, roots), roots) for graph, (name, url) in graphs.items())


def _graphs(document: DocumentNode, spec: JoinSpec) -> dict[str, tuple[str, str]]:
    """enum value → (name, url)."""
    graphs: dict[str, tuple[str, str]] = {}
    for node in document.definitions:
        if isinstance(node, EnumTypeDefinitionNode) and node.name.value.endswith("__Graph"):
            for value in node.values or ():
                for told in _joined(value, "join__graph", spec):
                    graphs[value.name.value] = (told["name"], told.get("url") or "")
    return graphs


def _roots(document: DocumentNode) -> dict[OperationType, str]:
    schema = next((d for d in document.definitions if isinstance(d, SchemaDefinitionNode)), None)
    return {o.operation: o.type.name.value for o in (schema.operation_types if schema else ())}


def _is_own(directive: str, spec: JoinSpec) -> bool:
    return directive not in spec.names and directive not in ("link", "core") and not directive.startswith(spec.machinery)


def _joined(node: Any, name: str, spec: JoinSpec) -> Iterator[Arguments]:
    """The arguments of each application of a directive of the join spec."""
    for directive in node.directives or ():
        if spec.names.get(directive.name.value) == name:
            yield {a.name.value: _value(a.value) for a in directive.arguments or ()}


def _value(node: Any) -> Any:
    if isinstance(node, ListValueNode):
        return [_value(item) for item in node.values]
    if isinstance(node, ObjectValueNode):
        return {member.name.value: _value(member.value) for member in node.fields}
    return node.value if isinstance(node, StringValueNode | BooleanValueNode | EnumValueNode) else None


class _Graph:
    """The types and facts of one graph."""

    def __init__(self, graph: str, spec: JoinSpec) -> None:
        self.graph = graph
        self.spec = spec
        self.types: dict[str, TypeDefinitionNode] = {}
        self.keys: dict[str, tuple[Key, ...]] = {}
        self.external: set[Coordinate] = set()
        self.requires: dict[Coordinate, SelectionSetNode] = {}
        self.provides: dict[Coordinate, SelectionSetNode] = {}
        self.overrides: dict[Coordinate, Override] = {}
        self.interface_objects: set[str] = set()
        self.inaccessible: set[str] = set()
        self.contexts: dict[str, list[str]] = {}
        self.from_context: dict[Coordinate, tuple[Contextual, ...]] = {}

    def read(self, directives: tuple[DirectiveDefinitionNode, ...], roots: Mapping[OperationType, str]) -> Read:
        query = roots.get(OperationType.QUERY, "Query")
        if query not in self.types:
            self.types[query] = ObjectTypeDefinitionNode(name=NameNode(value=query), interfaces=(), directives=(), fields=())
        facts = Facts(
            keys=self.keys,
            external=frozenset(self.external),
            requires=self.requires,
            provides=self.provides,
            overrides=self.overrides,
            interface_objects=frozenset(self.interface_objects),
            inaccessible=frozenset(self.inaccessible),
            contexts={name: tuple(types) for name, types in self.contexts.items()},
            from_context=self.from_context,
            composed=True,
            shares=True,
        )
        return Read(self.types, facts, directives)

    # ------------------------------------------------------------ types

    def add(self, node: TypeDefinitionNode, joins: list[Arguments]) -> None:
        name = node.name.value
        keys = [Key(field_set(j["key"]), j["key"], j.get("resolvable") is not False) for j in joins if j.get("key")]
        if keys:
            self.keys[name] = tuple(keys)
        if any(j.get("isInterfaceObject") for j in joins):
            self.interface_objects.add(name)
            node = ObjectTypeDefinitionNode(
                name=node.name,
                description=getattr(node, "description", None),
                directives=node.directives,
                interfaces=(),
                fields=getattr(node, "fields", ()),
            )
        self._note(name, node)
        for context in _joined(node, "context", self.spec):
            self.contexts.setdefault(context["name"], []).append(name)
        self.types[name] = self._type(name, node)

    def _type(self, name: str, node: TypeDefinitionNode) -> TypeDefinitionNode:
        changes: dict[str, Any] = {"directives": self._kept(node)}
        if isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
            changes["fields"] = tuple(f for field in node.fields or () if (f := self._field(name, field)) is not None)
            if name not in self.interface_objects:
                changes["interfaces"] = self._interfaces(node)
        elif isinstance(node, InputObjectTypeDefinitionNode):
            changes["fields"] = tuple(f for field in node.fields or () if (f := self._input(name, field)) is not None)
        elif isinstance(node, EnumTypeDefinitionNode):
            changes["values"] = tuple(self._enum_value(name, v) for v in node.values or () if self._has(v, "join__enumValue"))
        elif isinstance(node, UnionTypeDefinitionNode):
            changes["types"] = self._members(node)
        return replace(node, **changes)

    def _interfaces(self, node: Any) -> tuple[NamedTypeNode, ...]:
        told = list(_joined(node, "join__implements", self.spec))
        if not told:
            return tuple(node.interfaces or ())
        names = dict.fromkeys(j["interface"] for j in told if j["graph"] == self.graph)
        return tuple(NamedTypeNode(name=NameNode(value=name)) for name in names)

    def _members(self, node: UnionTypeDefinitionNode) -> tuple[NamedTypeNode, ...]:
        told = list(_joined(node, "join__unionMember", self.spec))
        if not told:
            return tuple(node.types or ())
        names = dict.fromkeys(j["member"] for j in told if j["graph"] == self.graph)
        return tuple(NamedTypeNode(name=NameNode(value=name)) for name in names)

    def _has(self, node: Any, directive: str) -> bool:
        told = list(_joined(node, directive, self.spec))
        return not told or any(j["graph"] == self.graph for j in told)

    def _enum_value(self, parent: str, value: Any) -> Any:
        self._note(f"{parent}.{value.name.value}", value)
        return replace(value, directives=self._kept(value))

    # ------------------------------------------------------------ fields

    def _field(self, parent: str, field: FieldDefinitionNode) -> FieldDefinitionNode | None:
        told = list(_joined(field, "join__field", self.spec))
        mine = [j for j in told if j.get("graph") == self.graph]
        if told and not mine:
            return None
        at, coordinate = (parent, field.name.value), f"{parent}.{field.name.value}"
        changes: dict[str, Any] = {}
        for join in mine:
            self._field_facts(at, join)
            if join.get("type"):
                changes["type"] = parse_type(join["type"], no_location=True)
        self._note(coordinate, field)
        for argument in field.arguments or ():
            self._note(f"{coordinate}({argument.name.value}:)", argument)
        arguments = tuple(replace(a, directives=self._kept(a)) for a in field.arguments or ())
        return replace(field, directives=self._kept(field), arguments=arguments, **changes)

    def _field_facts(self, at: Coordinate, join: Arguments) -> None:
        if join.get("external") or (join.get("usedOverridden") and not join.get("overrideLabel")):
            self.external.add(at)
        if join.get("requires"):
            self.requires[at] = field_set(join["requires"])
        if join.get("provides"):
            self.provides[at] = field_set(join["provides"])
        if join.get("contextArguments"):
            self.from_context[at] = tuple(
                Contextual(c["name"], parse_type(c["type"], no_location=True), c["context"], value_selection(c["selection"]))
                for c in join["contextArguments"]
            )
        if join.get("override"):
            self.overrides[at] = Override(join["override"], join.get("overrideLabel"))

    def _input(self, parent: str, field: Any) -> Any:
        told = list(_joined(field, "join__field", self.spec))
        mine = [j for j in told if j.get("graph") == self.graph]
        if told and not mine:
            return None
        self._note(f"{parent}.{field.name.value}", field)
        kind = next((parse_type(j["type"], no_location=True) for j in mine if j.get("type")), field.type)
        return replace(field, type=kind, directives=self._kept(field))

    # ------------------------------------------------------------ directives

    def _note(self, coordinate: str, node: Any) -> None:
        for directive in node.directives or ():
            standard = self.spec.names.get(directive.name.value)
            if standard == "inaccessible":
                self.inaccessible.add(coordinate)

    def _kept(self, node: Any) -> tuple[ConstDirectiveNode, ...]:
        kept = []
        for directive in node.directives or ():
            standard = self.spec.names.get(directive.name.value, directive.name.value)
            if standard.startswith("join__") or standard in DROPPED or directive.name.value.startswith(self.spec.machinery):
                continue
            kept.append(replace(directive, name=NameNode(value=standard)))
        return tuple(kept)
