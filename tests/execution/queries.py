"""Generated queries for a schema: aliases, fragments, inline fragments, conditions, `__typename`, arguments, variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    parse,
    validate,
)

from tests.execution.choices import Choices

ALIASES = ("k", "_tag", "_id", "_", "f_a", "_0", "a", "b", "e", "class", "self", "row")
VARIABLES = {"$n": "Int = 4", "$e": "E0", "$yes": "Boolean = true", "$no": "Boolean!", "$z": "[String!]"}
GIVEN = {"no": False, "e": "B0", "z": ["x"]}
VALUES = {"x": ("7", "$n", "null"), "y": ("A0", "$e"), "z": ('["s"]', "$z", "null"), "w": ("{p: 1, q: [A0]}", "{p: $n}")}
CONDITIONS = ("", "", "", "", "", "@skip(if: $no)", "@include(if: $yes)", "@skip(if: true)", "@include(if: $no)")
TYPENAMES = ("__typename", "__typename", "t: __typename", "_tag: __typename", "__typename_: __typename")


class Query:
    """A query being written. `distinct`: no two selections share a response key, so that nothing can conflict."""

    def __init__(self, schema: GraphQLSchema, choices: Choices) -> None:
        self.schema = schema
        self.choices = choices
        self.typename = choices.of(TYPENAMES)
        self.fragments: list[str] = []
        self.number = 0
        self.budget = 30

    def text(self, distinct: bool) -> str:
        root = self.schema.query_type
        assert root is not None
        self.distinct = distinct
        body = " ".join([self._block(root, 0), *self.fragments])
        used = ", ".join(f"{name}: {given}" for name, given in VARIABLES.items() if name in re.findall(r"\$\w+", body))
        return f"query {f'({used})' if used else ''} {body}"

    def _block(self, parent: Any, depth: int) -> str:
        parts = [self._selection(parent, depth) for _ in range(1 + self.choices.below(4))]
        return f"{{ {' '.join(parts)} }}"

    def _selection(self, parent: Any, depth: int) -> str:
        kind = self.choices.below(10)
        self.budget -= 1
        if kind >= 8 or isinstance(parent, GraphQLUnionType):
            return self._fragment(parent, depth)
        if kind == 7 or depth > 5 or self.budget < 0:
            return f"{self.typename} {self.choices.of(CONDITIONS)}"
        return self._field(parent, depth)

    def _field(self, parent: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str:
        name = self.choices.of(sorted(parent.fields))
        definition = parent.fields[name]
        named = get_named_type(definition.type)
        written = [f"{a}: {self.choices.of(VALUES[a])}" for a in definition.args if self.choices.chance(50)]
        arguments = f"({', '.join(written)})" if written else ""
        block = self._block(named, depth + 1) if is_composite_type(named) else ""
        return f"{self._alias()}{name}{arguments} {self.choices.of(CONDITIONS)} {block}"

    def _alias(self) -> str:
        if self.distinct:
            self.number += 1
            return f"k{self.number}: "
        return f"{self.choices.of(ALIASES)}: " if self.choices.chance(30) else ""

    def _fragment(self, parent: Any, depth: int) -> str:
        if depth > 6 or self.budget < 0:
            return self.typename
        into = self.choices.of(self._overlapping(parent))
        block = self._block(into, depth + 1)
        condition = self.choices.of(CONDITIONS)
        if self.choices.chance(30):
            name = f"F{len(self.fragments)}"
            self.fragments.append(f"fragment {name} on {into.name} {block}")
            return f"...{name} {condition}"
        bare = into is parent and self.choices.chance(50)
        return f"... {condition} {block}" if bare else f"... on {into.name} {condition} {block}"

    def _overlapping(self, parent: Any) -> list[Any]:
        members = {m.name for m in self.schema.get_possible_types(parent)} if is_abstract_type(parent) else {parent.name}
        composite = [t for t in self.schema.type_map.values() if is_composite_type(t) and not t.name.startswith("__")]
        return [parent] + [t for t in composite if t is not parent and not members.isdisjoint(self._names(t))]

    def _names(self, given: Any) -> set[str]:
        return {m.name for m in self.schema.get_possible_types(given)} if is_abstract_type(given) else {given.name}


def a_query(schema: GraphQLSchema, choices: Choices) -> tuple[str, Mapping[str, Any]]:
    """A valid query and its variables. Where response keys conflict, it is written again with keys that cannot."""
    text = Query(schema, choices).text(distinct=False)
    if _faults(schema, text):
        text = Query(schema, choices).text(distinct=True)
        assert not _faults(schema, text), (text, _faults(schema, text))
    return text, GIVEN


def _faults(schema: GraphQLSchema, text: str) -> list[Any]:
    return validate(schema, parse(text))
