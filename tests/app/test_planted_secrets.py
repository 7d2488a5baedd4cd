"""Secrets planted wherever one could be: none comes out in an answer, its headers, a log, a page, a story or a bundle."""

from __future__ import annotations

import json
import logging
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from gateway.commands.explaining import bundle, lines
from gateway.engine.stories import support_message
from gateway.server.street import backyard, street

from .conftest import opened

CALLER = ("Bearer CALLER-TOKEN-s3cret", "sid=CALLER-COOKIE-s3cret")
LITERAL, VARIABLE, NUMBER = "LITERAL-s3cret", "VARIABLE-s3cret", "4711081515"
CONFIGURED = "CONFIGURED-KEY-s3cret"
IN_URL = "URL-QUERY-s3cret"
UPSTREAM_BODY, UPSTREAM_HEADER = "UPSTREAM-BODY-s3cret", "UPSTREAM-HEADER-s3cret"
PLANTED = ("s3cret", NUMBER)
SDL = (
    "type Query { account(number: String, pin: Int, note: String): Account other: String } type Account { id: ID! balance: Int }"
)


class Leaky(BaseHTTPRequestHandler):
    """Fails, and repeats all it was told in its body, its headers, a problem document and GraphQL errors."""

    mode = "500"

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["content-length"])).decode()
        told = f"{UPSTREAM_BODY} {sent} {dict(self.headers)}"
        bodies: dict[str, tuple[int, str, Any]] = {
            "500": (500, "text/plain", told),
            "problem": (422, "application/problem+json", {"type": "https://errors.example.com/x", "status": 422, "detail": told}),
            "graphql": (200, "application/json", {"data": {"account": None}, "errors": [{"message": told, "path": ["account"]}]}),
            "drift": (200, "application/json", {"data": {"account": {"id": "1", "balance": told}}}),
            "garbage": (200, "application/json", f"{{{told}"),
        }
        status, kind, body = bodies[self.mode]
        raw = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in (("content-type", kind), ("x-internal", UPSTREAM_HEADER), ("set-cookie", f"a={UPSTREAM_HEADER}")):
            self.send_header(name, value)
        self.send_header("x-request-id", "upstream-req-1")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(params=["500", "problem", "graphql", "drift", "garbage"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Leak", (Leaky,), {"mode": request.param}))
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    (tmp_path / "bank.graphql").write_text(SDL)
    path = tmp_path / "gateway.yaml"
    path.write_text(
        f"""\
gateway:
  state: state
  owner: {{team: API Platform, contact: {{email: platform@example.com}}}}
  debug: [provenance, plan, timing]
owners:
  bank: {{team: Bank, contact: {{email: bank@example.com}}}}
defaults: {{retry: off}}
sources:
  - name: bank
    kind: graphql
    url: "http://127.0.0.1:{server.server_address[1]}/graphql?key={IN_URL}"
    schema: bank.graphql
    owner: bank
    headers:
      request: [{{propagate: {{named: [Authorization, Cookie]}}}}, {{insert: {{name: X-Api-Key, value: {CONFIGURED}}}}}]
"""
    )
    yield path
    server.shutdown()
    server.server_close()


def client_of(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://gateway")


def clean(place: str, text: str, *, but: str = "") -> None:
    """The caller's own document may be quoted to the caller; nothing else."""
    for planted in PLANTED:
        at = text.replace(but, "").find(planted) if but else text.find(planted)
        assert at < 0, f"{place} tells {text[max(at - 80, 0) : at + 80]!r}"


QUERY = f"""query Balance($note: String) {{ # {LITERAL}
  account(number: "{LITERAL}", pin: 471108151, note: $note) {{ id balance }} }}"""


async def test_no_planted_secret_comes_out_anywhere(config: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {"authorization": CALLER[0], "cookie": CALLER[1], "x-other": NUMBER}
    asked = {"query": QUERY, "variables": {"note": VARIABLE}}
    async with opened(config) as house, client_of(street(house, public=frozenset({"status"}))) as client:
        answer = await client.post("/graphql", json=asked, headers=headers)
        (error,) = answer.json()["errors"]
        assert error["extensions"]["owner"]["team"] == "Bank"
        clean("the answer", answer.text)
        clean("its headers", str(answer.headers))
        watched = await client.post("/graphql", json=asked, headers={**headers, "x-signpost-debug": "timing, provenance"})
        assert "timing" in watched.json()["extensions"]
        clean("the watched answer", watched.text)
        refused = await client.post("/graphql", json={"query": f'{{ account(pin: "{LITERAL}") {{ id }} }}'}, headers=headers)
        for path in ("/status", "/status.json"):
            clean(path, (await client.get(path)).text)
        async with client_of(backyard(house)) as admin:
            for wanted in (error["extensions"]["error_id"], answer.json()["errors"][0]["extensions"]["request_id"]):
                told = await admin.get(f"/explain/{wanted}")
                assert told.status_code == 200
                clean("the story", told.text)
            story = told.json()["story"]
            refusal = await admin.get(f"/explain/{refused.json()['errors'][0]['extensions']['error_id']}")
            assert refusal.json()["story"]["errors"][0]["code"] == "GRAPHQL_VALIDATION_FAILED"
            clean("the story of a refusal", refusal.text)
            clean("the list of failures", (await admin.get("/explain/nothing")).text)
    clean("explain", "\n".join(lines(story)))
    clean("the support message", support_message(story))
    bundle(story, tmp_path / "capture.zip")
    with zipfile.ZipFile(tmp_path / "capture.zip") as archive:
        assert sorted(archive.namelist()) == ["message.md", "replay.sh", "story.json"]
        for name in archive.namelist():
            clean(name, archive.read(name).decode())
    clean("the log", caplog.text + "".join(str(record.__dict__) for record in caplog.records))


async def test_the_story_still_says_all_that_helps(config: Path) -> None:
    async with opened(config) as house, client_of(street(house)) as client, client_of(backyard(house)) as admin:
        answer = await client.post("/graphql", json={"query": QUERY, "variables": {"note": VARIABLE}})
        extensions = answer.json()["errors"][0]["extensions"]
        story = (await admin.get(f"/explain/{extensions['error_id']}")).json()["story"]
    assert story["request_id"] == extensions["request_id"]
    assert 'account(number: "…", pin: 0, note: $note)' in story["document"]
    assert story["variables"] == {"note": "string"}
    (call,) = story["calls"]
    assert (call["service"], call["operation"]) == ("bank", "query { account }")
    assert call["request"]["headers"] == ["accept", "content-type", "x-api-key"]
    assert call["request"]["url"].endswith("/graphql?key={key}")
    assert call["request"]["body"]["variables"] == {"note": "<string>"}
    message = support_message(story)
    for said in ("bank@example.com", extensions["error_id"], extensions["request_id"], "query { account }"):
        assert said in message
