"""Rules for `@context` and `@fromContext` (Apollo Federation 2.8): arguments whose value comes from further up in the answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from graphql import (
    FieldNode,
    InlineFragmentNode,
    ListTypeNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    SelectionSetNode,
    TypeNode,
    print_ast,
)

from gateway.sources.base import Contextual, Coordinate, Facts, Subgraph
from gateway.sources.reach import Types, field_of, fields_of, named, nullable, possible_types

Say = Callable[[str, str, str], None]
NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")


def check_contexts(subgraph: Subgraph, facts: Facts, say: Say) -> None:
    for name, types in facts.contexts.items():
        if not NAME.fullmatch(name):
            said = f'the context "{name}" of {", ".join(types)} needs a name of letters and digits that begins with a letter'
            say("CONTEXT_NAME_INVALID", types[0], said)
    for at, given in facts.from_context.items():
        for argument in given:
            coordinate = f"{at[0]}.{at[1]}({argument.name}:)"
            place_faults = list(_place_faults(at, argument, subgraph.types, facts))
            for code, said in place_faults or _selection_faults(argument, subgraph.types, facts):
                say(code, coordinate, f"{coordinate} {said}")


# ---------------------------------------------------------------- where it stands


def _place_faults(at: Coordinate, argument: Contextual, types: Types, facts: Facts) -> Iterator[tuple[str, str]]:
    name, field = at
    node = types.get(name)
    if not isinstance(node, ObjectTypeDefinitionNode):
        yield "CONTEXT_NOT_SET", "stands on a field of an abstract type, whose values are not reached by key"
        return
    for implemented in node.interfaces or ():
        if field_of(types.get(implemented.name.value), field) is not None:
            yield "CONTEXT_NOT_SET", f"stands on a field that implements {implemented.name.value}.{field}"
    if argument.has_default:
        yield "CONTEXT_NOT_SET", "has a default, which would never be used"
    if argument.context not in facts.contexts:
        yield "CONTEXT_NOT_SET", f"takes the context {argument.context}, which no type of this subgraph sets"
    if not any(key.resolvable for key in facts.keys.get(name, ())):
        yield "CONTEXT_NO_RESOLVABLE_KEY", f"is given when {name} is entered by key, but {name} has no resolvable key here"


# ---------------------------------------------------------------- what it selects


def _selection_faults(argument: Contextual, types: Types, facts: Facts) -> Iterator[tuple[str, str]]:
    form = _form_fault(argument.selection)
    if form is not None:
        yield "CONTEXT_INVALID_SELECTION", form
        return
    possible = possible_types(types)
    conditions = {
        node.type_condition.name.value
        for node in argument.selection.selections
        if isinstance(node, InlineFragmentNode) and node.type_condition is not None
    }
    met: set[str] = set()
    for name in facts.contexts[argument.context]:
        if name in facts.interface_objects:
            yield "CONTEXT_INVALID_SELECTION", f"selects on {name}, an @interfaceObject"
        for member in sorted(possible.get(name, (name,))) if conditions else (name,):
            chosen = chosen_on(member, argument.selection, possible)
            met |= {c for c in conditions if c == member or member in possible.get(c, ())}
            if chosen is None and conditions:
                yield "CONTEXT_INVALID_SELECTION", f"selects nothing on {member}, which sets the context, too"
            elif chosen is not None:
                yield from _type_faults(member, chosen, argument, types)
    for condition in sorted(conditions - met):
        yield "CONTEXT_INVALID_SELECTION", f"selects on {condition}, which never sets the context"


def _is_conditional(node: object) -> bool:
    return isinstance(node, InlineFragmentNode) and node.type_condition is not None


def _form_fault(selection: SelectionSetNode) -> str | None:
    """One field, or one field for each of some types; neither aliases nor directives."""
    nodes = selection.selections
    if not all(isinstance(node, FieldNode | InlineFragmentNode) for node in nodes):
        return "selects a fragment by name"
    if any(node.directives for node in nodes):
        return "selects with directives"
    if len(nodes) > 1 and not all(_is_conditional(node) for node in nodes):
        return "selects several values"
    for node in nodes:
        if isinstance(node, FieldNode) and node.alias is not None:
            return "selects under an alias"
        inner = getattr(node, "selection_set", None)
        if inner is not None and (fault := _form_fault(inner)) is not None:
            return fault
    return None


def chosen_on(name: str, selection: SelectionSetNode, possible: Mapping[str, frozenset[str]]) -> FieldNode | None:
    """What the selection asks of values of this type."""
    for node in selection.selections:
        if isinstance(node, FieldNode):
            return node
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition.name.value if node.type_condition else name
            if condition == name or name in possible.get(condition, ()):
                return chosen_on(name, node.selection_set, possible)
    return None


def _type_faults(name: str, node: FieldNode, argument: Contextual, types: Types) -> Iterator[tuple[str, str]]:
    given = _type_of(name, node, types)
    if isinstance(given, str):
        yield "CONTEXT_INVALID_SELECTION", given
    elif not _fits(given, argument.type):
        said = f"is {print_ast(argument.type)}, but what it selects on {name} is {print_ast(given)}"
        yield "CONTEXT_INVALID_SELECTION", said


def _type_of(name: str, node: FieldNode, types: Types) -> TypeNode | str:
    """The type of what is selected, lists on the way included; or what is wrong."""
    definition = field_of(types.get(name), node.name.value)
    if definition is None:
        return f"selects {name}.{node.name.value}, which does not exist here"
    inner = named(definition.type)
    if node.selection_set is None:
        return definition.type if not fields_of(types.get(inner)) else f"has to say which field of {inner} it means"
    (below,) = node.selection_set.selections
    if not isinstance(below, FieldNode):
        return f"selects by type below {name}.{node.name.value}"
    found = _type_of(inner, below, types)
    return found if isinstance(found, str) else _within(definition.type, found)


def _within(outer: TypeNode, inner: TypeNode) -> TypeNode:
    """A value inside another: as many lists around it, and null where either is."""
    if isinstance(outer, NonNullTypeNode):
        made = _within(outer.type, inner)
        return made if isinstance(made, NonNullTypeNode) or not isinstance(inner, NonNullTypeNode) else NonNullTypeNode(type=made)  # type: ignore[arg-type]  # it is not non-null
    if isinstance(outer, ListTypeNode):
        return ListTypeNode(type=_within(outer.type, inner))
    return nullable(inner)


def _fits(given: TypeNode, wanted: TypeNode) -> bool:
    if isinstance(wanted, NonNullTypeNode):
        return isinstance(given, NonNullTypeNode) and _fits(given.type, wanted.type)
    bare = nullable(given)
    if isinstance(bare, ListTypeNode) and isinstance(wanted, ListTypeNode):
        return _fits(bare.type, wanted.type)
    return print_ast(bare) == print_ast(wanted)
