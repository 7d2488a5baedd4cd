"""Arguments that come from further up in the answer (`@fromContext`): what calls are made with, and where values end up."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import strip_ignored_characters

from gateway.composition import compose
from gateway.composition.joined import print_supergraph
from gateway.config.problem import ConfigError
from gateway.engine import Engine, Limits
from gateway.sources.document import Document
from gateway.sources.supergraph import subgraphs
from gateway.upstream.call import Call, HeaderRules, Reply, Sends
from tests.federated import LINK, Federated, a_gateway, source, together
from tests.graphs import GATEWAY_OWNER, ask

SPEC = LINK.replace("v2.3", "v2.8").format('"@key", "@shareable", "@external", "@requires", "@context", "@fromContext"')
PRICED = """
type Item @key(fields: "id") { id: ID! price(currency: String @fromContext(field: "$shop { currency }"), net: Boolean): String }
"""
SHOP = """
type Query { QUERY }
type Shop @key(fields: "id") @context(name: "shop") { id: ID! CURRENCY items: [Item!]! shop: Shop }
"""
SHELF = """
type Query { shops: [Shop!]! }
type Shop @key(fields: "id") @context(name: "shop") { id: ID! currency: String shelf: Shelf }
type Shelf @key(fields: "id") { id: ID! }
"""


def price(row: Any) -> dict[str, Any]:
    def told(_info: Any, currency: str | None = None, net: bool = False) -> str:
        return f"{row['id']} in {currency}{' net' if net else ''}"

    return {"id": row["id"], "price": told}


def shops(*rows: dict[str, Any], currency: str = "currency: String", query: str = "shops: [Shop!]!") -> Federated:
    sdl = SPEC + SHOP.replace("QUERY", query).replace("CURRENCY", currency) + PRICED
    return Federated("shops", sdl, {"shops": list(rows)}, Shop=lambda r: r, Item=price)


def shop(currency: str | None, *items: str, **more: Any) -> dict[str, Any]:
    return {"id": f"shop {currency}", "currency": currency, "items": [{"id": i} for i in items], "shop": None, **more}


def sent(service: Federated) -> list[tuple[list[str], Any]]:
    """(ids, value) of each call by key."""
    return [
        ([r["id"] for r in a["variables"]["representations"]], a["variables"].get("_c0"))
        for a in service.asked
        if "representations" in a.get("variables", {})
    ]


async def test_each_value_has_one_call_with_all_that_are_under_it() -> None:
    service = shops(shop("EUR", "a", "b"), shop("USD", "a"), shop("EUR", "c"))
    answer = await ask(a_gateway(service), "{ shops { items { price } } }")
    prices = [[item["price"] for item in each["items"]] for each in answer["data"]["shops"]]
    assert prices == [["a in EUR", "b in EUR"], ["a in USD"], ["c in EUR"]]
    assert sorted(sent(service)) == [(["a"], "USD"), (["a", "b", "c"], "EUR")]


async def test_what_was_fetched_for_a_context_is_not_in_the_answer() -> None:
    answer = await ask(a_gateway(shops(shop("EUR", "a"))), "{ shops { items { id price } } }")
    assert answer["data"]["shops"] == [{"items": [{"id": "a", "price": "a in EUR"}]}]


async def test_clients_neither_see_the_argument_nor_may_give_it() -> None:
    engine = a_gateway(shops(shop("EUR", "a")))
    answer = await ask(engine, '{ shops { items { price(currency: "USD") } } }')
    assert "Unknown argument 'currency'" in answer["errors"][0]["message"]
    answer = await ask(engine, "{ shops { items { price(net: true) } } }")
    assert answer["data"]["shops"][0]["items"] == [{"price": "a in EUR net"}]


async def test_the_nearest_object_that_sets_the_context_counts() -> None:
    inner = shop("USD", "a")
    answer = await ask(a_gateway(shops(shop("EUR", "a", shop=inner))), "{ shops { items { price } shop { items { price } } } }")
    (outer,) = answer["data"]["shops"]
    assert (outer["items"][0]["price"], outer["shop"]["items"][0]["price"]) == ("a in EUR", "a in USD")


async def test_a_value_of_another_subgraph_is_brought_first() -> None:
    service = shops({"id": "1", "items": [{"id": "a"}], "shop": None}, currency="currency: String @external")
    other = Federated(
        "money", SPEC + 'type Shop @key(fields: "id") { id: ID! currency: String }', Shop=lambda _: {"currency": "CHF"}
    )
    answer = await ask(a_gateway(service, other), "{ shops { items { price } } }")
    assert answer["data"]["shops"][0]["items"] == [{"price": "a in CHF"}]


async def test_a_value_may_be_a_list() -> None:
    service = shops({"id": "1", "currency": ["EUR", "USD"], "items": [{"id": "a"}], "shop": None}, currency="currency: [String]")
    service.sdl = service.sdl.replace("price(currency: String ", "price(currency: [String] ")
    answer = await ask(a_gateway(service), "{ shops { items { price } } }")
    assert answer["data"]["shops"][0]["items"] == [{"price": "a in ['EUR', 'USD']"}]


async def test_a_value_that_is_null_is_sent_as_null() -> None:
    service = shops(shop(None, "a"))
    answer = await ask(a_gateway(service), "{ shops { items { price } } }")
    assert answer["data"]["shops"][0]["items"] == [{"price": "a in None"}]
    assert sent(service) == [(["a"], None)]


async def test_a_value_that_failed_fails_what_is_made_with_it_and_nothing_else() -> None:
    service = shops({"id": "1", "items": [{"id": "a"}], "shop": None}, currency="currency: String @external")
    other = Federated(
        "money", SPEC + 'type Shop @key(fields: "id") { id: ID! currency: String }', Shop=lambda _: ValueError("closed")
    )
    answer = await ask(a_gateway(service, other), "{ shops { items { id price } } }")
    assert answer["data"]["shops"][0]["items"] == [{"id": "a", "price": None}]
    (error,) = answer["errors"]
    assert (error["path"], error["extensions"]["service"]) == (["shops", 0, "items", 0, "price"], "money")


async def test_an_entity_that_two_objects_share_has_the_value_of_each() -> None:
    """The shelf is fetched once for both shops, and what is on it has two prices all the same."""
    rows = [{"id": c, "currency": c, "shelf": {"id": "s"}} for c in ("EUR", "USD")]
    service = Federated("shops", SPEC + SHELF + PRICED, {"shops": rows}, Shop=lambda r: r, Shelf=lambda r: r, Item=price)
    shelves = Federated(
        "shelves",
        SPEC + 'type Shelf @key(fields: "id") { id: ID! items: [Item!]! } type Item @key(fields: "id") { id: ID! weight: Int }',
        Shelf=lambda _: {"items": [{"id": "a", "weight": 3}, {"id": "b", "weight": 4}]},
        Item=lambda _: {"weight": 3},
    )
    answer = await ask(a_gateway(service, shelves), "{ shops { shelf { items { price weight } } } }")
    prices = [[(i["price"], i["weight"]) for i in each["shelf"]["items"]] for each in answer["data"]["shops"]]
    assert prices == [[("a in EUR", 3), ("b in EUR", 4)], [("a in USD", 3), ("b in USD", 4)]]
    assert [a["variables"]["representations"] for a in shelves.asked] == [[{"__typename": "Shelf", "id": "s"}]]


async def test_what_is_taken_depends_on_the_type_above() -> None:
    sdl = """
    type Query { places: [Place!]! } union Place @context(name: "place") = Shop | Fair
    type Shop @key(fields: "id") { id: ID! currency: String items: [Item!]! }
    type Fair @key(fields: "id") { id: ID! money: String items: [Item!]! }
    type Item @key(fields: "id") {
      id: ID! price(currency: String @fromContext(field: "$place ... on Shop { currency } ... on Fair { money }")): String
    }
    """
    rows = [
        {"__typename": "Shop", "id": "1", "currency": "EUR", "items": [{"id": "a"}]},
        {"__typename": "Fair", "id": "2", "money": "beads", "items": [{"id": "a"}]},
    ]
    service = Federated("it", SPEC + sdl, {"places": rows}, members=("Shop", "Fair", "Item"), Item=price)
    query = "{ places { ... on Shop { items { price } } ... on Fair { items { price } } } }"
    answer = await ask(a_gateway(service), query)
    assert [p["items"][0]["price"] for p in answer["data"]["places"]] == ["a in EUR", "a in beads"]


async def test_a_field_may_also_require_something() -> None:
    priced = PRICED.replace("price(", "weight: Int @external price(").replace(
        "): String", '): String @requires(fields: "weight")'
    )
    service = shops(shop("EUR", "a"))
    service.sdl = service.sdl.replace(PRICED, priced)
    seen: list[Any] = []

    def weighed(row: Any) -> Any:
        seen.append(row)
        return price(row)

    service.entities["Item"] = weighed
    weights = Federated("weights", SPEC + 'type Item @key(fields: "id") { id: ID! weight: Int }', Item=lambda _: {"weight": 7})
    answer = await ask(a_gateway(service, weights), "{ shops { items { price } } }")
    assert answer["data"]["shops"][0]["items"] == [{"price": "a in EUR"}]
    assert seen == [{"__typename": "Item", "id": "a", "weight": 7}]


async def test_a_clients_variable_of_the_same_name_is_not_touched() -> None:
    engine = a_gateway(shops(shop("EUR", "a")))
    answer = await ask(engine, "query($_c0: Boolean) { shops { items { price(net: $_c0) } } }", {"_c0": True})
    assert answer["data"]["shops"][0]["items"] == [{"price": "a in EUR net"}]


def test_a_place_without_the_context_above_it_does_not_compose() -> None:
    with pytest.raises(ConfigError) as refused:
        together(shops(query="shops: [Shop!]! item: Item"))
    (problem,) = [p for p in refused.value.problems if p.severity == "error"]
    assert (problem.code, problem.coordinates) == ("SATISFIABILITY_ERROR", ("shops: Item", "shops: Item.price"))


async def test_a_composed_supergraph_says_the_same_of_contexts() -> None:
    service = shops(shop("EUR", "a"), shop("USD", "a"))
    other = Federated("other", SPEC + 'type Query { x: Int } type Item @key(fields: "id") { id: ID! weight: Int }')
    printed = print_supergraph(together(service, other))
    told = '[{context:"shops__shop" name:"currency" type:"String" selection:"{currency}"}]'
    assert f"contextArguments:{told}" in strip_ignored_characters(printed)

    async def send(call: Call) -> Reply:
        return await service.send(call)

    document = Document(printed.encode(), "s.graphql")
    again = subgraphs(source("all", "supergraph"), document, Sends(send, send, lambda s: s, HeaderRules()))
    answer = await ask(Engine(compose(again), owner=GATEWAY_OWNER, limits=Limits()), "{ shops { items { price } } }")
    assert [s["items"][0]["price"] for s in answer["data"]["shops"]] == ["a in EUR", "a in USD"]
