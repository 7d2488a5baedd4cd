"""A federation document becomes plain types and `Facts`: extensions folded in, the spec's directives read and taken off.

What is wrong is told all at once, as (code, message, node) with the node's place in the document where it has one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import msgspec
from graphql import (
    BooleanValueNode,
    ConstDirectiveNode,
    DirectiveDefinitionNode,
    DocumentNode,
    EnumTypeDefinitionNode,
    GraphQLSyntaxError,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    NameNode,
    Node,
    ObjectTypeDefinitionNode,
    OperationDefinitionNode,
    ScalarTypeDefinitionNode,
    SchemaDefinitionNode,
    SchemaExtensionNode,
    SelectionSetNode,
    StringValueNode,
    TypeDefinitionNode,
    TypeExtensionNode,
    UnionTypeDefinitionNode,
    parse,
)

from gateway.sources.base import Contextual, Coordinate, Facts, Key, Override
from gateway.sources.federation.spec import DEFINITIONS, KEPT, OWN_TYPES, Speech
from gateway.sources.reach import BUILT_IN, Types, fields_of

Fault = tuple[str, str, Node | None]
PARTS = ("interfaces", "directives", "fields", "types", "values")
FROM_CONTEXT = re.compile(r"\s*\$(?P<context>\w+)\s*(?P<selection>\S.*)", re.DOTALL)
SPECIFIED = frozenset({"deprecated", "specifiedBy", "oneOf"})
DEFINED = {
    "object_type_extension": ObjectTypeDefinitionNode,
    "interface_type_extension": InterfaceTypeDefinitionNode,
    "union_type_extension": UnionTypeDefinitionNode,
    "enum_type_extension": EnumTypeDefinitionNode,
    "input_object_type_extension": InputObjectTypeDefinitionNode,
    "scalar_type_extension": ScalarTypeDefinitionNode,
}


class Read(msgspec.Struct, frozen=True):
    """A federation document, read."""

    types: Types
    """Every type, each whole, without the spec's directives and machinery."""
    facts: Facts
    directives: tuple[DirectiveDefinitionNode, ...]
    faults: tuple[Fault, ...] = ()
    applied: tuple[ConstDirectiveNode, ...] = ()
    """What is applied to the schema itself."""


def read(document: DocumentNode, speech: Speech, query: str) -> Read:
    """`query` is the name of the query root."""
    schema = (d for d in document.definitions if isinstance(d, SchemaDefinitionNode | SchemaExtensionNode))
    applied = tuple(directive for node in schema for directive in node.directives or ())
    reader = _Reader(speech, applied)
    types = reader.folded(document)
    for name, node in types.items():
        reader.type_facts(name, node)
    types = {name: _clean(node, reader.keeps) for name, node in types.items()}
    root = types.get(query)
    fields = tuple(f for f in fields_of(root) if f.name.value not in ("_service", "_entities"))
    interfaces = root.interfaces if isinstance(root, ObjectTypeDefinitionNode) else ()
    types[query] = ObjectTypeDefinitionNode(name=NameNode(value=query), interfaces=interfaces, directives=(), fields=fields)
    directives = tuple(
        d for d in document.definitions if isinstance(d, DirectiveDefinitionNode) and d.name.value in reader.composed
    )
    return Read(types, reader.facts(), directives, tuple(reader.faults), applied)


class _Reader:
    """Gathers facts, type by type."""

    def __init__(self, speech: Speech, applied: tuple[ConstDirectiveNode, ...]) -> None:
        self.speech = speech
        told = (str(_argument(d, "name")) for d in applied if self.standard(d.name.value) == "composeDirective")
        self.composed = frozenset(name.removeprefix("@") for name in told)
        self.faults: list[Fault] = []
        self.keys: dict[str, list[Key]] = {}
        self.extended_keys: dict[str, list[Key]] = {}
        self.external: set[Coordinate] = set()
        self.shareable: set[Coordinate] = set()
        self.requires: dict[Coordinate, SelectionSetNode] = {}
        self.provides: dict[Coordinate, SelectionSetNode] = {}
        self.overrides: dict[Coordinate, Override] = {}
        self.interface_objects: set[str] = set()
        self.inaccessible: set[str] = set()
        self.of_extension: dict[int, bool] = {}
        self.contexts: dict[str, list[str]] = {}
        self.from_context: dict[Coordinate, tuple[Contextual, ...]] = {}
        self.extended: set[str] = set()
        self.shareable_twice: list[Coordinate] = []

    def standard(self, directive: str) -> str | None:
        """The standard name of a directive of the spec; None: it is not of the spec."""
        return self.speech.names.get(directive)

    def keeps(self, directive: ConstDirectiveNode) -> ConstDirectiveNode | None:
        """The directive under its standard name, when it stays on the types."""
        standard = self.standard(directive.name.value)
        if standard is None:
            return directive if directive.name.value in self.composed | SPECIFIED else None
        return replace(directive, name=NameNode(value=standard)) if standard in KEPT else None

    # ------------------------------------------------------------ folding

    def folded(self, document: DocumentNode) -> dict[str, TypeDefinitionNode]:
        """Types by name, extensions folded in; a type that is only extended is a type all the same."""
        types: dict[str, TypeDefinitionNode] = {}
        for node in document.definitions:
            if not isinstance(node, TypeDefinitionNode | TypeExtensionNode) or self._machinery(node.name.value):
                continue
            whole = self._defined(node) if isinstance(node, TypeExtensionNode) else node
            name = whole.name.value
            extends = any(self.standard(d.name.value) == "extends" for d in whole.directives or ())
            extends = extends or isinstance(node, TypeExtensionNode)
            self._note_extension(name, extends, new=name not in types)
            for directive in whole.directives or ():
                self.of_extension[id(directive)] = extends
            types[name] = whole if name not in types else self._joined(types[name], whole, node)
        return types

    def _note_extension(self, name: str, extends: bool, *, new: bool) -> None:
        if extends and new:
            self.extended.add(name)
        elif not extends:
            self.extended.discard(name)

    def _machinery(self, name: str) -> bool:
        return name in OWN_TYPES or name in BUILT_IN or name.startswith(self.speech.prefixes)

    def _defined(self, node: TypeExtensionNode) -> TypeDefinitionNode:
        members = {part: getattr(node, part) for part in PARTS if hasattr(node, part)}
        made: TypeDefinitionNode = DEFINED[node.kind](name=node.name, loc=node.loc, **members)
        return made

    def _joined(self, known: TypeDefinitionNode, more: TypeDefinitionNode, node: Node) -> TypeDefinitionNode:
        if known.kind != more.kind:
            self.faults.append(("TYPE_KIND_MISMATCH", f"{known.name.value} is extended as another kind of type", node))
            return known
        parts: dict[str, Any] = {p: (getattr(known, p) or ()) + (getattr(more, p) or ()) for p in PARTS if hasattr(known, p)}
        return replace(known, description=getattr(known, "description", None) or getattr(more, "description", None), **parts)

    # ------------------------------------------------------------ facts

    def type_facts(self, name: str, node: TypeDefinitionNode) -> None:
        for standard, directive in self._standing(node):
            if standard == "key":
                self._key(name, directive)
            elif standard == "interfaceObject":
                self.interface_objects.add(name)
            elif standard == "inaccessible":
                self.inaccessible.add(name)
            elif standard == "shareable":
                self.shareable |= {(name, f.name.value) for f in fields_of(node)}
            elif standard == "context":
                self.contexts.setdefault(str(_argument(directive, "name")), []).append(name)
            elif standard == "external":
                self.external |= {(name, f.name.value) for f in fields_of(node)}
        for field in getattr(node, "fields", None) or ():
            self._member_facts(name, field)
        for value in getattr(node, "values", None) or ():
            if any(standard == "inaccessible" for standard, _ in self._standing(value)):
                self.inaccessible.add(f"{name}.{value.name.value}")
        self._fake_externals(name)

    def _member_facts(self, parent: str, field: Any) -> None:
        at = (parent, field.name.value)
        coordinate = ".".join(at)
        marked: set[Coordinate] = set()
        for standard, directive in self._standing(field):
            if standard == "external":
                self.external.add(at)
            elif standard == "shareable":
                self.shareable_twice += [at] if at in marked else []
                marked.add(at)
                self.shareable.add(at)
            elif standard == "inaccessible":
                self.inaccessible.add(coordinate)
            elif standard in ("requires", "provides") and (fields := self._fields(standard, coordinate, directive)):
                getattr(self, standard)[at] = fields
            elif standard == "override":
                label = _argument(directive, "label")
                self.overrides[at] = Override(str(_argument(directive, "from")), None if label is None else str(label))
        contextual: list[Contextual] = []
        for argument in getattr(field, "arguments", None) or ():
            contextual += self._contextual(f"{coordinate}({argument.name.value}:)", argument)
            if any(standard == "inaccessible" for standard, _ in self._standing(argument)):
                self.inaccessible.add(f"{coordinate}({argument.name.value}:)")
        if contextual:
            self.from_context[at] = tuple(contextual)

    def _contextual(self, coordinate: str, argument: InputValueDefinitionNode) -> Iterator[Contextual]:
        """What `@fromContext(field: "$name { ... }")` says of an argument."""
        for standard, directive in self._standing(argument):
            if standard != "fromContext":
                continue
            text = str(_argument(directive, "field") or "")
            matched = FROM_CONTEXT.fullmatch(text)
            if matched is None:
                said = f'@fromContext(field: "{text}") of {coordinate} names no context; it begins with one: "$name {{ field }}"'
                self.faults.append(("NO_CONTEXT_IN_SELECTION", said, directive))
                continue
            try:
                selection = value_selection(matched["selection"])
            except (GraphQLSyntaxError, ValueError):
                said = f'@fromContext(field: "{text}") of {coordinate} selects nothing that can be read'
                self.faults.append(("CONTEXT_INVALID_SELECTION", said, directive))
                continue
            default = argument.default_value is not None
            yield Contextual(argument.name.value, argument.type, matched["context"], selection, default)

    def _standing(self, node: Any) -> Iterator[tuple[str, ConstDirectiveNode]]:
        for directive in node.directives or ():
            if (standard := self.standard(directive.name.value)) is not None:
                yield standard, directive

    def _key(self, name: str, directive: ConstDirectiveNode) -> None:
        fields = self._fields("key", name, directive)
        if fields is None:
            return
        key = Key(fields, str(_argument(directive, "fields")), _argument(directive, "resolvable") is not False)
        self.keys.setdefault(name, []).append(key)
        if self.of_extension.get(id(directive)):
            self.extended_keys.setdefault(name, []).append(key)

    def _fields(self, directive: str, coordinate: str, node: ConstDirectiveNode) -> SelectionSetNode | None:
        text = _argument(node, "fields")
        code = f"{directive.upper()}_INVALID_FIELDS"
        if not isinstance(text, str):
            type_code = f"{directive.upper()}_INVALID_FIELDS_TYPE"
            self.faults.append((type_code, f"@{directive} of {coordinate} needs fields: a string", node))
            return None
        try:
            return field_set(text)
        except (GraphQLSyntaxError, ValueError):
            self.faults.append((code, f'@{directive}(fields: "{text}") of {coordinate} is not a selection of fields', node))
            return None

    def _fake_externals(self, name: str) -> None:
        """Key fields of an extension are this subgraph's own, whatever they say: Federation 1 wanted them marked."""
        for key in self.extended_keys.get(name, ()):
            self.external -= {(name, s.name.value) for s in key.fields.selections if hasattr(s, "name") and s.name}

    def facts(self) -> Facts:
        first = self.speech.first
        return Facts(
            keys={name: tuple(keys) for name, keys in self.keys.items()},
            external=frozenset(self.external),
            shareable=frozenset(self.shareable),
            requires=self.requires,
            provides=self.provides,
            overrides=self.overrides,
            interface_objects=frozenset(self.interface_objects),
            inaccessible=frozenset(self.inaccessible),
            contexts={name: tuple(types) for name, types in self.contexts.items()},
            from_context=self.from_context,
            extended=frozenset(self.extended),
            shareable_twice=tuple(self.shareable_twice),
            interface_keys=first or self.speech.version >= (2, 3),
            shares=first,
        )


@lru_cache(maxsize=4096)
def field_set(text: str) -> SelectionSetNode:
    """The fields of a key, requirement or provision. Raises `GraphQLSyntaxError`, or `ValueError` when it is no selection."""
    (operation,) = parse(f"{{ {text} }}", no_location=True).definitions
    assert isinstance(operation, OperationDefinitionNode)  # it begins with a brace
    return operation.selection_set


def value_selection(text: str) -> SelectionSetNode:
    """`{ field }`, or `... on A { a } ... on B { b }`: a value of a context. Raises as `field_set` does."""
    text = text.strip()
    if text.startswith("{") != text.endswith("}") and not text.startswith("..."):
        raise ValueError(text)
    return field_set(text[1:-1] if text.startswith("{") else text)


def _argument(directive: ConstDirectiveNode, name: str) -> str | bool | None:
    for argument in directive.arguments or ():
        if argument.name.value == name and isinstance(argument.value, StringValueNode | BooleanValueNode):
            return argument.value.value
    return None


def _clean(node: Any, keeps: Any) -> Any:
    """The node with only the directives that stay."""
    changes: dict[str, Any] = {}
    for part in ("fields", "values", "arguments"):
        if members := getattr(node, part, None):
            changes[part] = tuple(_clean(member, keeps) for member in members)
    directives = tuple(kept for d in node.directives or () if (kept := keeps(d)) is not None)
    return replace(node, directives=directives, **changes)


def unknown_directives(document: DocumentNode, speech: Speech) -> Mapping[str, ConstDirectiveNode]:
    """Directives that neither the spec nor the document itself defines: name → the first place."""
    defined = {d.name.value for d in document.definitions if isinstance(d, DirectiveDefinitionNode)}
    defined |= speech.names.keys() | {"deprecated", "specifiedBy", "oneOf", "link", "core", "contact"}
    found: dict[str, ConstDirectiveNode] = {}
    for directive in _all_directives(document.definitions):
        name = directive.name.value
        if name not in defined and not name.startswith(tuple(f"{link.prefix}__" for link in speech.links)):
            found.setdefault(name, directive)
    return found


def _all_directives(nodes: Iterable[Any]) -> Iterator[ConstDirectiveNode]:
    for node in nodes:
        yield from getattr(node, "directives", None) or ()
        for part in ("fields", "values", "arguments"):
            yield from _all_directives(getattr(node, part, None) or ())


def used(types: Types) -> frozenset[str]:
    """Directives of the spec that stayed on the types."""
    return frozenset(d.name.value for d in _all_directives(types.values()) if d.name.value in DEFINITIONS)
