"""What an operation may cost, estimated before anyone is asked: `@cost` and `@listSize` as the IBM cost specification has them.

A leaf costs nothing and an object 1, unless `@cost(weight:)` says otherwise. An item of a list costs what it is made of, as
often as there may be items; what a source brings counts by its weight. How many items: the slicing argument (`first`, `last`,
`limit`, or those `@listSize` names), else `assumedSize`, else a number for all lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNonNull,
    InlineFragmentNode,
    IntValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_composite_type,
    is_list_type,
    value_from_ast_untyped,
)

from gateway.composition import Supergraph
from gateway.engine.limits import Limits, exceeded

SLICING = ("first", "last", "limit")
"""Arguments that by wide custom say how many items are wanted."""

Size = int | str
"""A number, or the name of the variable that holds it, with the names inside of it after dots."""


def _value(size: Size, variables: Mapping[str, Any]) -> Any:
    if isinstance(size, int):
        return size
    value: Any = variables
    for name in size.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


Sized = tuple[tuple[Size, ...], int]
"""The sizes asked for, and the one to assume where none of them has a value."""


class Part(msgspec.Struct, frozen=True):
    """A field: its own cost per item, what is below it, and how many items there may be (the largest of `sizes`)."""

    weight: float
    extra: float
    """Once, however many items: what its arguments cost."""
    sizes: tuple[Size, ...]
    assumed: int
    """For when none of `sizes` has a value; 1 where it is no list."""
    below: tuple[Part, ...]

    def items(self, variables: Mapping[str, Any]) -> int:
        values = [_value(size, variables) for size in self.sizes]
        return max((value for value in values if isinstance(value, int)), default=self.assumed)

    def cost(self, variables: Mapping[str, Any]) -> float:
        inside = self.weight + sum(part.cost(variables) for part in self.below)
        return self.extra + max(0, self.items(variables)) * inside


class Estimate(msgspec.Struct, frozen=True):
    """Of one operation; what depends on variables is worked out for each request."""

    parts: tuple[Part, ...]
    slices: tuple[Size, ...]
    limits: Limits

    def check(self, variables: Mapping[str, Any]) -> None:
        """Raises `LimitExceeded`."""
        longest = self.limits.list_size
        for size in self.slices:
            value = _value(size, variables)
            if longest and isinstance(value, int) and value > longest:
                raise exceeded("list_size", longest, value)
        if self.limits.cost and (cost := sum(part.cost(variables) for part in self.parts)) > self.limits.cost:
            raise exceeded("cost", self.limits.cost, int(-(-cost // 1)))


def estimate(
    supergraph: Supergraph,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    limits: Limits,
) -> Estimate | None:
    """None: nothing of it is limited. The operation has to be valid, and within the limits of its text, which bound the work."""
    if not (limits.cost or limits.list_size):
        return None
    reader = _Reader(supergraph, fragments, limits)
    parts = tuple(reader.parts(operation.operation.value.capitalize(), operation.selection_set, {}))
    if not (limits.cost or reader.slices):
        return None
    return Estimate(parts if limits.cost else (), tuple(dict.fromkeys(reader.slices)), limits)


class _Reader:
    def __init__(self, supergraph: Supergraph, fragments: Mapping[str, FragmentDefinitionNode], limits: Limits) -> None:
        self.supergraph = supergraph
        self.types: Mapping[str, Any] = supergraph.schema.type_map
        self.fragments = fragments
        self.limits = limits
        self.slices: list[Size] = []

    def parts(self, parent: str, selections: SelectionSetNode, sized: Mapping[str, Sized]) -> Iterator[Part]:
        """`sized`: fields whose length an argument of the parent tells (`sizedFields`)."""
        for node in selections.selections:
            if isinstance(node, FieldNode):
                if not node.name.value.startswith("__"):
                    yield self.part(parent, node, sized)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self.fragments[node.name.value]
                yield from self.parts(fragment.type_condition.name.value, fragment.selection_set, sized)
            elif isinstance(node, InlineFragmentNode):
                inner = node.type_condition.name.value if node.type_condition else parent
                yield from self.parts(inner, node.selection_set, sized)

    def part(self, parent: str, node: FieldNode, sized: Mapping[str, Sized]) -> Part:
        name = node.name.value
        definition = self.types[parent].fields[name]
        stated = {d.name.value: _given(d) for d in self.directives(parent, name)}
        lists = stated.get("listSize", {})
        slicing = lists.get("slicingArguments") or SLICING
        sizes = self.sizes(node, slicing)
        kind = definition.type.of_type if isinstance(definition.type, GraphQLNonNull) else definition.type
        result: Any = get_named_type(kind)
        assumed = lists.get("assumedSize") or _default(definition.args, slicing) or self.limits.assumed_list_size
        of_fields = dict.fromkeys(lists.get("sizedFields") or (), (sizes, assumed))
        below = tuple(self.parts(result.name, node.selection_set, of_fields)) if node.selection_set else ()
        own, assumed = sized.get(name, (sizes, assumed))
        weight = _weight(stated, result) * self.limits.weights.get(self.source(parent, name), 1.0)
        if not is_list_type(kind):
            own, assumed = (), 1
        return Part(weight, self.arguments(node, definition.args), own, assumed, below)

    def sizes(self, node: FieldNode, slicing: Sequence[str]) -> tuple[Size, ...]:
        found = tuple(_sizes(node, slicing))
        self.slices += found
        return found

    def arguments(self, node: FieldNode, definitions: Mapping[str, Any]) -> float:
        given = {argument.name.value for argument in node.arguments or ()}
        nodes = (argument.ast_node for name, argument in definitions.items() if name in given and argument.ast_node)
        return sum(float(_given(d).get("weight", 0)) for ast in nodes for d in ast.directives or () if d.name.value == "cost")

    def directives(self, parent: str, field: str) -> Iterable[DirectiveNode]:
        for definition in self.supergraph.graph.fields.get((parent, field), {}).values():
            yield from definition.directives or ()

    def source(self, parent: str, field: str) -> str:
        if (link := self.supergraph.graph.links.get((parent, field))) is not None:
            return link.subgraph
        return next(iter(self.supergraph.graph.fields.get((parent, field), ())), "")


def _sizes(node: FieldNode, slicing: Sequence[str]) -> Iterator[Size]:
    """`slicing`: names of arguments, and with dots of what is inside of them."""
    for path in slicing:
        name, *inside = path.split(".")
        for argument in node.arguments or ():
            if argument.name.value == name:
                yield from _size(argument.value, inside)


def _size(value: ValueNode, inside: Sequence[str]) -> Iterator[Size]:
    if isinstance(value, VariableNode):
        yield ".".join((value.name.value, *inside))
    elif isinstance(value, ObjectValueNode) and inside:
        for field in value.fields:
            if field.name.value == inside[0]:
                yield from _size(field.value, inside[1:])
    elif isinstance(value, IntValueNode) and not inside:
        yield int(value.value)


def _default(definitions: Mapping[str, Any], slicing: Sequence[str]) -> int:
    """How many items come where nothing says it; 0: it is not known."""
    nodes = (definitions[name].ast_node for name in slicing if name in definitions)
    defaults = (node.default_value for node in nodes if node is not None)
    return max((int(each.value) for each in defaults if isinstance(each, IntValueNode)), default=0)


def _weight(stated: Mapping[str, Mapping[str, Any]], result: Any) -> float:
    if "cost" in stated:
        return float(stated["cost"].get("weight", 1))
    for directive in (result.ast_node.directives if result.ast_node else None) or ():
        if directive.name.value == "cost":
            return float(_given(directive).get("weight", 1))
    return 1.0 if is_composite_type(result) else 0.0


def _given(directive: DirectiveNode) -> Mapping[str, Any]:
    return {a.name.value: value_from_ast_untyped(a.value) for a in directive.arguments or ()}
