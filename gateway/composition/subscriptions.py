"""The root of subscriptions: each field one source's own, and a root only where a source says that it is one."""

from __future__ import annotations

from collections.abc import Sequence

from graphql import DocumentNode, FieldDefinitionNode, ObjectTypeDefinitionNode, parse

from gateway.composition.rules import Clash
from gateway.composition.satisfiability import second_root
from gateway.config.problem import Problem
from gateway.sources.base import SUBSCRIPTION, Subgraph
from gateway.sources.reach import fields_of, subscription_root


def merge_subscriptions(subgraphs: Sequence[Subgraph], problems: list[Problem]) -> ObjectTypeDefinitionNode:
    """A subscription is of one source: nobody could tell whose event comes first."""
    owners: dict[str, Subgraph] = {}
    fields: list[FieldDefinitionNode] = []
    for subgraph in subgraphs:
        for field in fields_of(subgraph.types[SUBSCRIPTION]):
            owner = owners.setdefault(field.name.value, subgraph)
            if owner is subgraph:
                fields.append(field)
            else:
                said = ("both have a subscription of this name",)
                clash = Clash("INVALID_FIELD_SHARING", SUBSCRIPTION, said, field=field.name.value)
                problems.append(clash.problem((owner, subgraph)))
    return subscription_root(fields)


def subscription_as_a_type(subgraphs: Sequence[Subgraph]) -> list[Problem]:
    """A plain type with the name of a root that another source has."""
    if not any(s.subscriptions for s in subgraphs):
        return []
    said = "is a plain type, but another source has subscriptions, whose root has this name"
    return [second_root(s, SUBSCRIPTION, said) for s in subgraphs if SUBSCRIPTION in s.types and not s.subscriptions]


def with_roots(document: DocumentNode, *, subscribes: bool) -> DocumentNode:
    """A type that only happens to be called Subscription is no root."""
    text = "schema { query: Query subscription: Subscription }" if subscribes else "schema { query: Query }"
    return DocumentNode(definitions=(*document.definitions, *parse(text, no_location=True).definitions))
