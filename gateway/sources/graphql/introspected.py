"""The answer to an introspection query, as the type system document it describes.

Built node by node: printing a client schema would lose defaults of custom scalars, and stop at the first fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

import msgspec
from graphql import (
    DEFAULT_DEPRECATION_REASON,
    ConstArgumentNode,
    ConstDirectiveNode,
    ConstValueNode,
    DefinitionNode,
    DocumentNode,
    EnumTypeDefinitionNode,
    EnumValueDefinitionNode,
    FieldDefinitionNode,
    GraphQLError,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    ListTypeNode,
    NamedTypeNode,
    NameNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    OperationType,
    OperationTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    SchemaDefinitionNode,
    StringValueNode,
    TypeDefinitionNode,
    TypeNode,
    UnionTypeDefinitionNode,
    parse_const_value,
)

from gateway.sources.reach import BUILT_IN

NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]*")


class _Ref(msgspec.Struct, rename="camel"):
    kind: str
    name: str | None = None
    of_type: _Ref | None = None


class _Value(msgspec.Struct, rename="camel"):
    name: str
    type: _Ref
    description: str | None = None
    default_value: str | None = None
    is_deprecated: bool = False
    deprecation_reason: str | None = None


class _Field(msgspec.Struct, rename="camel"):
    name: str
    type: _Ref
    args: list[_Value] = []
    description: str | None = None
    is_deprecated: bool = False
    deprecation_reason: str | None = None


class _Member(msgspec.Struct, rename="camel"):
    name: str
    description: str | None = None
    is_deprecated: bool = False
    deprecation_reason: str | None = None


class _Type(msgspec.Struct, rename="camel"):
    kind: str
    name: str
    description: str | None = None
    specified_by: str | None = msgspec.field(default=None, name="specifiedByURL")
    is_one_of: bool | None = None
    fields: list[_Field] | None = None
    interfaces: list[_Ref] | None = None
    possible_types: list[_Ref] | None = None
    enum_values: list[_Member] | None = None
    input_fields: list[_Value] | None = None


class _Root(msgspec.Struct):
    name: str


class _Schema(msgspec.Struct, rename="camel"):
    types: list[_Type]
    query_type: _Root | None = None
    mutation_type: _Root | None = None
    subscription_type: _Root | None = None
    description: str | None = None


class _Envelope(msgspec.Struct):
    schema: _Schema = msgspec.field(name="__schema")


class _Answer(msgspec.Struct):
    data: _Envelope


def document_of(text: bytes) -> DocumentNode:
    """The type system document that an introspection answer (with or without its `data` envelope) describes.

    Raises `msgspec.DecodeError` when it is not one, and `ExceptionGroup` of `GraphQLError` with every fault in its contents.
    """
    try:
        schema = msgspec.json.decode(text, type=_Answer).data.schema
    except msgspec.ValidationError:
        if b'"data"' in text[:64]:
            raise
        schema = msgspec.json.decode(text, type=_Envelope).schema
    builder = _Builder()
    document = builder.document(schema)
    if builder.faults:
        raise ExceptionGroup("introspection", builder.faults)
    return document


class _Builder:
    """Makes nodes and collects what is wrong; a fault leaves something valid in its place, so that all are found."""

    def __init__(self) -> None:
        self.faults: list[GraphQLError] = []

    def document(self, schema: _Schema) -> DocumentNode:
        types = [t for t in schema.types if not t.name.startswith("__") and t.name not in BUILT_IN]
        made = (self.definition(t) for t in types)
        definitions: list[DefinitionNode] = [self.root(schema), *(node for node in made if node is not None)]
        return DocumentNode(definitions=tuple(definitions))

    def root(self, schema: _Schema) -> SchemaDefinitionNode:
        roots = {
            OperationType.QUERY: schema.query_type,
            OperationType.MUTATION: schema.mutation_type,
            OperationType.SUBSCRIPTION: schema.subscription_type,
        }
        operations = tuple(
            OperationTypeDefinitionNode(operation=operation, type=self.name_ref(root.name, "schema"))
            for operation, root in roots.items()
            if root
        )
        return SchemaDefinitionNode(description=_text(schema.description), directives=(), operation_types=operations)

    def definition(self, told: _Type) -> TypeDefinitionNode | None:
        make: Callable[[_Type], TypeDefinitionNode] | None = {
            "OBJECT": self.object,
            "INTERFACE": self.interface,
            "UNION": self.union,
            "ENUM": self.enum,
            "INPUT_OBJECT": self.input,
            "SCALAR": self.scalar,
        }.get(told.kind)
        if make is None:
            self.faults.append(GraphQLError(f"{told.name} has the unknown kind {told.kind}."))
            return None
        return make(told)

    def object(self, told: _Type) -> TypeDefinitionNode:
        return ObjectTypeDefinitionNode(
            name=self.name(told.name, told.name),
            description=_text(told.description),
            interfaces=self.refs(told.interfaces, told.name),
            directives=(),
            fields=self.fields(told),
        )

    def interface(self, told: _Type) -> TypeDefinitionNode:
        return InterfaceTypeDefinitionNode(
            name=self.name(told.name, told.name),
            description=_text(told.description),
            interfaces=self.refs(told.interfaces, told.name),
            directives=(),
            fields=self.fields(told),
        )

    def union(self, told: _Type) -> TypeDefinitionNode:
        members = self.refs(told.possible_types, told.name)
        name = self.name(told.name, told.name)
        return UnionTypeDefinitionNode(name=name, description=_text(told.description), directives=(), types=members)

    def enum(self, told: _Type) -> TypeDefinitionNode:
        values = tuple(
            EnumValueDefinitionNode(
                name=self.name(value.name, f"{told.name}.{value.name}"),
                description=_text(value.description),
                directives=_deprecated(value),
            )
            for value in told.enum_values or ()
        )
        name = self.name(told.name, told.name)
        return EnumTypeDefinitionNode(name=name, description=_text(told.description), directives=(), values=values)

    def input(self, told: _Type) -> TypeDefinitionNode:
        return InputObjectTypeDefinitionNode(
            name=self.name(told.name, told.name),
            description=_text(told.description),
            directives=(_directive("oneOf"),) if told.is_one_of else (),
            fields=self.values(told.input_fields or (), told.name),
        )

    def scalar(self, told: _Type) -> TypeDefinitionNode:
        directives = (_directive("specifiedBy", url=told.specified_by),) if told.specified_by else ()
        name = self.name(told.name, told.name)
        return ScalarTypeDefinitionNode(name=name, description=_text(told.description), directives=directives)

    def fields(self, told: _Type) -> tuple[FieldDefinitionNode, ...]:
        return tuple(
            FieldDefinitionNode(
                name=self.name(field.name, f"{told.name}.{field.name}"),
                description=_text(field.description),
                arguments=self.values(field.args, f"{told.name}.{field.name}"),
                type=self.ref(field.type, f"{told.name}.{field.name}"),
                directives=_deprecated(field),
            )
            for field in told.fields or ()
        )

    def values(self, values: Iterable[_Value], at: str) -> tuple[InputValueDefinitionNode, ...]:
        return tuple(
            InputValueDefinitionNode(
                name=self.name(value.name, f"{at}.{value.name}"),
                description=_text(value.description),
                type=self.ref(value.type, f"{at}.{value.name}"),
                default_value=self.default(value, f"{at}.{value.name}"),
                directives=_deprecated(value),
            )
            for value in values
        )

    def default(self, value: _Value, at: str) -> ConstValueNode | None:
        if value.default_value is None:
            return None
        try:
            return parse_const_value(value.default_value, no_location=True)
        except GraphQLError as error:
            self.faults.append(GraphQLError(f"{at} has a default that is not a value: {error.message}"))
            return None

    def refs(self, refs: Sequence[_Ref] | None, at: str) -> tuple[NamedTypeNode, ...]:
        return tuple(self.name_ref(ref.name or "", at) for ref in refs or ())

    def ref(self, ref: _Ref, at: str) -> TypeNode:
        if ref.of_type is None:
            return self.name_ref(ref.name or "", at)
        inner = self.ref(ref.of_type, at)
        if ref.kind == "LIST":
            return ListTypeNode(type=inner)
        if ref.kind == "NON_NULL" and isinstance(inner, NamedTypeNode | ListTypeNode):
            return NonNullTypeNode(type=inner)
        self.faults.append(GraphQLError(f"{at} wraps its type in the unknown kind {ref.kind}."))
        return inner

    def name_ref(self, name: str, at: str) -> NamedTypeNode:
        return NamedTypeNode(name=self.name(name, at))

    def name(self, name: str, at: str) -> NameNode:
        if not NAME.fullmatch(name):
            self.faults.append(GraphQLError(f"{at} uses {name[:60]!r}, which is not a GraphQL name."))
            return NameNode(value="_")
        return NameNode(value=name)


def _text(text: str | None) -> StringValueNode | None:
    return StringValueNode(value=text, block=True) if text else None


def _deprecated(told: _Field | _Value | _Member) -> tuple[ConstDirectiveNode, ...]:
    if not told.is_deprecated:
        return ()
    reason = told.deprecation_reason
    return (
        _directive("deprecated", reason=reason) if reason and reason != DEFAULT_DEPRECATION_REASON else _directive("deprecated"),
    )


def _directive(name: str, **arguments: str) -> ConstDirectiveNode:
    nodes = tuple(ConstArgumentNode(name=NameNode(value=n), value=StringValueNode(value=v)) for n, v in arguments.items())
    return ConstDirectiveNode(name=NameNode(value=name), arguments=nodes)
