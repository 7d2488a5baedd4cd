"""Everything beside GraphQL: health, status, the page and its files, and paths nobody serves."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest

from gateway.errors import SourceUnavailable
from gateway.server.house import Refused
from gateway.server.page import PLAIN, SCRIPT, page
from gateway.server.street import backyard, street

from .conftest import PLATFORM, Running, StubHouse


def client_of(app: object) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://gateway")  # type: ignore[arg-type]  # an ASGI app


def test_an_unknown_path_is_answered_like_any_error(client: httpx.Client) -> None:
    for path in ("/", "/graphql/", "/graphql/nope", "/admin"):
        response = client.get(path)
        assert response.status_code == 404
        assert response.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


def test_a_living_process_says_so_even_when_it_is_not_ready(client: httpx.Client, house: StubHouse) -> None:
    house.is_ready, house.draining = False, True
    assert client.get("/livez").status_code == 200


def test_readiness_names_the_sources_that_are_waited_for(client: httpx.Client, house: StubHouse) -> None:
    assert client.get("/readyz").status_code == 200
    house.is_ready, house.refused = False, [Refused(SourceUnavailable(), PLATFORM, "inventory")]
    waiting = client.get("/readyz")
    assert (waiting.status_code, waiting.text) == (503, "waiting for inventory\n")


def test_a_gateway_that_is_shutting_down_is_not_ready(client: httpx.Client, house: StubHouse) -> None:
    house.draining = True
    assert client.get("/readyz").status_code == 503


async def test_status_is_on_the_admin_address_and_public_only_when_named() -> None:
    house = StubHouse()
    async with client_of(street(house)) as public, client_of(backyard(house)) as admin:
        assert (await public.get("/status.json")).status_code == 404
        assert (await admin.get("/status.json")).json() == {"sources": []}
        assert (await admin.get("/graphql")).status_code == 404
    async with client_of(street(house, public=frozenset({"status"}))) as public:
        assert (await public.get("/status.json")).json() == {"sources": []}


def test_without_a_bundle_a_plain_page_still_runs_a_query_and_loads_nothing(tmp_path: Path) -> None:
    said = page(tmp_path)
    policy = dict(said.headers)[b"content-security-policy"].decode()
    assert said.body == PLAIN.encode()
    assert "sha256-" in policy
    assert not re.search(r"(src|href)=", PLAIN)
    assert "http" not in PLAIN + SCRIPT
    assert "make graphiql" in PLAIN


async def test_the_bundle_is_served_with_a_strict_policy_and_files_that_last(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html><p>GraphiQL</p>")
    (tmp_path / "index-abc.js").write_text("1")
    async with client_of(street(StubHouse(), bundle=tmp_path)) as client:
        html = await client.get("/graphql", headers={"accept": "text/html"})
        script = await client.get("/graphql/assets/index-abc.js")
        missing = await client.get("/graphql/assets/nope.js")
        outside = await client.get("/graphql/assets/%2e%2e/%2e%2e/etc/passwd")
        posted = await client.post("/graphql/assets/index-abc.js")
    assert "GraphiQL" in html.text
    assert "default-src 'self'" in html.headers["content-security-policy"]
    assert "unsafe-eval" not in html.headers["content-security-policy"]
    assert html.headers["cache-control"] == "no-cache"
    assert "immutable" in script.headers["cache-control"]
    for response, status in ((missing, 404), (outside, 404), (posted, 405)):
        assert response.status_code == status
        assert response.json()["errors"][0]["extensions"]["owner"]["team"] == "API Platform"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/status", "/status.json"])
@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "OPTIONS"])
async def test_what_can_only_be_read_is_not_written(path: str, method: str) -> None:
    async with client_of(street(StubHouse(), public=frozenset({"status"}))) as client:
        answer = await client.request(method, path)
    assert answer.status_code == 405
    assert answer.json()["errors"][0]["extensions"]["code"] == "METHOD_NOT_ALLOWED"


def test_a_websocket_at_an_unknown_path_is_refused_like_any_request(running: Running) -> None:
    asked = b"GET /nowhere HTTP/1.1\r\nhost: g\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    asked += b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
    head, _, body = running.raw(asked).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 ")
    assert json.loads(body)["errors"][0]["extensions"]["code"] == "NOT_FOUND"
