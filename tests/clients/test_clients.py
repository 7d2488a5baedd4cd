"""Real clients against the demo: what their users write, and what they are given back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXTransport
from gql.transport.websockets import WebsocketsTransport
from graphql import build_client_schema, get_introspection_query, print_schema

from tests.clients.conftest import Run, tool
from tests.e2e.gateway import Process, served
from tests.e2e.test_subscriptions import TICKING, TICKS, Ticker, configured

USERS = "query Users($n: Int) { users(first: $n) { id name } }"


@pytest.fixture(scope="module")
def expected(demo: Process) -> Any:
    return demo.ask(USERS, {"n": 2})["data"]


def typed(data: Any) -> Any:
    return {"users": [user | {"__typename": "User"} for user in data["users"]]}


def test_gql_for_python(demo: Process, expected: Any) -> None:
    client = Client(transport=HTTPXTransport(url=demo.url, trust_env=False), fetch_schema_from_transport=True)
    query = gql(USERS)
    query.variable_values = {"n": 2}
    assert client.execute(query) == expected
    client = Client(transport=HTTPXTransport(url=demo.url, trust_env=False))
    with pytest.raises(TransportQueryError) as refused:
        client.execute(gql("{ users { nothing } }"))
    assert refused.value.errors
    assert refused.value.errors[0]["extensions"]["owner"]["team"]


async def test_gql_for_python_on_a_websocket(demo: Process, expected: Any) -> None:
    """Within a loop: outside one, this transport makes a loop for itself and never closes it."""
    client = Client(transport=WebsocketsTransport(url=demo.url.replace("http", "ws"), connect_args={"proxy": None}))
    async with client as session:
        assert await session.execute(gql("{ users(first: 2) { id name } }")) == expected


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on this machine")
def test_curl_by_post_by_get_and_by_what_is_refused(demo: Process, expected: Any, tmp_path: Path) -> None:
    def curl(*arguments: str) -> tuple[str, dict[str, str], str]:
        told = tool("curl", "--silent", "--include", "--noproxy", "*", *arguments, cwd=tmp_path)
        head, _, body = told.replace("\r\n", "\n").partition("\n\n")
        status, *fields = head.split("\n")
        return status.split()[1], {name.lower(): value for name, _, value in (f.partition(": ") for f in fields)}, body

    asked = json.dumps({"query": "{ users(first: 2) { id name } }"})
    status, _, body = curl(demo.url, "--header", "content-type: application/json", "--data", asked)
    assert (status, json.loads(body)) == ("200", {"data": expected})
    url = f"{demo.url}?query=%7Busers(first:2)%7Bid%20name%7D%7D"
    status, headers, body = curl(url)
    assert (status, json.loads(body)) == ("200", {"data": expected})
    assert headers["content-type"] == "application/json; charset=utf-8"
    status, _, body = curl(demo.url, "--request", "DELETE")
    assert (status, json.loads(body)["errors"][0]["extensions"]["owner"]["team"]) == ("405", "API Platform")


def test_each_audit_of_graphql_over_http_is_passed(demo: Process, node: Run) -> None:
    results = node("audits.mjs", demo.url)
    assert len(results) == 61
    assert [each for each in results if each["status"] != "ok"] == []


def test_apollo_client(demo: Process, node: Run, expected: Any) -> None:
    seen = node("apollo.mjs", demo.url)
    assert seen["once"] == seen["first"] == seen["again"] == typed(expected)
    assert (seen["error"]["code"], bool(seen["error"]["owner"]["team"])) == ("GRAPHQL_VALIDATION_FAILED", True)


def test_apollo_client_puts_deferred_parts_together_in_both_formats(demo: Process, node: Run, expected: Any) -> None:
    names = [user["name"] for user in expected["users"]]
    assert node("defer.mjs", demo.url) == [names, names]


def test_clients_put_lists_and_fragments_together_that_come_later(demo: Process, node: Run) -> None:
    query = """query Page { users(first: 3) @stream(initialCount: 1) { id reviews { rating } }
        ... @defer(label: "later") { again: users(first: 2) { reviews { product { name } } } } }"""
    seen = node("parts.mjs", demo.url, query)
    whole = demo.ask(query)["data"]
    assert seen["whole"] == whole
    assert len(whole["users"]) == 3
    assert {client: untyped(data) for client, data in seen["put"].items()} == dict.fromkeys(seen["put"], whole)
    assert len(seen["messages"]) > 1
    assert all("hasNext" in keys for keys in seen["messages"])


def untyped(data: Any) -> Any:
    """Without the types that clients ask for themselves."""
    if isinstance(data, dict):
        return {key: untyped(value) for key, value in data.items() if key != "__typename"}
    return [untyped(each) for each in data] if isinstance(data, list) else data


def test_urql(demo: Process, node: Run, expected: Any) -> None:
    seen = node("urql.mjs", demo.url)
    assert [user["name"] for user in seen["once"]["users"]] == [user["name"] for user in expected["users"]]
    assert seen["once"] == seen["get"]
    assert seen["error"]["code"] == "GRAPHQL_VALIDATION_FAILED"


def test_graphql_ws_and_graphql_sse(demo: Process, node: Run, expected: Any) -> None:
    assert node("streams.mjs", demo.url, "{ users(first: 2) { id name } }") == {"ws": [expected], "sse": [expected]}


def test_graphql_ws_and_graphql_sse_hear_every_event(node: Run, tmp_path: Path) -> None:
    ticker = Ticker()
    try:
        with served(configured(tmp_path, ticker)) as gateway:
            events = [{"ticks": tick} for tick in TICKS]
            assert node("streams.mjs", gateway.url, TICKING) == {"ws": events, "sse": events}
    finally:
        ticker.stop()


@pytest.fixture(scope="module")
def schema(demo: Process, workshop: Path) -> str:
    """As a client's tools see it."""
    introspected = demo.ask(get_introspection_query())["data"]
    sdl = print_schema(build_client_schema(introspected))
    (workshop / "schema.graphql").write_text(sdl)
    return sdl


@pytest.mark.usefixtures("schema")
def test_relay_from_its_compiler_to_its_runtime(
    serve_demo: Callable[[str], Any], workshop: Path, node: Run, expected: Any
) -> None:
    source = "const { graphql } = require('relay-runtime');\nmodule.exports = graphql`query RelayUsersQuery($n: Int)"
    (workshop / "RelayUsers.js").write_text(source + " { users(first: $n) { id name } }`;\n")
    persist = {"file": "./relay.json", "algorithm": "SHA256"}
    settings = {"src": ".", "schema": "./schema.graphql", "language": "javascript", "persistConfig": persist}
    (workshop / "relay.config.json").write_text(json.dumps(settings))
    (workshop / "relay.json").write_text("{}")
    tool("node", "../../node_modules/relay-compiler/cli.js", "relay.config.json", cwd=workshop)
    with serve_demo(f"{{documents: {{manifest: {workshop / 'relay.json'}, mode: enforce}}}}") as trusting:
        seen = node("relay.mjs", trusting.url)
        assert seen["once"] == expected
        assert trusting.ask("{ __typename }")["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_REQUIRED"
        assert (
            trusting.http.get(f"{trusting.url}/persisted/{seen['id']}", params={"variables": '{"n": 2}'}).json()["data"]
            == expected
        )


@pytest.mark.usefixtures("schema")
def test_a_client_that_graphql_codegen_typed_compiles_and_its_documents_are_trusted(
    serve_demo: Callable[[str], Any], workshop: Path, expected: Any
) -> None:
    (workshop / "typed.ts").write_text(
        'import { graphql } from "./gql/gql.js";\n'
        f"const users = graphql(`{USERS}`);\n"
        'type Result = NonNullable<NonNullable<(typeof users)["__apiType"]>> extends (v: infer V) => infer R ? [R, V] : never;\n'
        "export const name = (result: Result[0]): string => result.users[0]!.name;\n"
        "export const variables: Result[1] = { n: 2 };\n"
    )
    config = {
        "schema": "./schema.graphql",
        "documents": ["./typed.ts"],
        "generates": {"./gql/": {"preset": "client", "presetConfig": {"persistedDocuments": True, "fragmentMasking": False}}},
    }
    (workshop / "codegen.json").write_text(json.dumps(config))
    tool("node", "../../node_modules/@graphql-codegen/cli/cjs/bin.js", "--config", "codegen.json", cwd=workshop)
    flags = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022"]
    tool("node", "../../node_modules/typescript/bin/tsc", *flags, "typed.ts", cwd=workshop)
    (name,) = json.loads((workshop / "gql/persisted-documents.json").read_text())
    with serve_demo(f"{{documents: {{manifest: {workshop / 'gql/persisted-documents.json'}}}}}") as trusting:
        asked = {"documentId": name, "variables": {"n": 2}}
        users = trusting.http.post(trusting.url, json=asked).json()["data"]["users"]
        assert [user["name"] for user in users] == [user["name"] for user in expected["users"]]
