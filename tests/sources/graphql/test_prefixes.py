"""Other names for types: everywhere outwards, nowhere on the wire."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from graphql import build_ast_schema, parse_type, parse_value, print_ast, validate_schema
from graphql.language import DocumentNode

from gateway.sources.base import Argument, Dispatch, Subgraph, Wire
from gateway.sources.prefix import prefixed
from tests.sources.graphql.world import a_fetch, a_source, a_subgraph, by_key, document, problems_of, sent

ALL = {"types": "Shop_"}


def names(subgraph: Subgraph) -> set[str]:
    return set(subgraph.types)


def test_every_type_but_the_roots_and_scalars_takes_the_prefix() -> None:
    subgraph = a_subgraph(prefix=ALL)
    assert {name for name in names(subgraph) if not name.startswith("Shop_")} == {"RootQuery", "Subscription", "JSON"}
    whole = DocumentNode(definitions=(*subgraph.types.values(),))
    schema = build_ast_schema(whole, assume_valid_sdl=True)
    schema.query_type = schema.type_map["RootQuery"]  # type: ignore[assignment]  # it is an object type
    assert not validate_schema(schema)


def test_only_the_named_types_take_it() -> None:
    subgraph = a_subgraph(prefix={"types": "Shop_", "only": ["Maker", "Currency"]})
    assert {name for name in names(subgraph) if name.startswith("Shop_")} == {"Shop_Maker", "Shop_Currency"}
    product = print_ast(subgraph.types["Product"])
    assert "price(currency: Shop_Currency = EUR): Float" in product
    assert "maker: Shop_Maker" in product
    assert print_ast(subgraph.types["Found"]) == "union Found = Product | Service | Shop_Maker"


def test_each_renaming_is_recorded() -> None:
    subgraph = a_subgraph(prefix={"types": "Shop_", "only": ["Maker"]})
    assert subgraph.origins == {"Shop_Maker": '@name(was: "Maker")'}
    assert subgraph.wire.types == {"Maker": "Shop_Maker"}


def test_the_wire_knows_only_the_sources_own_names() -> None:
    subgraph = a_subgraph(prefix=ALL)
    members = "... on Shop_Product { name price(currency: USD) } ... on Shop_Maker { id }"
    asked = f"query ($t: Shop_Filter) {{ search(filter: $t) {{ __typename {members} }} }}"
    assert document(subgraph, asked) == (
        "query($t: Filter) { search(filter: $t) { __typename ... on Product { name price(currency: USD) } ... on Maker { id } } }"
    )


def test_a_fetch_by_key_is_translated_back_too() -> None:
    subgraph = a_subgraph(prefix=ALL)
    entry = by_key(
        "page", "ids", Argument("lang", parse_value("$l"), type=parse_type("Shop_Lang")), result=parse_type("Shop_ProductPage!")
    )
    text = str(sent(subgraph.prepare(a_fetch(subgraph, "{ page(ids: []) { items { id } } }", entry)), [("a",)])[0]["query"])
    assert text == (
        "query($_0k: [ID!]!, $l: Lang) { _0: page(ids: $_0k, lang: $l) { ...row } } fragment row on ProductPage { items { id } }"
    )


def test_lookups_are_stated_in_the_sources_names_and_offered_in_the_new() -> None:
    (lookup,) = a_subgraph(prefix=ALL, lookups=[{"type": "Product", "key": "id", "via": "product", "arg": "id"}]).lookups
    assert (lookup.type, lookup.via) == ("Shop_Product", "product")


def test_every_table_of_the_wire_follows() -> None:
    plain = a_subgraph()
    wire = Wire(
        names={("Product", "name"): "na-me"},
        types={"product": "Product"},
        values={"Currency": {"eur": "EUR"}},
        scalars={"JSON": "Any"},
        dispatch={
            "Found": Dispatch("kind", {"p": "Product"}),
            "Node": Dispatch(resolve=lambda value: "Maker" if value else None),
        },
        wraps={"Maker": "value"},
        entries=frozenset({"Range"}),
    )
    moved = prefixed(a_source(prefix=ALL), msgspec.structs.replace(plain, wire=wire)).wire
    assert moved.names == {("Shop_Product", "name"): "na-me"}
    assert moved.types["product"] == moved.types["Product"] == "Shop_Product"
    assert moved.values == {"Shop_Currency": {"eur": "EUR"}}
    assert moved.scalars == {"JSON": "Any"}
    assert moved.dispatch["Shop_Found"].mapping == {"p": "Shop_Product"}
    resolve = moved.dispatch["Shop_Node"].resolve
    assert resolve is not None
    assert (resolve(1), resolve(0)) == ("Shop_Maker", None)
    assert moved.wraps == {"Shop_Maker": "value"}
    assert moved.entries == {"Shop_Range"}


@pytest.mark.parametrize(
    ("prefix", "code", "at", "fix"),
    [
        ({"types": "S_", "only": ["Makers"]}, "PREFIX_UNKNOWN", ("only", 0), "did you mean Maker?"),
        ({"types": "S_", "only": ["Maker", "RootQuery"]}, "PREFIX_UNKNOWN", ("only", 1), None),
        ({"types": "S_", "only": ["Maker", "ID"]}, "PREFIX_UNKNOWN", ("only", 1), None),
        ({"types": "__S", "only": ["Maker"]}, "PREFIX_INVALID", ("types",), None),
    ],
)
def test_a_prefix_that_cannot_be_is_refused(prefix: Any, code: str, at: tuple[Any, ...], fix: str | None) -> None:
    (problem,) = problems_of(prefix=prefix)
    assert (problem.code, problem.path) == (code, ("sources", "stock", "prefix", *at))
    assert fix is None or problem.fix == fix


def test_a_new_name_that_is_taken_is_refused() -> None:
    (problem,) = problems_of(
        "type Query { a: A b: S_A } type A { x: Int } type S_A { x: Int }", prefix={"types": "S_", "only": ["A"]}
    )
    assert problem.code == "PREFIX_TAKEN"
