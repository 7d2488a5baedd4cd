"""Rules for what one federation subgraph states about its own types: keys, requirements, provisions, externals, overrides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graphql import FieldNode, InlineFragmentNode, InterfaceTypeDefinitionNode, NonNullTypeNode, SelectionSetNode

from gateway.composition.types import Report
from gateway.sources.base import Coordinate, Facts, Subgraph
from gateway.sources.reach import field_of, fields_of, named, possible_types


def check_directives(subgraph: Subgraph, known: Mapping[str, Subgraph], report: Report) -> None:
    """Every fault of one subgraph. What comes out of a composed supergraph has been checked by whoever composed it."""
    facts = subgraph.facts
    if facts is None or facts.composed:
        return
    check = _Check(subgraph, facts, report)
    check.keys()
    check.requires()
    check.provides()
    check.stand_ins()
    check.overrides(known)
    if not facts.shares:
        check.unused_externals()


class _Check:
    def __init__(self, subgraph: Subgraph, facts: Facts, report: Report) -> None:
        self.subgraph = subgraph
        self.types = subgraph.types
        self.facts = facts
        self.possible = possible_types(subgraph.types)
        self.used: set[Coordinate] = set()
        self._report = report

    def say(self, code: str, coordinate: str, message: str, fix: str | None = None) -> None:
        self._report(code, coordinate, f"{message} (in {self.subgraph.name})", (self.subgraph.name,), fix)

    # ------------------------------------------------------------ field sets

    def keys(self) -> None:
        for name, keys in self.facts.keys.items():
            for key in keys:
                at = f'@key(fields: "{key.text}") of {name}'
                for fault in self.faults(name, key.fields, arguments=False):
                    self.say("KEY_INVALID_FIELDS", name, f"{at} {fault}")

    def requires(self) -> None:
        for (name, field), selection in self.facts.requires.items():
            at = f"@requires of {name}.{field}"
            for fault in self.faults(name, selection, arguments=True):
                self.say("REQUIRES_INVALID_FIELDS", f"{name}.{field}", f"{at} {fault}")
            for required in self.foreign(name, selection):
                said = f"{at} names {required}, which is not external: this subgraph has it anyway"
                self.say(
                    "REQUIRES_FIELDS_MISSING_EXTERNAL", f"{name}.{field}", said, f"mark {required} @external, or leave it out"
                )

    def provides(self) -> None:
        for (name, field), selection in self.facts.provides.items():
            definition = field_of(self.types.get(name), field)
            inner = named(definition.type) if definition is not None else ""
            at = f"@provides of {name}.{field}"
            if inner not in self.possible and not fields_of(self.types.get(inner)):
                self.say("PROVIDES_ON_NON_OBJECT_FIELD", f"{name}.{field}", f"{at} stands on a field without fields of its own")
                continue
            for fault in self.faults(inner, selection, arguments=False):
                self.say("PROVIDES_INVALID_FIELDS", f"{name}.{field}", f"{at} {fault}")
            if not self.facts.shares and not any(True for _ in self.externals(inner, selection)):
                said = f"{at} provides nothing external: this subgraph has all of it anyway"
                self.say("PROVIDES_FIELDS_MISSING_EXTERNAL", f"{name}.{field}", said)

    def faults(self, name: str, selection: SelectionSetNode, *, arguments: bool) -> Iterator[str]:
        """What is wrong with a selection on a type; notes the externals it uses."""
        for node in selection.selections:
            if isinstance(node, InlineFragmentNode):
                condition = node.type_condition.name.value if node.type_condition else name
                if condition not in self.types:
                    yield f"names the type {condition}, which does not exist here"
                else:
                    yield from self.faults(condition, node.selection_set, arguments=arguments)
            elif isinstance(node, FieldNode) and node.name.value != "__typename":
                yield from self._field_faults(name, node, arguments=arguments)

    def _field_faults(self, name: str, node: FieldNode, *, arguments: bool) -> Iterator[str]:
        field = node.name.value
        definition = field_of(self.types.get(name), field)
        if definition is None:
            yield f"names {name}.{field}, which does not exist here"
            return
        self.used |= {(member, field) for member in (name, *self.possible.get(name, ()))}
        inner = named(definition.type)
        composite = inner in self.possible or bool(fields_of(self.types.get(inner)))
        needed = [a.name.value for a in definition.arguments or () if isinstance(a.type, NonNullTypeNode) and not a.default_value]
        given = {a.name.value for a in node.arguments or ()}
        if not arguments and (definition.arguments or given):
            yield f"names {name}.{field}, which takes arguments"
        elif any(argument not in given for argument in needed):
            yield f"names {name}.{field} without the arguments it requires"
        if composite and node.selection_set is None:
            yield f"has to say which fields of {name}.{field} it means"
        elif not composite and node.selection_set is not None:
            yield f"selects below {name}.{field}, which has no fields"
        elif node.selection_set is not None:
            yield from self.faults(inner, node.selection_set, arguments=arguments)

    def foreign(self, name: str, selection: SelectionSetNode) -> Iterator[str]:
        """Required fields at the top that are not external, and lead to nothing external either."""
        for node in selection.selections:
            if not isinstance(node, FieldNode) or node.name.value == "__typename":
                continue
            at = (name, node.name.value)
            keyed = any(node.name.value in _names(key.fields) for key in self.facts.keys.get(name, ()))
            inner = field_of(self.types.get(name), node.name.value)
            below = node.selection_set is not None and inner is not None
            if at in self.facts.external or keyed or self.facts.shares:
                continue
            if not below or not any(True for _ in self.externals(named(inner.type), node.selection_set)):  # type: ignore[union-attr, arg-type]  # `below` says so
                yield f"{name}.{node.name.value}"

    def externals(self, name: str, selection: SelectionSetNode) -> Iterator[Coordinate]:
        for node in selection.selections:
            if isinstance(node, InlineFragmentNode):
                condition = node.type_condition.name.value if node.type_condition else name
                yield from self.externals(condition, node.selection_set)
            elif isinstance(node, FieldNode):
                yield from (
                    (m, node.name.value)
                    for m in (name, *self.possible.get(name, ()))
                    if (m, node.name.value) in self.facts.external
                )
                definition = field_of(self.types.get(name), node.name.value)
                if node.selection_set is not None and definition is not None:
                    yield from self.externals(named(definition.type), node.selection_set)

    # ------------------------------------------------------------ the rest

    def unused_externals(self) -> None:
        """External fields exist to be named by keys, requirements and provisions, or by an interface of the type."""
        demanded = {
            (member, field.name.value)
            for interface, members in self.possible.items()
            for member in members
            for field in fields_of(self.types.get(interface))
        }
        for name, field in sorted(self.facts.external - self.used - demanded):
            if field_of(self.types.get(name), field) is not None and not self._whole_type_external(name):
                said = f"{name}.{field} is external, but no @key, @requires, @provides or interface names it"
                self.say("EXTERNAL_UNUSED", f"{name}.{field}", said, f"leave {name}.{field} out")

    def _whole_type_external(self, name: str) -> bool:
        return all((name, f.name.value) in self.facts.external for f in fields_of(self.types.get(name)))

    def stand_ins(self) -> None:
        for name in sorted(self.facts.interface_objects):
            if not self.facts.keys.get(name):
                said = f"{name} is an @interfaceObject without a @key: nobody could ask for one of its values"
                self.say("INTERFACE_OBJECT_USAGE_ERROR", name, said, f"give {name} the @key of the interface")

    def overrides(self, known: Mapping[str, Subgraph]) -> None:
        for (name, field), override in self.facts.overrides.items():
            at = f"{name}.{field}"
            if override.source == self.subgraph.name:
                self.say("OVERRIDE_FROM_SELF_ERROR", at, f"{at} overrides itself: from names this very subgraph")
            elif (name, field) in self.facts.external:
                said = f"{at} is @external and cannot @override"
                self.say("OVERRIDE_COLLISION_WITH_ANOTHER_DIRECTIVE", at, said)
            elif (other := known.get(override.source)) is not None and other.facts is not None:
                self._override_of(at, (name, field), other)

    def _override_of(self, at: str, coordinate: Coordinate, other: Subgraph) -> None:
        facts = other.facts
        assert facts is not None  # asked before
        if coordinate in facts.overrides:
            self.say("OVERRIDE_SOURCE_HAS_OVERRIDE", at, f"{at} overrides the field of {other.name}, which overrides it, too")


def _names(selection: SelectionSetNode) -> set[str]:
    return {node.name.value for node in selection.selections if isinstance(node, FieldNode)}


def interface_keys(subgraphs: Mapping[str, Subgraph], members: Mapping[str, tuple[str, ...]], report: Report) -> None:
    """A subgraph that resolves an interface by key has to know all object types behind it."""
    for subgraph in subgraphs.values():
        facts = subgraph.facts
        if facts is None or facts.composed or facts.shares:
            continue
        local = possible_types(subgraph.types)
        for name, keys in facts.keys.items():
            if not isinstance(subgraph.types.get(name), InterfaceTypeDefinitionNode) or not any(k.resolvable for k in keys):
                continue
            if lacking := [m for m in members.get(name, ()) if m not in local.get(name, ())]:
                said = f"{subgraph.name} resolves {name} by key, but does not know its {', '.join(lacking)}"
                report("INTERFACE_KEY_MISSING_IMPLEMENTATION_TYPE", name, said, (subgraph.name,))
