"""What is sent: one minimal operation per fetch, golden and readable; and it asks for just what was selected."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import build_schema, graphql_sync, parse, parse_value, validate
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.sources.base import Argument, Batch
from gateway.sources.graphql.prepare import DOCUMENT_SIZES
from gateway.upstream.call import Request
from tests.sources.graphql.world import SHOP, a_fetch, a_subgraph, by_key, document, sent

PAGES = Batch("page", "ids", "id", ("items",), 2)
SUBGRAPH = a_subgraph()
SCHEMA = build_schema(SHOP)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("{ count(of: 1) }", "query { count(of: 1) }"),
        ("{ a: count(of: 1) b: count(of: 2) }", "query { a: count(of: 1) b: count(of: 2) }"),
        (
            "{ product(id: 7) { label: name maker { name } similar(first: 2) { id } } }",
            "query { product(id: 7) { label: name maker { name } similar(first: 2) { id } } }",
        ),
        ('{ anything(json: {a: ["x", 1.5, null]}) }', 'query { anything(json: { a: ["x", 1.5, null] }) }'),
        ("query ($i: ID!) { product(id: $i) { name } }", "query($i: ID!) { product(id: $i) { name } }"),
    ],
)
def test_a_root_fetch_is_one_operation_with_the_clients_aliases(asked: str, expected: str) -> None:
    assert document(SUBGRAPH, asked) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("{ node(id: 1) { id } }", "query { node(id: 1) { id } }"),
        ("{ node(id: 1) { id ... on Maker { name } } }", "query { node(id: 1) { id ... on Maker { name } } }"),
        (
            "{ node(id: 1) { id ... on Priced { tags } } }",
            "query { node(id: 1) { id ... on Product { tags } ... on Service { tags } } }",
        ),
        (
            "{ search { __typename ... on Product { id name } ... on Maker { id } } }",
            "query { search { __typename ... on Product { id name } ... on Maker { id } } }",
        ),
        ("{ search { ... on Maker { name } } }", "query { search { ... on Maker { name } } }"),
        ("{ search { kind: __typename } }", "query { search { kind: __typename } }"),
    ],
)
def test_only_what_object_types_do_not_share_stands_in_inline_fragments(asked: str, expected: str) -> None:
    assert document(SUBGRAPH, asked) == expected


def test_where_no_type_has_anything_to_give_the_typename_is_asked_for() -> None:
    assert document(SUBGRAPH, "{ search { ... on Product @skip(if: true) { __typename } } }").count("__typename") == 1
    fetch = a_fetch(SUBGRAPH, "{ node(id: 1) { ... on Maker { name } } }")
    assert "{  }" not in str(sent(SUBGRAPH.prepare(fetch)))


@pytest.mark.parametrize(
    ("asked", "declared"),
    [
        ("query ($f: Int!) { search(first: $f) { __typename } }", "$f: Int"),
        ("query ($f: Int!) { search(first: $f) { ... on Product { similar(first: $f) { id } } } }", "$f: Int"),
        ("query ($i: ID!) { count(of: $i, in: $i) }", "$i: ID!"),
        ("query ($i: ID!) { count(in: $i, of: $i) }", "$i: ID!"),
        ("query ($i: [ID!]!) { products(ids: $i) { id } }", "$i: [ID!]!"),
        ("query ($i: ID!) { products(ids: [$i]) { id } }", "$i: ID!"),
        (
            "query ($t: String!, $m: Float) { search(filter: {text: $t, price: {min: $m}}) { __typename } }",
            "$t: String!, $m: Float",
        ),
        ('query ($l: Lang) { search(filter: {text: "", any: {text: "", lang: $l}}) { __typename } }', "$l: Lang"),
        ("query ($j: JSON) { anything(json: {deep: [$j]}) }", "$j: JSON"),
        ("query ($i: ID!) { anything(json: {a: $i}) count(of: $i) }", "$i: ID!"),
        ("query ($i: ID!) { product(id: 1) { by(key: {id: $i}) } }", "$i: ID"),
    ],
)
def test_a_variable_is_declared_with_the_strictest_type_its_places_ask_for(asked: str, declared: str) -> None:
    assert document(SUBGRAPH, asked).startswith(f"query({declared}) {{")


def test_a_variable_left_out_by_the_client_is_left_out_and_null_is_sent_as_null() -> None:
    prepared = SUBGRAPH.prepare(
        a_fetch(SUBGRAPH, "query ($a: ID, $b: ID, $c: ID!) { count(of: $c, in: $a) product(id: $c) { by(key: {id: $b}) } }")
    )
    (body,) = sent(prepared, variables={"a": None, "c": "1", "unrelated": True})
    assert body["variables"] == {"a": None, "c": "1"}


def test_without_variables_none_are_sent() -> None:
    assert sent(SUBGRAPH.prepare(a_fetch(SUBGRAPH, "{ count(of: 1) }"))) == [{"query": "query { count(of: 1) }"}]


# ---------------------------------------------------------------- by key


def test_many_keys_are_asked_of_the_batch_field_in_chunks() -> None:
    lang = Argument("lang", parse_value("$l"))
    prepared = SUBGRAPH.prepare(
        a_fetch(SUBGRAPH, "{ product(id: 1) { key: id name } }", by_key("product", "id", lang, batch=PAGES))
    )
    text = "query($_keys: [ID!]!, $l: Lang) { page(ids: $_keys, lang: $l) { items { key: id name } } }"
    assert sent(prepared, [("a",), ("b",), ("c",)], {"l": "DE"}) == [
        {"query": text, "variables": {"l": "DE", "_keys": ["a", "b"]}},
        {"query": text, "variables": {"l": "DE", "_keys": ["c"]}},
    ]
    assert (prepared.match, prepared.path, prepared.key_field) == ("key", ("data", "page", "items"), "key")


def test_without_a_batch_field_each_key_is_an_alias_and_the_selection_stands_once() -> None:
    prepared = SUBGRAPH.prepare(a_fetch(SUBGRAPH, "{ product(id: 1) { name } }", by_key("product", "id", chunk=2)))
    first, second = sent(prepared, [("a",), ("b",), ("c",)])
    assert first == {
        "query": "query($_0k: ID!, $_1k: ID!) { _0: product(id: $_0k) { ...row } _1: product(id: $_1k) { ...row } } "
        "fragment row on Product { name }",
        "variables": {"_0k": "a", "_1k": "b"},
    }
    assert second["query"] == "query($_0k: ID!) { _0: product(id: $_0k) { ...row } } fragment row on Product { name }"
    assert second["variables"] == {"_0k": "c"}
    assert (prepared.match, prepared.path) == ("alias", ("data",))


def test_a_link_to_a_leaf_has_no_selection() -> None:
    assert document(SUBGRAPH, "{ count(of: 1) }", by_key("count", "of"), [("a",)]) == "query($_0k: ID!) { _0: count(of: $_0k) }"


def test_one_input_for_two_arguments_is_one_variable_of_the_stricter_type() -> None:
    entry = by_key("count", "in", Argument("of", input="key"))
    assert document(SUBGRAPH, "{ count(of: 1) }", entry, [("a",)]) == "query($_0k: ID!) { _0: count(in: $_0k, of: $_0k) }"


def test_a_variable_of_the_client_never_meets_one_of_ours() -> None:
    keys = Argument("lang", parse_value("$_keys"))
    batched = document(SUBGRAPH, "{ product(id: 1) { id } }", by_key("product", "id", keys, batch=PAGES), [("a",)])
    assert batched.startswith("query($__keys: [ID!]!, $_keys: Lang) { page(ids: $__keys, lang: $_keys)")
    aliased = document(SUBGRAPH, "{ count(of: 1) }", by_key("count", "of", Argument("in", parse_value("$_0k"))), [("a",)])
    assert aliased == "query($__0k: ID!, $_0k: ID) { _0: count(of: $__0k, in: $_0k) }"


def test_the_keys_of_a_chunk_are_positions_among_all_keys() -> None:
    for entry in (by_key("product", "id", chunk=2), by_key("product", "id", batch=PAGES)):
        prepared = SUBGRAPH.prepare(a_fetch(SUBGRAPH, "{ product(id: 1) { id } }", entry))
        chunks = prepared.calls([(str(i),) for i in range(5)], {}, Request("req_1"), lambda reply: reply)
        assert [list(chunk.keys) for chunk in chunks] == [[0, 1], [2, 3], [4]]


def test_texts_of_many_sizes_do_not_pile_up() -> None:
    prepared = SUBGRAPH.prepare(a_fetch(SUBGRAPH, "{ count(of: 1) }", by_key("count", "of", chunk=50)))
    for size in range(1, 50):
        (body,) = sent(prepared, [(i,) for i in range(size)])
        assert body["query"].count("count(") == size
    cached = next(c.cell_contents for c in prepared.calls.__closure__ or () if hasattr(c.cell_contents, "cache_info"))
    assert cached.cache_info().currsize == DOCUMENT_SIZES


# ---------------------------------------------------------------- what is sent asks for what was selected

LEAVES = {
    "RootQuery": ["count(of: 1)", "c2: count(of: $i)", "anything(json: {a: $i})", "any2: anything(json: [$i, {b: $f}])"],
    "Product": ["id", "name", "price", "eur: price(currency: EUR)", "tags", "title"],
    "Service": ["id", "price(currency: USD)", "tags", "hours"],
    "Maker": ["id", "name"],
    "Node": ["id"],
    "Priced": ["id", "tags", "p: price"],
    "Found": [],
    "ProductPage": ["total"],
}
BELOW = {
    "RootQuery": [
        ("product(id: $i)", "Product"),
        ("search(first: $f)", "Found"),
        ("node(id: 1)", "Node"),
        ("page(ids: [$i])", "ProductPage"),
    ],
    "Product": [("maker", "Maker"), ("similar(first: $f)", "Product")],
    "ProductPage": [("items", "Product")],
}
NARROWER = {
    "Node": ["Priced", "Product", "Service", "Maker"],
    "Priced": ["Product", "Service"],
    "Found": ["Node", "Product", "Service", "Maker"],
}


@st.composite
def selections(draw: st.DrawFn, kind: str = "RootQuery", depth: int = 3) -> str:
    parts = draw(st.lists(st.sampled_from(LEAVES[kind] or ["__typename"]), max_size=3))
    if depth:
        for field, below in draw(st.lists(st.sampled_from(BELOW.get(kind, [("", "")])), max_size=2)):
            parts += [f"{field} {draw(selections(below, depth - 1))}"] if field else []
        for narrower in draw(st.lists(st.sampled_from(NARROWER.get(kind, [""])), max_size=3)):
            parts += [f"... on {narrower} {draw(selections(narrower, depth - 1))}"] if narrower else []
    if kind in NARROWER:
        parts.append("__typename")
    return "{ " + " ".join(parts or ["__typename"]) + " }"


MAKER = {"__typename": "Maker", "id": "m", "name": "Acme"}
PRODUCT: dict[str, Any] = {
    "__typename": "Product",
    "id": "p",
    "name": "Lamp",
    "price": 2.5,
    "tags": ["a"],
    "maker": MAKER,
    "title": None,
}
SERVICE = {"__typename": "Service", "id": "s", "price": 9.0, "tags": None, "hours": 2}
PRODUCT["similar"] = [PRODUCT | {"similar": []}]
ROOT = {
    "product": PRODUCT,
    "search": [PRODUCT, SERVICE, MAKER],
    "node": SERVICE,
    "page": {"items": [PRODUCT], "total": 1},
    "count": 3,
    "anything": {"x": 1},
}


@settings(max_examples=120, deadline=None)
@given(selections())
def test_what_is_sent_is_valid_and_gives_what_was_asked(asked: str) -> None:
    used = [f"${name}: {kind}" for name, kind in (("i", "ID!"), ("f", "Int!")) if f"${name}" in asked]
    operation = f"query ({', '.join(used)}) {asked}" if used else asked
    assume(not validate(SCHEMA, parse(operation)))
    prepared = SUBGRAPH.prepare(a_fetch(SUBGRAPH, operation))
    (body,) = sent(prepared, variables={"i": "1", "f": 2})
    assert not validate(SCHEMA, parse(body["query"])), body["query"]
    wanted = graphql_sync(SCHEMA, operation, ROOT, variable_values={"i": "1", "f": 2})
    got = graphql_sync(SCHEMA, body["query"], ROOT, variable_values=body.get("variables"))
    assert not wanted.errors
    assert got.data == wanted.data
