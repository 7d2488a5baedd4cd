"""What composes but may surprise: differences between subgraphs that merging settles, and overrides that have done their work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from graphql import (
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    TypeDefinitionNode,
    UnionTypeDefinitionNode,
    print_ast,
)

from gateway.composition.graph import Graph
from gateway.composition.moves import NOTHING, overridden_for_good
from gateway.composition.types import Parts, Report, Usage
from gateway.sources.base import Subgraph
from gateway.sources.reach import field_of, fields_of, named

Types = Mapping[str, TypeDefinitionNode]
RIGHTS = frozenset({"authenticated", "requiresScopes", "policy"})


def hints(
    subgraphs: Sequence[Subgraph], parts: Mapping[str, Parts], types: Types, graph: Graph, usage: Usage, report: Report
) -> None:
    """`parts`: type → its definitions, by subgraph."""
    _of_overrides(subgraphs, report)
    by_name = {s.name: s for s in subgraphs}
    for name, definitions in parts.items():
        facts = [by_name[s].facts for s in definitions]
        if all(f is None or f.composed for f in facts):
            continue
        if len(definitions) > 1:
            _Differences(name, definitions, by_name, usage, report).tell()
        elif isinstance(types.get(name), EnumTypeDefinitionNode) and name not in usage.taken | usage.given:
            report("UNUSED_ENUM_TYPE", name, f"nothing gives or takes {name}", definitions)
        _rights_on_interfaces(name, definitions, report)
    for (name, field), having in graph.fields.items():
        if len(having) > 1 and isinstance(types.get(name), ObjectTypeDefinitionNode):
            _same_fields(name, field, having, graph, report)


# ---------------------------------------------------------------- overrides


def _of_overrides(subgraphs: Sequence[Subgraph], report: Report) -> None:
    taken = overridden_for_good(subgraphs)
    known = {s.name: s for s in subgraphs}
    for subgraph in subgraphs:
        facts = subgraph.facts or NOTHING
        for (name, field), override in facts.overrides.items() if not facts.composed else ():
            at = f"{name}.{field}"
            other = known.get(override.source)
            if other is None:
                said = f"{at} overrides a field of {override.source}, which is no source of this gateway"
                report("FROM_SUBGRAPH_DOES_NOT_EXIST", at, said, (subgraph.name,))
            elif field_of(other.types.get(name), field) is None or (name, field) in (other.facts or NOTHING).external:
                said = f"{other.name} does not answer {at} any more, so there is nothing to override"
                report("OVERRIDE_DIRECTIVE_CAN_BE_REMOVED", at, said, (subgraph.name,))
            elif override.label is not None:
                said = f'{at} is moving from {other.name} to {subgraph.name}: requests with "{override.label}" have it there'
                report("OVERRIDE_MIGRATION_IN_PROGRESS", at, said, (subgraph.name, other.name))
            elif (name, field, override.source) in taken:
                said = f"{at} is answered by {subgraph.name} now: {override.source} need not have it any more"
                report("OVERRIDDEN_FIELD_CAN_BE_REMOVED", at, said, (override.source,))


# ---------------------------------------------------------------- one type, several definitions


class _Differences:
    def __init__(self, name: str, parts: Parts, subgraphs: Mapping[str, Subgraph], usage: Usage, report: Report) -> None:
        self.name, self.parts, self.subgraphs, self.usage, self.report = name, parts, subgraphs, usage, report
        self.first = next(iter(parts.values()))

    def tell(self) -> None:
        descriptions = {text.value.strip() for n in self.parts.values() if (text := getattr(n, "description", None)) is not None}
        if len(descriptions) > 1:
            said = f"{self.name} is described in {len(descriptions)} ways: the first counts"
            self.report("INCONSISTENT_DESCRIPTION", self.name, said, self.parts)
        if isinstance(self.first, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
            self._fields()
        elif isinstance(self.first, UnionTypeDefinitionNode):
            for member, having in self._partial("types"):
                said = f"{member} is a member of {self.name} in {', '.join(having)} only"
                self.report("INCONSISTENT_UNION_MEMBER", self.name, said, self.parts)
        elif isinstance(self.first, EnumTypeDefinitionNode):
            self._values()

    def _partial(self, part: str) -> Iterator[tuple[str, list[str]]]:
        """Members that not all definitions have, and the subgraphs that do."""
        known: dict[str, list[str]] = {}
        for subgraph, node in self.parts.items():
            for member in getattr(node, part, None) or ():
                known.setdefault(member.name.value, []).append(subgraph)
        yield from ((member, having) for member, having in known.items() if len(having) < len(self.parts))

    def _fields(self) -> None:
        keyed = [s for s in self.parts if (self.subgraphs[s].facts or NOTHING).keys.get(self.name)]
        if keyed and len(keyed) < len(self.parts) and isinstance(self.first, ObjectTypeDefinitionNode):
            rest = ", ".join(s for s in self.parts if s not in keyed)
            self.report(
                "INCONSISTENT_ENTITY", self.name, f"{self.name} has a @key in {', '.join(keyed)}, but none in {rest}", self.parts
            )
        if keyed or any((self.subgraphs[s].facts or NOTHING).interface_objects for s in self.parts):
            return
        for field, having in self._partial("fields"):
            at = f"{self.name}.{field}"
            said = f"{at} is known in {', '.join(having)} only"
            if isinstance(self.first, ObjectTypeDefinitionNode):
                self.report("INCONSISTENT_OBJECT_VALUE_TYPE_FIELD", at, said, self.parts)
            else:
                self.report("INCONSISTENT_INTERFACE_VALUE_TYPE_FIELD", at, said, self.parts)

    def _values(self) -> None:
        taken, given = self.name in self.usage.taken, self.name in self.usage.given
        if not taken and not given:
            self.report("UNUSED_ENUM_TYPE", self.name, f"nothing gives or takes {self.name}", self.parts)
            return
        for value, having in self._partial("values") if taken != given else ():
            at, where = f"{self.name}.{value}", ", ".join(having)
            if taken:
                said = f"{at} is known in {where} only, so clients cannot give it"
                self.report("INCONSISTENT_ENUM_VALUE_FOR_INPUT_ENUM", at, said, self.parts)
            else:
                self.report("INCONSISTENT_ENUM_VALUE_FOR_OUTPUT_ENUM", at, f"{at} is known in {where} only", self.parts)


def _rights_on_interfaces(name: str, definitions: Parts, report: Report) -> None:
    for subgraph, node in definitions.items():
        if not isinstance(node, InterfaceTypeDefinitionNode):
            continue
        members: Iterable[tuple[str, Any]] = ((name, node), *((f"{name}.{f.name.value}", f) for f in fields_of(node)))
        for at, each in members:
            for directive in each.directives or ():
                if directive.name.value in RIGHTS:
                    said = f"@{directive.name.value} of {at} stands on an interface: it is asked of all types behind it"
                    report("AUTH_REQUIREMENTS_APPLIED_ON_INTERFACE", at, said, (subgraph,))


# ---------------------------------------------------------------- one field, several that answer


def _same_fields(name: str, field: str, having: Mapping[str, FieldDefinitionNode], graph: Graph, report: Report) -> None:
    at = f"{name}.{field}"
    if len({print_ast(definition.type) for definition in having.values()}) > 1:
        told = ", ".join(f"{print_ast(definition.type)} in {s}" for s, definition in having.items())
        report("INCONSISTENT_BUT_COMPATIBLE_FIELD_TYPE", at, f"{at} is {told}: clients see the widest", having)
    known = values_of(name, field, list(having), graph)
    if len(set(known.values())) > 1 and frozenset.intersection(*known.values()):
        told = "; ".join(f"{', '.join(sorted(values))} in {s}" for s, values in known.items())
        said = f"{at} can be {told}. Of a type that not all know, only __typename is answered where several can be asked"
        report("INCONSISTENT_RUNTIME_TYPES_FOR_SHAREABLE_RETURN", at, said, having)


def values_of(name: str, field: str, having: Sequence[str], graph: Graph) -> Mapping[str, frozenset[str]]:
    """subgraph → the object types its values of an abstract field can have; nothing for fields that are not abstract."""
    inner = {named(definition.type) for definition in graph.fields[name, field].values()}
    if not any(i in graph.possible for i in inner) or any((s, i) in graph.stand_ins for s in having for i in inner):
        return {}
    return {s: graph.values(name, field, s) for s in having}
