"""A fetch as the text of one minimal operation, with the variables it declares.

Client aliases are sent on, arguments stand as written. A variable is declared with the strictest type that the places where
it is used ask for: the client's own declaration may be looser (a default) or name a type this service does not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from graphql import (
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    ListTypeNode,
    ListValueNode,
    NamedTypeNode,
    NameNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    ObjectValueNode,
    TypeNode,
    ValueNode,
    VariableNode,
    print_ast,
)

from gateway.sources.base import SUBSCRIPTION, Argument, Case, Field, Selection
from gateway.sources.reach import Types, field_of, named, nullable

Declared = dict[str, TypeNode]
"""variable → its type."""


class Terms(msgspec.Struct, frozen=True):
    """What writing an operation has to know of a schema."""

    types: Types
    query: str
    possible: Mapping[str, frozenset[str]]
    """abstract type → the object types that clients can meet there."""
    subscription: str = ""
    """What the root of its subscriptions is called; empty: there is none."""


class Writer:
    """Writes selections of one operation, and gathers the variables on the way."""

    __slots__ = ("_free", "_placed", "terms")

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._placed: Declared = {}
        self._free: Declared = {}

    @property
    def declared(self) -> Declared:
        """Inside a literal of a custom scalar a variable may have any type: one used only there is declared as that scalar."""
        return self._placed | {name: scalar for name, scalar in self._free.items() if name not in self._placed}

    def root(self, selection: Selection) -> str:
        """The selection of a root fetch; its type is a root type, whatever the supergraph calls it."""
        own = self.terms.subscription if selection.type == SUBSCRIPTION else self.terms.query
        return _block(self._texts(case, own).values() for case in selection.cases)

    def selection(self, selection: Selection) -> str:
        """`{ ... }`, with inline fragments only for what not all object types share."""
        if isinstance(self.terms.types.get(selection.type), ObjectTypeDefinitionNode):
            return _block(self._texts(case, selection.type).values() for case in selection.cases)
        texts = [self._texts(case, selection.type) for case in selection.cases]
        shared = self._shared(selection, texts)
        fragments = []
        for case, fields in zip(selection.cases, texts, strict=True):
            if own := [text for key, text in fields.items() if key not in shared]:
                fragments += [f"... on {name} {{ {' '.join(own)} }}" for name in case.types]
        return _block([shared.values(), fragments])

    def fragments(self, selection: Selection) -> str:
        """Each case under the types it is for: for a place where anything may stand."""
        written = []
        for case in selection.cases:
            for name in case.on or case.types:
                texts = " ".join(self._texts(case, name).values())
                written.append(f"... on {name} {{ {texts} }}" if texts else "")
        tags = [t for case in selection.cases for t in self._tags(case)]
        return _block([dict.fromkeys(tags), written])

    def _tags(self, case: Case) -> list[str]:
        return [self.field(field, "") for field in case.fields if field.name == "__typename" and field.hidden]

    def field(self, field: Field, parent: str) -> str:
        """One field as it is sent: `alias: name(arguments) { ... }`."""
        key = field.alias or field.key
        alias = "" if key == field.name else f"{key}: "
        block = f" {self.selection(field.selection)}" if field.selection else ""
        return f"{alias}{field.name}{self.arguments(field.arguments, self._definition(parent, field.name))}{block}"

    def arguments(self, arguments: Sequence[Argument], definition: FieldDefinitionNode | None) -> str:
        """`(name: value, ...)`. Those that take a key of the parent row are written by whoever has the keys."""
        written = []
        for argument in arguments:
            if argument.value is None:
                continue
            expected = argument_of(definition, argument.name)
            place = expected.type if expected else argument.type
            self._use(argument.value, place, has_default(expected))
            written.append(f"{argument.name}: {print_ast(argument.value)}")
        return f"({', '.join(written)})" if written else ""

    def _texts(self, case: Case, parent: str) -> dict[str, str]:
        """key → text. A field that the abstract parent lacks is looked up on the first object type that has the case."""
        here = self.terms.types.get(parent)
        texts = {}
        for field in case.fields:
            if field.withheld:
                continue
            owner = parent if field_of(here, field.name) or not case.types else case.types[0]
            texts[field.alias or field.key] = self.field(field, owner)
        return texts

    def _shared(self, selection: Selection, texts: Sequence[Mapping[str, str]]) -> dict[str, str]:
        """What every possible type selects in the same words, and the abstract type itself offers."""
        selected = {name for case in selection.cases for name in case.types}
        if not texts or not self.terms.possible.get(selection.type, frozenset()) <= selected:
            return self._tag(selection, texts)
        fields = [{field.alias or field.key: field for field in case.fields} for case in selection.cases]
        return {
            key: text
            for key, text in texts[0].items()
            if all(other.get(key) == text for other in texts) and all(self._offers(selection.type, case[key]) for case in fields)
        }

    def _tag(self, selection: Selection, texts: Sequence[Mapping[str, str]]) -> dict[str, str]:
        """The type's name is asked of all values, also of those that nothing else is asked of."""
        if not texts or selection.type not in self.terms.possible:
            return {}
        names = {f.key for case in selection.cases for f in case.fields if f.name == "__typename"}
        return {key: text for key, text in texts[0].items() if key in names and all(other.get(key) == text for other in texts)}

    def _offers(self, abstract: str, field: Field) -> bool:
        if field.name == "__typename":
            return True
        definition = self._definition(abstract, field.name)
        if definition is None or any(argument_of(definition, argument.name) is None for argument in field.arguments):
            return False
        return field.selection is None or field.selection.type == named(definition.type)

    def _definition(self, parent: str, name: str) -> FieldDefinitionNode | None:
        return field_of(self.terms.types.get(parent), name)

    def _use(self, value: ValueNode, place: TypeNode | None, default: bool = False) -> None:
        """Declare the variables in a value by the type each place asks for; where there is a default, one may be absent."""
        if place is None:
            return
        if isinstance(value, VariableNode):
            self._declare(value.name.value, nullable(place) if default else place)
        elif isinstance(value, ListValueNode):
            bare = nullable(place)
            for item in value.values:
                if isinstance(bare, ListTypeNode):
                    self._use(item, bare.type)
                else:
                    self._use_freely(item, bare)
        elif isinstance(value, ObjectValueNode):
            self._use_members(value, place)

    def _use_members(self, value: ObjectValueNode, place: TypeNode) -> None:
        input_type = self.terms.types.get(named(place))
        for member in value.fields:
            if isinstance(input_type, InputObjectTypeDefinitionNode):
                expected = next((f for f in input_type.fields or () if f.name.value == member.name.value), None)
                self._use(member.value, expected.type if expected else None, has_default(expected))
            else:
                self._use_freely(member.value, NamedTypeNode(name=NameNode(value=named(place))))

    def _use_freely(self, value: ValueNode, scalar: TypeNode) -> None:
        if isinstance(value, VariableNode):
            self._free.setdefault(value.name.value, scalar)
        for item in value.values if isinstance(value, ListValueNode) else ():
            self._use_freely(item, scalar)
        for member in value.fields if isinstance(value, ObjectValueNode) else ():
            self._use_freely(member.value, scalar)

    def _declare(self, variable: str, wanted: TypeNode) -> None:
        known = self._placed.get(variable)
        self._placed[variable] = wanted if known is None else stricter(known, wanted)


def operation_text(declared: Mapping[str, TypeNode], block: str, kind: str = "query") -> str:
    """The operation around its selection."""
    variables = ", ".join(f"${name}: {print_ast(wanted)}" for name, wanted in declared.items())
    return f"{kind}({variables}) {block}" if variables else f"{kind} {block}"


def argument_of(definition: FieldDefinitionNode | None, name: str) -> InputValueDefinitionNode | None:
    return next((a for a in (definition.arguments if definition else None) or () if a.name.value == name), None)


def has_default(definition: InputValueDefinitionNode | None) -> bool:
    return definition is not None and definition.default_value is not None


def stricter(one: TypeNode, other: TypeNode) -> TypeNode:
    """The type that may stand wherever `one` or `other` is asked for: non-null where either is."""
    inner, beside = nullable(one), nullable(other)
    if isinstance(inner, ListTypeNode) and isinstance(beside, ListTypeNode):
        inner = ListTypeNode(type=stricter(inner.type, beside.type))
    if isinstance(one, NonNullTypeNode) or isinstance(other, NonNullTypeNode):
        return NonNullTypeNode(type=inner)  # type: ignore[arg-type]  # `nullable` left a name or a list
    return inner


def _block(parts: Iterable[Iterable[str]]) -> str:
    """Never empty: where nothing is selected (no type has anything to give), the type's name is asked for."""
    return f"{{ {' '.join(text for part in parts for text in part) or '__typename'} }}"
