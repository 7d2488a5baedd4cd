"""`gateway schema pull`: what the services say becomes files to commit."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema, graphql_sync

from .conftest import PEOPLE, Gateway


class People(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        body = json.dumps(graphql_sync(build_schema(PEOPLE), asked["query"]).formatted).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def people() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), People)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/graphql"
    server.shutdown()
    server.server_close()


def pointed(config: Path, url: str, schema: str) -> Path:
    """The configuration with `people` at this address, its schema as stated."""
    lines = config.read_text().splitlines()
    lines[8] = f'  - {{name: people, kind: graphql, url: "{url}", schema: {schema}, owner: staff}}'
    config.write_text("\n".join(lines))
    return config


def test_a_snapshot_is_written_as_sdl_and_serves_once_the_service_is_down(gateway: Gateway, config: Path, people: str) -> None:
    snapshot = "{from: introspect, snapshot: schemas/people.graphql}"
    said = gateway("schema", "pull", pointed(config, people, snapshot))
    assert said.code == 0
    written = config.parent / "schemas" / "people.graphql"
    assert str(written) in said.out
    assert build_schema(written.read_text()).type_map["Person"]
    pointed(config, "http://127.0.0.1:9/graphql", snapshot)
    assert "SCHEMA_COPY" in gateway("check", config).err
    assert gateway("check", config).code == 0


def test_what_could_not_be_pulled_says_why_and_old_snapshots_stay(gateway: Gateway, config: Path, people: str) -> None:
    old = config.parent / "people.snapshot.graphql"
    old.write_text(PEOPLE)
    pointed(config, "http://127.0.0.1:9/graphql", "{from: introspect, snapshot: people.snapshot.graphql}")
    said = gateway("schema", "pull", config, "--json")
    assert said.code == 1
    assert old.read_text() == PEOPLE
    reasons = {each["source"]: each["why_not"] for each in said.data["snapshots"]}
    assert reasons["people"] == "it could not be read"
    assert reasons["books"] == "its schema is not read from a service"
    gateway("schema", "pull", pointed(config, people, "introspect"))
    assert "names no `snapshot`" in gateway("schema", "pull", config).out
