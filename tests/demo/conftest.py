"""Demo services as real processes, one set for the whole module."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from gateway.demo.services import Broken, Service, start

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def urls() -> Iterator[dict[str, str]]:
    services = start()
    yield {service.name: service.url for service in services}
    for service in services:
        service.stop()


@pytest.fixture
def broken() -> Iterator[Callable[[str], str]]:
    """`broken("accounts:500")` gives the address of that service alone, broken that way."""
    started: list[Service] = []

    def begin(text: str) -> str:
        wanted = Broken.parse(text)
        started.extend(start(wanted, [wanted.service]))
        return started[-1].url

    yield begin
    for service in started:
        service.stop()


@pytest.fixture
def ask(urls: dict[str, str]) -> Ask:
    """`ask("accounts", query, **variables)` posts GraphQL; `ask("catalog", path)` gets."""

    def send(name: str, what: str, **variables: object) -> httpx.Response:
        if name == "catalog":
            return httpx.get(urls[name] + what)
        return httpx.post(urls[name] + "/graphql", json={"query": what, "variables": variables})

    return send
