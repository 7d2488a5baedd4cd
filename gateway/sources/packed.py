"""Types in a form that is read in no time: each is opened when it is first looked at.

What composition has to know of all types, their kinds and which belong to which, stands in an index; the rest of a type is bytes
until somebody asks for it. A start from such a form costs what is looked at, not what there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from graphql import (
    ConstArgumentNode,
    ConstDirectiveNode,
    ConstValueNode,
    DirectiveNode,
    EnumValueDefinitionNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    ListTypeNode,
    NamedTypeNode,
    NameNode,
    NonNullTypeNode,
    StringValueNode,
    TypeDefinitionNode,
    TypeNode,
    parse_const_value,
    print_ast,
)

from gateway.sources.reach import KINDS, Outline, fields_of, relatives

Words = tuple[str, bool] | None
"""A description, and whether it is written as a block."""
Directives = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
"""Name → arguments, their values as SDL."""


class PackedInput(msgspec.Struct, array_like=True, frozen=True):
    name: str
    type: str
    words: Words = None
    default: str | None = None
    directives: Directives = ()


class PackedField(msgspec.Struct, array_like=True, frozen=True):
    name: str
    type: str
    words: Words = None
    arguments: tuple[PackedInput, ...] = ()
    directives: Directives = ()


class PackedValue(msgspec.Struct, array_like=True, frozen=True):
    name: str
    words: Words = None
    directives: Directives = ()


class PackedType(msgspec.Struct, array_like=True, frozen=True):
    """A definition. Interfaces, members and kind stand in the index."""

    words: Words = None
    directives: Directives = ()
    fields: tuple[PackedField, ...] = ()
    inputs: tuple[PackedInput, ...] = ()
    values: tuple[PackedValue, ...] = ()


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """What is known of a type before it is opened. `names`: its interfaces, or its members."""

    kind: str
    names: tuple[str, ...]
    start: int
    length: int


_NODES: Mapping[str, type[TypeDefinitionNode]] = {kind: node for node, kind in KINDS.items()}
_decoder = msgspec.msgpack.Decoder(PackedType)
_encode = msgspec.msgpack.Encoder().encode


class Packed(Mapping[str, TypeDefinitionNode]):
    """The types of a subgraph, opened one by one. What stands here was valid when it was packed."""

    def __init__(self, index: Mapping[str, Entry], text: bytes | memoryview) -> None:
        self.index = index
        self._text = memoryview(text)
        self._opened: dict[str, TypeDefinitionNode] = {}

    def __getitem__(self, name: str) -> TypeDefinitionNode:
        if (known := self._opened.get(name)) is None:
            entry = self.index[name]
            packed = _decoder.decode(self._text[entry.start : entry.start + entry.length])
            known = self._opened[name] = _opened(name, entry, packed)
        return known

    def __contains__(self, name: object) -> bool:
        return name in self.index

    def __iter__(self) -> Iterator[str]:
        return iter(self.index)

    def __len__(self) -> int:
        return len(self.index)

    def only(self, names: Iterable[str]) -> Packed:
        """These of them."""
        return Packed({name: self.index[name] for name in names}, self._text)

    def outline(self) -> Iterator[Outline]:
        """Of each type, without opening it."""
        return ((name, entry.kind, entry.names) for name, entry in self.index.items())


# ---------------------------------------------------------------- packing


def pack(types: Mapping[str, TypeDefinitionNode]) -> tuple[dict[str, Entry], bytes]:
    """The index and the text that `Packed` is made of."""
    index: dict[str, Entry] = {}
    parts: list[bytes] = []
    start = 0
    for name, node in types.items():
        text = _encode(_packed(node))
        index[name] = Entry(KINDS[type(node)], relatives(node), start, len(text))
        parts.append(text)
        start += len(text)
    return index, b"".join(parts)


def _packed(node: Any) -> PackedType:
    is_input = isinstance(node, InputObjectTypeDefinitionNode)
    return PackedType(
        _words(node),
        _directives(node),
        tuple(packed_field(each) for each in fields_of(node)),
        tuple(_packed_input(each) for each in node.fields or ()) if is_input else (),
        tuple(PackedValue(v.name.value, _words(v), _directives(v)) for v in getattr(node, "values", None) or ()),
    )


def packed_field(node: FieldDefinitionNode) -> PackedField:
    arguments = tuple(_packed_input(each) for each in node.arguments or ())
    return PackedField(node.name.value, print_ast(node.type), _words(node), arguments, _directives(node))


def _packed_input(node: InputValueDefinitionNode) -> PackedInput:
    default = print_ast(node.default_value) if node.default_value is not None else None
    return PackedInput(node.name.value, print_ast(node.type), _words(node), default, _directives(node))


def _words(node: Any) -> Words:
    return (node.description.value, bool(node.description.block)) if node.description is not None else None


def _directives(node: Any) -> Directives:
    def arguments(each: DirectiveNode) -> tuple[tuple[str, str], ...]:
        return tuple((a.name.value, print_ast(a.value)) for a in each.arguments or ())

    return tuple((each.name.value, arguments(each)) for each in node.directives or ())


# ---------------------------------------------------------------- opening


def _opened(name: str, entry: Entry, packed: PackedType) -> TypeDefinitionNode:
    said: dict[str, Any] = {
        "name": NameNode(value=name),
        "description": _description(packed.words),
        "directives": _opened_directives(packed.directives),
    }
    if entry.kind in ("object", "interface"):
        said |= {"interfaces": tuple(map(_named, entry.names)), "fields": tuple(map(opened_field, packed.fields))}
    elif entry.kind == "union":
        said["types"] = tuple(map(_named, entry.names))
    elif entry.kind == "input":
        said["fields"] = tuple(map(_opened_input, packed.inputs))
    elif entry.kind == "enum":
        said["values"] = tuple(map(_opened_value, packed.values))
    return _NODES[entry.kind](**said)


def opened_field(packed: PackedField) -> FieldDefinitionNode:
    return FieldDefinitionNode(
        name=NameNode(value=packed.name),
        type=type_of(packed.type),
        description=_description(packed.words),
        arguments=tuple(map(_opened_input, packed.arguments)),
        directives=_opened_directives(packed.directives),
    )


def _opened_input(packed: PackedInput) -> InputValueDefinitionNode:
    return InputValueDefinitionNode(
        name=NameNode(value=packed.name),
        type=type_of(packed.type),
        description=_description(packed.words),
        default_value=None if packed.default is None else _value(packed.default),
        directives=_opened_directives(packed.directives),
    )


def _opened_value(packed: PackedValue) -> EnumValueDefinitionNode:
    return EnumValueDefinitionNode(
        name=NameNode(value=packed.name),
        description=_description(packed.words),
        directives=_opened_directives(packed.directives),
    )


@lru_cache(maxsize=16_384)
def type_of(text: str) -> TypeNode:
    """A type as SDL writes it. Nodes are never changed, so one serves all places."""
    if text.endswith("!"):
        return NonNullTypeNode(type=type_of(text[:-1]))  # type: ignore[arg-type]  # there is no second `!` before it
    return ListTypeNode(type=type_of(text[1:-1])) if text.startswith("[") else _named(text)


@lru_cache(maxsize=16_384)
def _named(name: str) -> NamedTypeNode:
    return NamedTypeNode(name=NameNode(value=name))


@lru_cache(maxsize=4_096)
def _value(text: str) -> ConstValueNode:
    return parse_const_value(text, no_location=True)


def _description(words: Words) -> StringValueNode | None:
    return StringValueNode(value=words[0], block=words[1]) if words is not None else None


@lru_cache(maxsize=1_024)
def _opened_directives(packed: Directives) -> tuple[ConstDirectiveNode, ...]:
    return tuple(
        ConstDirectiveNode(
            name=NameNode(value=name),
            arguments=tuple(ConstArgumentNode(name=NameNode(value=key), value=_value(value)) for key, value in arguments),
        )
        for name, arguments in packed
    )
