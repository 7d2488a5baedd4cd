"""`@stream`: the first items of a list come with all they need, the rest when the calls that they need are answered."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.engine import Engine, Form
from gateway.errors import UpstreamTimeout
from tests.engine.conftest import Held
from tests.engine.test_defer import LINKS, SCORES, Shop, answered, following
from tests.federated import FED2, Federated, a_gateway
from tests.graphs import Service, an_engine, ask
from tests.incremental import merged, parts

ROWS = '{ products @stream(initialCount: 1, label: "P") { name stock { count } } }'


class Split(Shop):
    """Stock is known at once, but for product 2."""

    def __init__(self) -> None:
        super().__init__()
        free, held = Service("", self.stock.sdl, self.stock.data), self.stock.send

        async def send(call: Any) -> Any:
            return await (held if b'"2"' in (call.body or b"") else free.send)(call)

        self.stock.send = send  # type: ignore[method-assign]
        self.engine = an_engine([self.catalog, self.stock, self.places], LINKS)


async def test_the_first_items_do_not_wait_for_what_only_the_others_need() -> None:
    shop = Split()
    answer = await answered(shop.engine, ROWS)
    assert await following(answer) == {
        "data": {"products": [{"name": "One", "stock": {"count": 10}}]},
        "pending": [{"id": "0", "path": ["products"], "label": "P"}],
        "hasNext": True,
    }
    shop.go()
    assert await following(answer) == {
        "incremental": [{"id": "0", "items": [{"name": "Two", "stock": {"count": 20}}]}],
        "completed": [{"id": "0"}],
        "hasNext": False,
    }


async def test_in_the_format_of_august_2022_items_say_from_which_on_they_are() -> None:
    shop = Split()
    answer = await answered(shop.engine, ROWS, Form.APOLLO)
    assert await following(answer) == {"data": {"products": [{"name": "One", "stock": {"count": 10}}]}, "hasNext": True}
    shop.go()
    piece = {"items": [{"name": "Two", "stock": {"count": 20}}], "path": ["products", 1], "label": "P"}
    assert await following(answer) == {"incremental": [piece], "hasNext": False}


async def test_the_list_is_asked_for_once_and_what_its_items_need_once_for_each_part() -> None:
    shop = Shop()
    shop.go()
    await parts(shop.engine, ROWS)
    assert (len(shop.catalog.asked), len(shop.stock.asked)) == (1, 2)


async def test_a_list_whose_items_need_nothing_more_comes_whole() -> None:
    shop = Shop()
    payloads = await parts(shop.engine, "{ products @stream(initialCount: 1) { id name } }")
    assert payloads == [{"data": {"products": [{"id": "1", "name": "One"}, {"id": "2", "name": "Two"}]}}]


@pytest.mark.parametrize(("count", "pieces"), [(0, 2), (1, 1), (2, 0), (3, 0)])
async def test_a_variable_says_how_many_come_first(count: int, pieces: int) -> None:
    shop = Shop()
    shop.go()
    query = "query ($n: Int! = 1) { products @stream(initialCount: $n) { name stock { count } } }"
    payloads = await parts(shop.engine, query, {"n": count})
    assert sum(len(piece["items"]) for each in payloads for piece in each.get("incremental", ())) == pieces
    assert merged(payloads)["data"] == (await ask(shop.engine, query, {"n": count}))["data"]


@pytest.mark.parametrize("count", [-1, None])
@pytest.mark.parametrize("form", [Form.CURRENT, None])
async def test_fewer_than_no_items_first_are_refused_before_any_call(count: int | None, form: Form | None) -> None:
    shop = Shop()
    query = "query ($n: Int) { products @stream(initialCount: $n) { name stock { count } } }"
    answer = await answered(shop.engine, query, form, n=count)
    assert (answer.status, answer.parts) == (400, None)
    assert b"initialCount" in answer.body
    assert not shop.catalog.asked


@pytest.mark.parametrize(("variables", "in_parts"), [({"later": True}, True), ({"later": False}, False), ({}, True)])
async def test_a_condition_decides(variables: dict[str, Any], in_parts: bool) -> None:
    shop = Shop()
    shop.go()
    query = "query ($later: Boolean! = true) { products @stream(if: $later) { stock { count } } }"
    answer = await answered(shop.engine, query, **variables)
    assert (answer.parts is not None) is in_parts
    if answer.parts is not None:
        await answer.parts.aclose()


@pytest.mark.parametrize(("yes", "names"), [(True, ["One", "Two"]), (False, None)])
async def test_a_list_that_is_left_out_is_not_streamed(yes: bool, names: list[str] | None) -> None:
    shop = Shop()
    shop.go()
    query = """query ($yes: Boolean!) {
        products @include(if: $yes) @stream(initialCount: 1) { name stock @skip(if: false) { count } } }"""
    payloads = await parts(shop.engine, query, {"yes": yes})
    assert len(payloads) == (2 if yes else 1)
    products = merged(payloads)["data"].get("products")
    assert (products and [each["name"] for each in products]) == names


async def test_a_list_that_is_not_there_has_no_rest() -> None:
    shop = Shop()
    shop.catalog.failure = UpstreamTimeout()
    shop.go()
    (payload,) = await parts(shop.engine, ROWS)
    assert (payload["data"], payload["errors"][0]["extensions"]["code"]) == (None, "UPSTREAM_TIMEOUT")
    assert not payload.keys() & {"pending", "incremental"}


async def test_a_client_that_takes_no_parts_gets_the_whole_answer() -> None:
    shop = Shop()
    shop.go()
    assert (await ask(shop.engine, ROWS))["data"] == {
        "products": [{"name": name, "stock": {"count": count}} for name, count in (("One", 10), ("Two", 20))]
    }


# ---------------------------------------------------------------- with fragments, and lists in lists


async def test_a_fragment_in_items_that_come_later_comes_later_still() -> None:
    shop = Split()
    query = '{ products @stream(initialCount: 1) { name stock { count ... @defer(label: "D") { place { city } } } } }'
    answer = await answered(shop.engine, query)
    first = await following(answer)
    assert [(each["path"], each.get("label")) for each in first["pending"]] == [
        (["products", 0, "stock"], "D"),
        (["products"], None),
    ]
    shop.stock.go.set()
    second = await following(answer)
    assert second["incremental"] == [{"id": "1", "items": [{"name": "Two", "stock": {"count": 20}}]}]
    assert second["pending"] == [{"id": "2", "path": ["products", 1, "stock"], "label": "D"}]
    shop.go()
    rest = [second, await following(answer)]
    while rest[-1]["hasNext"]:
        rest.append(await following(answer))
    assert merged([first, *rest])["data"]["products"][1] == {"name": "Two", "stock": {"count": 20, "place": {"city": "X"}}}


async def test_a_list_in_a_fragment_is_announced_when_the_fragment_comes() -> None:
    shop = Shop()
    shop.go()
    payloads = await parts(shop.engine, "{ ... @defer { products @stream(initialCount: 1) { name stock { count } } } }")
    assert payloads[0] == {"data": {}, "pending": [{"id": "0", "path": []}], "hasNext": True}
    assert payloads[1]["pending"] == [{"id": "1", "path": ["products"]}]
    assert len(payloads[1]["incremental"][0]["data"]["products"]) == 1
    assert len(merged(payloads)["data"]["products"]) == 2


ROOMS = "type Query { rows: [[Seat!]!] houses: [House!]! } type House { id: ID! seats: [Seat!]! } type Seat { id: ID! }"
PRICES = "type Query { price(id: ID!): Int }"


def rooms() -> tuple[Engine, Held]:
    def seat(number: int) -> dict[str, Any]:
        return {"id": str(number)}

    houses = [{"id": f"h{i}", "seats": [seat(i), seat(i + 1)]} for i in range(3)]
    service = Service("rooms", ROOMS, {"rows": [[seat(1), seat(2)], [seat(3)]], "houses": houses})
    prices = Held("prices", PRICES, {"price": lambda _info, id: int(id) * 100})
    prices.go.set()
    return an_engine([service, prices], [{"field": "Seat.price", "to": "prices.price", "with": {"id": "$id"}}]), prices


async def test_of_a_list_of_lists_the_outer_one_is_streamed() -> None:
    engine, _ = rooms()
    payloads = await parts(engine, "{ rows @stream(initialCount: 1) { price } }")
    assert payloads[0]["data"] == {"rows": [[{"price": 100}, {"price": 200}]]}
    assert payloads[1]["incremental"] == [{"id": "0", "items": [[{"price": 300}]]}]


async def test_items_that_come_later_bring_their_own_lists_whole() -> None:
    engine, prices = rooms()
    query = "{ houses @stream(initialCount: 1) { seats @stream(initialCount: 1) { price } } }"
    payloads = await parts(engine, query)
    assert payloads[0]["data"] == {"houses": [{"seats": [{"price": 0}]}]}
    assert [each["path"] for each in payloads[0]["pending"]] == [["houses", 0, "seats"], ["houses"]]
    assert merged(payloads)["data"] == (await ask(engine, query))["data"]
    assert len(prices.asked) == 3 + 1


# ---------------------------------------------------------------- errors


async def test_an_error_in_a_later_item_stays_in_it_and_says_whose_it_is() -> None:
    shop = Shop()
    shop.go()
    free = Service("", shop.stock.sdl, shop.stock.data)

    async def send(call: Any) -> Any:
        if b'"2"' in (call.body or b""):
            raise UpstreamTimeout
        return await free.send(call)

    shop.stock.send = send  # type: ignore[method-assign]
    shop.engine = an_engine([shop.catalog, shop.stock, shop.places], LINKS)
    payloads = await parts(shop.engine, ROWS)
    assert payloads[0]["data"] == {"products": [{"name": "One", "stock": {"count": 10}}]}
    (piece,) = payloads[1]["incremental"]
    assert piece["items"] == [{"name": "Two", "stock": None}]
    (error,) = piece["errors"]
    assert (error["path"], error["extensions"]["owner"]["team"]) == (["products", 1, "stock"], "Team stock")
    assert payloads[1]["completed"] == [{"id": "0"}]


USERS = FED2 + 'type Query { users: [User!] } type User @key(fields: "id") { id: ID! }'


def scored(known: int) -> Engine:
    users = Federated("users", USERS, {"users": [{"id": str(i)} for i in range(5)]})
    scores = Federated("scores", SCORES, User=lambda sent: {"score": 7} if int(sent["id"]) != known else None)
    return a_gateway(users, scores)


async def test_an_item_that_may_not_be_null_ends_the_list_before_it() -> None:
    first, second = await parts(scored(3), "{ users @stream(initialCount: 1) { score } }")
    assert first["data"] == {"users": [{"score": 7}]}
    (piece,) = second["incremental"]
    assert piece == {"id": "0", "items": [{"score": 7}, {"score": 7}]}
    (completed,) = second["completed"]
    (error,) = completed["errors"]
    assert (completed["id"], error["path"]) == ("0", ["users", 3, "score"])
    assert error["extensions"]["owner"]["team"] == "Team scores"


async def test_in_the_format_of_august_2022_no_items_are_the_end_of_the_list() -> None:
    _, second = await parts(scored(3), "{ users @stream(initialCount: 1) { score } }", form=Form.APOLLO)
    brought, ended = second["incremental"]
    assert brought == {"items": [{"score": 7}, {"score": 7}], "path": ["users", 1]}
    assert (ended["items"], ended["path"], len(ended["errors"])) == (None, ["users", 3], 1)


async def test_among_the_first_items_one_that_may_not_be_null_takes_the_list_along() -> None:
    payloads = await parts(scored(0), "{ users @stream(initialCount: 1) { score } }")
    assert [each["data"] for each in payloads] == [{"users": None}]
    assert payloads[0]["hasNext"] is False


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "query",
    [
        "{ products { name @stream } }",
        "{ products @stream { id } products { name } }",
        '{ products @stream(label: "a") { id ... @defer(label: "a") { name } } }',
        "query ($n: Int!) { products @stream(label: $n) { id } }",
    ],
)
async def test_what_cannot_be_streamed_is_not_valid(query: str) -> None:
    shop = Shop()
    errors = (await parts(shop.engine, query))[0]["errors"]
    assert {each["extensions"]["code"] for each in errors} == {"GRAPHQL_VALIDATION_FAILED"}
    assert not shop.catalog.asked


async def test_each_part_of_a_list_counts_as_calls_that_are_planned() -> None:
    shop = Shop()
    shop.engine.limits = shop.engine.limits.__class__(upstream_calls=2)
    (refused,) = await parts(shop.engine, ROWS)
    assert (refused["errors"][0]["extensions"]["planned"], refused["errors"][0]["extensions"]["limit"]) == (3, 2)
    shop.go()
    assert "errors" not in await ask(shop.engine, ROWS)
