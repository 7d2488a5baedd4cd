"""Every row of the error table (docs/errors.md), provoked over HTTP: whose it is, how to reach them, which ids to quote.

And every null explained, and not a trace of what was planted: in the answer, its headers, the log, the pages, the story of the
failure and the bundle made of it.
"""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from gateway.commands.explaining import bundle, lines
from gateway.engine import Engine
from gateway.engine.stories import support_message

from . import faults
from .gateway import Inside, served
from .test_partial_answers import unexplained
from .wire import PATIENCE, Asked, Upstream, Wire, say

PAGE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text()
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PLANTED = "s3cret"
CALLER = {
    "authorization": f"Bearer token-{PLANTED}",
    "cookie": f"sid=cookie-{PLANTED}",
    "x-other": f"other-{PLANTED}",
    "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
    "accept": "application/graphql-response+json",
}
IN_BODIES = faults.SECRET
STOCK = {"team": "Stock & Supply", "contact": {"email": "stock@example.com", "chat": "#stock"}}
PLATFORM = {"team": "API Platform", "contact": {"email": "platform@example.com"}}
SDL = """
type Query { graphFault(kind: String!, note: String): GraphFault narrow: String }
type Mutation { mend(kind: String!): Boolean }
type GraphFault { name: String! size: Int }
"""


class Row(msgspec.Struct, frozen=True):
    """A row of the table."""

    code: str
    whose: str
    retryable: str


def rows() -> list[Row]:
    table = PAGE.partition("## The caller's own")[2].partition("## When sources do not compose")[0]
    found = re.findall(r"^\| `([A-Z_]+)` \|[^|]*\| ([^|]*) \| ([^|]*) \|[^|]*\|$", table, re.MULTILINE)
    return [Row(*each) for each in found]


# ---------------------------------------------------------------- the world


def graph(asked: Asked) -> Wire:
    if "narrow" in asked.json()["query"]:
        return _held
    return faults.graphql(asked)


def _held(connection: socket.socket) -> None:
    BUSY.set()
    OVER.wait(PATIENCE)
    say({"data": {"narrow": "well"}})(connection)


BUSY, OVER = threading.Event(), threading.Event()


class World:
    """Two failing services behind three gateways, that differ in how their street doors are set up."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.rest, self.graph = Upstream(faults.rest), Upstream(graph)
        stack.callback(self.rest.stop)
        stack.callback(self.graph.stop)
        self._folder, self._stack = folder, stack
        self._gateways: dict[str, Inside] = {}

    def gateway(self, name: str) -> Inside:
        """The gateway of this setting, made when it is first asked for."""
        if name not in self._gateways:
            self._gateways[name] = self._stack.enter_context(served(self._configuration(name)))
        return self._gateways[name]

    def _configuration(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir()
        (folder / "faulty.json").write_text(json.dumps(faults.OPENAPI))
        (folder / "graph.graphql").write_text(SDL)
        for source in ("guarded", "tls", "fragile"):
            (folder / f"{source}.graphql").write_text(f"type Query {{ {source}: String }}")
        (folder / "manifest.json").write_text(json.dumps(MANIFEST))
        path = folder / "gateway.yaml"
        path.write_text(
            CONFIGURATION % {"door": DOORS[name], "rest": self.rest.url, "graph": self.graph.url, "port": self.rest.port}
        )
        return path


MANIFEST = {
    "format": "apollo-persisted-query-manifest",
    "version": 1,
    "operations": [{"id": "one", "name": "A", "type": "query", "body": "query A { fragile }"}],
}
DOORS = {
    "plain": "",
    "strict": """
  introspection: false
  rate_limit: {requests: 1, per: 1h, header: X-Client}
  http: {csrf: true}""",
    "trusted": "  http: {documents: {manifest: manifest.json, mode: enforce}}",
}
CONFIGURATION = f"""
gateway:
  state: state
  owner: {{team: API Platform, contact: {{email: platform@example.com}}}}
  admin: {{public: [status]}}
  limits: {{upstream_calls: 3, depth: 5, deadline: 30s}}
  debug: [plan, timing]
  callers: {{api_keys: [{{name: known, key: key-of-known-{PLANTED}, scopes: [other]}}]}}
%(door)s
owners:
  stock: {{team: Stock & Supply, contact: {{email: stock@example.com, chat: "#stock"}}}}
defaults:
  timeout: {{per_try: 20s, total: 25s}}
  retry: {{max_attempts: 2, backoff: {{initial: 1ms, max: 1ms}}, budget: 100%%}}
  circuit_breaker: off
  cache: off
  max_response: {faults.MOST // 1024}KiB
  headers: {{}}
sources:
  - {{name: rest, kind: openapi, url: "%(rest)s", schema: faulty.json, owner: stock}}
  - name: graph
    kind: graphql
    url: "%(graph)s/graphql?key=url-{PLANTED}"
    schema: graph.graphql
    owner: stock
    concurrency: {{max: 1, queue: 0}}
    timeout: {{per_try: 1s, total: 3s}}
    headers:
      request:
        - propagate: {{named: [Authorization, Cookie]}}
        - insert: {{name: X-Api-Key, value: configured-{PLANTED}}}
  - {{name: guarded, kind: graphql, url: "%(graph)s", schema: guarded.graphql, owner: stock, require: {{scopes: [[stock.read]]}}}}
  - {{name: tls, kind: graphql, url: "https://127.0.0.1:%(port)s/g?key={PLANTED}", schema: tls.graphql, owner: stock}}
  - name: fragile
    kind: graphql
    url: "http://127.0.0.1:9/g?key={PLANTED}"
    schema: fragile.graphql
    owner: stock
    retry: off
    circuit_breaker: {{volume_threshold: 1, error_threshold: 1%%, window: 60s, reset_timeout: 60s}}
""".replace("  headers: {}\n", "")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(tmp_path_factory.mktemp("rows"), stack)


# ---------------------------------------------------------------- how each row is provoked

Provoked = tuple[Inside, httpx.Response]
Provoke = Callable[[World], Provoked]


def asking(query: str, door: str = "plain", **more: Any) -> Provoke:
    """A POST of this document, with secrets in its headers and variables."""

    def provoke(world: World) -> Provoked:
        gateway = world.gateway(door)
        headers = {**CALLER, **more.get("headers", {})}
        body = {"query": query, "variables": {"note": f"variable-{PLANTED}"}} | more.get("body", {})
        return gateway, gateway.http.post(gateway.url, json=body, headers=headers)

    return provoke


def sending(method: str, path: str = "", door: str = "plain", **more: Any) -> Provoke:
    def provoke(world: World) -> Provoked:
        gateway = world.gateway(door)
        headers = {**CALLER, **more.pop("headers", {})}
        return gateway, gateway.http.request(method, gateway.url.replace("/graphql", path or "/graphql"), headers=headers, **more)

    return provoke


def fault(kind: str) -> Provoke:
    """A fault of the GraphQL service, beside a fault-free REST service."""
    broken = f'broken: graphFault(kind: "{kind}", note: $note) {{ name size }}'
    return asking(f'query A($note: String) {{ {broken} fine: restFault(kind: "none") {{ name }} }}')


def twice(query: str, **more: Any) -> Provoke:
    def provoke(world: World) -> Provoked:
        asking(query, **more)(world)
        return asking(query, **more)(world)

    return provoke


def saturated(world: World) -> Provoked:
    first = threading.Thread(target=lambda: world.gateway("plain").ask("{ narrow }"))
    first.start()
    try:
        assert BUSY.wait(PATIENCE)
        return fault("none")(world)
    finally:
        OVER.set()
        first.join(PATIENCE)


def held(world: World) -> Provoked:
    house = world.gateway("plain").house
    house.hold("graph", "moving house", None)
    try:
        return fault("none")(world)
    finally:
        house.hold("graph", None, None)


def bug(world: World) -> Provoked:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("a bug")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "_answered", broken)
        return asking("{ fragile }")(world)


HASH = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}
PROVOKE: Mapping[str, Provoke] = {
    "GRAPHQL_PARSE_FAILED": asking("{ book("),
    "GRAPHQL_VALIDATION_FAILED": asking("{ nope }"),
    "BAD_USER_INPUT": asking("query A($kind: String!) { graphFault(kind: $kind) { name } }"),
    "OPERATION_NOT_SUPPORTED": asking('mutation { mend(kind: "a") }'),
    "LIMIT_EXCEEDED": asking("{ " + " ".join(f"a{n}: fragile" for n in range(200)) + " }"),
    "TOO_MANY_UPSTREAM_CALLS": asking("{ " + " ".join(f'a{n}: restFault(kind: "none") {{ name }}' for n in range(4)) + " }"),
    "UNAUTHENTICATED": asking("{ guarded }"),
    "FORBIDDEN": asking("{ guarded }", headers={"x-api-key": f"key-of-known-{PLANTED}"}),
    "RATE_LIMITED": twice("{ fragile }", door="strict", headers={"x-client": "one"}),
    "CSRF_BLOCKED": sending("GET", door="strict", params={"query": "{ fragile }"}, headers={"x-client": "two"}),
    "PERSISTED_QUERY_NOT_FOUND": sending("POST", json={"extensions": HASH}),
    "PERSISTED_QUERY_REQUIRED": asking('{ graphFault(kind: "none") { name } }', "trusted"),
    "INTROSPECTION_DISABLED": asking("{ __schema { types { name } } }", "strict", headers={"x-client": "three"}),
    "UNSUPPORTED_MEDIA_TYPE": sending("POST", content=f"query={PLANTED}", headers={"content-type": "text/plain"}),
    "NOT_ACCEPTABLE": sending("POST", json={"query": "{ fragile }"}, headers={"accept": "image/png"}),
    "METHOD_NOT_ALLOWED": sending("PUT", json={"query": "{ fragile }"}),
    "NOT_FOUND": sending("GET", "/nothing/here"),
    "UPSTREAM_UNREACHABLE": fault("closed"),
    "UPSTREAM_TLS": asking("{ tls }"),
    "UPSTREAM_TIMEOUT": fault("silent"),
    "DEADLINE_EXCEEDED": asking(
        '{ broken: graphFault(kind: "silent") { name } }', headers={"x-envoy-expected-rq-timeout-ms": "200"}
    ),
    "UPSTREAM_ERROR": fault("500"),
    "UPSTREAM_RATE_LIMITED": fault("429"),
    "UPSTREAM_UNAUTHENTICATED": fault("401"),
    "UPSTREAM_FORBIDDEN": fault("403"),
    "UPSTREAM_REJECTED": fault("422"),
    "UPSTREAM_BAD_CONTENT": fault("html"),
    "SCHEMA_DRIFT": fault("types"),
    "UPSTREAM_TOO_LARGE": fault("huge"),
    "UPSTREAM_GRAPHQL_ERROR": fault("refused"),
    "SOURCE_UNAVAILABLE": twice("{ fragile }"),
    "SOURCE_SATURATED": saturated,
    "SOURCE_HELD": held,
    "UPSTREAM_BLOCKED": fault("redirect"),
    "INTERNAL_SERVER_ERROR": bug,
}
OUT_OF_REACH: Mapping[str, str] = {"SHUTTING_DOWN": "only streams are told (test_subscriptions)"}
"""Rows that cannot be provoked here, and why."""
STOCKS_TOO = frozenset({"OPERATION_NOT_SUPPORTED", "UNAUTHENTICATED", "FORBIDDEN"})
"""The caller's own, about something that a source has: its owner is named."""


def test_every_row_is_walked_or_says_why_not() -> None:
    assert {row.code for row in rows()} == PROVOKE.keys() | OUT_OF_REACH.keys()
    assert not PROVOKE.keys() & OUT_OF_REACH.keys()


@pytest.mark.parametrize("row", [row for row in rows() if row.code in PROVOKE], ids=lambda row: row.code)
def test_a_row_says_whose_it_is_and_tells_no_secret(
    world: World, row: Row, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    gateway, answer = PROVOKE[row.code](world)
    body = answer.json()
    wanted = [error for error in body["errors"] if error["extensions"]["code"] == row.code]
    assert wanted, f"expected {row.code}: {body['errors']}"
    for error in body["errors"]:
        _whose_it_is(error, row, answer)
    if row.retryable in ("yes", "no"):
        assert {error["extensions"]["retryable"] for error in wanted} == {row.retryable == "yes"}
    if "data" in body:
        assert unexplained(body) == []
        if "fine" in (body["data"] or {}):
            assert body["data"]["fine"] == {"name": "anvil"}, "one service's fault costs the other nothing"
    clean("the answer", answer.text)
    clean("its headers", str(answer.headers))
    for page in ("/status", "/status.json"):
        clean(page, gateway.http.get(gateway.url.replace("/graphql", page)).text)
    _story(gateway, wanted[0]["extensions"]["error_id"], tmp_path)
    ours = (record for record in caplog.records if record.name.startswith("gateway"))
    clean("the log", caplog.text + "".join(str(record.__dict__) for record in ours))


def _whose_it_is(error: Mapping[str, Any], row: Row, answer: httpx.Response) -> None:
    told = error["extensions"]
    assert error["message"]
    owner = STOCK if row.whose == "the source" or row.code in STOCKS_TOO or told["service"] != "gateway" else PLATFORM
    assert (told["owner"]["team"], told["owner"]["contact"]) == (owner["team"], owner["contact"])
    assert told["service"] != "gateway" if owner is STOCK else told["service"] == "gateway"
    assert re.fullmatch(r"err_[0-9a-f]{8,}", told["error_id"])
    assert told["request_id"] == answer.headers["x-request-id"]
    assert told["trace_id"] == TRACE


def _story(gateway: Inside, error_id: str, folder: Path) -> None:
    """What the engine answered has a story; what the door refused before it has none."""
    story = gateway.house.story(error_id)
    if story is None:
        return
    clean("the story", json.dumps(story))
    clean("explain", "\n".join(lines(story)))
    clean("the support message", support_message(story))
    bundle(story, folder / "capture.zip")
    with closing(zipfile.ZipFile(folder / "capture.zip")) as archive:
        for name in archive.namelist():
            clean(name, archive.read(name).decode())


def clean(place: str, text: str) -> None:
    for planted in (PLANTED, IN_BODIES, "svc_stock"):
        at = text.find(planted)
        assert at < 0, f"{place} tells {text[max(at - 80, 0) : at + 80]!r}"
