"""Rules for what one federation subgraph states about its own types, its field sets apart: externals, overrides, shareable
fields, stand-ins, and what may stand on an interface."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from graphql import InterfaceTypeDefinitionNode, ObjectTypeDefinitionNode, print_ast

from gateway.composition.contexts import check_contexts
from gateway.composition.costs import check_costs
from gateway.composition.fieldsets import FieldSets
from gateway.composition.types import Report
from gateway.sources.base import Coordinate, Facts, Key, Subgraph
from gateway.sources.reach import field_of, fields_of, possible_types

LABEL = re.compile(r"[a-zA-Z][a-zA-Z0-9_\-:./]*|percent\((\d{1,2}(\.\d{1,8})?|100)\)")
"""Apollo Federation 2.7, "progressive override"."""
WORD = re.compile(r"\w+")
MERGED = frozenset({"tag", "cost", "listSize", "authenticated", "requiresScopes", "policy", "deprecated"})
"""Directives that go into the supergraph."""


def check_directives(subgraph: Subgraph, known: Mapping[str, Subgraph], report: Report) -> None:
    """Every fault of one subgraph. What comes out of a composed supergraph has been checked by whoever composed it."""
    facts = subgraph.facts
    if facts is None or facts.composed:
        return
    sets = FieldSets(subgraph, facts, report)
    sets.check()
    check_costs(subgraph, sets.say)
    check_contexts(subgraph, facts, sets.say)
    check = _Check(subgraph, facts, sets)
    check.stand_ins()
    check.overrides(known)
    check.on_interfaces()
    if not facts.shares:
        check.unused_externals()
        check.directives_on_externals()


class _Check:
    def __init__(self, subgraph: Subgraph, facts: Facts, sets: FieldSets) -> None:
        self.subgraph = subgraph
        self.types = subgraph.types
        self.facts = facts
        self.possible = sets.possible
        self.used = sets.used
        self.say = sets.say

    # ------------------------------------------------------------ external

    def unused_externals(self) -> None:
        """External fields exist to be named by keys, requirements, provisions and contexts, or by an interface of the type."""
        demanded = {
            (member, field.name.value)
            for interface, members in self.possible.items()
            for member in members
            for field in fields_of(self.types.get(interface))
        }
        given = (argument for each in self.facts.from_context.values() for argument in each)
        told = {name for argument in given for name in WORD.findall(print_ast(argument.selection))}
        for name, field in sorted(self.facts.external - self.used - demanded):
            if field in told or field_of(self.types.get(name), field) is None or self._whole_type_external(name):
                continue
            said = f"{name}.{field} is external, but no @key, @requires, @provides or interface names it"
            self.say("EXTERNAL_UNUSED", f"{name}.{field}", said, f"leave {name}.{field} out")

    def _whole_type_external(self, name: str) -> bool:
        return all((name, f.name.value) in self.facts.external for f in fields_of(self.types.get(name)))

    def directives_on_externals(self) -> None:
        """What another subgraph answers, it also describes."""
        for name, field in sorted(self.facts.external):
            definition = field_of(self.types.get(name), field)
            applied = [d.name.value for d in (definition.directives or () if definition else ()) if d.name.value in MERGED]
            applied += ["inaccessible"] if f"{name}.{field}" in self.facts.inaccessible else []
            for directive in applied:
                said = f"{name}.{field} is external, so @{directive} on it says something about a field of another subgraph"
                fix = f"put @{directive} where the field is answered"
                self.say("MERGED_DIRECTIVE_APPLICATION_ON_EXTERNAL", f"{name}.{field}", said, fix)

    # ------------------------------------------------------------ interfaces

    def on_interfaces(self) -> None:
        for name, field in self._of_interfaces(self.facts.external):
            said = f"{name}.{field} is a field of an interface: it is answered by the object types, and cannot be external"
            self.say("EXTERNAL_ON_INTERFACE", f"{name}.{field}", said, "mark the fields of the object types")
        for name, field in self._of_interfaces(self.facts.shareable):
            said = f"{name}.{field} is a field of an interface: only fields of object types are shared"
            self.say("INVALID_SHAREABLE_USAGE", f"{name}.{field}", said, "mark the fields of the object types")
        for name, field in self.facts.shareable_twice:
            said = f"{name}.{field} is marked @shareable more than once in one place"
            self.say("INVALID_SHAREABLE_USAGE", f"{name}.{field}", said, "leave one of them out")
        for name, field in self._of_interfaces(frozenset(self.facts.overrides)):
            said = f"{name}.{field} is a field of an interface, and cannot @override"
            self.say("OVERRIDE_ON_INTERFACE", f"{name}.{field}", said, "override the fields of the object types")
        if not self.facts.shares:
            for name, keys in self.facts.keys.items():
                if isinstance(self.types.get(name), InterfaceTypeDefinitionNode):
                    self._interface_key(name, keys)

    def _of_interfaces(self, coordinates: frozenset[Coordinate]) -> Iterator[Coordinate]:
        yield from ((n, f) for n, f in sorted(coordinates) if isinstance(self.types.get(n), InterfaceTypeDefinitionNode))

    def _interface_key(self, name: str, keys: tuple[Key, ...]) -> None:
        for key in keys:
            lacking = [
                member
                for member in sorted(self.possible.get(name, ()))
                if not any(_same(own, key) and (own.resolvable or not key.resolvable) for own in self.facts.keys.get(member, ()))
            ]
            if lacking:
                said = f'@key(fields: "{key.text}") of the interface {name} is no (resolvable) key of {", ".join(lacking)}'
                self.say("INTERFACE_KEY_NOT_ON_IMPLEMENTATION", name, said, "give those types the same key")

    def stand_ins(self) -> None:
        for name in sorted(self.facts.interface_objects):
            if not self.facts.keys.get(name):
                said = f"{name} is an @interfaceObject without a @key: nobody could ask for one of its values"
                self.say("INTERFACE_OBJECT_USAGE_ERROR", name, said, f"give {name} the @key of the interface")

    # ------------------------------------------------------------ overrides

    def overrides(self, known: Mapping[str, Subgraph]) -> None:
        for (name, field), override in self.facts.overrides.items():
            at = f"{name}.{field}"
            if override.label is not None and not LABEL.fullmatch(override.label):
                said = f'the label "{override.label}" of {at} is neither percent(0) to percent(100) nor a name'
                self.say("OVERRIDE_LABEL_INVALID", at, said, "begin with a letter; go on with letters, digits, _ - : . /")
            if override.source == self.subgraph.name:
                self.say("OVERRIDE_FROM_SELF_ERROR", at, f"{at} overrides itself: from names this very subgraph")
            elif name in self.facts.interface_objects:
                said = f"{at} is a field of an @interfaceObject and cannot @override"
                self.say("OVERRIDE_COLLISION_WITH_ANOTHER_DIRECTIVE", at, said)
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
        for word, stated in (("requires", facts.requires), ("provides", facts.provides)):
            if coordinate in stated:
                said = f"{at} overrides the field of {other.name}, which has a @{word}: it could not be left"
                self.say("OVERRIDE_COLLISION_WITH_ANOTHER_DIRECTIVE", at, said)


def _same(one: Key, other: Key) -> bool:
    return one.text == other.text or print_ast(one.fields) == print_ast(other.fields)


def interface_keys(subgraphs: Mapping[str, Subgraph], members: Mapping[str, tuple[str, ...]], report: Report) -> None:
    """A subgraph that resolves an interface by key has to know all object types behind it; one that stands for it, none."""
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
        for name in sorted(facts.interface_objects):
            _stands_beside(subgraph, name, subgraphs, members, report)


def _stands_beside(
    subgraph: Subgraph, name: str, subgraphs: Mapping[str, Subgraph], members: Mapping[str, tuple[str, ...]], report: Report
) -> None:
    if not any(isinstance(s.types.get(name), InterfaceTypeDefinitionNode) for s in subgraphs.values()):
        said = f"{name} is an @interfaceObject, but no subgraph has the interface it would stand for"
        report("INTERFACE_OBJECT_USAGE_ERROR", name, said, (subgraph.name,), f"define interface {name} in another subgraph")
    known = [m for m in members.get(name, ()) if isinstance(subgraph.types.get(m), ObjectTypeDefinitionNode)]
    if known:
        said = f"{subgraph.name} stands for {name} with an @interfaceObject, and knows its {', '.join(known)} as well"
        report("INTERFACE_OBJECT_USAGE_ERROR", name, said, (subgraph.name,), f"leave {', '.join(known)} out there")
