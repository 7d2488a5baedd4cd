"""A valid type system document becomes the facts a subgraph needs: types by name, roots, applied directives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
from graphql import (
    DirectiveDefinitionNode,
    DocumentNode,
    FieldDefinitionNode,
    ObjectTypeDefinitionNode,
    OperationType,
    OperationTypeDefinitionNode,
    SchemaDefinitionNode,
    SchemaExtensionNode,
    TypeDefinitionNode,
    TypeExtensionNode,
    specified_directives,
)

from gateway.config.problem import ConfigError, Problem
from gateway.sources.base import SUBSCRIPTION
from gateway.sources.reach import (
    BUILT_IN,
    Types,
    applied_directives,
    exposed,
    fields_of,
    mentioned,
    named,
    pruned,
    reachable_types,
    subscription_root,
)
from gateway.sources.report import fault, nearest

if TYPE_CHECKING:
    from gateway.config.model import Source

FOLDED = ("interfaces", "directives", "fields", "types", "values")
"""What a type extension may add to."""

SPECIFIED = frozenset(directive.name for directive in specified_directives)

Fields = Mapping[str, FieldDefinitionNode]


class Schema(msgspec.Struct, frozen=True):
    """What a source offers to read, and what it has besides."""

    types: Types
    """What remains for clients."""
    query: str
    whole: Types
    """All types, and the query root with the fields that only lookups may use."""
    mutations: Fields
    subscriptions: Fields
    directives: tuple[DirectiveDefinitionNode, ...] = ()
    subscription: str = ""
    """What the source calls the root of its subscriptions."""

    @property
    def unexposed(self) -> dict[str, FieldDefinitionNode]:
        shown = _fields(self.types[self.query])
        return {name: field for name, field in _fields(self.whole[self.query]).items() if name not in shown}


def schema_of(source: Source, document: DocumentNode) -> Schema:
    """The exposed part of a valid document. `ConfigError` when `expose` names what is not there."""
    types = _types(document)
    roots = _roots(document)
    root = types[roots[OperationType.QUERY]]
    assert isinstance(root, ObjectTypeDefinitionNode)  # a schema without is not valid
    mutations = _fields(types.get(roots[OperationType.MUTATION]))
    subscriptions = _fields(types.get(roots[OperationType.SUBSCRIPTION]))
    if problems := _unknown_exposed(source, {**subscriptions, **_fields(root)}, mutations):
        raise ConfigError(problems)
    shown = shown_subscriptions(source, subscriptions)
    kept = pruned(types, exposed(root, source.expose), (*(k.type for k in source.lookups), *mentioned(shown.values())))
    kept, directives = _with_directives(document, types, kept)
    if shown:
        kept[SUBSCRIPTION] = subscription_root(shown.values())
    return Schema(kept, root.name.value, types, mutations, shown, directives, roots[OperationType.SUBSCRIPTION])


def shown_subscriptions(source: Source, known: Fields) -> dict[str, FieldDefinitionNode]:
    """Those that clients are to see."""
    if source.subscriptions is None:
        return {}
    return {name: field for name, field in known.items() if source.expose is None or name in source.expose}


def _schema_nodes(document: DocumentNode) -> Iterable[SchemaDefinitionNode | SchemaExtensionNode]:
    return (d for d in document.definitions if isinstance(d, SchemaDefinitionNode | SchemaExtensionNode))


def _types(document: DocumentNode) -> dict[str, TypeDefinitionNode]:
    """Definitions by name, each with its extensions folded in: an extended type and a type written whole are the same."""
    types = {d.name.value: d for d in document.definitions if isinstance(d, TypeDefinitionNode) and d.name.value not in BUILT_IN}
    for extension in document.definitions:
        if isinstance(extension, TypeExtensionNode):
            types[extension.name.value] = _folded(types[extension.name.value], extension)
    return types


def _folded(base: TypeDefinitionNode, extension: TypeExtensionNode) -> TypeDefinitionNode:
    parts: dict[str, Any] = {
        name: (getattr(base, name) or ()) + (getattr(extension, name, None) or ()) for name in FOLDED if hasattr(base, name)
    }
    return replace(base, **parts)


def _roots(document: DocumentNode) -> dict[OperationType, str]:
    """The names of the root types: as the schema says, else the usual ones."""
    operations: list[OperationTypeDefinitionNode] = [o for node in _schema_nodes(document) for o in node.operation_types or ()]
    said = {o.operation: o.type.name.value for o in operations}
    if any(isinstance(node, SchemaDefinitionNode) for node in _schema_nodes(document)):
        return {operation: said.get(operation, "") for operation in OperationType}
    return {operation: said.get(operation, operation.value.capitalize()) for operation in OperationType}


def _fields(node: TypeDefinitionNode | None) -> dict[str, FieldDefinitionNode]:
    return {f.name.value: f for f in fields_of(node)}


def _unknown_exposed(source: Source, known: Fields, mutations: Fields) -> list[Problem]:
    problems = []
    for index, name in enumerate(source.expose or ()):
        if name in known:
            continue
        what = "is a mutation, and a source is only read" if name in mutations else "is not a root field of this source"
        fix = None if name in mutations else nearest(name, known)
        problems.append(fault(source, "EXPOSE_UNKNOWN", f"{name} {what}", ("expose", index), fix=fix))
    return problems


def _with_directives(
    document: DocumentNode, types: Types, kept: dict[str, TypeDefinitionNode]
) -> tuple[dict[str, TypeDefinitionNode], tuple[DirectiveDefinitionNode, ...]]:
    """The definitions of the directives that the kept types apply, and the types of their arguments with them."""
    applied = applied_directives(kept.values()) - SPECIFIED
    directives = tuple(d for d in document.definitions if isinstance(d, DirectiveDefinitionNode) and d.name.value in applied)
    needed = reachable_types(types, (named(argument.type) for directive in directives for argument in directive.arguments or ()))
    return {name: kept.get(name, node) for name, node in types.items() if name in kept or name in needed}, directives
