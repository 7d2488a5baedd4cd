"""A composed supergraph is taken apart into what it was composed of."""

from __future__ import annotations

import pytest
from graphql import build_schema, lexicographic_sort_schema, print_schema, validate_schema

from gateway.composition import Supergraph, compose
from gateway.composition.joined import print_supergraph
from gateway.config.problem import ConfigError
from gateway.engine import Engine
from gateway.planning.plan import show
from gateway.sources.base import Subgraph
from gateway.sources.document import Document
from gateway.sources.supergraph import Options, subgraphs
from gateway.upstream.call import Call, HeaderRules, Reply, Sends
from tests.federated import FED2, a_gateway, federated, source, together
from tests.graphs import GATEWAY_OWNER, Service

PARTS = (
    (
        "shop",
        FED2
        + """
        type Query { products: [Product!]! @shareable find: [Item] }
        union Item = Product | Voucher
        type Product @key(fields: "sku") { sku: ID! weight: Int name: String @shareable kind: Kind secret: Int @inaccessible }
        type Voucher @key(fields: "code") { code: ID! }
        enum Kind { NEW OLD GONE @inaccessible }
        interface Node @key(fields: "id") { id: ID! }
        type User implements Node @key(fields: "id") { id: ID! age: Int @override(from: "old-names") }
        """,
    ),
    (
        "shipping",
        FED2
        + """
        type Query { products: [Product!]! @shareable }
        type Product @key(fields: "sku") { sku: ID! weight: Int @external cost(in: Money = EUR): Int @requires(fields: "weight") }
        enum Money { EUR USD }
        """,
    ),
    (
        "old-names",
        FED2
        + """
        type Query { author: User @provides(fields: "nick") }
        type User @key(fields: "id") { id: ID! age: Int nick: String @external }
        """,
    ),
    ("labels", FED2 + 'type Query { nodes: [Node] } type Node @key(fields: "id") @interfaceObject { id: ID! label: String }'),
    ("nicks", FED2 + 'type User @key(fields: "id") { id: ID! nick: String @shareable }'),
)


async def silent(call: Call) -> Reply:
    raise AssertionError(f"nobody is asked: {call.operation}")


def taken_apart(sdl: str, **options: object) -> tuple[Subgraph, ...]:
    made = source("all", "supergraph")
    made = type(made)(**{f: getattr(made, f) for f in made.__struct_fields__} | {"options": Options.model_validate(options)})
    return subgraphs(made, Document(sdl.encode(), "all.graphql"), Sends(silent, silent, lambda send: send, HeaderRules()))


def both() -> tuple[Supergraph, Supergraph]:
    composed = together(*PARTS)
    return composed, compose(taken_apart(print_supergraph(composed)))


def test_what_is_printed_is_valid_by_graphqls_own_rules() -> None:
    assert validate_schema(build_schema(print_supergraph(both()[0]))) == []


def test_composed_printed_and_taken_apart_it_is_the_same_schema() -> None:
    first, again = both()
    ours, theirs = (print_schema(lexicographic_sort_schema(s.schema)) for s in (first, again))
    assert theirs == ours


def test_composed_printed_and_taken_apart_it_offers_the_same_moves() -> None:
    first, again = both()
    assert {at: sorted(having) for at, having in again.graph.fields.items()} == {
        at: sorted(having) for at, having in first.graph.fields.items()
    }
    assert set(again.graph.requires) == set(first.graph.requires)
    assert set(again.graph.provides) == set(first.graph.provides)
    assert again.graph.stand_ins == first.graph.stand_ins
    assert {n: len(hops) for n, hops in again.graph.lookups.items()} == {n: len(hops) for n, hops in first.graph.lookups.items()}


def test_every_graph_is_a_subgraph_of_its_own_with_its_url() -> None:
    made = taken_apart(print_supergraph(together(*PARTS)))
    assert {s.name: s.url for s in made} == {name: f"http://{name}.example.com/graphql" for name, _ in PARTS}
    assert {s.owner.team for s in made} == {"Team all"}


def test_a_graph_can_have_an_owner_and_a_url_of_its_own() -> None:
    told = {"nicks": {"url": "http://elsewhere.example.com", "owner": {"team": "Nicks", "contact": {"email": "n@example.com"}}}}
    made = {s.name: s for s in taken_apart(print_supergraph(together(*PARTS)), subgraphs=told)}
    assert (made["nicks"].owner.team, made["nicks"].url) == ("Nicks", "http://elsewhere.example.com")
    assert made["shop"].owner.team == "Team all"


def test_settings_of_a_graph_that_is_not_there_are_refused() -> None:
    with pytest.raises(ConfigError) as refused:
        taken_apart(print_supergraph(together(*PARTS)), subgraphs={"nobody": {}})
    assert [p.code for p in refused.value.problems] == ["UNKNOWN_SUBGRAPH"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("join/v0.3", "join/v7.0"), "UNSUPPORTED_LINKED_FEATURE"),
        (("inaccessible/v0.2", "invented/v0.2"), "UNSUPPORTED_LINKED_FEATURE"),
        (("https://specs.apollo.dev/join/v0.3", "https://example.com/other/v0.3"), "INVALID_FEDERATION_SUPERGRAPH"),
    ],
)
def test_a_supergraph_of_an_unknown_specification_is_refused(change: tuple[str, str], code: str) -> None:
    with pytest.raises(ConfigError) as refused:
        taken_apart(print_supergraph(together(*PARTS)).replace(*change))
    assert code in {p.code for p in refused.value.problems}


def test_what_the_join_specification_has_no_words_for_is_told() -> None:
    plain = Service(
        "plain", "type Query { x(id: ID!): X } type X { id: ID! }", lookups=[{"type": "X", "key": "id", "via": "x", "arg": "id"}]
    )
    composed = compose([federated(*PARTS[1]), plain.subgraph(), federated(*PARTS[0]), *(federated(*p) for p in PARTS[2:])])
    with pytest.raises(ConfigError) as refused:
        print_supergraph(composed)
    assert [(p.code, p.sources) for p in refused.value.problems] == [("NOT_A_SUBGRAPH", ("plain",))]


def test_both_ways_of_input_have_the_same_plans() -> None:
    query = "{ products { name cost } author { nick age } nodes { label ... on User { age } } }"
    listed = show(a_gateway(*PARTS).plan(query))
    composed = show(Engine(both()[1], owner=GATEWAY_OWNER).plan(query))
    assert composed == listed


FIRST = """
schema @core(feature: "https://specs.apollo.dev/core/v0.2") @core(feature: "https://specs.apollo.dev/join/v0.1", for: EXECUTION)
{ query: Query }
directive @core(feature: String!, as: String, for: core__Purpose) repeatable on SCHEMA
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet) on FIELD_DEFINITION
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__owner(graph: join__Graph!) on OBJECT | INTERFACE
directive @join__type(graph: join__Graph!, key: join__FieldSet) repeatable on OBJECT | INTERFACE
scalar join__FieldSet
enum core__Purpose { EXECUTION SECURITY }
enum join__Graph {
  PEOPLE @join__graph(name: "people", url: "http://people.example.com/graphql")
  POSTS @join__graph(name: "posts", url: "http://posts.example.com/graphql")
}
type Query { me: User @join__field(graph: PEOPLE) }
type User @join__owner(graph: PEOPLE) @join__type(graph: PEOPLE, key: "id") @join__type(graph: POSTS, key: "id") {
  id: ID! @join__field(graph: PEOPLE)
  name: String @join__field(graph: PEOPLE)
  posts: [Post] @join__field(graph: POSTS)
}
type Post { title: String }
"""


def test_a_supergraph_of_federation_1_is_read_with_its_owners() -> None:
    engine = Engine(compose(taken_apart(FIRST)), owner=GATEWAY_OWNER)
    plan = engine.plan("{ me { name posts { title } } }")
    assert [(step.fetch.subgraph, bool(step.fetch.entry)) for step in plan.steps] == [("people", False), ("posts", True)]


@pytest.mark.parametrize("version", ["v0.2", "v0.3", "v0.4", "v0.5"])
def test_every_version_of_the_join_specification_since_is_read(version: str) -> None:
    printed = print_supergraph(both()[0]).replace("join/v0.3", f"join/{version}")
    assert [s.name for s in taken_apart(printed)] == [name for name, _ in PARTS]
