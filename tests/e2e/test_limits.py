"""Every limit of the configuration: what is just within it is answered, one more is refused, with its code and what was counted.

A limit that is added to the configuration and has no case here fails the first test.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from gateway.config.model.gateway import Limits
from tests.server.connections import Clock, Server, Transport

from .gateway import Inside, served
from .shop import Shop, configure
from .wire import silent

GATEWAY = """\
  limits: {depth: 3, aliases: 3, root_fields: 4, directives: 2, list_size: 20, cost: 21, assumed_list_size: 10, variables: 64B,
           tokens: 50, upstream_calls: 3, upstream_calls_total: 3, deadline: 30s, body: 2KiB, headers: 1KiB, connections: 1000}
  http: {batch: 2}
"""
Told = tuple[int, Any]
"""Status and body."""
Send = Callable[[Inside, Shop], Told]


class Case(msgspec.Struct, frozen=True):
    within: Send
    beyond: Send
    status: int = 400
    code: str = "LIMIT_EXCEEDED"
    details: dict[str, Any] = {}


def query(text: str, **variables: Any) -> Send:
    def send(front: Inside, _shop: Shop) -> Told:
        came = front.post(text, variables or None)
        return came.status_code, came.json()

    return send


def body(size: int) -> Send:
    def send(front: Inside, _shop: Shop) -> Told:
        start = b'{"query":"{ page { number } } #'
        content = start + b"x" * (size - len(start) - 2) + b'"}'
        assert len(content) == size
        came = front.http.post(front.url, content=content, headers={"content-type": "application/json"})
        return came.status_code, came.json()

    return send


def batch(items: int) -> Send:
    def send(front: Inside, _shop: Shop) -> Told:
        came = front.http.post(front.url, json=[{"query": "{ page { number } }"}] * items)
        told = came.json()
        return came.status_code, told[-1] if isinstance(told, list) else told

    return send


def head(size: int) -> Send:
    """The address, and names and values of all fields, as they arrive."""

    def send(front: Inside, _shop: Shop) -> Told:
        place = urlsplit(front.url)
        path = "/graphql?query=%7Bpage%7Bnumber%7D%7D"
        pad = size - len(path) - len("hostg") - len("connectionclose") - len("x-pad")
        text = f"GET {path} HTTP/1.1\r\nhost: g\r\nconnection: close\r\nx-pad: {'x' * pad}\r\n\r\n"
        with socket.create_connection((place.hostname, place.port), 20) as client:
            client.sendall(text.encode())
            came = b"".join(iter(lambda: client.recv(65536), b""))
        return int(came.split()[1]), json.loads(came.partition(b"\r\n\r\n")[2])

    return send


def connections(count: int) -> Send:
    """Of a server that may have five."""

    def send(_front: Inside, _shop: Shop) -> Told:
        server = Server(Clock())
        for _ in range(count - 1):
            server.connect(Transport())
        last = Transport()
        server.connect(last)
        _, _, told = last.written.partition(b"\r\n\r\n")
        return (int(last.written.split()[1]), json.loads(told)) if told else (200, {"data": {}})

    return send


def held(_front: Inside, shop: Shop) -> Told:
    """Another gateway, whose sources never answer: it has given up long before they would."""
    config = configure(shop, gateway="  limits: {deadline: 200ms}")
    shop.broken["catalog"] = silent
    try:
        with served(config) as hasty:
            came = hasty.post("{ page { number } }")
            return came.status_code, came.json()
    finally:
        shop.broken.clear()


def asked_often(times: int) -> Send:
    def send(_front: Inside, shop: Shop) -> Told:
        with served(configure(shop, gateway="  rate_limit: {requests: 3, per: 1d}")) as strict:
            came = [strict.post("{ __typename }") for _ in range(times)][-1]
            return came.status_code, came.json()

    return send


def counted(limit: int, which: str = "") -> dict[str, Any]:
    return {"limit": limit, "actual": limit + 1} | ({"which": which} if which else {})


CASES = {
    "depth": Case(
        query('{ product(sku: "p1") { warehouse { id } } }'),
        query('{ product(sku: "p1") { warehouse { manager { id } } } }'),
        details=counted(3, "depth"),
    ),
    "aliases": Case(
        query("{ a: __typename b: __typename c: __typename }"),
        query("{ a: __typename b: __typename c: __typename d: __typename }"),
        details=counted(3, "aliases"),
    ),
    "root_fields": Case(
        query('{ page { number } product(sku: "p1") { sku } me { id } user(id: "1") { id } }'),
        query('{ page { number } product(sku: "p1") { sku } me { id } user(id: "1") { id } users(ids: []) { id } }'),
        details=counted(4, "root_fields"),
    ),
    "directives": Case(
        query("{ page { number @skip(if: false) @include(if: true) } }"),
        query("{ page @include(if: true) { number @skip(if: false) @include(if: true) } }"),
        details=counted(2, "directives"),
    ),
    "list_size": Case(
        query("{ listProducts(limit: 20) { sku } }"),
        query("{ listProducts(limit: 21) { sku } }"),
        details=counted(20, "list_size"),
    ),
    "cost": Case(
        query("{ listProducts(limit: 20) { sku } page { number } }"),
        query("{ listProducts(limit: 20) { sku } page { number } me { id } }"),
        details=counted(21, "cost"),
    ),
    "assumed_list_size": Case(
        query('{ a: search(word: "a") { __typename } b: search(word: "b") { __typename } page { number } }'),
        query('{ a: search(word: "a") { __typename } b: search(word: "b") { __typename } page { number } me { id } }'),
        details=counted(21, "cost"),
    ),
    "variables": Case(
        query("query ($id: ID!) { user(id: $id) { id } }", id="x" * (64 - len('{"id":""}'))),
        query("query ($id: ID!) { user(id: $id) { id } }", id="x" * (65 - len('{"id":""}'))),
        details=counted(64, "variables"),
    ),
    "tokens": Case(
        query("{ page { " + "number " * 45 + "} }"),
        query("{ page { " + "number " * 46 + "} }"),
        details=counted(50, "tokens"),
    ),
    "upstream_calls": Case(
        query("{ listProducts(limit: 1) { sku } page { number } me { id } }"),
        query('{ listProducts(limit: 1) { sku } page { number } me { id } notesOn(sku: "p1") { text } }'),
        code="TOO_MANY_UPSTREAM_CALLS",
        details={"planned": 4, "limit": 3},
    ),
    "upstream_calls_total": Case(
        query("{ listProducts(limit: 2) { warehouse { id } } }"),
        query("{ listProducts(limit: 3) { warehouse { id } } }"),
        status=200,
        code="TOO_MANY_UPSTREAM_CALLS",
        details={"limit": 3},
    ),
    "deadline": Case(query("{ page { number } }"), held, status=504, code="DEADLINE_EXCEEDED"),
    "body": Case(body(2048), body(2049), status=413, details=counted(2048, "body")),
    "headers": Case(head(1024), head(1025), status=431, details=counted(1024, "headers")),
    "connections": Case(connections(5), connections(6), status=503, details=counted(5, "connections")),
    "batch": Case(batch(2), batch(3), details=counted(2, "batch")),
    "rate_limit": Case(asked_often(3), asked_often(4), status=429, code="RATE_LIMITED"),
}


@pytest.fixture(scope="module")
def bounded(shop: Shop) -> Iterator[Inside]:
    with served(configure(shop, gateway=GATEWAY)) as gateway:
        yield gateway


def test_no_limit_is_without_a_case() -> None:
    assert set(CASES) == {*Limits.model_fields, "batch", "rate_limit"}


@pytest.mark.parametrize("which", CASES)
def test_what_is_just_within_a_limit_is_answered(which: str, bounded: Inside, shop: Shop) -> None:
    status, told = CASES[which].within(bounded, shop)
    assert (status, told.get("errors")) == (200, None)


@pytest.mark.parametrize("which", CASES)
def test_one_more_is_refused(which: str, bounded: Inside, shop: Shop) -> None:
    case = CASES[which]
    status, told = case.beyond(bounded, shop)
    assert status == case.status
    said = told["errors"][0]["extensions"]
    assert said["code"] == case.code
    assert said["owner"]["team"]
    assert {name: said.get(name) for name in case.details} == case.details
