"""Lookups of the YAML against the source's types: what holds, and every way in which one may not."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.sources.base import Batch, Lookup
from tests.sources.graphql.world import a_subgraph, problems_of

GOOD: dict[str, Any] = {"type": "Product", "key": "id", "via": "product", "arg": "id"}
PAGE: dict[str, Any] = {"via": "page", "arg": "ids", "key": "id", "path": "items", "max": 20}


def test_a_lookup_that_holds_becomes_one() -> None:
    assert a_subgraph(lookups=[GOOD | {"batch": PAGE}]).lookups == (
        Lookup("Product", "id", "product", "id", Batch("page", "ids", "id", ("items",), 20)),
    )


def test_an_abstract_field_may_give_the_type() -> None:
    assert a_subgraph(lookups=[GOOD | {"via": "node"}]).lookups[0].via == "node"


def test_a_lookup_may_use_root_fields_that_clients_do_not_see() -> None:
    subgraph = a_subgraph(expose=("count",), lookups=[GOOD | {"batch": PAGE}])
    assert subgraph.lookups
    assert "Product" in subgraph.types
    assert "page" in subgraph.unexposed


@pytest.mark.parametrize(
    ("change", "at", "said"),
    [
        ({"type": "Produkt"}, ("type",), "there is no object type Produkt"),
        ({"type": "Lang"}, ("type",), "there is no object type Lang"),
        ({"key": "ids"}, ("key",), "Product has no field ids"),
        ({"key": "maker"}, ("key",), "a key is one scalar or enum value"),
        ({"key": "tags"}, ("key",), "a key is one scalar or enum value"),
        ({"key": "price"}, ("arg",), "the key is Float, but the argument id takes ID!"),
        ({"via": "produkt"}, ("via",), "no root field produkt"),
        ({"via": "page", "arg": "ids"}, ("via",), "page gives ProductPage, not Product"),
        ({"via": "products", "arg": "ids"}, ("via",), "a lookup gives one Product"),
        ({"arg": "sku"}, ("arg",), "product has no argument sku"),
        ({"batch": PAGE | {"via": "pages"}}, ("batch", "via"), "no root field pages"),
        ({"batch": PAGE | {"arg": "id"}}, ("batch", "arg"), "page has no argument id"),
        ({"batch": PAGE | {"arg": "lang"}}, ("batch", "arg"), "a batch argument takes a list of keys"),
        ({"batch": PAGE | {"key": "sku"}}, ("batch", "key"), "Product has no field sku"),
        ({"batch": PAGE | {"key": "maker"}}, ("batch", "key"), "a key is one scalar or enum value"),
        ({"batch": PAGE | {"path": "item"}}, ("batch", "path"), "ProductPage has no field item"),
        ({"batch": PAGE | {"path": ""}}, ("batch", "path"), "rows of a batch come in a list"),
        ({"batch": PAGE | {"path": "items.similar"}}, ("batch", "path"), "is a list before the end of the path"),
        ({"batch": PAGE | {"path": "total"}}, ("batch", "path"), "rows of a batch come in a list"),
    ],
)
def test_what_does_not_hold_is_told_at_its_place(change: dict[str, Any], at: tuple[str, ...], said: str) -> None:
    problems = problems_of(lookups=[GOOD, GOOD | change])
    told = {(p.path, p.code): p.message for p in problems}
    assert said in told[("sources", "stock", "lookups", 1, *at), "LOOKUP_INVALID"]


def test_a_near_miss_is_told_with_what_was_meant() -> None:
    (problem,) = problems_of(lookups=[GOOD | {"via": "produkt"}])
    assert problem.fix is not None
    assert "product" in problem.fix


def test_all_faults_of_all_lookups_are_told_at_once() -> None:
    wrong = {"type": "Produkt", "key": "x", "via": "y", "arg": "z", "batch": PAGE | {"via": "w"}}
    assert len(problems_of(lookups=[wrong, wrong])) == 6


def test_an_argument_that_a_lookup_cannot_give_is_told() -> None:
    sdl = "type Query { a(id: ID!, must: Int!, may: Int! = 1): A } type A { id: ID! }"
    (problem,) = problems_of(sdl, lookups=[{"type": "A", "key": "id", "via": "a", "arg": "id"}])
    assert "also requires the argument must" in problem.message


@pytest.mark.parametrize(
    ("key", "argument", "holds"), [("Int", "ID", True), ("ID", "Int", True), ("Int", "String", False), ("E", "E", True)]
)
def test_keys_bind_where_links_would(key: str, argument: str, holds: bool) -> None:
    sdl = f"type Query {{ a(k: {argument}): A }} type A {{ k: {key} }} enum E {{ X }}"
    assert bool(problems_of(sdl, lookups=[{"type": "A", "key": "k", "via": "a", "arg": "k"}])) is not holds
