"""A base with a discriminator is an interface of all that extend it with `allOf` (C1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
from graphql import (
    FieldDefinitionNode,
    InterfaceTypeDefinitionNode,
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    TypeDefinitionNode,
    TypeNode,
    UnionTypeDefinitionNode,
)

from gateway.sources.openapi.dispatch import Member, Tell, by_discriminator, says_always, structures_of, target_of
from gateway.sources.openapi.draft import Draft
from gateway.sources.openapi.nodes import field, interface_type, named, non_null, nullable, object_type
from gateway.sources.openapi.references import Node, is_reference
from gateway.sources.openapi.shape import Discriminator, Shape

if TYPE_CHECKING:
    from gateway.sources.openapi.outputs import Outputs


class _Opened(msgspec.Struct, frozen=True):
    """An interface and the concrete types it may stand for."""

    name: str
    discriminator: Discriminator
    members: tuple[Member, ...]


class Hierarchy:
    """Which shared schemas extend which; the index is made when the first discriminator is met."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._index: dict[str, list[Node]] | None = None
        self._derived: dict[str, tuple[Shape, ...]] = {}
        self.interfaces: set[str] = set()
        self._opened: list[_Opened] = []

    def is_interface(self, at: str) -> bool:
        node = self._draft.references.node(at)
        if node is None or not isinstance(node.value, dict) or "discriminator" not in node.value:
            return False
        shape = self._draft.shapes.of(node)
        own = shape.discriminator is not None and shape.discriminator.at == at
        return own and shape.at == at and shape.kind == "object" and bool(self.derived(at))

    def derived(self, at: str) -> tuple[Shape, ...]:
        """The object schemas that extend the one at this place, near or far, in the order of the document."""
        if at not in self._derived:
            found: dict[str, Shape] = {}
            pending = [at]
            seen = {at}
            while pending:
                for node in self._extending().get(pending.pop(), ()):
                    if node.at in seen:
                        continue
                    seen.add(node.at)
                    pending.append(node.at)
                    shape = self._draft.shapes.of(node)
                    if shape.kind == "object" and at in shape.bases:
                        found[shape.at] = shape
            self._derived[at] = tuple(found[key] for key in sorted(found))
        return self._derived[at]

    def implemented(self, shape: Shape, outputs: Outputs) -> list[str]:
        """The interfaces of an object; they join the queue."""
        found = []
        for at in shape.bases:
            node = self._draft.references.node(at) if at != shape.at and self.is_interface(at) else None
            if node is not None and not outputs.unreadable(base := self._draft.shapes.of(node)):
                found.append(outputs.name(base))
        return list(dict.fromkeys(found))

    def stands_for_itself(self, shape: Shape) -> bool:
        """Values of a base may be of no type that extends it: they need not say what they are, or may say it by its name."""
        said = shape.discriminator
        given = shape.properties.get(said.property) if said else None
        if said is None or given is None or not given.required:
            return True
        return any(target_of(self._draft, said, str(target)) == shape.at for target in said.mapping.values())

    def itself(self, shape: Shape) -> str:
        """The name of the concrete type for such values."""
        return self._draft.naming.of(shape.at, "_itself")

    def concrete(self, shape: Shape, outputs: Outputs) -> list[Member]:
        """The object types that an interface may stand for."""
        found = []
        for each in (shape, *self.derived(shape.at)):
            if not self.is_interface(each.at):
                found.append(Member(outputs.name(each), each))
            elif self.stands_for_itself(each):
                outputs.name(each)
                found.append(Member(self.itself(each), each))
        return found

    def opened(self, name: str, shape: Shape, outputs: Outputs) -> None:
        """An interface was defined: all that implement it must be there too."""
        assert shape.discriminator is not None
        self.interfaces.add(name)
        for each in self.derived(shape.at):
            outputs.name(each)
        self._opened.append(_Opened(name, shape.discriminator, tuple(self.concrete(shape, outputs))))

    def dispatch(self) -> None:
        for each in self._opened:
            mapping = by_discriminator(
                self._draft, each.discriminator, each.members, {member.shape.place for member in each.members}
            )
            self._draft.fidelity.origin(each.name, "dispatch", property=each.discriminator.property, mapping=mapping)
            always = says_always(each.members, each.discriminator.property)
            structures = () if always else structures_of(self._draft, each.members)
            self._draft.tells[each.name] = Tell(each.discriminator.property, mapping, structures)

    def _extending(self) -> dict[str, list[Node]]:
        if self._index is None:
            self._index = {}
            for _, node in self._draft.references.shared():
                for part in node.child("allOf").items():
                    base = self._draft.references.follow(part) if is_reference(part.value) else None
                    if base is not None:
                        self._index.setdefault(base.at, []).append(node)
        return self._index


# ---------------------------------------------------------------- fields that must fit


def fit(draft: Draft, interfaces: set[str]) -> None:
    """See to it that each type has the fields of its interfaces with types that fit; one that does not takes the interface's.
    Where two interfaces of a type say what no type could fit, that field is any JSON, in all of them."""
    _pass(draft, interfaces)
    _pass(draft, interfaces)  # an interface of an interface may have been changed after those that implement it
    while disputed := _disputed(draft, interfaces):
        for interface, name in sorted(disputed):
            draft.types[interface] = _with_json(draft, draft.types[interface], name)
            message = "Types that have it by another interface, too, are told otherwise there; it is read as any JSON."
            draft.fidelity.deviation("INTERFACE_FIELD", f"{interface}.{name}", message)
        _pass(draft, interfaces)
        _pass(draft, interfaces)


Implementing = ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode


def _implementing(draft: Draft, interfaces: set[str]) -> Iterator[tuple[str, Implementing, list[str]]]:
    for name, definition in list(draft.types.items()):
        if isinstance(definition, Implementing) and definition.interfaces:
            yield name, definition, [node.name.value for node in definition.interfaces if node.name.value in interfaces]


def _pass(draft: Draft, interfaces: set[str]) -> None:
    for name, definition, wanted in _implementing(draft, interfaces):
        fields = {each.name.value: each for each in definition.fields or ()}
        before = dict(fields)
        for interface in wanted:
            for theirs in _fields(draft.types[interface]):
                fields[theirs.name.value] = _fitting(draft, name, interface, fields.get(theirs.name.value), theirs)
        if fields != before or len(wanted) != len(definition.interfaces or ()):
            draft.types[name] = _made(definition, fields.values(), wanted)


def _disputed(draft: Draft, interfaces: set[str]) -> set[tuple[str, str]]:
    """The fields of interfaces that a type has by several of them and cannot have as all of them say."""
    found: set[tuple[str, str]] = set()
    for _, definition, wanted in _implementing(draft, interfaces):
        own = {each.name.value: each.type for each in definition.fields or ()}
        theirs = [(interface, each) for interface in wanted for each in _fields(draft.types[interface])]
        misfits = {each.name.value for _, each in theirs if not _is_subtype(draft, own[each.name.value], each.type)}
        found |= {(interface, each.name.value) for interface, each in theirs if each.name.value in misfits}
    return found


def _with_json(draft: Draft, definition: TypeDefinitionNode, name: str) -> TypeDefinitionNode:
    assert isinstance(definition, InterfaceTypeDefinitionNode)
    json = named(draft.scalar("JSON"))
    fields = [field(name, json, _words(each)) if each.name.value == name else each for each in definition.fields or ()]
    return _made(definition, fields, [node.name.value for node in definition.interfaces or ()])


def _made(definition: Implementing, fields: Iterable[FieldDefinitionNode], interfaces: Sequence[str]) -> TypeDefinitionNode:
    make = object_type if isinstance(definition, ObjectTypeDefinitionNode) else interface_type
    return make(definition.name.value, fields, _words(definition), interfaces)


def _fields(interface: TypeDefinitionNode) -> Sequence[FieldDefinitionNode]:
    return (interface.fields or ()) if isinstance(interface, InterfaceTypeDefinitionNode) else ()


def _words(node: Implementing | FieldDefinitionNode) -> str:
    return node.description.value if node.description else ""


def _fitting(
    draft: Draft, name: str, interface: str, own: FieldDefinitionNode | None, theirs: FieldDefinitionNode
) -> FieldDefinitionNode:
    field_name = theirs.name.value
    if source := draft.names.get((interface, field_name)):
        draft.names.setdefault((name, field_name), source)
    if own is None:
        return theirs
    deprecated = bool(own.directives) and bool(theirs.directives)
    words = _words(own)
    if own.directives and not deprecated:
        words = "\n\n".join(filter(None, (words, "Deprecated.")))
    if _is_subtype(draft, own.type, theirs.type):
        return own if deprecated == bool(own.directives) else field(field_name, own.type, words)
    coordinate = f"{name}.{field_name}"
    message = f"Its type does not fit {interface}.{field_name}; it has the type declared there."
    draft.fidelity.deviation("INTERFACE_FIELD", coordinate, message)
    loosened = nullable(theirs.type)
    required = isinstance(own.type, NonNullTypeNode) or isinstance(theirs.type, NonNullTypeNode)
    return field(field_name, non_null(loosened) if required else loosened, words, deprecated=deprecated)


def _is_subtype(draft: Draft, own: TypeNode, theirs: TypeNode) -> bool:
    if isinstance(theirs, NonNullTypeNode):
        return isinstance(own, NonNullTypeNode) and _is_subtype(draft, own.type, theirs.type)
    own = nullable(own)
    if isinstance(theirs, ListTypeNode):
        return isinstance(own, ListTypeNode) and _is_subtype(draft, own.type, theirs.type)
    if not isinstance(own, NamedTypeNode) or not isinstance(theirs, NamedTypeNode):
        return False
    mine, wanted = own.name.value, theirs.name.value
    if mine == wanted:
        return True
    abstract, concrete = draft.types.get(wanted), draft.types.get(mine)
    if isinstance(abstract, UnionTypeDefinitionNode):
        return mine in {node.name.value for node in abstract.types or ()}
    interfaces = getattr(concrete, "interfaces", None) or ()
    return wanted in {node.name.value for node in interfaces}
