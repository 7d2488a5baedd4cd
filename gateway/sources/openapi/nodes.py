"""GraphQL definition nodes, made directly: a document of 17 000 types is never printed and parsed again."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from graphql import (
    BooleanValueNode,
    ConstArgumentNode,
    ConstDirectiveNode,
    EnumTypeDefinitionNode,
    EnumValueDefinitionNode,
    EnumValueNode,
    FieldDefinitionNode,
    FloatValueNode,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    IntValueNode,
    ListTypeNode,
    ListValueNode,
    NamedTypeNode,
    NameNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    StringValueNode,
    TypeNode,
    UnionTypeDefinitionNode,
    ValueNode,
)

from gateway.sources.openapi.names import encodable


def _name(text: str) -> NameNode:
    return NameNode(value=text)


@lru_cache(maxsize=4096)
def named(text: str) -> NamedTypeNode:
    return NamedTypeNode(name=_name(text))


def non_null(node: NamedTypeNode | ListTypeNode | NonNullTypeNode) -> NonNullTypeNode:
    return node if isinstance(node, NonNullTypeNode) else NonNullTypeNode(type=node)


def listed(item: TypeNode) -> ListTypeNode:
    return ListTypeNode(type=item)


def nullable(node: TypeNode) -> NamedTypeNode | ListTypeNode:
    """The type without its outer `!`."""
    return node.type if isinstance(node, NonNullTypeNode) else node  # type: ignore[return-value]  # the other two kinds


def prose(text: str) -> StringValueNode | None:
    """A description, unchanged."""
    if not text:
        return None
    text = encodable(text)
    return StringValueNode(value=text, block="\n" in text and text.replace("\n", "").replace("\t", "").isprintable())


def list_literal(items: Iterable[ValueNode]) -> ListValueNode:
    return ListValueNode(values=tuple(items))


def literal(value: object) -> ValueNode | None:
    """A scalar, or a list of scalars, as a GraphQL literal; None for what a default in the schema cannot say."""
    if isinstance(value, bool):
        return BooleanValueNode(value=value)
    if isinstance(value, int):
        return IntValueNode(value=str(value))
    if isinstance(value, float):
        return FloatValueNode(value=repr(value))
    if isinstance(value, str):
        return StringValueNode(value=encodable(value), block=False)
    if isinstance(value, list):
        items = [literal(item) for item in value]
        return None if None in items else list_literal(item for item in items if item is not None)
    return None


def symbol(name: str) -> EnumValueNode:
    return EnumValueNode(value=name)


_DEPRECATED = (ConstDirectiveNode(name=_name("deprecated"), arguments=()),)


def _directives(deprecated: bool) -> tuple[ConstDirectiveNode, ...]:
    return _DEPRECATED if deprecated else ()


def field(
    name: str,
    type_: TypeNode,
    description: str = "",
    *,
    deprecated: bool = False,
    arguments: Iterable[InputValueDefinitionNode] = (),
) -> FieldDefinitionNode:
    return FieldDefinitionNode(
        name=_name(name),
        type=type_,
        arguments=tuple(arguments),
        description=prose(description),
        directives=_directives(deprecated),
    )


def input_value(
    name: str, type_: TypeNode, description: str = "", *, deprecated: bool = False, default: ValueNode | None = None
) -> InputValueDefinitionNode:
    return InputValueDefinitionNode(
        name=_name(name),
        type=type_,
        description=prose(description),
        default_value=default,  # type: ignore[arg-type]  # `literal` makes constants only
        directives=_directives(deprecated),
    )


def object_type(
    name: str, fields: Iterable[FieldDefinitionNode], description: str = "", interfaces: Iterable[str] = ()
) -> ObjectTypeDefinitionNode:
    return ObjectTypeDefinitionNode(
        name=_name(name),
        fields=tuple(fields),
        description=prose(description),
        interfaces=tuple(map(named, interfaces)),
        directives=(),
    )


def interface_type(
    name: str, fields: Iterable[FieldDefinitionNode], description: str = "", interfaces: Iterable[str] = ()
) -> InterfaceTypeDefinitionNode:
    return InterfaceTypeDefinitionNode(
        name=_name(name),
        fields=tuple(fields),
        description=prose(description),
        interfaces=tuple(map(named, interfaces)),
        directives=(),
    )


def union_type(name: str, members: Iterable[str], description: str = "") -> UnionTypeDefinitionNode:
    return UnionTypeDefinitionNode(
        name=_name(name), types=tuple(map(named, members)), description=prose(description), directives=()
    )


def enum_type(name: str, values: Iterable[EnumValueDefinitionNode], description: str = "") -> EnumTypeDefinitionNode:
    return EnumTypeDefinitionNode(name=_name(name), values=tuple(values), description=prose(description), directives=())


def enum_value(name: str, description: str = "") -> EnumValueDefinitionNode:
    return EnumValueDefinitionNode(name=_name(name), description=prose(description), directives=())


def input_type(name: str, fields: Iterable[InputValueDefinitionNode], description: str = "") -> InputObjectTypeDefinitionNode:
    return InputObjectTypeDefinitionNode(name=_name(name), fields=tuple(fields), description=prose(description), directives=())


def scalar_type(name: str, description: str = "", specified_by: str = "") -> ScalarTypeDefinitionNode:
    directives: tuple[ConstDirectiveNode, ...] = ()
    if specified_by:
        url = ConstArgumentNode(name=_name("url"), value=StringValueNode(value=specified_by, block=False))
        directives = (ConstDirectiveNode(name=_name("specifiedBy"), arguments=(url,)),)
    return ScalarTypeDefinitionNode(name=_name(name), description=prose(description), directives=directives)
