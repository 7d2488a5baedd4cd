"""Fields that move from one subgraph to another for some requests: `@override(from:, label:)` of federation 2.7.

Which labels a request has is decided per request (`engine/labels.py`). Each set of chosen labels has a graph of its own, in which
every field has one answering subgraph, as if there were no labels; so planning knows nothing of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations

from graphql import print_ast

from gateway.composition.graph import Graph
from gateway.composition.moves import QUERY, answering
from gateway.sources.base import Coordinate, Facts, Subgraph

GRAPHS = 64
"""Graphs that are kept, one per set of chosen labels."""
EVERY = 4
"""Labels of which every combination is checked; of more: none, all, and each alone."""
NAME = re.compile(r"\w+")

Labels = frozenset[str]


class Choices:
    """The labels of a supergraph, the fields they move, and the graph for each choice."""

    def __init__(self, fields: Mapping[Coordinate, Labels], everywhere: Labels, graph: Callable[[Labels], Graph]) -> None:
        """`everywhere`: labels that can matter to any operation, because keys or requirements name what they move."""
        self.fields = fields
        self.labels: Labels = frozenset().union(*fields.values())
        self._everywhere = everywhere
        self.graph = lru_cache(maxsize=GRAPHS)(graph)

    def of(self, fields: Iterable[Coordinate]) -> tuple[str, ...]:
        """The labels that matter to an operation that asks for these fields."""
        return tuple(sorted(self._everywhere.union(*(self.fields.get(at, ()) for at in fields))))

    def to_check(self) -> Iterator[Labels]:
        """The choices that composition proves satisfiable, besides that of none."""
        every = sorted(self.labels)
        if len(every) <= EVERY:
            yield from (frozenset(some) for count in range(1, len(every) + 1) for some in combinations(every, count))
        else:
            yield from (frozenset((label,)) for label in every)
            yield self.labels


def choices(
    subgraphs: Sequence[Subgraph], possible: Mapping[str, Sequence[str]], graph: Callable[[Labels], Graph]
) -> Choices | None:
    """None: nothing of this supergraph depends on a label."""
    fields: dict[Coordinate, Labels] = {}
    for subgraph, (name, field), override in answering(subgraphs):
        if override.label is not None:
            owner = QUERY if name == subgraph.query else name
            for each in (owner, *possible.get(owner, ())):
                fields[each, field] = fields.get((each, field), frozenset()) | {override.label}
    if not fields:
        return None
    named = {name for subgraph in subgraphs for name in _named(subgraph.facts or Facts())}
    everywhere = frozenset(label for (_, field), labels in fields.items() if field in named for label in labels)
    return Choices(fields, everywhere, graph)


def _named(facts: Facts) -> Iterator[str]:
    """Names of all fields that keys, requirements and provisions mention."""
    for selection in (
        *(k.fields for keys in facts.keys.values() for k in keys),
        *facts.requires.values(),
        *facts.provides.values(),
    ):
        yield from NAME.findall(print_ast(selection))
