"""What a source's schema says now, against what is served: each difference with its weight."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from graphql import (
    BreakingChange,
    DangerousChange,
    DirectiveDefinitionNode,
    DocumentNode,
    GraphQLSchema,
    NamedTypeNode,
    NameNode,
    OperationType,
    OperationTypeDefinitionNode,
    SchemaDefinitionNode,
    build_ast_schema,
)
from graphql.utilities import find_schema_changes

from gateway.sources.base import Subgraph

COORDINATE = re.compile(r"[A-Za-z_]\w*\.\w+(?:\(\w+:\))?")
TYPE = re.compile(r"@?[A-Za-z_]\w*")

FRESH = 600.0
"""Seconds for which a value that did not fit is warned of."""
SAFE = "safe"
APPLIED, STAGED, REJECTED, SEEN = "applied", "staged", "rejected", "seen"


class Change(msgspec.Struct, frozen=True):
    """One difference. `at` on the `time.time` clock."""

    at: float
    source: str
    criticality: str
    """breaking, dangerous or safe: what it does to the operations of clients."""
    coordinate: str
    message: str
    state: str = APPLIED
    """applied: it is served; staged: it waits for the next start; rejected: it is not served because it would break clients;
    seen: an answer did not fit the schema."""


def compare(before: Iterable[Subgraph], after: Iterable[Subgraph], now: float) -> tuple[Change, ...]:
    """Of the subgraphs of one source, matched by name. Builds schemas: not on the loop."""
    old = {each.name: each for each in before}
    return tuple(change for new in after if new.name in old for change in _compared(old[new.name], new, now))


def _compared(old: Subgraph, new: Subgraph, now: float) -> Iterable[Change]:
    for found in find_schema_changes(_schema(old), _schema(new)):
        breaking, dangerous = isinstance(found, BreakingChange), isinstance(found, DangerousChange)
        weight = "breaking" if breaking else "dangerous" if dangerous else SAFE
        place = COORDINATE.search(found.description) or TYPE.match(found.description)
        yield Change(now, new.name, weight, place[0] if place else "", found.description)


def _schema(subgraph: Subgraph) -> GraphQLSchema:
    named = NamedTypeNode(name=NameNode(value=subgraph.query))
    query = OperationTypeDefinitionNode(operation=OperationType.QUERY, type=named)
    root = SchemaDefinitionNode(description=None, directives=(), operation_types=(query,))
    directives: Sequence[DirectiveDefinitionNode] = subgraph.directives
    document = DocumentNode(definitions=(root, *subgraph.types.values(), *directives))
    return build_ast_schema(document, assume_valid=True, assume_valid_sdl=True)


def standing(changes: Iterable[Change], now: float) -> Iterator[Change]:
    """What of these (newest first) still is between a source and what is served of it: the latest word on each coordinate."""
    told: set[tuple[str, str]] = set()
    for each in changes:
        if (each.source, each.coordinate) not in told:
            told.add((each.source, each.coordinate))
            if each.state in (STAGED, REJECTED) or (each.state == SEEN and now - each.at < FRESH):
                yield each


def verdict(changes: Sequence[Change], on_change: str) -> str:
    """What becomes of them, by the source's `on_change`."""
    if on_change == "stage":
        return STAGED
    return REJECTED if on_change == "reject-breaking" and any(each.criticality == "breaking" for each in changes) else APPLIED
