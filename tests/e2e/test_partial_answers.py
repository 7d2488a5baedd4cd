"""A part fails, the rest arrives: one error per failed call, at its places, and no null that nobody explains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from . import faults
from .gateway import Inside, served
from .shop import Shop, configure
from .wire import reply

DOWN = reply('{"error": "no"}', 503)
MANY = "{ listProducts(limit: 30) { sku maker { name } } }"


def unexplained(body: Any) -> list[list[str | int]]:
    """The nulls of an answer that neither an error nor one of its affected paths lies at or below."""
    told = [tuple(error["path"]) for error in body.get("errors", ())]
    for error in body.get("errors", ()):
        told += [tuple(path) for path in error["extensions"].get("affected", {}).get("paths", ())]
    return [list(path) for path in nulls(body["data"], ()) if not any(t[: len(path)] == path for t in told)]


def nulls(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if value is None:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from nulls(item, (*path, key))


def test_one_failed_call_is_one_error_with_all_its_places(front: Inside, broken: Callable[..., None]) -> None:
    broken(people=DOWN)
    body = front.ask(MANY)
    assert all(product["maker"] is None for product in body["data"]["listProducts"])
    [error] = body["errors"]
    assert error["path"] == ["listProducts", 0, "maker"]
    assert error["extensions"]["owner"]["team"] == "Staff Office"
    affected = error["extensions"]["affected"]
    assert affected["count"] == 30
    assert affected["paths"] == [["listProducts", i, "maker"] for i in range(20)]


def test_every_null_is_explained(front: Inside, broken: Callable[..., None]) -> None:
    broken(people=DOWN, catalog=reply("<html>", content_type="text/html"))
    body = front.ask(
        """{ listProducts(limit: 4) { sku price maker { name } warehouse { city manager { name } } }
             other: getProduct(sku: "p1") { name } }"""
    )
    assert unexplained(body) == []
    assert {error["extensions"]["service"] for error in body["errors"]} == {"people", "catalog"}


WIDE = """{
  listProducts(limit: 5) {
    sku stock name price maker { name favourite { stock name } } warehouse { city manager { name } } notes { text }
  }
  search(word: "x") { __typename ... on Product { label warehouse { city } maker { id } } ... on Maker { name country } }
  page { number } front { title }
}"""
FAULTS = ("500", "401", "404", "html", "cut", "closed", "deep", "gzip", "redirect")


@pytest.mark.parametrize("seed", range(20))
def test_whatever_breaks_no_null_is_left_unexplained(front: Inside, broken: Callable[..., None], seed: int) -> None:
    chance = Random(seed)
    services = chance.sample(("stock", "catalog", "people"), chance.randint(1, 3))
    broken(**{service: faults.ANY[chance.choice(FAULTS)] for service in services})
    body = front.ask(WIDE)
    assert body["errors"]
    assert unexplained(body) == []
    assert all(error["extensions"]["owner"]["team"] for error in body["errors"])


def test_a_lookup_that_fails_costs_its_fields_and_not_the_other_source_s(front: Inside, broken: Callable[..., None]) -> None:
    broken(catalog=DOWN)
    body = front.ask("{ listProducts(limit: 3) { sku stock price } }")
    assert body["data"]["listProducts"] == [{"sku": f"p{i}", "stock": i * 10, "price": None} for i in range(3)]
    [error] = body["errors"]
    assert (error["path"], error["extensions"]["affected"]["count"]) == (["listProducts", 0, "price"], 3)


def test_a_required_field_that_fails_takes_its_parent_along(front: Inside, broken: Callable[..., None]) -> None:
    broken(catalog=DOWN)
    body = front.ask("{ listProducts(limit: 3) { sku name } }")
    assert unexplained(body) == []
    assert body["data"] in ({"listProducts": None}, {"listProducts": [None] * 3})
    assert body["errors"][0]["path"][0] == "listProducts"


def test_an_error_of_a_schema_in_this_process_has_an_owner_too(front: Inside) -> None:
    body = front.ask('{ a: getProduct(sku: "p13") { notes { text } } b: getProduct(sku: "p1") { notes { text } } }')
    assert body["data"]["b"] == {"notes": [{"text": "p1 is fine"}]}
    assert unexplained(body) == []
    [error] = body["errors"]
    assert (error["extensions"]["service"], error["extensions"]["owner"]["team"]) == ("notes", "Goods")
    assert "invisible ink" not in str(body)


@pytest.fixture
def fronted(own: Shop) -> Iterator[Callable[[str], Inside]]:
    """`fronted("errors: {...}")`: a gateway of one's own with this under `gateway`."""
    opened = []

    def serve(gateway: str) -> Inside:
        context = served(configure(own, f"  {gateway}"))
        opened.append(context)
        return context.__enter__()

    yield serve
    for context in opened:
        context.__exit__(None, None, None)


@pytest.mark.parametrize("setting", ["errors: {per_path: true}", "errors: {on_error: null}"])
def test_where_it_is_asked_for_every_place_has_an_entry_of_its_own(
    fronted: Callable[[str], Inside], own: Shop, setting: str
) -> None:
    own.broken["people"] = DOWN
    body = fronted(setting).ask(MANY)
    assert [error["path"] for error in body["errors"]] == [["listProducts", i, "maker"] for i in range(30)]
    assert all("affected" not in error["extensions"] for error in body["errors"])


def test_null_instead_of_propagation(fronted: Callable[[str], Inside], own: Shop) -> None:
    own.broken["catalog"] = DOWN
    body = fronted("errors: {on_error: null}").ask("{ listProducts(limit: 2) { sku name } }")
    assert body["data"]["listProducts"] == [{"sku": "p0", "name": None}, {"sku": "p1", "name": None}]
    assert unexplained(body) == []


def test_halt_gives_no_data(fronted: Callable[[str], Inside], own: Shop) -> None:
    own.broken["people"] = DOWN
    body = fronted("errors: {on_error: halt}").ask(MANY)
    assert body["data"] is None
    assert len(body["errors"]) == 1


def test_a_plan_of_too_many_calls_is_refused_before_anything_is_called(fronted: Callable[[str], Inside], own: Shop) -> None:
    gateway = fronted("limits: {upstream_calls: 2}")
    for service in (own.stock, own.catalog, own.people):
        service.asked.clear()
    body = gateway.ask("{ listProducts { name maker { name } } }")
    [error] = body["errors"]
    told = error["extensions"]
    assert (told["code"], told["planned"], told["limit"]) == ("TOO_MANY_UPSTREAM_CALLS", 3, 2)
    assert sum(told["plan"]["services"].values()) == 3
    assert [each["path"] for each in told["plan"]["fetches"]][-1].endswith("maker")
    assert "data" not in body
    assert not own.stock.asked


def test_root_fields_are_counted_wherever_they_are_written(fronted: Callable[[str], Inside]) -> None:
    gateway = fronted("limits: {root_fields: 2}")
    assert gateway.ask("{ page { number } page { __typename } __typename me { name } }")["data"]["page"]["number"] == 7
    [error] = gateway.ask("{ page { number } ...more } fragment more on Query { me { name } ... { user(id: 1) { name } } }")[
        "errors"
    ]
    told = error["extensions"]
    assert (told["code"], told["which"], told["limit"], told["actual"]) == ("LIMIT_EXCEEDED", "root_fields", 2, 3)


def test_calls_that_are_used_up_cost_only_the_rows_that_remain(fronted: Callable[[str], Inside]) -> None:
    body = fronted("limits: {upstream_calls_total: 3}").ask("{ listProducts(limit: 6) { sku warehouse { city } } }")
    assert unexplained(body) == []
    assert [p["warehouse"] for p in body["data"]["listProducts"]].count(None) == 2
    [error] = body["errors"]
    assert (error["extensions"]["code"], error["extensions"]["limit"]) == ("TOO_MANY_UPSTREAM_CALLS", 3)


def test_the_request_s_own_deadline_ends_it(fronted: Callable[[str], Inside], own: Shop) -> None:
    gateway = fronted("limits: {deadline: 400ms}")
    own.gate.clear()
    body = gateway.ask("{ listProducts(limit: 2) { sku maker { name } } }")
    own.gate.set()
    [error] = body["errors"]
    told = error["extensions"]
    assert (told["code"], told["retryable"], told["service"]) == ("DEADLINE_EXCEEDED", True, "catalog")
    assert told["deadline_ms"] <= 400
    assert body["data"]["listProducts"][0] == {"sku": "p0", "maker": None}
