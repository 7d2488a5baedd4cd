"""Sources of three kinds behind one endpoint: their types unchanged, one entity over two services, links in every direction."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .gateway import Inside
from .shop import Shop

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(autouse=True)
def forgotten(shop: Shop) -> None:
    """Each test sees only the calls of its own."""
    for service in (shop.stock, shop.catalog, shop.people):
        service.asked.clear()


def test_one_entity_comes_from_a_rest_and_a_graphql_service_in_one_call_each(front: Inside, shop: Shop) -> None:
    body = front.ask("{ listProducts(limit: 9) { sku stock name } }")
    assert body == {"data": {"listProducts": [{"sku": f"p{i}", "stock": i * 10, "name": f"Product {i}"} for i in range(9)]}}
    assert (len(shop.stock.asked), len(shop.catalog.asked)) == (1, 1)


def test_it_is_the_same_from_the_other_side(front: Inside, shop: Shop) -> None:
    body = front.ask('{ products(skus: ["p3", "p2", "nope"]) { name stock warehouse { city } } }')
    found = [{"name": f"Product {i}", "stock": i * 10, "warehouse": {"city": c}} for i, c in ((2, "Wels"), (3, "Graz"))]
    assert body == {"data": {"products": found}}
    assert sorted(asked.path for asked in shop.stock.asked) == ["/batch", "/warehouses/w0", "/warehouses/w2"]


def test_keys_beyond_a_batch_s_size_are_asked_for_in_more_calls(front: Inside, shop: Shop) -> None:
    body = front.ask("{ listProducts(limit: 40) { name } }")
    assert [product["name"] for product in body["data"]["listProducts"]] == [f"Product {i}" for i in range(40)]
    assert sorted(len(asked.json()["variables"]["_keys"]) for asked in shop.catalog.asked) == [15, 25]


def test_links_lead_on_from_any_kind_of_source_to_any_other(front: Inside) -> None:
    body = front.ask(
        """{ getProduct(sku: "p1") {
               warehouse { manager { name favourite { name maker { name } } } }
               notes { text author { name } } } }"""
    )
    favourite = {"name": "Product 1", "maker": {"name": "Bo"}}
    warehouse = {"manager": {"name": "Bo", "favourite": favourite}}
    notes = [{"text": "p1 is fine", "author": {"name": "Bo"}}]
    assert body == {"data": {"getProduct": {"warehouse": warehouse, "notes": notes}}}


def test_a_key_that_many_rows_share_is_asked_for_once(front: Inside, shop: Shop) -> None:
    front.ask("{ listProducts(limit: 30) { warehouse { manager { name } } } }")
    assert sum(asked.path.startswith("/warehouses") for asked in shop.stock.asked) == 3
    [asked] = shop.people.asked
    assert sorted(asked.json()["variables"]["_keys"]) == ["0", "1", "2"]


def test_abstract_types_aliases_fragments_and_directives(front: Inside) -> None:
    body = front.ask(
        """query All($with: Boolean!, $word: String = "x") {
          found: search(word: $word) {
            __typename ...named
            ... on Product { stock sku: name }
            ... on Maker { country @include(if: $with) }
          }
          hidden: page @skip(if: $with) { number }
        }
        fragment named on Named { called: name }""",
        {"with": True},
    )
    product = {"__typename": "Product", "called": "Product 1", "stock": 10, "sku": "Product 1"}
    assert body == {"data": {"found": [product, {"__typename": "Maker", "called": "Acme", "country": "AT"}]}}


def test_several_operations_in_one_document(front: Inside) -> None:
    document = "query A { page { number } } query B { front { title } }"
    asked = {"query": document, "operationName": "B"}
    assert front.http.post(front.url, json=asked).json() == {"data": {"front": {"title": "Front"}}}


def test_a_prefix_settles_a_clash_and_leaves_no_trace_on_the_wire(front: Inside) -> None:
    body = front.ask("{ page { __typename number } front { __typename ... on Notes_Page { title } } }")
    assert body == {
        "data": {"page": {"__typename": "Page", "number": 7}, "front": {"__typename": "Notes_Page", "title": "Front"}}
    }


def test_types_are_as_their_sources_have_them(front: Inside) -> None:
    body = front.ask(
        """{ product: __type(name: "Product") { description interfaces { name } fields(includeDeprecated: true) {
               name isDeprecated deprecationReason type { kind name ofType { name } } args { name defaultValue } } }
             kind: __type(name: "Kind") { enumValues { name description } }
             thing: __type(name: "Thing") { possibleTypes { name } }
             __schema { queryType { fields { name } } mutationType { name } subscriptionType { name } } }"""
    )["data"]
    fields = {field["name"]: field for field in body["product"]["fields"]}
    assert body["product"]["description"] == "Something on a shelf."
    assert body["product"]["interfaces"] == [{"name": "Named"}]
    assert fields["sku"]["type"] == {"kind": "NON_NULL", "name": None, "ofType": {"name": "String"}}
    assert fields["stock"]["type"]["name"] == "Int"
    assert fields["price"]["args"] == [{"name": "currency", "defaultValue": '"EUR"'}]
    assert fields["label"]["deprecationReason"] == "Use `name`."
    assert fields["warehouse"]["type"]["name"] == "Warehouse"
    assert body["kind"]["enumValues"][1] == {"name": "WHEEL", "description": "Only what rolls."}
    assert [each["name"] for each in body["thing"]["possibleTypes"]] == ["Product", "Maker"]
    assert (body["__schema"]["mutationType"], body["__schema"]["subscriptionType"]) == (None, {"name": "Subscription"})


def test_a_query_by_get_with_variables(front: Inside) -> None:
    answer = front.get("query ($sku: String!) { getProduct(sku: $sku) { stock } }", variables='{"sku": "p4"}')
    assert answer.json() == {"data": {"getProduct": {"stock": 40}}}


def test_nothing_found_is_null_through_a_lookup_and_an_error_at_the_root(front: Inside) -> None:
    body = front.ask('{ product(sku: "nope") { name } getProduct(sku: "nope") { stock } }')
    assert body["data"] == {"product": None, "getProduct": None}
    assert [(e["path"], e["extensions"]["code"]) for e in body["errors"]] == [(["getProduct"], "NOT_FOUND")]


# ---------------------------------------------------------------- what goes on to the services


def test_ids_and_trace_go_on_to_every_service(front: Inside, shop: Shop) -> None:
    answer = front.post(
        "{ listProducts(limit: 1) { name maker { name } } }",
        x_request_id="caller-0042",
        x_correlation_id="order-7",
        traceparent=TRACE,
        tracestate="vendor=1",
        baggage="tenant=9",
    )
    assert answer.headers["x-request-id"] == "caller-0042"
    assert answer.headers["x-correlation-id"] == "order-7"
    for service in (shop.stock, shop.catalog, shop.people):
        [asked] = service.asked
        told = asked.headers
        assert (told["x-request-id"], told["x-correlation-id"]) == ("caller-0042", "order-7")
        assert told["traceparent"].split("-")[1] == TRACE.split("-")[1]
        assert (told["tracestate"], told["baggage"]) == ("vendor=1", "tenant=9")
        assert 0 < int(told["x-envoy-expected-rq-timeout-ms"]) <= 20_000


def test_an_id_is_made_where_the_caller_s_is_none(front: Inside, shop: Shop) -> None:
    answer = front.post("{ page { number } }", x_request_id="<script>")
    assert answer.headers["x-request-id"].startswith("req_")
    assert shop.catalog.asked[0].headers["x-request-id"] == answer.headers["x-request-id"]


def test_headers_are_propagated_inserted_and_removed_as_the_source_says(front: Inside, shop: Shop) -> None:
    secrets: dict[str, Any] = {"authorization": "Bearer 2", "x_tenant": "t1", "x_trace": "on", "cookie": "id=1"}
    body = front.ask("{ me { name } visitor page { number } }", **secrets)
    assert body["data"] == {"me": {"name": "Cy"}, "visitor": "t1", "page": {"number": 7}}
    [people], [catalog] = shop.people.asked, shop.catalog.asked
    assert (people.headers["authorization"], people.headers["x-tenant"]) == ("Bearer 2", "t1")
    assert people.headers["x-api-key"] == "the-key-of-the-gateway"
    assert {"x-trace", "cookie"}.isdisjoint(people.headers)
    assert {"authorization", "x-tenant", "x-api-key", "cookie"}.isdisjoint(catalog.headers)


def test_two_callers_never_share_an_answer(front: Inside) -> None:
    """All at once and one after the other: neither a call under way nor a stored answer crosses over."""
    names = {"0": "Ada", "1": "Bo", "2": "Cy", "3": "Di"}
    callers = list(names) * 6
    with ThreadPoolExecutor(12) as pool:
        bodies = list(pool.map(lambda who: front.ask("{ me { name } }", authorization=f"Bearer {who}"), callers))
    assert [body["data"]["me"]["name"] for body in bodies] == [names[who] for who in callers]


def test_what_depends_on_the_caller_is_private(front: Inside) -> None:
    answer = front.post("{ me { name } }", authorization="Bearer 1")
    assert "public" not in answer.headers["cache-control"]
