"""What callers do wrong is told to them with its code; the process lives on, and nobody else notices."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from . import faults
from .gateway import GRAPHQL, Inside
from .shop import PRODUCTS

HEALTHY = "{ listProducts(limit: 3) { name maker { name } } }"


@contextmanager
def others(gateway: Inside) -> Iterator[None]:
    """Other callers ask before, meanwhile and after, and each of them gets the whole answer."""
    expected = gateway.ask(HEALTHY)
    assert "errors" not in expected
    asking, stop = threading.Barrier(3), threading.Event()
    answers: list[object] = []

    def ask() -> None:
        with httpx.Client(trust_env=False, verify=False, timeout=30) as client:
            asking.wait(30)
            while True:
                last = stop.is_set()
                answers.append(client.post(gateway.url, json={"query": HEALTHY}).json())
                if last:
                    return

    callers = [threading.Thread(target=ask) for _ in range(2)]
    for caller in callers:
        caller.start()
    asking.wait(30)
    try:
        yield
    finally:
        stop.set()
        for caller in callers:
            caller.join(30)
    assert len(answers) >= len(callers)
    assert all(answer == expected for answer in answers)


DEEP = "{ a " * 25_000 + "}" * 25_000
DOCUMENTS = {
    "syntax error": ("{ page { number", "GRAPHQL_PARSE_FAILED"),
    "empty": ("", "BAD_USER_INPUT"),
    "not GraphQL": ("SELECT * FROM products", "GRAPHQL_PARSE_FAILED"),
    "unknown fields": ("{ page { numbre } nobody }", "GRAPHQL_VALIDATION_FAILED"),
    "missing variable": ("query ($sku: String!) { getProduct(sku: $sku) { stock } }", "BAD_USER_INPUT"),
    "undeclared variable": ("{ getProduct(sku: $sku) { stock } }", "GRAPHQL_VALIDATION_FAILED"),
    "100 kB of braces": ("{" * 100_000, "LIMIT_EXCEEDED"),
    "100 kB of nesting": (DEEP, "LIMIT_EXCEEDED"),
    "100 kB of brackets": ("{ search(word: " + "[" * 100_000, "LIMIT_EXCEEDED"),
    "a fragment in a circle": ("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }", "GRAPHQL_VALIDATION_FAILED"),
    "fragments that multiply": (
        "{ ...f0 } "
        + " ".join(f"fragment f{i} on Query {{ ...f{i + 1} a{i}: page {{ number }} ...f{i + 1} }}" for i in range(40))
        + " fragment f40 on Query { page { number } }",
        "LIMIT_EXCEEDED",
    ),
    "a NUL": ("{ page { number } }\0", "GRAPHQL_PARSE_FAILED"),
    "half a surrogate pair": ('{ getProduct(sku: "\\ud800") { stock } }', "GRAPHQL_PARSE_FAILED"),
}


@pytest.mark.parametrize(("document", "code"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_bad_document_is_refused_with_its_code_and_disturbs_nobody(front: Inside, document: str, code: str) -> None:
    with others(front):
        answer = front.post(document)
    assert answer.status_code == 400
    body = answer.json()
    assert "data" not in body
    assert {error["extensions"]["code"] for error in body["errors"]} == {code}
    assert all(error["message"] and len(error["message"]) < 1000 for error in body["errors"])
    assert "Traceback" not in answer.text


def test_every_fault_of_a_document_is_told_with_its_place(front: Inside) -> None:
    errors = front.ask("{\n  page { numbre }\n  nobody\n}")["errors"]
    assert [error["locations"] for error in errors] == [[{"line": 2, "column": 10}], [{"line": 3, "column": 3}]]
    assert "number" in errors[0]["message"], "it says what was perhaps meant"


@pytest.mark.parametrize(
    "variables", [{}, {"sku": None}, {"sku": 7}, {"sku": ["a", "b"]}, {"sku": {"a": 1}}, {"sku": True}], ids=json.dumps
)
def test_variables_that_do_not_fit_are_told(front: Inside, variables: dict[str, object]) -> None:
    answer = front.post("query ($sku: String!) { getProduct(sku: $sku) { stock } }", variables)
    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "$sku" in error["message"]


BODIES: dict[str, bytes] = {
    "no JSON": b"{",
    "a list": b"[1, 2]",
    "a batch": b'[{"query": "{ page { number } }"}]',
    "not UTF-8": b'{"query": "\xff\xfe"}',
    "deep": b'{"query": "{ page { number } }", "variables": ' + b"[" * 100_000,
    "nothing": b"",
    "a number for a query": b'{"query": 7}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_is_no_request_is_told(front: Inside, body: bytes) -> None:
    with others(front):
        answer = front.http.post(front.url, content=body, headers={"content-type": "application/json", "accept": GRAPHQL})
    assert answer.status_code == 400
    assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["BAD_USER_INPUT"]


def test_callers_that_vanish_in_the_middle_disturb_nobody(front: Inside) -> None:
    address = httpx.URL(front.url)
    with others(front):
        for _ in range(20):
            with socket.create_connection((address.host, address.port or 80)) as caller:
                caller.sendall(
                    b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"
                )
    assert "errors" not in front.ask(HEALTHY)


@pytest.mark.parametrize(
    "mess", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"\0" * 4000, b"POST / HTTP/1.1\r\nx" + b"y" * 90_000]
)
def test_what_is_no_http_is_answered_or_closed_and_disturbs_nobody(front: Inside, mess: bytes) -> None:
    address = httpx.URL(front.url)
    with others(front), socket.create_connection((address.host, address.port or 80), 10) as caller:
        caller.sendall(mess)
        caller.shutdown(socket.SHUT_WR)
        said = caller.recv(65536)
    assert not said or said.startswith(b"HTTP/1.1 4")


def test_a_service_that_talks_nonsense_disturbs_no_other_request(front: Inside, broken: Callable[..., None]) -> None:
    healthy = '{ getProduct(sku: "p7") { stock warehouse { city } } }'
    for kind in ("html", "closed", "cut", "deep", "500"):
        broken(people=faults.ANY[kind])
        broken_body = front.ask("{ me { name } }", authorization=f"Bearer {kind}")
        assert broken_body["data"] == {"me": None}
        assert broken_body["errors"][0]["extensions"]["owner"]["team"] == "Staff Office"
        assert front.ask(healthy) == {"data": {"getProduct": {"stock": 70, "warehouse": {"city": "Linz"}}}}


@pytest.mark.parametrize("sku", ["", ".", ".."])
def test_a_value_that_no_path_can_have_is_refused_and_costs_only_its_field(front: Inside, sku: str) -> None:
    """Written out or as a variable: it would be the path of something else."""
    written = front.ask(f'{{ getProduct(sku: "{sku}") {{ stock }} page {{ number }} }}')
    varied = front.ask("query ($sku: String!) { getProduct(sku: $sku) { stock } page { number } }", {"sku": sku})
    for body in (written, varied):
        assert body["data"] == {"getProduct": None, "page": {"number": 7}}
        [error] = body["errors"]
        told = error["extensions"]
        assert (told["code"], told["service"], told["retryable"]) == ("UPSTREAM_BLOCKED", "stock", False)
        assert told["upstream"]["operation"] == "GET /products/{sku}"
        assert told["owner"]["team"] == "Stock & Supply"


def test_a_key_that_no_path_can_have_costs_only_its_own_row(front: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRODUCTS, "p1", PRODUCTS["p1"] | {"warehouseId": ".."})
    body = front.ask("{ listProducts(limit: 3) { warehouse { city } } }")
    assert body["data"]["listProducts"] == [{"warehouse": {"city": "Graz"}}, {"warehouse": None}, {"warehouse": {"city": "Wels"}}]
    assert [(e["path"], e["extensions"]["code"]) for e in body["errors"]] == [
        (["listProducts", 1, "warehouse"], "UPSTREAM_BLOCKED")
    ]
