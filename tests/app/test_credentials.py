"""A service that wants a token and the endpoint that gives it, both real: schema, data, renewal, failure, and no secret told."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from graphql import build_schema, graphql_sync

from gateway.app import settings_of
from gateway.app.line import lines
from gateway.config.problem import ConfigError
from gateway.server.street import backyard, street

from .conftest import ask, opened

SECRET = "CLIENT-SECRET-s3cret"
SDL = "type Query { stock(sku: ID!): Int }"
QUERY = '{ stock(sku: "1") }'


@contextmanager
def served(answer: Callable[[Any, bytes], tuple[int, bytes]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = answer(self.headers, self.rfile.read(int(self.headers.get("content-length", 0))))
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class Login:
    """The token endpoint. It repeats what it was told, as bad ones do."""

    def __init__(self) -> None:
        self.given = 0
        self.status = 200

    @property
    def token(self) -> str:
        return f"TOKEN-s3cret-{self.given}"

    def answer(self, headers: Any, body: bytes) -> tuple[int, bytes]:
        known = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode() == f"signpost:{SECRET}"
        if self.status != 200 or not known or b"grant_type=client_credentials" not in body:
            return self.status if self.status != 200 else 401, f'{{"error": "{SECRET}", "sent": "{dict(headers)}"}}'.encode()
        self.given += 1
        return 200, json.dumps({"access_token": self.token, "token_type": "Bearer", "expires_in": 3600}).encode()


class Stock:
    """A GraphQL service that answers nobody without the latest token."""

    def __init__(self, login: Login) -> None:
        self.login = login
        self.refused = 0
        self.closed = False

    def answer(self, headers: Any, body: bytes) -> tuple[int, bytes]:
        if self.closed or headers["authorization"] != f"Bearer {self.login.token}":
            self.refused += 1
            return 401, json.dumps({"errors": [{"message": str(headers["authorization"])}]}).encode()
        asked = json.loads(body)
        return 200, json.dumps(
            graphql_sync(build_schema(SDL), asked["query"], {"stock": lambda _, sku: int(sku)}).formatted
        ).encode()


class Desk:
    """Both services, and the configuration in front of them."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.login = Login()
        self.stock = Stock(self.login)
        self.token_url = stack.enter_context(served(self.login.answer)) + "/token"
        self.stock_url = stack.enter_context(served(self.stock.answer)) + "/graphql"
        self._path = folder / "gateway.yaml"

    def config(self, more: str = "", schema: str = "introspect", secret: str = SECRET) -> Path:
        self._path.write_text(
            f"""\
gateway: {{owner: {{team: API Platform}}, state: state}}
owners: {{stock: {{team: Stock, contact: {{email: stock@example.com}}}}}}
defaults: {{retry: off}}
sources:
  - name: stock
    kind: graphql
    url: "{self.stock_url}"
    schema: {schema}
    owner: stock
    auth: {{oauth2_client_credentials: {{token_url: "{self.token_url}", client_id: signpost, client_secret: {secret}}}}}
{more}"""
        )
        return self._path


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with ExitStack() as stack:
        yield Desk(tmp_path, stack)


async def test_one_token_serves_schema_and_data(desk: Desk) -> None:
    async with opened(desk.config()) as house:
        assert await ask(house, QUERY) == {"data": {"stock": 1}}
        assert await ask(house, '{ stock(sku: "2") }') == {"data": {"stock": 2}}
    assert (desk.login.given, desk.stock.refused) == (1, 0)


async def test_a_token_that_was_withdrawn_is_replaced_within_the_same_request(desk: Desk) -> None:
    async with opened(desk.config()) as house:
        desk.login.given += 1
        assert await ask(house, QUERY) == {"data": {"stock": 1}}
    assert (desk.login.given, desk.stock.refused) == (3, 1)


@pytest.mark.parametrize(("status", "code"), [(503, "UPSTREAM_UNREACHABLE"), (401, "UPSTREAM_UNAUTHENTICATED")])
async def test_a_failing_token_endpoint_names_the_sources_owner_and_tells_no_secret(
    desk: Desk, tmp_path: Path, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "stock.graphql").write_text(SDL)
    desk.login.status = status
    config = desk.config(schema="stock.graphql", more="    headers: {request: [{propagate: {named: X-Tenant}}]}\n")
    config.write_text(
        config.read_text().replace("state: state", "state: state, errors: {upstream_detail: full, audience: internal}")
    )
    async with opened(config) as house:
        transport = httpx.ASGITransport(app=street(house, public=frozenset({"status"})))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            answer = await client.post("/graphql", json={"query": QUERY})
            (error,) = answer.json()["errors"]
            assert (error["extensions"]["code"], error["extensions"]["owner"]["team"]) == (code, "Stock")
            assert "the token endpoint" in error["message"]
            told = [answer.text, str(answer.headers), (await client.get("/status.json")).text, (await client.get("/status")).text]
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=backyard(house)), base_url="http://gateway") as admin:
            told.append((await admin.get(f"/explain/{error['extensions']['error_id']}")).text)
        told += [repr(house.status()), repr(house._settings)]
        desk.login.status = 200
    assert "token endpoint" in told[2]
    assert "s3cret" not in "".join((*told, caplog.text, *(str(record.args) for record in caplog.records)))


async def test_a_source_that_refuses_every_token_and_repeats_it_makes_it_known_to_nobody(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with opened(desk.config()) as house:
        desk.stock.closed = True
        answers = [await ask(house, QUERY) for _ in range(3)]
        told = [repr(answers), repr(house.status()), repr(house.recent_failures())]
    assert [each["errors"][0]["extensions"]["code"] for each in answers] == ["UPSTREAM_UNAUTHENTICATED"] * 3
    assert (desk.login.given, desk.stock.refused) == (2, 4)
    assert "s3cret" not in "".join((*told, caplog.text))


async def test_a_schema_that_another_host_keeps_is_read_without_the_token(desk: Desk) -> None:
    seen: list[Any] = []
    with served(lambda headers, _: (seen.append(headers["authorization"]), (404, b"{}"))[1]) as elsewhere:
        async with opened(desk.config(schema=f"{{from: '{elsewhere}/schema.graphql', on_missing: omit}}")) as house:
            assert house.status()["sources"][0]["schema"] == "missing"
    assert seen
    assert set(seen) == {None}
    assert desk.login.given == 0


def test_auth_beside_a_rule_that_sends_authorization_is_refused(desk: Desk) -> None:
    for rule in (
        "{propagate: {named: [X-A, authorization]}}",
        "{propagate: {named: X-A, rename: Authorization}}",
        "{insert: {name: AUTHORIZATION, value: x}}",
    ):
        with pytest.raises(ConfigError) as caught:
            lines(settings_of(desk.config(f"    headers: {{request: [{rule}]}}\n")))
        (problem,) = caught.value.problems
        assert problem.path == ("sources", 0, "auth")
        assert "Authorization already" in problem.message
        assert "s3cret" not in str(caught.value)
    assert settings_of(desk.config("    headers: {request: [{propagate: {named: Authorization, rename: X-Caller}}]}\n"))
