"""Merges definitions of one type in the federation sense: what is given out is united, what is taken in is intersected.

objects, interfaces   fields united; a field's type is the widest of its definitions, its arguments those all definitions have
unions                members united
input objects         fields all definitions have, each as strict as the strictest
enums                 values united where given out, intersected where taken in, the same where both
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from graphql import (
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    TypeDefinitionNode,
    TypeNode,
    UnionTypeDefinitionNode,
    print_ast,
)

from gateway.composition.applied import applied
from gateway.sources.base import Subgraph
from gateway.sources.reach import named

Parts = Mapping[str, TypeDefinitionNode]
"""subgraph → its definition of one type."""
Report = Callable[..., None]
"""(code, coordinate, message, subgraphs): one problem."""


class Usage(msgspec.Struct, frozen=True):
    """Names of the enums that clients give, and of those they are given."""

    taken: frozenset[str]
    given: frozenset[str]


class Merging(msgspec.Struct, frozen=True):
    """What merging one type has to know of the whole."""

    subgraphs: Mapping[str, Subgraph]
    is_subtype: Callable[[str, str], bool]
    """(type, supertype), in the supergraph."""
    usage: Usage
    report: Report
    hint: Report
    contextual: Mapping[tuple[str, str], frozenset[str]]
    """(type, field) → its arguments that come from a context somewhere: clients see them nowhere."""
    answered: Callable[[str, str, str], bool]
    """(type, field, subgraph): is it this subgraph that answers the field?"""


def merge_type(name: str, parts: Parts, merging: Merging) -> TypeDefinitionNode:
    """One definition of several. Differences that cannot be merged are reported, and the first definition stands."""
    kinds = {_kind(node, name in _stand_ins(merging.subgraphs[s])) for s, node in parts.items()}
    if len(kinds) > 1:
        told = ", ".join(f"{_kind(node, name in _stand_ins(merging.subgraphs[s]))} in {s}" for s, node in parts.items())
        merging.report("TYPE_KIND_MISMATCH", name, f"{name} is {told}", parts)
        return next(iter(parts.values()))
    ordered = sorted(parts, key=lambda s: name in _stand_ins(merging.subgraphs[s]))
    base = parts[ordered[0]]
    directives = applied(name, {s: node.directives or () for s, node in parts.items()}, merging.hint)
    whole = replace(base, description=_description(parts.values()), directives=directives)
    if isinstance(base, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
        return _fields_type(name, whole, {s: parts[s] for s in ordered}, merging)
    if isinstance(base, InputObjectTypeDefinitionNode):
        return replace(whole, fields=tuple(_input_fields(name, parts, merging)))  # type: ignore[call-arg]  # an input object
    if isinstance(base, UnionTypeDefinitionNode):
        return replace(whole, types=_united(parts.values(), "types"))  # type: ignore[call-arg]  # a union
    if isinstance(base, EnumTypeDefinitionNode):
        return replace(whole, values=_enum_values(name, parts, merging))  # type: ignore[call-arg]  # an enum
    return whole


def _stand_ins(subgraph: Subgraph) -> frozenset[str]:
    return subgraph.facts.interface_objects if subgraph.facts else frozenset()


def _kind(node: TypeDefinitionNode, stand_in: bool) -> str:
    """In words. An object that stands for an interface is an interface here."""
    kind = "interface type" if stand_in else node.kind.removesuffix("_definition").replace("_", " ")
    return ("an " if kind[0] in "aeiou" else "a ") + kind


def _description(nodes: Iterable[Any]) -> Any:
    return next((n.description for n in nodes if getattr(n, "description", None)), None)


def _united(nodes: Iterable[Any], part: str) -> tuple[NamedTypeNode, ...]:
    return tuple({member.name.value: member for n in nodes for member in getattr(n, part) or ()}.values())


# ---------------------------------------------------------------- given out


def _fields_type(name: str, whole: Any, parts: Parts, merging: Merging) -> TypeDefinitionNode:
    fields: dict[str, dict[str, FieldDefinitionNode]] = {}
    for subgraph, node in parts.items():
        for field in getattr(node, "fields", None) or ():
            fields.setdefault(field.name.value, {})[subgraph] = field
    merged = tuple(f for known in fields.values() if (f := _field(name, known, merging)) is not None)
    interfaces = _united((n for s, n in parts.items() if name not in _stand_ins(merging.subgraphs[s])), "interfaces")
    made: TypeDefinitionNode = replace(whole, fields=merged, interfaces=interfaces)
    return made


def _field(parent: str, parts: Mapping[str, FieldDefinitionNode], merging: Merging) -> FieldDefinitionNode | None:
    name = next(iter(parts.values())).name.value
    coordinate = f"{parent}.{name}"
    answering = {s: f for s, f in parts.items() if merging.answered(parent, name, s)}
    if not answering:
        merging.report(
            "EXTERNAL_MISSING_ON_BASE", coordinate, f"{coordinate} is external wherever it is named: nobody answers it", parts
        )
        return None
    first = next(iter(answering.values()))
    if len(parts) == 1:
        return first
    kind = output_type([f.type for f in answering.values()], merging.is_subtype)
    if kind is None:
        merging.report("FIELD_TYPE_MISMATCH", coordinate, f"{coordinate} is {_spelled(answering)}", answering)
        kind = first.type
    external = {s: f for s, f in parts.items() if s not in answering}
    for subgraph, field in external.items():
        if output_type([kind, field.type], merging.is_subtype) is None:
            message = (
                f"{coordinate} is {print_ast(field.type)} as an external field of {subgraph}, and {print_ast(kind)} elsewhere"
            )
            merging.report("EXTERNAL_TYPE_MISMATCH", coordinate, message, parts)
    contextual = merging.contextual.get((parent, name), frozenset())
    arguments = tuple(_arguments(coordinate, answering, merging, contextual))
    _external_arguments(coordinate, external, arguments, merging)
    return replace(
        first,
        type=kind,
        arguments=arguments,
        description=_description(answering.values()),
        directives=applied(coordinate, {s: f.directives or () for s, f in answering.items()}, merging.hint),
    )


def _spelled(parts: Mapping[str, Any]) -> str:
    return ", ".join(f"{print_ast(node.type)} in {subgraph}" for subgraph, node in parts.items())


def output_type(types: Sequence[TypeNode], is_subtype: Callable[[str, str], bool]) -> TypeNode | None:
    """The narrowest type that all of these fit: nullable where one is, abstract where one is. None: there is none."""
    first = types[0]
    if all(isinstance(t, NonNullTypeNode) for t in types):
        inner = output_type([t.type for t in types if isinstance(t, NonNullTypeNode)], is_subtype)
        return None if inner is None else NonNullTypeNode(type=inner)  # type: ignore[arg-type]  # what is inside is not non-null
    bare = [t.type if isinstance(t, NonNullTypeNode) else t for t in types]
    if any(isinstance(t, ListTypeNode) for t in bare):
        if not all(isinstance(t, ListTypeNode) for t in bare):
            return None
        item = output_type([t.type for t in bare if isinstance(t, ListTypeNode)], is_subtype)
        return None if item is None else ListTypeNode(type=item)
    names = {named(t) for t in bare}
    if len(names) == 1:
        return first.type if isinstance(first, NonNullTypeNode) else first
    return next((t for t in bare if all(n == named(t) or is_subtype(n, named(t)) for n in names)), None)


# ---------------------------------------------------------------- taken in


def _arguments(
    coordinate: str, parts: Mapping[str, FieldDefinitionNode], merging: Merging, contextual: frozenset[str]
) -> Iterable[InputValueDefinitionNode]:
    """Those that every definition has: only they can be sent wherever the field is asked."""
    given = {s: {a.name.value: a for a in f.arguments or ()} for s, f in parts.items()}
    for name in dict.fromkeys(n for arguments in given.values() for n in arguments):
        having = {s: arguments[name] for s, arguments in given.items() if name in arguments}
        at = f"{coordinate}({name}:)"
        if name in contextual:
            _not_contextual(at, having, merging)
        elif len(having) == len(parts):
            yield _input_value(at, having, merging, "FIELD_ARGUMENT_TYPE_MISMATCH", "FIELD_ARGUMENT_DEFAULT_MISMATCH")
        elif any(_is_required(a) for a in having.values()):
            lacking = ", ".join(s for s in parts if s not in having)
            message = f"{at} is required in {', '.join(having)} but unknown in {lacking}"
            merging.report("REQUIRED_ARGUMENT_MISSING_IN_SOME_SUBGRAPH", at, message, parts)
        else:
            message = f"{at} is known in {', '.join(having)} only, so clients do not see it"
            merging.hint("INCONSISTENT_ARGUMENT_PRESENCE", at, message, parts)


def _not_contextual(at: str, having: Mapping[str, InputValueDefinitionNode], merging: Merging) -> None:
    said = f"{at} comes from a context in one subgraph, and is an argument like any other in {', '.join(having)}"
    if any(_is_required(a) for a in having.values()):
        code = "CONTEXTUAL_ARGUMENT_NOT_CONTEXTUAL_IN_ALL_SUBGRAPHS"
        merging.report(code, at, f"{said}, where it has to be given", having, "let it be nullable or have a default there")
    else:
        merging.hint("CONTEXTUAL_ARGUMENT_NOT_CONTEXTUAL_IN_ALL_SUBGRAPHS", at, f"{said}: clients do not see it", having)


def _external_arguments(
    coordinate: str, external: Mapping[str, FieldDefinitionNode], answered: Sequence[InputValueDefinitionNode], merging: Merging
) -> None:
    """An external field takes what the field takes where it is answered."""
    for subgraph, field in external.items():
        own = {a.name.value: a for a in field.arguments or ()}
        for argument in answered:
            at, known = f"{coordinate}({argument.name.value}:)", own.get(argument.name.value)
            if known is None:
                said = f"{at} is unknown where {coordinate} is external, in {subgraph}"
                merging.report("EXTERNAL_ARGUMENT_MISSING", at, said, (subgraph,), "declare it there, too")
            elif input_type([argument.type, known.type]) is None:
                said = f"{at} is {print_ast(known.type)} as external in {subgraph}, and {print_ast(argument.type)} elsewhere"
                merging.report("EXTERNAL_ARGUMENT_TYPE_MISMATCH", at, said, (subgraph,), "write both alike")
            elif _default(known) != _default(argument):
                said = f"the default of {at} is {_default(known)} as external in {subgraph}, and {_default(argument)} elsewhere"
                merging.report("EXTERNAL_ARGUMENT_DEFAULT_MISMATCH", at, said, (subgraph,), "write both alike")


def _default(value: InputValueDefinitionNode) -> str:
    return print_ast(value.default_value) if value.default_value else "none"


def _input_fields(name: str, parts: Parts, merging: Merging) -> Iterable[InputValueDefinitionNode]:
    given = {s: {f.name.value: f for f in getattr(node, "fields", None) or ()} for s, node in parts.items()}
    kept = False
    for field in dict.fromkeys(n for fields in given.values() for n in fields):
        having = {s: fields[field] for s, fields in given.items() if field in fields}
        at = f"{name}.{field}"
        if len(having) == len(parts):
            kept = True
            yield _input_value(at, having, merging, "FIELD_TYPE_MISMATCH", "INPUT_FIELD_DEFAULT_MISMATCH")
        elif any(_is_required(f) for f in having.values()):
            lacking = ", ".join(s for s in parts if s not in having)
            message = f"{at} is required in {', '.join(having)} but unknown in {lacking}"
            merging.report("REQUIRED_INPUT_FIELD_MISSING_IN_SOME_SUBGRAPH", at, message, parts)
        else:
            message = f"{at} is known in {', '.join(having)} only, so clients do not see it"
            merging.hint("INCONSISTENT_INPUT_OBJECT_FIELD", at, message, parts)
    if not kept:
        merging.report("EMPTY_MERGED_INPUT_TYPE", name, f"no field of {name} is known everywhere", parts, "agree on one")


def _is_required(value: InputValueDefinitionNode) -> bool:
    return isinstance(value.type, NonNullTypeNode) and value.default_value is None


def _input_value(
    at: str, parts: Mapping[str, InputValueDefinitionNode], merging: Merging, type_code: str, default_code: str
) -> InputValueDefinitionNode:
    first = next(iter(parts.values()))
    kind = input_type([v.type for v in parts.values()])
    if kind is None:
        merging.report(type_code, at, f"{at} is {_spelled(parts)}", parts)
    told = ", ".join(f"{_default(v)} in {s}" for s, v in parts.items())
    default = first.default_value
    if any(v.default_value is None for v in parts.values()):
        if any(v.default_value is not None for v in parts.values()):
            merging.hint("INCONSISTENT_DEFAULT_VALUE_PRESENCE", at, f"the default of {at} is {told}: clients see none", parts)
        default = None
    elif len({_default(v) for v in parts.values()}) > 1:
        merging.report(default_code, at, f"the default of {at} is {told}", parts)
    if len({print_ast(v.type) for v in parts.values()}) > 1 and kind is not None:
        said = f"{at} is {_spelled(parts)}: clients see {print_ast(kind)}"
        merging.hint("INCONSISTENT_BUT_COMPATIBLE_ARGUMENT_TYPE", at, said, parts)
    directives = applied(at, {s: v.directives or () for s, v in parts.items()}, merging.hint)
    return replace(first, type=kind or first.type, default_value=default, directives=directives)


def input_type(types: Sequence[TypeNode]) -> TypeNode | None:
    """The widest type that fits all of these: non-null where one is. None: there is none."""
    bare = [t.type if isinstance(t, NonNullTypeNode) else t for t in types]
    inner: TypeNode | None
    if any(isinstance(t, ListTypeNode) for t in bare):
        if not all(isinstance(t, ListTypeNode) for t in bare):
            return None
        item = input_type([t.type for t in bare if isinstance(t, ListTypeNode)])
        inner = None if item is None else ListTypeNode(type=item)
    else:
        inner = bare[0] if len({named(t) for t in bare}) == 1 else None
    if inner is not None and any(isinstance(t, NonNullTypeNode) for t in types):
        return NonNullTypeNode(type=inner)  # type: ignore[arg-type]  # what is inside is not non-null
    return inner


def _enum_values(name: str, parts: Parts, merging: Merging) -> tuple[Any, ...]:
    """Hidden values take no part: a client neither gives nor is given them."""
    known: dict[str, dict[str, Any]] = {s: {v.name.value: v for v in getattr(n, "values", ())} for s, n in parts.items()}
    hidden = {
        c.partition(".")[2]
        for s in parts
        if (f := merging.subgraphs[s].facts)
        for c in f.inaccessible
        if c.startswith(f"{name}.")
    }
    everywhere = [v for v in dict.fromkeys(v for values in known.values() for v in values) if all(v in k for k in known.values())]
    taken, given = name in merging.usage.taken, name in merging.usage.given
    united = {v: node for values in known.values() for v, node in values.items()}
    if taken and given and (partial := [v for v in united if v not in everywhere and v not in hidden]):
        where = ", ".join(f"{v} is missing in {', '.join(s for s, k in known.items() if v not in k)}" for v in partial)
        merging.report("ENUM_VALUE_MISMATCH", name, f"{name} is both given and taken, so its values must agree: {where}", parts)
    names = list(united) if given or not taken else [*everywhere, *(v for v in united if v in hidden and v not in everywhere)]
    if not names:
        merging.report("EMPTY_MERGED_ENUM_TYPE", name, f"no value of {name} is known everywhere", parts)
    return tuple(united[v] for v in names)
