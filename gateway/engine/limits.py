"""What a document may be, told from its text alone: tokens, depth, aliases, root fields, directives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    Lexer,
    OperationDefinitionNode,
    SelectionSetNode,
    Source,
    TokenKind,
)

from gateway.errors import IntrospectionDisabled, LimitExceeded

REPEATED = 50
"""Fields one selection may have more often than once: generated documents repeat a few, attacks hundreds."""
SCHEMA_FIELDS = frozenset({"__schema", "__type"})


class Limits(msgspec.Struct, frozen=True):
    """What one operation may be, before it is asked of anyone. 0: not limited."""

    depth: int = 15
    aliases: int = 30
    tokens: int = 5_000
    upstream_calls: int = 50
    upstream_calls_total: int = 2_000
    root_fields: int = 50
    directives: int = 50
    list_size: int = 10_000
    """Items a field may be asked for at once, by `first` and its like."""
    cost: int = 0
    assumed_list_size: int = 10
    """Items of a list that nothing tells the size of."""
    weights: Mapping[str, float] = {}
    """source → how much dearer than usual what it brings is."""
    introspection: bool = True
    suggestions: bool = True
    """A name that is not there is answered with those that are like it."""


def exceeded(which: str, limit: int, actual: int) -> LimitExceeded:
    """Counting stops where the limit is passed: `actual` is the least it can be."""
    message = f"The operation's {which} may be {limit} at most and would be {actual} or more."
    return LimitExceeded(message, which=which, limit=limit, actual=actual)


def has_more_tokens(text: str, limit: int) -> bool:
    lexer = Lexer(Source(text))
    try:
        for _ in range(limit + 1):
            if lexer.advance().kind is TokenKind.EOF:
                return False
    except GraphQLError:
        return False
    return True


def within(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode], limits: Limits) -> None:
    """Raises `LimitExceeded` or `IntrospectionDisabled`. The document need not be valid."""
    measure = _Measure(fragments, limits)
    measure.count("directives", operation.directives or ())
    measure.walk(operation.selection_set, 0, ())


class _Measure:
    """Counts with fragments spread out and stops as soon as a limit is passed; what is inside of introspection is not counted."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode], limits: Limits) -> None:
        self.fragments = fragments
        self.limits = limits
        self.visits = 0
        self.roots: set[str] = set()
        self.counts = {"depth": 0, "aliases": 0, "root_fields": 0, "directives": 0}

    def count(self, which: str, directives: Sequence[DirectiveNode] = (), *, more: int = 0) -> None:
        self.counts[which] += len(directives) + more
        limit: int = getattr(self.limits, which)
        if limit and self.counts[which] > limit:
            raise exceeded(which, limit, self.counts[which] if more else limit + 1)

    def walk(self, selections: SelectionSetNode, depth: int, inside: tuple[str, ...]) -> None:
        fields = [node.name.value for node in selections.selections if isinstance(node, FieldNode) and node.alias is None]
        if (repeated := len(fields) - len(set(fields))) > REPEATED:
            raise exceeded("repeated_fields", REPEATED, repeated)
        for node in selections.selections:
            self.visits += 1
            if self.limits.tokens and self.visits > 10 * self.limits.tokens:
                raise exceeded("selections", 10 * self.limits.tokens, self.visits)
            self.count("directives", node.directives or ())
            if isinstance(node, FieldNode):
                self.field(node, depth, inside)
            elif isinstance(node, FragmentSpreadNode):
                name = node.name.value
                if name not in inside and name in self.fragments:
                    self.walk(self.fragments[name].selection_set, depth, (*inside, name))
            elif isinstance(node, InlineFragmentNode):
                self.walk(node.selection_set, depth, inside)

    def field(self, node: FieldNode, depth: int, inside: tuple[str, ...]) -> None:
        key = (node.alias or node.name).value
        if depth == 0 and key not in self.roots and not node.name.value.startswith("__"):
            self.roots.add(key)
            self.count("root_fields", more=1)
        if node.name.value in SCHEMA_FIELDS:
            if not self.limits.introspection:
                raise IntrospectionDisabled("This gateway does not tell its schema: ask its operators for it.")
            return
        self.count("aliases", more=node.alias is not None)
        if not node.name.value.startswith("__"):
            self.count("depth", more=max(0, depth + 1 - self.counts["depth"]))
            if node.selection_set is not None:
                self.walk(node.selection_set, depth + 1, inside)
