"""`@defer`: the first part waits for nobody that only later parts need, and each part is told in the client's format."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from gateway.engine import Answer, Asked, Engine, Form
from gateway.errors import UpstreamTimeout
from gateway.upstream.call import Request
from tests.engine.conftest import Held
from tests.federated import FED2, Federated, a_gateway
from tests.graphs import Service, an_engine, ask
from tests.incremental import merged, parts

LINKS = [
    {"field": "Product.stock", "to": "stock.stockOf", "with": {"id": "$id"}},
    {"field": "Stock.place", "to": "places.place", "with": {"id": "$placeId"}},
]


class Shop:
    """Products at once, their stock and its places when they are let go."""

    def __init__(self) -> None:
        products = [{"id": "1", "name": "One"}, {"id": "2", "name": "Two"}]
        self.catalog = Service(
            "catalog", "type Query { products: [Product!]! } type Product { id: ID! name: String }", {"products": products}
        )
        self.stock = Held(
            "stock",
            "type Query { stockOf(id: ID!): Stock } type Stock { count: Int! placeId: ID }",
            {"stockOf": lambda _info, id: {"count": int(id) * 10, "placeId": "p" + id}},
        )
        self.places = Held(
            "places",
            "type Query { place(id: ID!): Place } type Place { id: ID! city: String }",
            {"place": lambda _i, id: {"id": id, "city": "X"}},
        )
        self.engine = an_engine([self.catalog, self.stock, self.places], LINKS)

    def go(self) -> None:
        self.stock.go.set()
        self.places.go.set()


async def answered(engine: Engine, query: str, form: Form | None = Form.CURRENT, **variables: Any) -> Answer:
    return await engine.answer(Asked(query, Request("req_test"), variables, form=form))


async def following(answer: Answer) -> dict[str, Any]:
    assert answer.parts is not None
    payload: dict[str, Any] = msgspec.json.decode(await anext(answer.parts))
    return payload


async def test_the_first_part_does_not_wait_for_what_may_come_later() -> None:
    shop = Shop()
    answer = await answered(shop.engine, '{ products { name ... @defer(label: "S") { stock { count } } } }')
    assert await following(answer) == {
        "data": {"products": [{"name": "One"}, {"name": "Two"}]},
        "pending": [{"id": str(i), "path": ["products", i], "label": "S"} for i in range(2)],
        "hasNext": True,
    }
    shop.go()
    assert await following(answer) == {
        "incremental": [{"id": str(i), "data": {"stock": {"count": (i + 1) * 10}}} for i in range(2)],
        "completed": [{"id": "0"}, {"id": "1"}],
        "hasNext": False,
    }


async def test_in_the_format_of_august_2022_each_piece_says_where_it_belongs() -> None:
    shop = Shop()
    answer = await answered(shop.engine, '{ products { name ... @defer(label: "S") { stock { count } } } }', Form.APOLLO)
    assert await following(answer) == {"data": {"products": [{"name": "One"}, {"name": "Two"}]}, "hasNext": True}
    shop.go()
    pieces = [{"data": {"stock": {"count": (i + 1) * 10}}, "path": ["products", i], "label": "S"} for i in range(2)]
    assert await following(answer) == {"incremental": pieces, "hasNext": False}


async def test_what_comes_later_is_asked_for_at_once() -> None:
    shop = Shop()
    answer = await answered(shop.engine, "{ products { name ... @defer { stock { count } } } }")
    await following(answer)
    assert len(shop.stock.asked) == 1
    shop.go()
    await following(answer)
    assert (len(shop.catalog.asked), len(shop.stock.asked)) == (1, 1)


async def test_what_the_first_calls_bring_anyway_is_not_deferred_and_never_asked_twice() -> None:
    shop = Shop()
    shop.go()
    payloads = await parts(shop.engine, "{ products { id ... @defer { name } } }")
    assert payloads == [{"data": {"products": [{"id": "1", "name": "One"}, {"id": "2", "name": "Two"}]}}]
    assert len(shop.catalog.asked) == 1


async def test_a_fragment_in_a_fragment_is_announced_with_the_outer_one() -> None:
    shop = Shop()
    query = '{ products { name ... @defer(label: "S") { stock { count ... @defer(label: "P") { place { city } } } } } }'
    answer = await answered(shop.engine, query)
    await following(answer)
    shop.stock.go.set()
    second = await following(answer)
    assert [each["label"] for each in second["pending"]] == ["P", "P"]
    assert second["pending"][0]["path"] == ["products", 0, "stock"]
    shop.places.go.set()
    third = await following(answer)
    assert [each["data"] for each in third["incremental"]] == [{"place": {"city": "X"}}] * 2
    assert third["hasNext"] is False


async def test_fields_below_what_was_sent_say_how_far_below() -> None:
    shop = Shop()
    answer = await answered(shop.engine, '{ products { id } ... @defer(label: "all") { products { stock { count } } } }')
    assert (await following(answer))["pending"] == [{"id": "0", "path": [], "label": "all"}]
    shop.go()
    assert [(each["id"], each["subPath"]) for each in (await following(answer))["incremental"]] == [
        ("0", ["products", 0]),
        ("0", ["products", 1]),
    ]


async def test_root_fields_may_come_later_though_the_same_source_answers_them() -> None:
    slow = Held("one", "type Query { quick: Int slow: Int }", {"quick": 1, "slow": 2})
    answer = await answered(an_engine([slow]), "{ quick ... @defer { slow } }")
    assert answer.parts is not None
    slow.go.set()
    await answer.parts.aclose()
    assert [each["query"] for each in slow.asked] == []
    payloads = await parts(an_engine([slow]), "{ quick ... @defer { slow } }")
    assert merged(payloads) == {"data": {"quick": 1, "slow": 2}}
    assert len(slow.asked) == 2


@pytest.mark.parametrize(("variables", "in_parts"), [({"later": True}, True), ({"later": False}, False), ({}, True)])
async def test_a_condition_decides(variables: dict[str, Any], in_parts: bool) -> None:
    shop = Shop()
    shop.go()
    query = "query ($later: Boolean! = true) { products { name ... @defer(if: $later) { stock { count } } } }"
    answer = await answered(shop.engine, query, **variables)
    assert (answer.parts is not None) is in_parts
    if answer.parts is not None:
        await answer.parts.aclose()


async def test_a_client_that_takes_no_parts_gets_the_whole_answer() -> None:
    shop = Shop()
    shop.go()
    whole = await ask(shop.engine, "{ products { name ... @defer { stock { count } } } }")
    assert whole == {"data": {"products": [{"name": n, "stock": {"count": c}} for n, c in (("One", 10), ("Two", 20))]}}


async def test_an_error_in_a_later_part_says_whose_it_is() -> None:
    shop = Shop()
    shop.go()
    shop.stock.failure = UpstreamTimeout()
    first, second = await parts(shop.engine, "{ products { name ... @defer { stock { count } } } }")
    assert "errors" not in first
    assert [each["data"] for each in second["incremental"]] == [{"stock": None}] * 2
    (error,) = second["incremental"][0]["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["products", 0, "stock"], "UPSTREAM_TIMEOUT")
    assert error["extensions"]["owner"]["team"] == "Team stock"
    assert error["extensions"]["affected"]["count"] == 2
    assert second["extensions"]["request_id"] == "req_test"
    assert shop.engine.stories.find(error["extensions"]["error_id"]) is not None


USERS = FED2 + 'type Query { me: User } type User @key(fields: "id") { id: ID! name: String }'
SCORES = FED2 + 'type User @key(fields: "id") { id: ID! score: Int! }'


@pytest.mark.parametrize("form", [Form.CURRENT, Form.APOLLO])
async def test_a_null_that_may_not_be_ends_the_fragment_and_nothing_else(form: Form) -> None:
    users = Federated("users", USERS, {"me": {"id": "1", "name": "Ann"}})
    scores = Federated("scores", SCORES, User=lambda _: None)
    first, second = await parts(a_gateway(users, scores), '{ me { name ... @defer(label: "X") { score } } }', form=form)
    assert first["data"] == {"me": {"name": "Ann"}}
    if form is Form.CURRENT:
        assert "incremental" not in second
        (errors,) = (each["errors"] for each in second["completed"])
    else:
        (piece,) = second["incremental"]
        assert (piece["data"], piece["path"], piece["label"]) == (None, ["me"], "X")
        errors = piece["errors"]
    assert errors[0]["extensions"]["owner"]["team"] == "Team scores"


async def test_of_what_became_null_nothing_is_waited_for() -> None:
    users = Federated("users", USERS, {"me": None})
    payloads = await parts(a_gateway(users, Federated("scores", SCORES)), "{ me { name ... @defer { score } } }")
    assert payloads == [{"data": {"me": None}, "hasNext": False}]


async def test_of_an_answer_that_became_null_as_a_whole_nothing_is_waited_for() -> None:
    sdl = USERS.replace("me: User", "me: User! you: User!")
    users = Federated("users", sdl, {"me": {"id": "1"}, "you": {"id": "2"}})
    levels = Federated("levels", SCORES.replace("score", "level"), User=lambda _: None)
    scores = Federated("scores", SCORES, User=lambda _: {"score": 1})
    payloads = await parts(a_gateway(users, levels, scores), "{ me { id ... @defer { score } } you { level } }")
    assert [(each["data"], each["hasNext"], "pending" in each) for each in payloads] == [(None, False, False)]


async def test_a_caller_that_leaves_takes_its_calls_along() -> None:
    shop = Shop()
    before = asyncio.all_tasks()
    answer = await answered(shop.engine, "{ products { name ... @defer { stock { count } } } }")
    await following(answer)
    assert asyncio.all_tasks() - before
    assert answer.parts is not None
    await answer.parts.aclose()
    assert asyncio.all_tasks() == before


async def test_an_operation_is_compiled_once_for_its_parts() -> None:
    shop = Shop()
    shop.go()
    query = "{ products { name ... @defer { stock { count } } } }"
    for _ in range(3):
        await parts(shop.engine, query)
    document = shop.engine.documents.get((query, None))
    assert len(document.variants) == 1  # type: ignore[union-attr]  # it is valid


async def test_introspection_never_comes_in_parts() -> None:
    shop = Shop()
    answer = await ask(shop.engine, "{ __schema { ... @defer { queryType { name } } } }")
    assert answer == {"data": {"__schema": {"queryType": {"name": "Query"}}}}


async def test_a_label_that_is_used_twice_is_refused() -> None:
    shop = Shop()
    query = '{ products { ... @defer(label: "a") { id } ... @defer(label: "a") { name } } }'
    (error,) = (await parts(shop.engine, query))[0]["errors"]
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
