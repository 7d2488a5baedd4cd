"""SIGTERM with requests in flight: they are finished, their upstream calls too, nothing is left behind, and the code is 0."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest

from .gateway import Process, process
from .shop import Shop, configure
from .test_sources_down import until

ASKED = "query ($limit: Int) { listProducts(limit: $limit) { sku name maker { name } } }"
MAKERS = ("Ada", "Bo", "Cy", "Di")


def whole(limit: int) -> dict[str, object]:
    products = [{"sku": f"p{i}", "name": f"Product {i}", "maker": {"name": MAKERS[i % 4]}} for i in range(limit)]
    return {"data": {"listProducts": products}}


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["one process", "two workers"])
def test_requests_in_flight_are_finished_with_all_their_calls(own: Shop, options: tuple[str, ...]) -> None:
    answers: list[httpx.Response] = []
    with process(configure(own), *options) as gateway:
        assert gateway.ask("{ __typename }") == {"data": {"__typename": "Query"}}
        family = descendants(gateway.process.pid)
        own.gate.clear()
        callers = [threading.Thread(target=ask, args=(gateway, limit, answers)) for limit in range(1, 7)]
        for caller in callers:
            caller.start()
        until(lambda: len(asked(own)) == len(callers))
        gateway.told_to_stop()
        until_refused(gateway)
        own.gate.set()
        for caller in callers:
            caller.join(30)
        code, errors = gateway.ended()
    assert code == 0
    assert "Traceback" not in errors
    assert sorted((answer.json() for answer in answers), key=str) == sorted(map(whole, range(1, 7)), key=str)
    until(lambda: not any(map(alive, family)))  # the keeper of multiprocessing's books ends a moment after its parent


def ask(gateway: Process, limit: int, answers: list[httpx.Response]) -> None:
    """On a connection of its own, and of a length of its own: nobody rides on another one's calls."""
    with httpx.Client(trust_env=False, verify=False, timeout=30) as client:
        sent = {"query": ASKED, "variables": {"limit": limit}}
        answers.append(client.post(gateway.url, json=sent, headers={"x-request-id": f"caller-000{limit}"}))


def asked(shop: Shop) -> set[str]:
    """The requests that have got as far as the service that holds them."""
    return {
        call.headers["x-request-id"] for call in list(shop.catalog.asked) if call.headers["x-request-id"].startswith("caller")
    }


def until_refused(gateway: Process) -> None:
    """The listening socket closes a moment after the signal."""
    while True:
        try:
            httpx.get(gateway.url.replace("/graphql", "/livez"), timeout=5, trust_env=False, verify=False)
        except httpx.TransportError:
            return


def descendants(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    children = [int(child) for child in listed.read_text().split()] if listed.exists() else []
    return [pid, *(d for child in children for d in descendants(child))]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
