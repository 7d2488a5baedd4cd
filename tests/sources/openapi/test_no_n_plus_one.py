"""A thousand items and what joining them costs, over real HTTP: batches, windows, pages; links and hints as a user sees them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from gateway.app import House
from tests.app.conftest import ask, opened
from tests.commands.conftest import Gateway, gateway
from tests.sources.openapi.shop import BUYERS, DOCUMENT, ORDERS, Shop

__all__ = ["gateway"]

CONFIG = """\
version: 1
gateway:
  listen: 127.0.0.1:0
  owner: {{team: API Platform, contact: {{email: platform@example.com}}}}
  limits: {{deadline: 60s}}
owners:
  shop: {{team: Shop, contact: {{email: shop@example.com}}}}
defaults: {{timeout: {{per_try: 20s, total: 50s}}, cache: off, concurrency: {concurrency}}}
sources:
  - {{name: orders, kind: openapi, url: "{url}", schema: orders.yaml, owner: shop, expose: [listOrders, getOrder]}}
  - name: shop
    kind: openapi
    url: "{url}"
    schema: shop.yaml
    owner: shop
    expose: [getBuyer, listBuyers]
    lookups: [{{type: Buyer, key: id, via: getBuyer, arg: id{batch}}}]
links:
  - {{field: Order.buyer, to: shop.getBuyer, with: {{id: $buyerId}}}}
"""
ALL = "{ listOrders { id buyer { id name } } }"
BATCH = ", batch: {{via: listBuyers, {arg}key: id, path: row_items, max: 40{page}}}"


@pytest.fixture
def shop() -> Iterator[Shop]:
    service = Shop()
    yield service
    service.stop()


@pytest.fixture
def paged() -> Iterator[Callable[..., Shop]]:
    made: list[Shop] = []

    def make(**how: Any) -> Shop:
        made.append(Shop(**how))
        return made[-1]

    yield make
    for service in made:
        service.stop()


@asynccontextmanager
async def joined(
    folder: Path, shop: Shop, batch: str = "", concurrency: str = "{max: 8, queue: 4, per_operation: 5}"
) -> AsyncIterator[House]:
    for name in ("orders", "shop"):
        (folder / f"{name}.yaml").write_text(DOCUMENT)
    config = folder / "gateway.yaml"
    config.write_text(CONFIG.format(url=shop.url, batch=batch, concurrency=concurrency))
    async with opened(config) as house:
        yield house


def batch(arg: str = "arg: ids, ", page: str = "") -> str:
    return BATCH.format(arg=arg, page=page)


def all_joined(answer: Any) -> bool:
    rows = answer["data"]["listOrders"]
    return len(rows) == ORDERS and all(row["buyer"] == {"id": row["id"] * 7 % BUYERS, "name": _name(row)} for row in rows)


def _name(row: dict[str, Any]) -> str:
    return f"Buyer {row['id'] * 7 % BUYERS}"


async def test_a_thousand_items_cost_as_many_calls_as_their_distinct_keys_fill_batches(shop: Shop, tmp_path: Path) -> None:
    async with joined(tmp_path, shop, batch()) as house:
        answer = await ask(house, ALL)
    assert all_joined(answer), answer
    assert len(shop.calls("/buyers")) == ceil(BUYERS / 40)
    assert len(shop.calls("/buyers?ids=")) == ceil(BUYERS / 40)


async def test_without_a_batch_each_distinct_key_is_asked_once_within_the_window_and_nothing_is_shed(
    shop: Shop, tmp_path: Path
) -> None:
    async with joined(tmp_path, shop) as house:
        answer = await ask(house, ALL)
    assert "errors" not in answer
    assert all_joined(answer)
    assert sorted(shop.calls("/buyers")) == sorted(f"/buyers/{number}" for number in range(BUYERS))
    assert shop.most <= 5


async def test_two_requests_at_once_share_identical_calls_and_still_shed_nothing(shop: Shop, tmp_path: Path) -> None:
    async with joined(tmp_path, shop) as house:
        first, second = await asyncio.gather(ask(house, ALL), ask(house, "{ listOrders { id buyer { name id } } }"))
    assert "errors" not in first
    assert "errors" not in second
    assert shop.most <= 8


@pytest.mark.parametrize(
    ("pages", "page"),
    [
        ("link", "next: link-header"),
        ("cursor", "next: next_one, cursor: cursor"),
        ("number", "number: page"),
        ("offset", "offset: offset"),
    ],
)
async def test_a_list_that_comes_in_pages_is_read_until_every_key_has_its_row(
    paged: Callable[..., Shop], tmp_path: Path, pages: str, page: str
) -> None:
    shop = paged(pages={"number": "page"}.get(pages, pages), size=15)
    async with joined(tmp_path, shop, batch(page=f", page: {{{page}}}")) as house:
        answer = await ask(house, ALL)
    assert all_joined(answer), answer
    calls = ceil(40 / 15) * (BUYERS // 40) + 1
    assert len(shop.calls("/buyers")) == calls


async def test_a_whole_list_can_back_a_lookup(paged: Callable[..., Shop], tmp_path: Path) -> None:
    shop = paged(pages="cursor", size=50)
    async with joined(tmp_path, shop, batch("", ", page: {next: next_one, cursor: cursor}")) as house:
        assert all_joined(await ask(house, ALL))
        assert len(shop.calls("/buyers")) == BUYERS / 50
        answer = await ask(house, "{ listOrders(count: 1) { buyer { id } } }")
        assert answer == {"data": {"listOrders": [{"buyer": {"id": 0}}]}}
    assert len(shop.calls("/buyers")) == BUYERS / 50 + 1


async def test_reading_on_is_bounded_and_what_was_not_found_is_no_null(paged: Callable[..., Shop], tmp_path: Path) -> None:
    shop = paged(pages="cursor", size=10)
    async with joined(tmp_path, shop, batch("", ", page: {next: next_one, cursor: cursor, max: 3}")) as house:
        answer = await ask(house, ALL)
    assert len(shop.calls("/buyers")) == 3
    found = [row for row in answer["data"]["listOrders"] if row["buyer"] is not None]
    assert {row["buyer"]["id"] for row in found} == set(range(30))
    [error] = answer["errors"]
    assert error["extensions"]["code"] == "UPSTREAM_TOO_LARGE"
    assert error["extensions"]["owner"]["team"] == "Shop"
    assert "3 pages" in error["message"]


async def test_a_next_page_at_another_address_is_not_asked_for(paged: Callable[..., Shop], tmp_path: Path) -> None:
    """The call carries this service's credentials: no reply may say where they go."""
    shop = paged(pages="elsewhere", size=10)
    async with joined(tmp_path, shop, batch("", ", page: {next: link-header}")) as house:
        answer = await ask(house, "{ listOrders(count: 30) { buyer { id } } }")
    assert len(shop.calls("/buyers")) == 1
    [error] = answer["errors"]
    assert error["extensions"]["code"] == "UPSTREAM_BAD_CONTENT"
    assert "a next page that is not its own" in error["message"]
    assert error["extensions"]["owner"]["team"] == "Shop"


async def test_headers_that_the_configuration_exposes_stand_beside_the_data(shop: Shop, tmp_path: Path) -> None:
    config = written(tmp_path, "options: {expose_headers: [X-Total-Count, ETag]}")
    config.write_text(config.read_text().replace("http://127.0.0.1:9", shop.url))
    async with opened(config) as house:
        answer = await ask(house, "{ listOrders(count: 1) { id } getBuyer(id: 1) { id } }")
    assert answer["data"] == {"listOrders": [{"id": 0}], "getBuyer": {"id": 1}}
    assert answer["extensions"]["upstream"]["headers"] == [
        {"service": "shop", "operation": "GET /orders", "headers": {"x-total-count": "1000"}}
    ]


async def test_the_number_of_keys_can_be_asked_for_as_the_limit(shop: Shop, tmp_path: Path) -> None:
    async with joined(tmp_path, shop, batch(page=", page: {limit: limit}")) as house:
        assert all_joined(await ask(house, ALL))
    assert [call.partition("limit=")[2] for call in shop.calls("/buyers")].count("40") == BUYERS // 40
    assert sum(call.endswith("limit=10") for call in shop.calls("/buyers")) == 1


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        ("key: id, path: row_items", "a batch needs `arg`"),
        ("key: id, path: row_items, page: {limit: limit}", "to read the whole list"),
        ("arg: ids, key: id, path: row_items, page: {next: next}", "give both"),
        ("arg: ids, key: id, path: row_items, page: {offset: offset, number: page}", "three ways"),
        ("arg: ids, key: id, path: row_items, page: {limit: limits}", "has no argument limits"),
    ],
)
def test_pages_that_cannot_be_read_are_told(gateway: Gateway, tmp_path: Path, batch: str, said: str) -> None:
    config = written(
        tmp_path, f"lookups: [{{type: Buyer, key: id, via: getBuyer, arg: id, batch: {{via: listBuyers, {batch}}}}}]"
    )
    told = gateway("check", config)
    assert told.code == 1
    assert said in told.err


# ---------------------------------------------------------------- as a user sees it


def written(folder: Path, *lines: str) -> Path:
    (folder / "shop.yaml").write_text(DOCUMENT)
    config = folder / "gateway.yaml"
    source = ["name: shop", "kind: openapi", 'url: "http://127.0.0.1:9"', "schema: shop.yaml", "owner: shop", *lines]
    config.write_text(
        "version: 1\ngateway: {owner: {team: Platform, contact: {email: p@example.com}}}\n"
        "owners: {shop: {team: Shop, contact: {email: shop@example.com}}}\nsources:\n  - " + "\n    ".join(source) + "\n"
    )
    return config


def test_check_suggests_a_batch_with_the_yaml_to_paste(gateway: Gateway, tmp_path: Path) -> None:
    found = gateway("check", written(tmp_path), "--json").data["problems"]
    [hint] = [problem for problem in found if problem["code"] == "BATCH_CANDIDATE"]
    assert hint["severity"] == "hint"
    assert hint["coordinates"] == ["shop: GET /buyers/{id}"]
    pasted = written(tmp_path, hint["fix"])
    again = gateway("check", pasted, "--json")
    assert again.code == 0
    assert "BATCH_CANDIDATE" not in {problem["code"] for problem in again.data["problems"]}


def test_check_lists_every_deviation_and_strict_fails_the_build(gateway: Gateway, tmp_path: Path) -> None:
    lenient = gateway("check", written(tmp_path))
    assert lenient.code == 0
    assert "NAME_ESCAPED" in lenient.err
    assert "#/components/schemas/Buyer/properties/first-name" in lenient.err
    strict = gateway("check", written(tmp_path, "options: {strict: true}"))
    assert strict.code == 1
    assert "first-name" in strict.err
    assert "Shop" in strict.err


async def test_links_of_the_document_are_fields_by_one_line(shop: Shop, tmp_path: Path) -> None:
    config = written(tmp_path, "options: {links: on}", f"about: {{url: {shop.url}}}")
    config.write_text(config.read_text().replace("http://127.0.0.1:9", shop.url))
    async with opened(config) as house:
        answer = await ask(house, "{ getOrder(id: 3) { id boughtBy { id name } } }")
    assert answer == {"data": {"getOrder": {"id": 3, "boughtBy": {"id": 21, "name": "Buyer 21"}}}}
    assert shop.asked == ["/orders/3", "/buyers/21"]


def test_links_of_the_document_that_cannot_be_fields_stop_nothing_and_are_told(gateway: Gateway, tmp_path: Path) -> None:
    told = gateway("check", written(tmp_path, "options: {links: on}"), "--json")
    assert told.code == 0
    hints = {problem["code"]: problem for problem in told.data["problems"]}
    assert "'sum'" in hints["LINK_OMITTED"]["message"]
    assert "Order.named" in hints["LINK_TYPE_MISMATCH"]["message"]
    assert hints["LINK_TYPE_MISMATCH"]["owners"] == ["Shop <shop@example.com>"]
    sdl = gateway("schema", written(tmp_path, "options: {links: on}")).out
    assert "boughtBy: Buyer" in sdl
    assert "named:" not in sdl
