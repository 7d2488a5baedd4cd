"""What of the schema needs rights, and who has them: from `protect:`, `require:` and the directives of sources' own schemas.

`@authenticated`, `@requiresScopes` and `@policy` mean what Apollo Federation says. Each rule is one bit, so that all a caller
lacks is one number: it is part of the variant an operation is compiled for, and of the key under which answers are shared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_abstract_type,
    is_interface_type,
    value_from_ast_untyped,
    visit,
)

from gateway.composition import Supergraph
from gateway.engine.store import Lru
from gateway.errors import NotSent, not_allowed
from gateway.sources.packed import Packed
from gateway.upstream.caller import Caller, Requirement, Sets

REMEMBERED = 1_000
"""Callers whose rights are worked out already."""
DIRECTIVES = {"authenticated": None, "requiresScopes": "scopes", "policy": "policies"}
"""Directive → its argument."""


class Rule(msgspec.Struct, frozen=True):
    """Something that is required, and the source that requires it."""

    service: str
    requirement: Requirement


class Rights:
    """The rules of one supergraph. Positions are `Type` or `Type.field`."""

    def __init__(self, schema: GraphQLSchema, rules: Sequence[tuple[str, Rule]], sources: Mapping[str, Requirement]) -> None:
        """`rules`: position → rule. `sources`: what a whole source requires, which its own layer sees to."""
        self.rules: list[Rule] = []
        self.sources: dict[str, int] = {}
        self._positions: dict[str, int] = {}
        self._schema = schema
        self._lacking: Lru[tuple[frozenset[str], frozenset[str]], int] = Lru(REMEMBERED)
        for position, rule in rules:
            bit = self._bit(rule)
            for each in self._spread(position):
                self._positions[each] = self._positions.get(each, 0) | bit
        for name, requirement in sources.items():
            self.sources[name] = self._bit(Rule(name, requirement))

    def lacking(self, caller: Caller | None) -> int:
        """The bits of the rules this caller does not meet."""
        if caller is None:
            return self.unknown | (self.unknown - 1)
        key = (caller.scopes, caller.policies)
        if (known := self._lacking.get(key)) is None:
            known = sum(1 << i for i, rule in enumerate(self.rules) if not rule.requirement.met_by(caller))
            self._lacking.put(key, known)
        return known

    @property
    def unknown(self) -> int:
        """The bit above all rules, which only an unknown caller lacks: it is told another reason."""
        return 1 << len(self.rules)

    def needed(self, type_name: str, field: str, result: str) -> int:
        """The rules for reading this field of an object type, which gives values of type `result`."""
        of = self._positions.get
        return of(type_name, 0) | of(f"{type_name}.{field}", 0) | of(result, 0)

    def of_document(self, node: DocumentNode) -> int:
        """The rules any of its fields comes under. The document has to be valid."""
        if not self._positions:
            return 0
        found = _Found(self, self._schema)
        visit(node, TypeInfoVisitor(found.info, found))
        return found.bits and found.bits | self.unknown

    def of_sources(self, names: Iterable[str]) -> int:
        """The rules of these sources as a whole."""
        bits = 0
        for name in names:
            bits |= self.sources.get(name, 0)
        return bits and bits | self.unknown

    def error(self, lacking: int, caller: Caller | None) -> NotSent:
        """What is said in place of something that needs what this caller lacks."""
        error = not_allowed(known=caller is not None)
        error.service = next(rule.service for i, rule in enumerate(self.rules) if lacking >> i & 1)
        return error

    def object_types(self, type_name: str) -> Iterable[str]:
        kind = self._schema.type_map.get(type_name)
        return [each.name for each in self._schema.get_possible_types(kind)] if is_abstract_type(kind) else [type_name]

    def _bit(self, rule: Rule) -> int:
        if rule not in self.rules:
            self.rules.append(rule)
        return 1 << self.rules.index(rule)

    def _spread(self, position: str) -> Iterator[str]:
        """What is required of an interface is required of the types behind it, by whichever of the two they are read."""
        name, dot, field = position.partition(".")
        yield position
        if is_interface_type(self._schema.type_map.get(name)):
            yield from (f"{each}{dot}{field}" for each in self.object_types(name))


class _Found(Visitor):
    def __init__(self, rights: Rights, schema: GraphQLSchema) -> None:
        super().__init__()
        self.info = TypeInfo(schema)
        self.bits = 0
        self._rights = rights

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        parent, result = self.info.get_parent_type(), self.info.get_type()
        if parent is not None and result is not None:
            for name in self._rights.object_types(parent.name):
                self.bits |= self._rights.needed(name, node.name.value, get_named_type(result).name)


# ---------------------------------------------------------------- gathering


def rights_of(
    supergraph: Supergraph, protect: Mapping[str, Mapping[str, Requirement]], sources: Mapping[str, Requirement]
) -> Rights | None:
    """`protect`: source → position → requirement. None: nothing of this supergraph needs any."""
    rules = [(at, Rule(name, need)) for name, positions in protect.items() for at, need in positions.items()]
    rules += _stated(supergraph)
    return Rights(supergraph.schema, rules, sources) if rules or sources else None


def unknown(supergraph: Supergraph, positions: Iterable[str]) -> list[str]:
    """Those that are no type and no field of the schema."""
    return [position for position in positions if not _known(supergraph.schema, *position.partition(".")[::2])]


def _known(schema: GraphQLSchema, type_name: str, field: str) -> bool:
    kind = schema.type_map.get(type_name)
    return kind is not None and (not field or field in getattr(kind, "fields", ()))


def _stated(supergraph: Supergraph) -> Iterator[tuple[str, Rule]]:
    """What sources state in their own schemas, by directives."""
    for subgraph in supergraph.subgraphs.values():
        if isinstance(subgraph.types, Packed):  # of kinds that state no rights
            continue
        for name, node in subgraph.types.items():
            shown = "Query" if name == subgraph.query else name
            yield from ((shown, Rule(subgraph.name, need)) for need in _required(node.directives or ()))
            for field in getattr(node, "fields", None) or ():
                at = f"{shown}.{field.name.value}"
                yield from ((at, Rule(subgraph.name, need)) for need in _required(getattr(field, "directives", None) or ()))


def _required(directives: Iterable[DirectiveNode]) -> Iterator[Requirement]:
    for directive in directives:
        if (name := directive.name.value) in DIRECTIVES:
            member = DIRECTIVES[name]
            given = {a.name.value: value_from_ast_untyped(a.value) for a in directive.arguments or ()}
            yield Requirement(**({member: _sets(given.get(member))} if member else {}))


def _sets(given: Any) -> Sets:
    return tuple(frozenset([each] if isinstance(each, str) else each) for each in given or ())
