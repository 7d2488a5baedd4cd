"""The demo's services answer as their documents say, break as told, and never outlive their starter."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from graphql import build_schema, get_introspection_query, validate_schema

from gateway.demo.services import Broken
from gateway.demo.upstreams import accounts, catalog, goods, opinions, people, reviews
from tests.demo.conftest import Ask


def test_the_data_is_the_same_in_every_run_and_of_a_believable_size() -> None:
    categories, products = goods.goods()
    customers, written = people.people(), opinions.opinions()
    assert (len(categories), len(products), len(customers), len(written)) == (20, 1000, 300, 5000)
    assert goods.goods() == (categories, products)
    assert people.people() == customers
    assert opinions.opinions() == written


def test_every_review_is_about_a_product_and_by_a_customer_there_is() -> None:
    products, customers = {str(row["id"]) for row in goods.goods()[1]}, {row["id"] for row in people.people()}
    assert all(row["productId"] in products and row["authorId"] in customers for row in opinions.opinions())


def test_names_are_distinct() -> None:
    assert len({row["name"] for row in goods.goods()[1]}) == 1000
    assert len({row["name"] for row in people.people()}) == 300


@pytest.mark.parametrize("file", [accounts.SDL, reviews.SDL])
def test_the_schema_files_are_valid(file: Path) -> None:
    assert validate_schema(build_schema(file.read_text(encoding="utf-8"))) == []


def test_the_catalog_serves_its_own_document(ask: Ask) -> None:
    assert ask("catalog", "/openapi.json").json() == json.loads(catalog.DOCUMENT.read_text())


def test_products_come_by_page_and_by_category(ask: Ask) -> None:
    page = ask("catalog", "/products?category=tents&limit=3&offset=2").json()
    assert (page["total"], page["limit"], page["offset"]) == (50, 3, 2)
    assert [row["category"]["slug"] for row in page["items"]] == ["tents"] * 3


def test_every_row_has_what_the_document_requires(ask: Ask) -> None:
    product = json.loads(catalog.DOCUMENT.read_text())["components"]["schemas"]["Product"]
    row = ask("catalog", "/products/7").json()
    assert set(row) == set(product["properties"])
    assert row["id"] == 7


def test_a_batch_leaves_unknown_ids_out_and_its_rows_carry_their_key(ask: Ask) -> None:
    rows = ask("catalog", "/products/batch?id=9&id=3&id=99999").json()
    assert sorted(row["id"] for row in rows) == [3, 9]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/products/99999", 404),
        ("/categories/none", 404),
        ("/products?limit=many", 400),
        ("/products/batch", 400),
        ("/products?limit=101", 400),
    ],
)
def test_a_mistake_is_answered_with_a_problem_document(ask: Ask, path: str, status: int) -> None:
    answer = ask("catalog", path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_accounts_can_be_introspected(ask: Ask) -> None:
    schema = ask("accounts", get_introspection_query()).json()["data"]["__schema"]
    assert {"Badge", "Membership", "Date", "User"} <= {kind["name"] for kind in schema["types"]}


def test_users_come_one_by_one_and_many_at_once_with_their_badges(ask: Ask) -> None:
    query = """query($ids: [ID!]!) {
      user(id: "usr_0004") { name membership }
      usersByIds(ids: $ids) { id badges { __typename label ... on BuyerBadge { orders } } }
    }"""
    data = ask("accounts", query, ids=["usr_0004", "usr_9999", "usr_0001"]).json()["data"]
    assert [user["id"] for user in data["usersByIds"]] == ["usr_0004", "usr_0001"]
    assert data["usersByIds"][0]["badges"] == [{"__typename": "BuyerBadge", "label": "60+ orders", "orders": 60}]
    assert data["user"]["membership"] in ("BASIC", "PLUS", "CLUB")


def test_reviews_of_many_products_carry_their_key_and_count_per_product(ask: Ask) -> None:
    query = """query($ids: [ID!]!) { reviewsOfMany(productIds: $ids, first: 2, sort: HIGHEST_RATED) {
      items { productId rating attachments { ... on Photo { width } ... on Video { duration } } } } }"""
    rows = ask("reviews", query, ids=["16", "13"]).json()["data"]["reviewsOfMany"]["items"]
    assert [row["productId"] for row in rows] == ["16", "16", "13", "13"]
    assert rows[0]["rating"] == 5


def test_reviews_by_one_customer_agree_with_reviews_by_many(ask: Ask) -> None:
    one = ask("reviews", '{ reviewsBy(userId: "usr_0010", first: 3) { id } }').json()["data"]["reviewsBy"]
    many = ask("reviews", '{ reviewsByMany(userIds: ["usr_0010"], first: 3) { items { id } } }').json()["data"]["reviewsByMany"]
    assert one == many["items"]
    assert len(one) == 3


def test_a_mistaken_query_is_answered_with_errors(ask: Ask) -> None:
    assert "nowhere" in ask("reviews", "{ nowhere }").json()["errors"][0]["message"]
    assert ask("reviews", "{").json()["errors"]


@pytest.mark.parametrize("service", ["catalog:500", "accounts:500"])
def test_a_service_broken_by_500_sends_a_problem_document(broken: Callable[[str], str], service: str) -> None:
    answer = _read(broken(service), service)
    assert answer.status_code == 500
    assert answer.json()["title"] == "The service lost its database"


def test_a_service_that_talks_garbage_sends_html_with_200(broken: Callable[[str], str]) -> None:
    answer = _read(broken("reviews:garbage"), "reviews")
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/html")


def test_a_flaky_service_fails_every_second_call(broken: Callable[[str], str]) -> None:
    url = broken("catalog:flaky")
    assert [_read(url, "catalog").status_code for _ in range(4)] == [500, 200, 500, 200]


def test_a_service_that_is_down_refuses_connections(broken: Callable[[str], str]) -> None:
    with pytest.raises(httpx.ConnectError):
        _read(broken("catalog:down"), "catalog")


def test_a_slow_service_has_not_answered_when_patience_ends(broken: Callable[[str], str]) -> None:
    with pytest.raises(httpx.ReadTimeout):
        _read(broken("accounts:slow"), "accounts", timeout=0.3)


@pytest.mark.parametrize("service", ["catalog:garbage", "accounts:500"])
def test_the_schema_of_a_broken_service_stays_readable(broken: Callable[[str], str], service: str) -> None:
    url = broken(service)
    if service.startswith("catalog"):
        assert httpx.get(url + "/openapi.json").json()["openapi"] == "3.0.3"
    else:
        answer = httpx.post(url + "/graphql", json={"query": get_introspection_query()})
        assert answer.json()["data"]["__schema"]["queryType"]["name"] == "Query"


@pytest.mark.parametrize(
    ("text", "said"), [("billing", "catalog, accounts, reviews"), ("catalog:sad", "down, slow, 500, garbage, flaky")]
)
def test_an_unknown_service_or_mode_is_refused_with_the_choices(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Broken.parse(text)


def test_a_service_is_broken_by_being_down_unless_told_otherwise() -> None:
    assert Broken.parse("reviews") == Broken("reviews", "down")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see whether a process lives")
def test_no_service_outlives_a_starter_that_was_killed() -> None:
    program = """import time
from gateway.demo.services import start
services = start()
print(*(service.process.pid for service in services), flush=True)
time.sleep(60)"""
    starter = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert starter.stdout is not None
    pids = [int(pid) for pid in starter.stdout.readline().split()]
    assert len(pids) == 3
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    starter.stdout.close()
    patience = time.monotonic() + 10
    while any(_alive(pid) for pid in pids) and time.monotonic() < patience:
        time.sleep(0.02)
    assert not any(_alive(pid) for pid in pids)


def _alive(pid: int) -> bool:
    """Not counting the dead whom nobody has waited for yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _read(url: str, service: str, timeout: float = 5.0) -> httpx.Response:
    if service.startswith("catalog"):
        return httpx.get(url + "/categories", timeout=timeout)
    root = "users" if service.startswith("accounts") else "reviews"
    return httpx.post(url + "/graphql", json={"query": f"{{ {root} {{ id }} }}"}, timeout=timeout)
