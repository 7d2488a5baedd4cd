"""Which labels of `@override(from:, label:)` a request has: `percent(n)` by a hash, any other as the configuration says.

The hash is of the label and the request's id, or of a header of the caller: with one that stays the same from request to request
(a user, a session), who has a label keeps it. Shares only grow: at 20% everyone has it who had it at 10%.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec
from graphql import DocumentNode, FieldNode, GraphQLSchema, TypeInfo, TypeInfoVisitor, Visitor, is_abstract_type, visit

from gateway.composition import Supergraph
from gateway.sources.base import Coordinate
from gateway.upstream.call import Request

PERCENT = re.compile(r"percent\((?P<share>\d{1,2}(?:\.\d{1,8})?|100)\)")
"""Apollo Federation 2.7, "progressive override"."""
SPAN = 2**64


class Shares(msgspec.Struct, frozen=True):
    """`gateway.override`: label → the share of requests that have it (0 to 1), and the header that is hashed, in lower case."""

    labels: Mapping[str, float] = {}
    header: str | None = None

    def of(self, label: str) -> float:
        """A label that nothing is known of is never chosen."""
        if (share := self.labels.get(label)) is not None:
            return share
        percent = PERCENT.fullmatch(label)
        return float(percent["share"]) / 100 if percent else 0.0

    def chosen(self, labels: Sequence[str], request: Request) -> tuple[bool, ...]:
        """For each of these labels: does the request have it?"""
        given = request.headers.get(self.header) if self.header else None
        return tuple([self._has(label, given or request.id) for label in labels])

    def _has(self, label: str, of: str) -> bool:
        share = self.of(label)
        if share <= 0 or share >= 1:
            return share >= 1
        name = PERCENT.sub("percent", label)
        digest = blake2b(f"{name}\0{of}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) < share * SPAN


def labels_of(supergraph: Supergraph, node: DocumentNode) -> tuple[str, ...]:
    """The labels that decide how this document is planned. It has to be valid."""
    if supergraph.choices is None:
        return ()
    found = _Fields(supergraph.schema)
    visit(node, TypeInfoVisitor(found.info, found))
    return supergraph.choices.of(found.fields)


class _Fields(Visitor):
    def __init__(self, schema: GraphQLSchema) -> None:
        super().__init__()
        self.info = TypeInfo(schema)
        self.fields: set[Coordinate] = set()
        self._schema = schema

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        parent = self.info.get_parent_type()
        if parent is not None:
            members: Iterable[Any] = self._schema.get_possible_types(parent) if is_abstract_type(parent) else ()
            self.fields |= {(each.name, node.name.value) for each in (parent, *members)}
