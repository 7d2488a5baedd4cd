"""Rules for the field sets of one federation subgraph: what `@key`, `@requires` and `@provides` select of its own types."""

from __future__ import annotations

from collections.abc import Iterator

from graphql import (
    FieldDefinitionNode,
    FieldNode,
    InlineFragmentNode,
    InterfaceTypeDefinitionNode,
    NonNullTypeNode,
    SelectionSetNode,
    UnionTypeDefinitionNode,
)

from gateway.composition.types import Report
from gateway.sources.base import Coordinate, Facts, Subgraph
from gateway.sources.reach import field_of, fields_of, named, possible_types

INVALID = {"key": "KEY_INVALID_FIELDS", "requires": "REQUIRES_INVALID_FIELDS", "provides": "PROVIDES_INVALID_FIELDS"}
HAS_ARGS = {"key": "KEY_FIELDS_HAS_ARGS", "provides": "PROVIDES_FIELDS_HAS_ARGS"}
DIRECTIVE_INSIDE = {
    "key": "KEY_DIRECTIVE_IN_FIELDS_ARG",
    "requires": "REQUIRES_DIRECTIVE_IN_FIELDS_ARG",
    "provides": "PROVIDES_DIRECTIVE_IN_FIELDS_ARG",
}
ON_INTERFACE = {"requires": "REQUIRES_UNSUPPORTED_ON_INTERFACE", "provides": "PROVIDES_UNSUPPORTED_ON_INTERFACE"}

Wrong = tuple[str, str]
"""(code, what is wrong)."""


class FieldSets:
    """The field sets of one subgraph. `used` are the fields that any of them names."""

    def __init__(self, subgraph: Subgraph, facts: Facts, report: Report) -> None:
        self.types = subgraph.types
        self.facts = facts
        self.possible = possible_types(subgraph.types)
        self.used: set[Coordinate] = set()
        self._name = subgraph.name
        self._report = report

    def say(self, code: str, coordinate: str, message: str, fix: str | None = None) -> None:
        self._report(code, coordinate, f"{message} (in {self._name})", (self._name,), fix)

    def check(self) -> None:
        self._keys()
        self._requires()
        self._provides()

    # ------------------------------------------------------------ each kind

    def _keys(self) -> None:
        for name, keys in self.facts.keys.items():
            if not self.facts.interface_keys and isinstance(self.types.get(name), InterfaceTypeDefinitionNode):
                said = f"{name} is an interface, and keys of interfaces came with v2.3 of the federation spec"
                self.say("KEY_UNSUPPORTED_ON_INTERFACE", name, said, "link to v2.3 of the federation spec or later")
            for key in keys:
                at = f'@key(fields: "{key.text}") of {name}'
                for code, fault in self.faults("key", name, key.fields):
                    self.say(code, name, f"{at} {fault}")

    def _requires(self) -> None:
        for (name, field), selection in self.facts.requires.items():
            at = f"@requires of {name}.{field}"
            self._on_an_interface("requires", name, field)
            for code, fault in self.faults("requires", name, selection):
                self.say(code, f"{name}.{field}", f"{at} {fault}")
            for required in self._foreign(name, selection):
                said = f"{at} names {required}, which is not external: this subgraph has it anyway"
                fix = f"mark {required} @external, or leave it out"
                self.say("REQUIRES_FIELDS_MISSING_EXTERNAL", f"{name}.{field}", said, fix)

    def _provides(self) -> None:
        for (name, field), selection in self.facts.provides.items():
            coordinate = f"{name}.{field}"
            definition = field_of(self.types.get(name), field)
            inner = named(definition.type) if definition is not None else ""
            at = f"@provides of {coordinate}"
            self._on_an_interface("provides", name, field)
            if (name, field) in self.facts.external:
                said = f"{coordinate} is @external, so it provides nothing: another subgraph answers it"
                self.say("EXTERNAL_COLLISION_WITH_ANOTHER_DIRECTIVE", coordinate, said)
            if inner not in self.possible and not fields_of(self.types.get(inner)):
                self.say("PROVIDES_ON_NON_OBJECT_FIELD", coordinate, f"{at} stands on a field without fields of its own")
                continue
            for code, fault in self.faults("provides", inner, selection):
                self.say(code, coordinate, f"{at} {fault}")
            if not self.facts.shares and not any(True for _ in self.externals(inner, selection)):
                said = f"{at} provides nothing external: this subgraph has all of it anyway"
                self.say("PROVIDES_FIELDS_MISSING_EXTERNAL", coordinate, said)

    def _on_an_interface(self, directive: str, name: str, field: str) -> None:
        if isinstance(self.types.get(name), InterfaceTypeDefinitionNode):
            said = f"@{directive} of {name}.{field} stands on a field of an interface, which nobody answers by itself"
            self.say(ON_INTERFACE[directive], f"{name}.{field}", said, "put it on the fields of the object types")

    # ------------------------------------------------------------ what is wrong inside

    def faults(self, directive: str, name: str, selection: SelectionSetNode) -> Iterator[Wrong]:
        """What is wrong with a selection on a type; notes the fields it uses."""
        for node in selection.selections:
            if node.directives:
                yield DIRECTIVE_INSIDE[directive], f"applies @{node.directives[0].name.value} inside, which means nothing there"
            if isinstance(node, InlineFragmentNode):
                condition = node.type_condition.name.value if node.type_condition else name
                if condition not in self.types:
                    yield INVALID[directive], f"names the type {condition}, which does not exist here"
                else:
                    yield from self.faults(directive, condition, node.selection_set)
            elif isinstance(node, FieldNode) and node.name.value != "__typename":
                yield from self._field_faults(directive, name, node)

    def _field_faults(self, directive: str, name: str, node: FieldNode) -> Iterator[Wrong]:
        field = node.name.value
        definition = field_of(self.types.get(name), field)
        if definition is None:
            yield INVALID[directive], f"names {name}.{field}, which does not exist here"
            return
        self.used |= {(member, field) for member in (name, *self.possible.get(name, ()))}
        inner = named(definition.type)
        yield from self._argument_faults(directive, f"{name}.{field}", node, definition)
        if directive == "key" and isinstance(self.types.get(inner), InterfaceTypeDefinitionNode | UnionTypeDefinitionNode):
            yield (
                "KEY_FIELDS_SELECT_INVALID_TYPE",
                f"names {name}.{field}, whose type {inner} is abstract: no part of a key can be",
            )
        composite = inner in self.possible or bool(fields_of(self.types.get(inner)))
        if composite and node.selection_set is None:
            yield INVALID[directive], f"has to say which fields of {name}.{field} it means"
        elif not composite and node.selection_set is not None:
            yield INVALID[directive], f"selects below {name}.{field}, which has no fields"
        elif node.selection_set is not None:
            yield from self.faults(directive, inner, node.selection_set)

    def _argument_faults(
        self, directive: str, coordinate: str, node: FieldNode, definition: FieldDefinitionNode
    ) -> Iterator[Wrong]:
        given = {a.name.value for a in node.arguments or ()}
        needed = [a.name.value for a in definition.arguments or () if isinstance(a.type, NonNullTypeNode) and not a.default_value]
        if directive in HAS_ARGS and (definition.arguments or given):
            yield HAS_ARGS[directive], f"names {coordinate}, which takes arguments"
        elif any(argument not in given for argument in needed):
            yield INVALID[directive], f"names {coordinate} without the arguments it requires"

    # ------------------------------------------------------------ what is external in them

    def _foreign(self, name: str, selection: SelectionSetNode) -> Iterator[str]:
        """Required fields at the top that are not external, and lead to nothing external either."""
        for node in selection.selections:
            if not isinstance(node, FieldNode) or node.name.value == "__typename":
                continue
            at = (name, node.name.value)
            keyed = any(node.name.value in _names(key.fields) for key in self.facts.keys.get(name, ()))
            inner = field_of(self.types.get(name), node.name.value)
            if at in self.facts.external or keyed or self.facts.shares:
                continue
            below = node.selection_set if inner is not None else None
            if inner is None or below is None or not any(True for _ in self.externals(named(inner.type), below)):
                yield f"{name}.{node.name.value}"

    def externals(self, name: str, selection: SelectionSetNode) -> Iterator[Coordinate]:
        for node in selection.selections:
            if isinstance(node, InlineFragmentNode):
                condition = node.type_condition.name.value if node.type_condition else name
                yield from self.externals(condition, node.selection_set)
            elif isinstance(node, FieldNode):
                field = node.name.value
                members = (name, *self.possible.get(name, ()))
                yield from ((member, field) for member in members if (member, field) in self.facts.external)
                definition = field_of(self.types.get(name), field)
                if node.selection_set is not None and definition is not None:
                    yield from self.externals(named(definition.type), node.selection_set)


def _names(selection: SelectionSetNode) -> set[str]:
    return {node.name.value for node in selection.selections if isinstance(node, FieldNode)}
