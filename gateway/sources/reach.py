"""What remains of a schema: the exposed root fields, and every type that can be reached from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from graphql import (
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InterfaceTypeDefinitionNode,
    ListTypeNode,
    NamedTypeNode,
    Node,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    TypeDefinitionNode,
    TypeNode,
    UnionTypeDefinitionNode,
)

Types = Mapping[str, TypeDefinitionNode]
Outline = tuple[str, str, tuple[str, ...]]
"""A type's name, its kind, and its interfaces or members."""
KINDS: Mapping[type[TypeDefinitionNode], str] = {
    ObjectTypeDefinitionNode: "object",
    InterfaceTypeDefinitionNode: "interface",
    UnionTypeDefinitionNode: "union",
    EnumTypeDefinitionNode: "enum",
    InputObjectTypeDefinitionNode: "input",
    ScalarTypeDefinitionNode: "scalar",
}
BUILT_IN = frozenset({"Int", "Float", "String", "Boolean", "ID"})


def named(node: TypeNode) -> str:
    """The name inside lists and non-nulls."""
    while isinstance(node, NonNullTypeNode | ListTypeNode):
        node = node.type
    assert isinstance(node, NamedTypeNode)
    return node.name.value


def written(node: TypeNode) -> str:
    """As SDL has it. graphql-core's printer, which prints whole documents, takes fifty times as long."""
    if isinstance(node, NonNullTypeNode):
        return f"{written(node.type)}!"
    if isinstance(node, ListTypeNode):
        return f"[{written(node.type)}]"
    assert isinstance(node, NamedTypeNode)
    return node.name.value


def nullable(node: TypeNode) -> TypeNode:
    return node.type if isinstance(node, NonNullTypeNode) else node


def fields_of(node: TypeDefinitionNode | None) -> tuple[FieldDefinitionNode, ...]:
    """Of an object or interface; nothing else has any."""
    return (node.fields or ()) if isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode) else ()


def field_of(node: TypeDefinitionNode | None, name: str) -> FieldDefinitionNode | None:
    return next((f for f in fields_of(node) if f.name.value == name), None)


def outline(types: Types) -> Iterable[Outline]:
    """Of each type what it is and belongs to. Types that are packed say it without being opened."""
    known: Callable[[], Iterable[Outline]] | None = getattr(types, "outline", None)
    return known() if known is not None else ((name, KINDS[type(node)], relatives(node)) for name, node in types.items())


def relatives(node: TypeDefinitionNode) -> tuple[str, ...]:
    """The interfaces of a type, or the members of a union."""
    named = node.types if isinstance(node, UnionTypeDefinitionNode) else getattr(node, "interfaces", None)
    return tuple(each.name.value for each in named or ())


def possible_types(types: Types) -> dict[str, frozenset[str]]:
    """abstract type → its object types."""
    possible: dict[str, set[str]] = {}
    for name, kind, names in outline(types):
        if kind == "union":
            possible[name] = set(names)
        elif kind == "interface":
            possible.setdefault(name, set())
        elif kind == "object":
            for interface in names:
                possible.setdefault(interface, set()).add(name)
    return {name: frozenset(members) for name, members in possible.items()}


def exposed(root: ObjectTypeDefinitionNode, expose: Iterable[str] | None) -> ObjectTypeDefinitionNode:
    """The query root with the allowed fields only."""
    if expose is None:
        return root
    allowed = frozenset(expose)
    return replace(root, fields=tuple(f for f in root.fields or () if f.name.value in allowed))


def pruned(types: Types, root: ObjectTypeDefinitionNode, also: Iterable[str] = ()) -> dict[str, TypeDefinitionNode]:
    """What `root` and the types `also` named reach, in the order of `types`.

    The root drops interfaces whose fields are no longer all exposed.
    """
    query = root.name.value
    reached = reachable_types({**types, query: root}, [query, *also])
    kept = {name: node for name, node in types.items() if name in reached}
    return kept | {query: _honest(root, kept)}


def reachable_types(types: Types, starts: Iterable[str]) -> frozenset[str]:
    """Names of `starts` and all they reach.

    An interface that a field gives brings all its object types. One that is only implemented comes along alone: through
    it nothing else can appear.
    """
    possible = possible_types(types)
    reached: set[str] = set()
    opened: set[str] = set()
    pending = [(name, True) for name in starts]
    while pending:
        name, given = pending.pop()
        if name not in types:
            continue
        if given and name in possible and name not in opened:
            opened.add(name)
            pending += ((member, False) for member in possible[name])
        if name not in reached:
            reached.add(name)
            pending += _neighbours(types[name])
    return frozenset(reached)


def _neighbours(node: TypeDefinitionNode) -> Iterator[tuple[str, bool]]:
    """Names a type refers to, and whether values of them are given through it."""
    for field in fields_of(node):
        yield named(field.type), True
        yield from ((named(argument.type), True) for argument in field.arguments or ())
    if isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
        yield from ((interface.name.value, False) for interface in node.interfaces or ())
    if isinstance(node, InputObjectTypeDefinitionNode):
        yield from ((named(field.type), True) for field in node.fields or ())
    if isinstance(node, UnionTypeDefinitionNode):
        yield from ((member.name.value, True) for member in node.types or ())


def _honest(root: ObjectTypeDefinitionNode, types: Types) -> ObjectTypeDefinitionNode:
    has = {f.name.value for f in root.fields or ()}
    kept = tuple(i for i in root.interfaces or () if {f.name.value for f in fields_of(types.get(i.name.value))} <= has)
    return root if len(kept) == len(root.interfaces or ()) else replace(root, interfaces=kept)


def applied_directives(nodes: Iterable[Node]) -> frozenset[str]:
    """Names of the directives that these definitions apply, anywhere in them."""
    return frozenset(
        directive.name.value for node in nodes for part in _parts(node) for directive in getattr(part, "directives", None) or ()
    )


def _parts(node: Node) -> Iterator[Node]:
    yield node
    for members in ("fields", "arguments", "values"):
        for member in getattr(node, members, None) or ():
            yield from _parts(member)
