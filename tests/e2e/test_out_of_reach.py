"""Services that cannot be reached, are not called for their own good, or have too much to do: row by row, over HTTP."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from .gateway import Inside, served
from .wire import PATIENCE, Asked, Upstream, Wire, reply, say

OWNER = {
    "team": "Stock & Supply",
    "url": "https://stock.example.com",
    "contact": {"email": "stock@example.com"},
    "from": "config",
}
ANSWERS: dict[str, Wire] = {}
"""Field → what the service behind it answers; absent: it is well."""


def answer(asked: Asked) -> Wire:
    found = re.search(r"\{ (?:(\w+): )?(\w+) \}", asked.json()["query"])
    assert found is not None
    return ANSWERS.get(found[2]) or say({"data": {found[1] or found[2]: "well"}})


@pytest.fixture(autouse=True)
def well() -> Iterator[None]:
    yield
    ANSWERS.clear()


@pytest.fixture(scope="module")
def service() -> Iterator[Upstream]:
    upstream = Upstream(answer)
    yield upstream
    upstream.stop()


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """Speaks TLS, with a certificate nobody signed but itself."""
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=me -keyout key -out cert"
    subprocess.run(command.split(), check=True, capture_output=True, cwd=folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert", folder / "key")
    upstream = Upstream(answer, context)
    yield upstream
    upstream.stop()


@pytest.fixture(scope="module")
def gateway(service: Upstream, secure: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        closed = f"http://127.0.0.1:{probe.getsockname()[1]}"
    urls = {
        "gone": closed,
        "nowhere": "http://signpost.invalid",
        "untrusted": secure.url,
        "plain": service.url.replace("http:", "https:"),
        "fragile": service.url,
        "narrow": service.url,
        "well": service.url,
    }
    policies = {
        "fragile": "circuit_breaker: {volume_threshold: 2, error_threshold: 50%, window: 60s, reset_timeout: 60s}",
        "narrow": "concurrency: {max: 1, queue: 0}",
    }
    folder = tmp_path_factory.mktemp("reach")
    sources = []
    for name, url in urls.items():
        (folder / f"{name}.graphql").write_text(f"type Query {{ {name}: String }}")
        policy = f", {policies[name]}" if name in policies else ""
        sources.append(f'  - {{name: {name}, kind: graphql, url: "{url}/graphql", schema: {name}.graphql, owner: stock{policy}}}')
    config = folder / "gateway.yaml"
    config.write_text(
        "gateway: {state: state, admin: {public: [status]}, limits: {deadline: 30s}}\n"
        "owners: {stock: {team: Stock & Supply, url: https://stock.example.com, contact: {email: stock@example.com}}}\n"
        "defaults: {timeout: {per_try: 20s, total: 25s}, retry: off, cache: off}\n"
        "sources:\n" + "\n".join(sources)
    )
    with served(config) as opened:
        yield opened


def told(gateway: Inside, field: str) -> Any:
    body = gateway.ask(f"{{ {field} well }}")
    assert body["data"] == {field: None, "well": "well"}
    [error] = body["errors"]
    assert error["path"] == [field]
    assert error["extensions"]["owner"] == OWNER
    assert error["extensions"]["service"] == field
    return error["extensions"]


@pytest.mark.parametrize(
    ("source", "code", "error_type", "retryable"),
    [
        ("gone", "UPSTREAM_UNREACHABLE", "connection_refused", True),
        ("nowhere", "UPSTREAM_UNREACHABLE", "dns_error", True),
        ("untrusted", "UPSTREAM_TLS", "tls_certificate_error", False),
        ("plain", "UPSTREAM_TLS", "tls_protocol_error", False),
    ],
)
def test_a_service_out_of_reach(gateway: Inside, source: str, code: str, error_type: str, retryable: bool) -> None:
    error = told(gateway, source)
    assert (error["code"], error["upstream"]["error_type"], error["retryable"]) == (code, error_type, retryable)


def test_an_open_circuit_says_since_when_by_what_and_when_to_come_again(gateway: Inside, service: Upstream) -> None:
    ANSWERS["fragile"] = reply("", 503)
    for _ in range(2):
        assert told(gateway, "fragile")["code"] == "UPSTREAM_ERROR"
    before = len(service.asked)
    error = told(gateway, "fragile")
    assert len(service.asked) == before + 1, "only the healthy service is asked"
    assert (error["code"], error["retryable"]) == ("SOURCE_UNAVAILABLE", True)
    assert error["upstream"]["error_type"] == "destination_unavailable"
    assert 0 < error["retry_after_s"] <= 60
    assert error["opened_by"].keys() == {"code", "status", "at"}
    assert (error["opened_by"]["code"], error["opened_by"]["status"]) == ("UPSTREAM_ERROR", 503)
    assert error["open_since"].endswith("Z")


def test_a_service_with_all_it_can_take_sends_the_next_away(gateway: Inside) -> None:
    busy, over = threading.Event(), threading.Event()

    def hold(connection: socket.socket) -> None:
        busy.set()
        over.wait(PATIENCE)
        say({"data": {"a": "well"}})(connection)

    ANSWERS["narrow"] = hold
    first = threading.Thread(target=lambda: gateway.ask("{ a: narrow }"))
    first.start()
    assert busy.wait(10)
    error = told(gateway, "narrow")
    over.set()
    assert (error["code"], error["retryable"], error["queue_depth"]) == ("SOURCE_SATURATED", True, 0)
    assert error["upstream"]["error_type"] == "connection_limit_reached"
    first.join(10)


def test_the_status_page_says_how_the_sources_are(gateway: Inside) -> None:
    told(gateway, "gone")
    status = gateway.http.get(gateway.url.replace("/graphql", "/status.json")).json()
    gone = next(source for source in status["sources"] if source["name"] == "gone")
    assert gone["last_failure"]["code"] == "UPSTREAM_UNREACHABLE"
    assert gone["owner"]["team"] == "Stock & Supply"
    assert json.dumps(status)


def test_no_schema_of_any_of_them_was_asked_for(gateway: Inside, service: Upstream) -> None:
    assert gateway.ask("{ well }") == {"data": {"well": "well"}}
    assert not any(b"__schema" in asked.body for asked in service.asked)
