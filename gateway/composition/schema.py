"""A schema whose types are made when they are first asked for. Validation, planning and answers name the few they need."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from typing import Any, cast

from graphql import (
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    GraphQLArgument,
    GraphQLDirective,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLError,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    ListTypeNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    TypeDefinitionNode,
    TypeNode,
    UnionTypeDefinitionNode,
    introspection_types,
    specified_scalar_types,
)
from graphql.type import GraphQLDefaultInput, GraphQLList, GraphQLNonNull
from graphql.type.schema import InterfaceImplementations
from graphql.type.validate import SchemaValidationContext

from gateway.sources.reach import Types, fields_of, named, outline

QUERY = "Query"
KNOWN: Mapping[str, GraphQLNamedType] = {**specified_scalar_types, **introspection_types}


class OpeningSchema(GraphQLSchema):
    """A schema of definitions that are known to be valid."""

    def __init__(self, types: Types, directives: Collection[GraphQLDirective]) -> None:
        """Does what `GraphQLSchema` does, but for going through all types."""
        type_map = _TypeMap(types)
        self.type_map = cast("dict[str, GraphQLNamedType]", type_map)
        self.assume_valid = True
        self._validation_errors = []
        self.description, self.extensions = None, {}
        self.ast_node, self.extension_ast_nodes = None, ()
        self.query_type = cast("GraphQLObjectType", type_map[QUERY])
        self.mutation_type = self.subscription_type = None
        self.directives = tuple(directives)
        self._sub_type_map = {}
        self._outline = types

    @cached_property
    def _implementing(self) -> Mapping[str, Mapping[str, list[str]]]:
        """interface → kind → the types that implement it."""
        found: dict[str, dict[str, list[str]]] = {}
        for name, kind, names in outline(self._outline):
            for interface in names if kind != "union" else ():
                found.setdefault(interface, {}).setdefault(kind, []).append(name)
        return found

    def get_implementations(self, interface_type: GraphQLInterfaceType) -> InterfaceImplementations:
        kinds = self._implementing.get(interface_type.name, {})
        objects = [cast("GraphQLObjectType", self.type_map[name]) for name in kinds.get("object", ())]
        interfaces = [cast("GraphQLInterfaceType", self.type_map[name]) for name in kinds.get("interface", ())]
        return InterfaceImplementations(objects=objects, interfaces=interfaces)

    def faults(self, names: Collection[str], roots: Collection[str]) -> list[GraphQLError]:
        """What is wrong with these types, and with these fields of the root."""
        some = object.__new__(OpeningSchema)
        some.__dict__.update(self.__dict__)
        assert self.query_type is not None
        root = GraphQLObjectType(QUERY, {name: self.query_type.fields[name] for name in roots}) if roots else None
        some.type_map = {name: self.type_map[name] for name in names if name != QUERY} | ({QUERY: root} if root else {})
        context = SchemaValidationContext(some)
        context.validate_directives()
        context.validate_types()
        return context.errors


class _TypeMap(Mapping[str, GraphQLNamedType]):
    """name → type. Built-in scalars are there when somebody looks through the whole only if a type names them."""

    def __init__(self, definitions: Types) -> None:
        self._definitions = definitions
        self._made: dict[str, GraphQLNamedType] = {}

    def __getitem__(self, name: str) -> GraphQLNamedType:
        if (made := self._made.get(name)) is None:
            known = KNOWN.get(name)
            made = self._made[name] = known if known is not None else named_type(self._definitions[name], self)
        return made

    def __contains__(self, name: object) -> bool:
        return name in self._definitions or name in KNOWN

    @cached_property
    def _names(self) -> tuple[str, ...]:
        used = {name for node in self._definitions.values() for name in _used(node)}
        built_in = (name for name in specified_scalar_types if name in used or name in ("String", "Boolean"))
        return tuple(dict.fromkeys((*self._definitions, *built_in, *introspection_types)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _used(node: TypeDefinitionNode) -> Iterator[str]:
    for field in getattr(node, "fields", None) or ():
        yield named(field.type)
        yield from (named(argument.type) for argument in getattr(field, "arguments", None) or ())


# ---------------------------------------------------------------- one type


def named_type(node: TypeDefinitionNode, types: Mapping[str, GraphQLNamedType]) -> GraphQLNamedType:
    """A definition as a type; what it refers to is taken from `types` when its fields are first looked at."""
    make = _MAKE[type(node)]
    return make(node, types)


def _common(node: Any) -> dict[str, Any]:
    return {"name": node.name.value, "description": _text(node), "ast_node": node}


def _text(node: Any) -> str | None:
    return node.description.value if node.description else None


def _object(node: Any, types: Mapping[str, Any]) -> GraphQLNamedType:
    kind = GraphQLObjectType if isinstance(node, ObjectTypeDefinitionNode) else GraphQLInterfaceType
    made = kind(**_common(node), interfaces=lambda: [types[each.name.value] for each in node.interfaces or ()], fields={})
    made.__dict__["fields"] = _Fields(node, types)
    return made


class _Fields(Mapping[str, GraphQLField]):
    """The fields of a type, each made when it is first asked for: of a root with thousands a client names a few."""

    def __init__(self, node: TypeDefinitionNode, types: Mapping[str, Any]) -> None:
        self._nodes = {field.name.value: field for field in fields_of(node)}
        self._types = types
        self._made: dict[str, GraphQLField] = {}

    def __getitem__(self, name: str) -> GraphQLField:
        if (made := self._made.get(name)) is None:
            made = self._made[name] = _field(self._nodes[name], self._types)
        return made

    def __contains__(self, name: object) -> bool:
        return name in self._nodes

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)


def _union(node: Any, types: Mapping[str, Any]) -> GraphQLNamedType:
    return GraphQLUnionType(**_common(node), types=lambda: [types[each.name.value] for each in node.types or ()])


def _input(node: Any, types: Mapping[str, Any]) -> GraphQLNamedType:
    one_of = any(each.name.value == "oneOf" for each in node.directives or ())
    return GraphQLInputObjectType(
        **_common(node), fields=lambda: {each.name.value: _taken(GraphQLInputField, each, types) for each in node.fields or ()},
        is_one_of=one_of,
    )  # fmt: skip


def _enum(node: Any, _types: Mapping[str, Any]) -> GraphQLNamedType:
    values = {
        each.name.value: GraphQLEnumValue(
            value=each.name.value, description=_text(each), deprecation_reason=_deprecated(each), ast_node=each
        )
        for each in node.values or ()
    }
    return GraphQLEnumType(**_common(node), values=values)


def _scalar(node: Any, _types: Mapping[str, Any]) -> GraphQLNamedType:
    return GraphQLScalarType(**_common(node), specified_by_url=_argument(node, "specifiedBy", "url"))


_MAKE: Mapping[type, Callable[[Any, Mapping[str, Any]], GraphQLNamedType]] = {
    ObjectTypeDefinitionNode: _object,
    InterfaceTypeDefinitionNode: _object,
    UnionTypeDefinitionNode: _union,
    InputObjectTypeDefinitionNode: _input,
    EnumTypeDefinitionNode: _enum,
    ScalarTypeDefinitionNode: _scalar,
}


def _field(node: FieldDefinitionNode, types: Mapping[str, Any]) -> GraphQLField:
    return GraphQLField(
        _type(node.type, types),
        args={each.name.value: _taken(GraphQLArgument, each, types) for each in node.arguments or ()},
        description=_text(node),
        deprecation_reason=_deprecated(node),
        ast_node=node,
    )


def _taken(kind: Any, node: InputValueDefinitionNode, types: Mapping[str, Any]) -> Any:
    return kind(
        _type(node.type, types),
        default=GraphQLDefaultInput(literal=node.default_value) if node.default_value else None,
        description=_text(node),
        deprecation_reason=_deprecated(node),
        ast_node=node,
    )


def _type(node: TypeNode, types: Mapping[str, Any]) -> Any:
    if isinstance(node, NonNullTypeNode):
        return GraphQLNonNull(_type(node.type, types))
    return GraphQLList(_type(node.type, types)) if isinstance(node, ListTypeNode) else types[named(node)]


def _deprecated(node: Any) -> str | None:
    return _argument(node, "deprecated", "reason", "No longer supported")


def _argument(node: Any, directive: str, argument: str, default: str | None = None) -> str | None:
    """The text of an applied directive's argument; its default where it is not given; None where nothing is applied."""
    for each in node.directives or ():
        if each.name.value == directive:
            return next((a.value.value for a in each.arguments or () if a.name.value == argument), default)
    return None
