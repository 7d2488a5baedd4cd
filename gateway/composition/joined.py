"""The supergraph in the join specification, for gateways that take a composed supergraph SDL. Pure.

Only what a subgraph of federation can say fits in: a source that is called otherwise, and links, cannot be told there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from graphql import (
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InterfaceTypeDefinitionNode,
    Node,
    ObjectTypeDefinitionNode,
    SelectionSetNode,
    TypeDefinitionNode,
    UnionTypeDefinitionNode,
    parse,
    print_ast,
    strip_ignored_characters,
)

from gateway.composition.moves import NOTHING, answering, overridden_for_good
from gateway.composition.print import directed
from gateway.composition.rules import contact_of
from gateway.composition.supergraph import Supergraph
from gateway.config.problem import ConfigError, Problem
from gateway.sources.base import Contextual, Subgraph
from gateway.sources.reach import field_of
from gateway.sources.report import shown_url

QUERY = "Query"
LABELS, CONTEXTS = ", overrideLabel: String", ", contextArguments: [join__ContextArgument!]"
CONTEXT_HEAD = """
directive @context(name: String!) repeatable on INTERFACE | OBJECT | UNION
scalar context__context
scalar join__FieldValue
input join__ContextArgument { name: String! type: String! context: String! selection: join__FieldValue! }
"""
HEAD = """
schema
  @link(url: "https://specs.apollo.dev/link/v1.0")
  @link(url: "https://specs.apollo.dev/join/{version}", for: EXECUTION)
  @link(url: "https://specs.apollo.dev/inaccessible/v0.2", for: SECURITY){context}
{ query: Query }

directive @join__enumValue(graph: join__Graph!) repeatable on ENUM_VALUE
directive @join__field(
  graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String, external: Boolean, override: String,
  usedOverridden: Boolean{field}
) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__implements(graph: join__Graph!, interface: String!) repeatable on OBJECT | INTERFACE
directive @join__type(
  graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true,
  isInterfaceObject: Boolean! = false
) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
directive @join__unionMember(graph: join__Graph!, member: String!) repeatable on UNION
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
directive @inaccessible on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE
  | INPUT_OBJECT | INPUT_FIELD_DEFINITION
scalar join__FieldSet
scalar link__Import
enum link__Purpose { SECURITY EXECUTION }
"""


def print_supergraph(supergraph: Supergraph) -> str:
    """SDL. Raises `ConfigError` naming what the join specification has no words for."""
    problems = [*_unspeakable_sources(supergraph), *_unspeakable_links(supergraph)]
    if problems:
        raise ConfigError(problems)
    joiner = _Joiner(supergraph)
    definitions = (*supergraph.directives, *supergraph.whole_types.values())
    parts = [print_ast(node) for node in parse(joiner.head(), no_location=True).definitions]
    parts += [joiner.graphs(), *(print_ast(joiner.joined(node)) for node in definitions)]
    return "\n\n".join(parts) + "\n"


def _unspeakable_sources(supergraph: Supergraph) -> Iterator[Problem]:
    for subgraph in supergraph.subgraphs.values():
        if not subgraph.wire.response_keys or any(lookup.fields is None for lookup in subgraph.lookups):
            said = f"{subgraph.name} is no federation subgraph: a supergraph SDL cannot say how it is asked"
            yield Problem(
                "NOT_A_SUBGRAPH", said, ("sources", subgraph.name), sources=(subgraph.name,), owners=(contact_of(subgraph),)
            )


def _unspeakable_links(supergraph: Supergraph) -> Iterator[Problem]:
    for name, field in supergraph.graph.links:
        yield Problem(
            "NOT_A_SUBGRAPH", f"{name}.{field} is a link: a supergraph SDL cannot say it", coordinates=(f"{name}.{field}",)
        )


class _Joiner:
    def __init__(self, supergraph: Supergraph) -> None:
        self.subgraphs = supergraph.subgraphs
        subgraphs = list(self.subgraphs.values())
        self.taken = overridden_for_good(subgraphs)
        self.labels = {
            (QUERY if name == s.query else name, field, graph): override.label
            for s, (name, field), override in answering(subgraphs)
            for graph in (s.name, override.source)
            if override.label is not None
        }
        self.contexts = any((s.facts or NOTHING).contexts for s in subgraphs)
        self.hidden = {c for s in self.subgraphs.values() for c in (s.facts or NOTHING).inaccessible}
        self.names: dict[str, str] = {}
        for name in self.subgraphs:
            made = re.sub(r"\W", "_", name).upper()
            while made in self.names.values():
                made += "_"
            self.names[name] = made

    def head(self) -> str:
        """As old a version as may be, since more gateways know it: v0.4 has labels of overrides, v0.5 has contexts."""
        version = "v0.5" if self.contexts else "v0.4" if self.labels else "v0.3"
        link = '\n  @link(url: "https://specs.apollo.dev/context/v0.1", for: SECURITY)' if self.contexts else ""
        field = (LABELS if self.labels or self.contexts else "") + (CONTEXTS if self.contexts else "")
        head = HEAD.replace("{version}", version).replace("{field}", field).replace("{context}", link)
        return head + CONTEXT_HEAD if self.contexts else head

    def graphs(self) -> str:
        values = (
            f"{self.names[s.name]} @join__graph(name: {_text(s.name)}, url: {_text(shown_url(s.url))})"
            for s in self.subgraphs.values()
        )
        return print_ast(parse(f"enum join__Graph {{ {' '.join(values)} }}", no_location=True))

    def joined(self, node: Any) -> Node:
        if not isinstance(node, TypeDefinitionNode):
            return node  # type: ignore[no-any-return]  # a definition
        name = node.name.value
        having = [s for s in self.subgraphs.values() if (s.query if name == QUERY else name) in s.types]
        changes: dict[str, Any] = {}
        if isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode | InputObjectTypeDefinitionNode):
            changes["fields"] = tuple(self._field(name, field, having) for field in node.fields or ())
        elif isinstance(node, EnumTypeDefinitionNode):
            changes["values"] = tuple(self._value(name, value, having) for value in node.values or ())
        return directed(node, [*self._hides(name), *self._type(name, node, having)], **changes)

    # ------------------------------------------------------------ types

    def _type(self, name: str, node: TypeDefinitionNode, having: Iterable[Subgraph]) -> Iterator[str]:
        for subgraph in having:
            facts, graph = subgraph.facts or NOTHING, self.names[subgraph.name]
            own = self._own(subgraph, name)
            stands = ", isInterfaceObject: true" if name in facts.interface_objects else ""
            for key in facts.keys.get(name, ()) or (None,):
                told = "" if key is None else f", key: {_text(key.text)}" + ("" if key.resolvable else ", resolvable: false")
                yield f"@join__type(graph: {graph}{told}{stands})"
            if not stands:
                for interface in getattr(own, "interfaces", None) or ():
                    yield f"@join__implements(graph: {graph}, interface: {_text(interface.name.value)})"
            for context, types in facts.contexts.items():
                if own.name.value in types:
                    yield f"@context(name: {_text(_context(subgraph, context))})"
            if isinstance(node, UnionTypeDefinitionNode) and isinstance(own, UnionTypeDefinitionNode):
                yield from (f"@join__unionMember(graph: {graph}, member: {_text(m.name.value)})" for m in own.types or ())

    def _own(self, subgraph: Subgraph, name: str) -> TypeDefinitionNode:
        return subgraph.types[subgraph.query if name == QUERY else name]

    def _hides(self, coordinate: str) -> list[str]:
        return ["@inaccessible"] if coordinate in self.hidden else []

    def _value(self, name: str, value: Any, having: Iterable[Subgraph]) -> Any:
        told = [f"@join__enumValue(graph: {self.names[s.name]})" for s in having if _has(self._own(s, name), "values", value)]
        return directed(value, [*self._hides(f"{name}.{value.name.value}"), *told])

    # ------------------------------------------------------------ fields

    def _field(self, name: str, field: Any, having: list[Subgraph]) -> Any:
        coordinate = f"{name}.{field.name.value}"
        told = [t for s in having if (t := self._joins(s, name, field)) is not None]
        plain = len(told) == len(having) and all(" " not in t for t in told)
        joins = [] if plain else [f"@join__field({t})" for t in told] or ["@join__field"]
        changes: dict[str, Any] = {}
        if isinstance(field, FieldDefinitionNode) and field.arguments:
            changes["arguments"] = tuple(directed(a, self._hides(f"{coordinate}({a.name.value}:)")) for a in field.arguments)
        return directed(field, [*self._hides(coordinate), *joins], **changes)

    def _still_named(self, subgraph: Subgraph, at: tuple[str, str]) -> bool:
        """Does anything in the subgraph still need the definition of a field that another answers now?"""
        facts = subgraph.facts or NOTHING
        selections = (
            *facts.requires.values(),
            *facts.provides.values(),
            *(k.fields for keys in facts.keys.values() for k in keys),
        )
        if any(re.search(rf"\b{at[1]}\b", _fields(selection)) for selection in selections):
            return True
        interfaces = getattr(subgraph.types[at[0]], "interfaces", None) or ()
        return any(field_of(subgraph.types.get(i.name.value), at[1]) is not None for i in interfaces)

    def _joins(self, subgraph: Subgraph, name: str, field: Any) -> str | None:
        """What this subgraph has to do with the field; None: nothing. With more than the graph to say, there is a space in it."""
        facts, at = subgraph.facts or NOTHING, (self._own(subgraph, name).name.value, field.name.value)
        own = next((f for f in getattr(self._own(subgraph, name), "fields", None) or () if f.name.value == at[1]), None)
        if own is None:
            return None
        said = [f"graph:{self.names[subgraph.name]}"]
        if print_ast(own.type) != print_ast(field.type):
            said.append(f"type: {_text(print_ast(own.type))}")
        said += (
            f"{word}: {_text(_fields(stated[at]))}" for word, stated in _stated(facts.requires, facts.provides) if at in stated
        )
        if at in facts.from_context:
            said.append(f"contextArguments: [{', '.join(_taken(subgraph, argument) for argument in facts.from_context[at])}]")
        if at in facts.external:
            said.append("external: true")
            return ", ".join(said)
        if at in facts.overrides and at not in facts.external:
            said.append(f"override: {_text(facts.overrides[at].source)}")
        elif (name, at[1], subgraph.name) in self.taken:
            if not self._still_named(subgraph, at):
                return None
            said.append("usedOverridden: true")
        if (label := self.labels.get((name, at[1], subgraph.name))) is not None:
            said.append(f"overrideLabel: {_text(label)}")
        return ", ".join(said)


def _context(subgraph: Subgraph, name: str) -> str:
    """A context is its subgraph's own; one that was read from a supergraph says so already."""
    return name if subgraph.facts and subgraph.facts.composed else f"{re.sub(r'[^A-Za-z0-9]', '_', subgraph.name)}__{name}"


def _taken(subgraph: Subgraph, argument: Contextual) -> str:
    told = {
        "context": _context(subgraph, argument.context),
        "name": argument.name,
        "type": print_ast(argument.type),
        "selection": strip_ignored_characters(print_ast(argument.selection)),
    }
    return f"{{{', '.join(f'{key}: {_text(value)}' for key, value in told.items())}}}"


def _stated(requires: Mapping[Any, SelectionSetNode], provides: Mapping[Any, SelectionSetNode]) -> Iterable[tuple[str, Any]]:
    return (("requires", requires), ("provides", provides))


def _fields(selection: SelectionSetNode) -> str:
    return strip_ignored_characters(print_ast(selection))[1:-1]


def _has(node: TypeDefinitionNode, part: str, member: Any) -> bool:
    return any(m.name.value == member.name.value for m in getattr(node, part, None) or ())


def _text(value: str) -> str:
    return msgspec.json.encode(value).decode()
