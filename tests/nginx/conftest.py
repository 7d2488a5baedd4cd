"""A real nginx with the microcache's configuration, in front of a gateway that says what a test wants it to say."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from benchmarks.processes import free_port
from benchmarks.servers import Missing, nginx


class Behind:
    """What the gateway answers, and what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {"cache-control": "max-age=60, public"}
        self.asked: list[dict[str, Any]] = []
        self.go = Event()
        self.go.set()


class Reply:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.body = response.read()
        self.headers = response.headers

    @property
    def cache(self) -> str:
        return self.headers.get_all("cache-status", [""])[-1]


class Front:
    """nginx and what stands behind it."""

    def __init__(self, port: int, behind: Behind) -> None:
        self.port = port
        self.behind = behind

    def ask(self, query: str = "{ a }", headers: Mapping[str, str] | None = None, method: str = "POST") -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            body = json.dumps({"query": query}) if method == "POST" else None
            path = "/graphql" if method == "POST" else f"/graphql?query={query.replace(' ', '')}"
            given = {"accept": "application/json", "content-type": "application/json"} | dict(headers or {})
            connection.request(method, path, body, given)
            return Reply(connection.getresponse())
        finally:
            connection.close()


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    behind = Behind()
    gateway = ThreadingHTTPServer(("127.0.0.1", 0), _answering(behind))
    Thread(target=gateway.serve_forever, args=(0.02,), daemon=True).start()
    port = free_port()
    changes = {
        "listen 8000;": f"listen 127.0.0.1:{port};",
        "server 127.0.0.1:8080;": f"server 127.0.0.1:{gateway.server_address[1]};",
        "/var/cache/nginx/signpost": f"{tmp_path}/cache",
    }
    try:
        with nginx(tmp_path, "microcache.conf", changes, port):
            yield Front(port, behind)
            behind.go.set()
    except Missing as missing:
        pytest.skip(str(missing))
    finally:
        behind.go.set()
        gateway.shutdown()
        gateway.server_close()


def _answering(behind: Behind) -> type[BaseHTTPRequestHandler]:
    class Gateway(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("content-length", 0))))

        def do_GET(self) -> None:
            self._answer(b"")

        def _answer(self, body: bytes) -> None:
            behind.asked.append({"body": body, "headers": dict(self.headers)})
            number = len(behind.asked)
            behind.go.wait(10)
            known = behind.headers.get("etag")
            status = 304 if known and self.headers.get("if-none-match") == known else behind.status
            content = b"" if status == 304 else b'{"data":{"number":%d}}' % number
            self.send_response(status)
            for name, value in behind.headers.items():
                self.send_header(name, value)
            self.send_header("x-request-id", self.headers.get("x-request-id", ""))
            self.send_header("cache-status", '"signpost:blog"; fwd=uri-miss')
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Gateway
