"""Federated answers, end to end in this process: the engine over subgraphs that answer `_entities`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.errors import UpstreamTimeout
from tests.federated import FED2, Federated, a_gateway
from tests.graphs import Service, ask

USERS = FED2 + 'type Query { me: User users: [User]! } type User @key(fields: "id") { id: ID! name: String }'
SCORES = FED2 + 'type User @key(fields: "id") { id: ID! score: Int! level: Int }'


def users(count: int = 3, **more: Any) -> Federated:
    rows = [{"id": str(i), "name": f"User {i}"} for i in range(count)]
    return Federated("users", USERS, {"me": rows[0], "users": rows} | more, User=lambda r: rows[int(r["id"])])


def scores(**more: Any) -> Federated:
    return Federated("scores", SCORES, User=lambda r: more.get("u" + r["id"], {"score": int(r["id"]) * 10, "level": 1}))


async def test_a_field_of_another_subgraph_is_fetched_by_key() -> None:
    names, points = users(), scores()
    assert (await ask(a_gateway(names, points), "{ me { name score } }"))["data"] == {"me": {"name": "User 0", "score": 0}}
    assert points.asked[0]["variables"] == {"representations": [{"__typename": "User", "id": "0"}]}


async def test_entities_that_are_not_found_keep_their_place_and_say_why() -> None:
    answer = await ask(a_gateway(users(), scores(u1=None)), "{ users { score level } }")
    assert answer["data"]["users"] == [{"score": 0, "level": 1}, None, {"score": 20, "level": 1}]
    (error,) = answer["errors"]
    assert (error["path"], error["extensions"]["service"]) == (["users", 1, "score"], "scores")


async def test_an_entity_that_is_not_found_is_not_sent_on() -> None:
    first = Federated(
        "ids", FED2 + 'type Query { b: [Book] } type Book @key(fields: "upc") { upc: ID! }', {"b": [{"upc": "1"}, {"upc": "2"}]}
    )
    second = Federated(
        "both",
        FED2 + 'type Book @key(fields: "id") @key(fields: "upc") { id: ID! upc: ID! }',
        Book=lambda r: {"id": "x"} if r["upc"] == "1" else None,
    )
    third = Federated("texts", FED2 + 'type Book @key(fields: "id") { id: ID! text: String }', Book=lambda _: {"text": "t"})
    answer = await ask(a_gateway(first, second, third), "{ b { upc text } }")
    assert answer["data"]["b"] == [{"upc": "1", "text": "t"}, {"upc": "2", "text": None}]
    assert third.asked[0]["variables"]["representations"] == [{"__typename": "Book", "id": "x"}]


async def test_an_error_of_an_entity_stands_at_the_clients_path_with_the_owner_of_its_subgraph() -> None:
    answer = await ask(a_gateway(users(), scores(u1=ValueError("broken"))), "{ people: users { points: score } }")
    assert answer["data"]["people"] == [{"points": 0}, None, {"points": 20}]
    (error,) = answer["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["people", 1, "points"], "UPSTREAM_GRAPHQL_ERROR")
    assert error["extensions"]["owner"]["team"] == "Team scores"


async def test_a_subgraph_that_fails_is_one_error_for_all_its_entities() -> None:
    points = scores()
    points.failure = UpstreamTimeout()
    answer = await ask(a_gateway(users(), points), "{ users { name level } }")
    assert [u["level"] for u in answer["data"]["users"]] == [None, None, None]
    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["extensions"]["affected"]["count"]) == ("UPSTREAM_TIMEOUT", 3)


async def test_many_entities_go_in_bounded_chunks_each_once() -> None:
    rows = [{"id": str(i % 10_000)} for i in range(10_500)]
    points = scores()
    answer = await ask(a_gateway(users(1, users=rows), points), "{ users { score } }")
    assert [u["score"] for u in answer["data"]["users"]] == [i % 10_000 * 10 for i in range(10_500)]
    assert [len(a["variables"]["representations"]) for a in points.asked] == [1000] * 10


async def test_a_reply_with_too_few_entities_is_drift_of_its_subgraph() -> None:
    points = scores()
    points.edit = lambda body: {"data": {"_entities": body["data"]["_entities"][:1]}}
    answer = await ask(a_gateway(users(), points), "{ users { level } }")
    assert {e["extensions"]["code"] for e in answer["errors"]} == {"SCHEMA_DRIFT"}


PRODUCT = (
    'type Query { products: [Product!]! } type Product @key(fields: "sku") { sku: ID! weight(in: String): Int name: String }'
)
SHIPPING = (
    'type Product @key(fields: "sku") { sku: ID! weight(in: String): Int @external'
    ' light: Boolean @requires(fields: "weight") grams: Int @requires(fields: "weight(in: \\"g\\")") }'
)


def shop() -> tuple[Federated, Federated]:
    def product(sku: str) -> dict[str, Any]:
        return {"sku": sku, "name": f"P{sku}", "weight": lambda _info, **a: int(sku) * (1000 if a.get("in") == "g" else 1)}

    catalog = Federated(
        "catalog", FED2 + PRODUCT, {"products": [product("1"), product("7")]}, Product=lambda r: product(r["sku"])
    )
    shipping = Federated(
        "shipping", FED2 + SHIPPING, Product=lambda r: {"light": r.get("weight", 99) < 5, "grams": r.get("weight")}
    )
    return catalog, shipping


async def test_what_a_field_requires_is_sent_along_and_kept_out_of_the_answer() -> None:
    answer = await ask(a_gateway(*shop()), "{ products { light } }")
    assert answer == {"data": {"products": [{"light": True}, {"light": False}]}}


async def test_a_requirement_is_never_the_clients_own_selection_of_the_field() -> None:
    answer = await ask(a_gateway(*shop()), '{ products { weight: name grams light w: weight(in: "g") } }')
    assert answer["data"]["products"][1] == {"weight": "P7", "grams": 7000, "light": False, "w": 7000}


async def test_what_a_condition_leaves_out_is_not_fetched_either() -> None:
    catalog, shipping = shop()
    await ask(a_gateway(catalog, shipping), "query ($no: Boolean = false) { products { name light @include(if: $no) } }")
    assert (len(catalog.asked), len(shipping.asked)) == (1, 0)


def part(name: str, value: Any) -> Federated:
    item = f"type Item {{ id: ID! @shareable {name}: Part{name} }} type Part{name} {{ value: Int }}"
    sdl = f"type Query {{ items: [Item!]! @shareable }} {item}"
    rows = [{"id": str(i), name: {"value": value * i}} for i in range(3)]
    return Federated(name, FED2 + sdl, {"items": rows})


async def test_a_root_field_shared_by_several_is_put_together_item_by_item() -> None:
    answer = await ask(a_gateway(part("a", 1), part("b", 10)), "{ items { id a { value } b { value } } }")
    assert answer == {"data": {"items": [{"id": str(i), "a": {"value": i}, "b": {"value": i * 10}} for i in range(3)]}}


@pytest.mark.parametrize("gone", [0, 1])
async def test_when_a_call_is_cancelled_nobody_waits_for_what_it_was_to_bring(gone: int) -> None:
    both = [part("a", 1), part("b", 10)]
    both[gone].failure = asyncio.CancelledError()  # type: ignore[assignment]  # which is no Exception
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(5):
            await ask(a_gateway(*both), "{ items { id a { value } b { value } } }")


async def test_when_one_of_those_who_share_fails_only_its_part_is_missing() -> None:
    one, other = part("a", 1), part("b", 10)
    other.failure = UpstreamTimeout()
    answer = await ask(a_gateway(one, other), "{ items { id a { value } b { value } } }")
    assert answer["data"]["items"][1] == {"id": "1", "a": {"value": 1}, "b": None}
    assert [e["extensions"]["service"] for e in answer["errors"]] == ["b"]


ACCOUNTS = (
    'interface Account @key(fields: "id") { id: ID! } type Admin implements Account @key(fields: "id") { id: ID! rights: Int }'
    ' type Guest implements Account @key(fields: "id") { id: ID! until: Int }'
)
NAMES = 'type Query { accounts: [Account!]! } type Account @key(fields: "id") @interfaceObject { id: ID! name: String }'


def accounts() -> tuple[Federated, Federated]:
    types = {"1": {"__typename": "Admin", "rights": 7}, "2": {"__typename": "Guest", "until": 9}}
    known = Federated("known", FED2 + ACCOUNTS, members=("Admin", "Guest"), Account=lambda r: types[r["id"]] | {"id": r["id"]})
    names = Federated(
        "names",
        FED2 + NAMES,
        {"accounts": [{"id": "1", "name": "Ann"}, {"id": "2", "name": "Bob"}]},
        Account=lambda r: {"name": r["id"]},
    )
    return known, names


async def test_values_that_do_not_know_their_type_are_told_it_by_another_subgraph() -> None:
    answer = await ask(a_gateway(*accounts()), "{ accounts { __typename name ... on Admin { rights } ... on Guest { until } } }")
    assert answer == {
        "data": {
            "accounts": [
                {"__typename": "Admin", "name": "Ann", "rights": 7},
                {"__typename": "Guest", "name": "Bob", "until": 9},
            ]
        }
    }


async def test_a_hidden_enum_value_is_null_with_an_error() -> None:
    kinds = FED2 + "type Query { kinds: [Kind] } enum Kind { SHOWN HIDDEN @inaccessible }"
    answer = await ask(a_gateway(Federated("kinds", kinds, {"kinds": ["SHOWN", "HIDDEN"]})), "{ kinds }")
    assert answer["data"] == {"kinds": ["SHOWN", None]}
    assert answer["errors"][0]["extensions"]["code"] == "SCHEMA_DRIFT"


async def test_a_write_is_refused_with_the_subgraph_it_belongs_to() -> None:
    writes = Federated("writes", FED2 + "type Query { a: Int } type Mutation { addUser(name: String): Int }")
    answer = await ask(a_gateway(writes), "mutation { addUser }")
    assert "data" not in answer
    extensions = answer["errors"][0]["extensions"]
    assert (extensions["code"], extensions["service"]) == ("OPERATION_NOT_SUPPORTED", "writes")


async def test_an_entity_is_extended_by_a_plain_graphql_source_and_by_a_link_in_one_operation() -> None:
    extra = Service(
        "extra",
        "type Query { user(id: ID!): User notes(of: ID!): [Note!]! } type User { id: ID! phone: String }"
        " type Note { text: String }",
        {"user": lambda _i, id: {"id": id, "phone": f"+{id}"}, "notes": lambda _i, of: [{"text": f"about {of}"}]},
        lookups=[{"type": "User", "key": "id", "via": "user", "arg": "id"}],
    )
    link = {"field": "User.notes", "to": "extra.notes", "with": {"of": "$id"}}
    answer = await ask(a_gateway(users(), scores(), extra, links=[link]), "{ me { name score phone notes { text } } }")
    assert answer == {"data": {"me": {"name": "User 0", "score": 0, "phone": "+0", "notes": [{"text": "about 0"}]}}}


async def test_members_that_are_asked_for_their_type_in_different_ways_are_told_apart() -> None:
    """The type is a constant of the one that is alone in its case, and asked of the two that share one."""
    sdl = "type Query { u: [U] } type A { x: Int } type B { x: Int } interface I { x: Int } type C implements I { x: Int }"
    it = Federated("it", FED2 + sdl + " union U = A | B | C", {"u": [{"__typename": "A"}, {"__typename": "C"}]})
    answer = await ask(a_gateway(it), "{ u { ... on I { t: __typename } t: __typename } }")
    assert answer == {"data": {"u": [{"t": "A"}, {"t": "C"}]}}


async def test_a_list_can_be_required() -> None:
    sizes = Federated("sizes", FED2 + 'type User @key(fields: "id") { id: ID! sizes: [Int!] }', User=lambda _: {"sizes": [1, 2]})
    sdl = 'type User @key(fields: "id") { id: ID! sizes: [Int!] @external most: Int @requires(fields: "sizes") }'
    most = Federated("most", FED2 + sdl, User=lambda r: {"most": max(r["sizes"])})
    assert (await ask(a_gateway(users(), sizes, most), "{ me { most } }"))["data"] == {"me": {"most": 2}}
