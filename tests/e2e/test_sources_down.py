"""A service that is down when the gateway starts: a copy stands in, or it is waited for or left out, until it is back."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from .gateway import Inside, Process, process, served
from .shop import PEOPLE, Shop, configure

ALL = "{ listProducts(limit: 2) { sku maker { name } } }"
WHOLE = {"data": {"listProducts": [{"sku": "p0", "maker": {"name": "Ada"}}, {"sku": "p1", "maker": {"name": "Bo"}}]}}
STAFF = {"team": "Staff Office", "url": "https://staff.example.com", "contact": {"phone": "+43 316 555 01"}, "from": "config"}


def until(true: Callable[[], Any]) -> Any:
    """What `true` gives once it gives something; there is no event to wait for on the other side of a socket."""
    patience = time.monotonic() + 20
    while not (found := true()):
        assert time.monotonic() < patience
        time.sleep(0.02)
    return found


def whole(gateway: Inside | Process) -> bool:
    answer: Any = gateway.ask(ALL)
    return bool(answer == WHOLE)


def missing(gateway: Inside | Process) -> None:
    """The part of the service that is down is missing, and said to be."""
    body = gateway.ask(ALL)
    assert body["data"] == {"listProducts": [{"sku": "p0", "maker": None}, {"sku": "p1", "maker": None}]}
    [error] = body["errors"]
    told = error["extensions"]
    assert (told["code"], told["service"], told["retryable"]) == ("SOURCE_UNAVAILABLE", "people", True)
    assert told["owner"] == STAFF
    assert told["affected"]["count"] == 2


@pytest.mark.parametrize("copy", ["snapshot", "last good copy"])
def test_a_copy_of_its_schema_stands_in_until_it_is_back(own: Shop, copy: str) -> None:
    schemas = {"people": "introspect"}
    if copy == "snapshot":
        (own.folder / "people.graphql").write_text(PEOPLE)
        schemas = {"people": "{from: introspect, snapshot: people.graphql}"}
    config = configure(own, schemas=schemas)
    if copy == "last good copy":
        with served(config) as gateway:
            assert whole(gateway)
    own.people.stop()
    with served(config) as gateway:
        missing(gateway)
        assert gateway.ask('{ getProduct(sku: "p1") { stock } }') == {"data": {"getProduct": {"stock": 10}}}
        own.people.start()
        until(lambda: whole(gateway))


def test_a_rest_service_that_is_down_is_known_by_its_copy_too(own: Shop) -> None:
    config = configure(own)
    with served(config):
        pass
    own.stock.stop()
    with served(config) as gateway:
        body = gateway.ask('{ product(sku: "p1") { name stock } }')
        assert body["data"] == {"product": {"name": "Product 1", "stock": None}}
        [error] = body["errors"]
        assert (error["extensions"]["code"], error["extensions"]["owner"]["team"]) == ("SOURCE_UNAVAILABLE", "Stock & Supply")
        own.stock.start()
        until(lambda: gateway.ask('{ product(sku: "p1") { name stock } }')["data"]["product"]["stock"] == 10)


def test_without_any_copy_it_is_left_out_where_that_is_allowed(own: Shop) -> None:
    own.people.stop()
    config = configure(own, schemas={"people": "{from: introspect, on_missing: omit}"})
    with served(config) as gateway:
        assert gateway.ask("{ listProducts(limit: 1) { sku name } }")["data"]["listProducts"] == [
            {"sku": "p0", "name": "Product 0"}
        ]
        [error] = gateway.ask("{ me { name } }")["errors"]
        assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        own.people.start()
        until(lambda: whole(gateway))


def test_without_any_copy_it_is_waited_for_by_default(own: Shop) -> None:
    own.people.stop()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with process(configure(own), port=port) as gateway:
        base = gateway.url.removesuffix("/graphql")
        until(lambda: "people" in text(gateway, f"{base}/readyz"))
        assert gateway.http.get(f"{base}/readyz").status_code == 503
        assert gateway.http.get(f"{base}/livez").status_code == 200
        refused = gateway.post(ALL)
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        [error] = refused.json()["errors"]
        assert (error["extensions"]["code"], error["extensions"]["owner"]) == ("SOURCE_UNAVAILABLE", STAFF)
        own.people.start()
        until(lambda: gateway.http.get(f"{base}/readyz").status_code == 200)
        assert whole(gateway)


def text(gateway: Process, url: str) -> str:
    try:
        return gateway.http.get(url).text
    except httpx.ConnectError:
        return ""


def test_a_source_the_others_need_is_waited_for_even_where_it_may_be_left_out(own: Shop) -> None:
    """Only `catalog` ties `stock` and the rest together: without it no query could get from one to the other."""
    own.catalog.stop()
    for name, sdl in (("bridged", "id: ID!"), ("priced", "sku: String! cost: Int")):
        (own.folder / f"{name}.graphql").write_text(f"type Query {{ {name}(key: String!): Part }} type Part {{ {sdl} }}")
    config = configure(own, schemas={"catalog": "{from: introspect, on_missing: omit}"})
    config.write_text(config.read_text().replace("links:\n", f"{NEEDY}links:\n"))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with process(config, port=port) as gateway:
        base = gateway.url.removesuffix("/graphql")
        until(lambda: "catalog" in text(gateway, f"{base}/readyz"))
        [error] = gateway.post(ALL).json()["errors"]
        assert (error["extensions"]["code"], error["extensions"]["owner"]["team"]) == ("SOURCE_UNAVAILABLE", "Goods")


NEEDY = """\
  - {name: bridged, kind: graphql, url: "http://127.0.0.1:9", schema: bridged.graphql, owner: goods}
  - name: priced
    kind: graphql
    url: "http://127.0.0.1:9"
    schema: priced.graphql
    owner: goods
    lookups: [{type: Part, key: sku, via: priced, arg: key}]
"""


def test_a_document_that_is_no_schema_any_more_leaves_the_good_copy_in_place(own: Shop) -> None:
    config = configure(own)
    with served(config):
        pass
    real, own.people.answer = own.people.answer, lambda _: _html
    with served(config) as gateway:
        missing(gateway)
        own.people.answer = real
        until(lambda: whole(gateway))


def _html(connection: Any) -> None:
    body = b"<html>sorry</html>"
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


def test_it_went_down_later_and_every_answer_says_so_until_it_is_back(own: Shop) -> None:
    with served(configure(own, defaults="  cache: off")) as gateway:
        assert whole(gateway)
        own.people.stop()
        [error] = gateway.ask(ALL)["errors"]
        assert error["extensions"]["code"] in ("UPSTREAM_UNREACHABLE", "SOURCE_UNAVAILABLE")
        assert error["extensions"]["owner"] == STAFF
        own.people.start()
        until(lambda: whole(gateway))
