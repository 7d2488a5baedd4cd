"""A real nginx with the microcache's configuration, in front of a gateway that says what a test wants it to say."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

CONFIG = Path(__file__).parents[2] / "config" / "nginx" / "microcache.conf"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
MAIN = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  include {folder}/microcache.conf;
}}
"""


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
    if NGINX is None:
        pytest.skip("nginx is not installed")
    behind = Behind()
    gateway = ThreadingHTTPServer(("127.0.0.1", 0), _answering(behind))
    Thread(target=gateway.serve_forever, args=(0.02,), daemon=True).start()
    port = _free_port()
    _configure(tmp_path, port, gateway.server_address[1])
    process = subprocess.Popen(
        [NGINX, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "error.log")]
    )
    try:
        _wait(port, process, tmp_path)
        yield Front(port, behind)
    finally:
        behind.go.set()
        process.terminate()
        process.wait(10)
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


def _configure(folder: Path, port: int, gateway: int) -> None:
    text = CONFIG.read_text(encoding="utf-8")
    for shipped, here in {
        "listen 8000;": f"listen 127.0.0.1:{port};",
        "server 127.0.0.1:8080;": f"server 127.0.0.1:{gateway};",
        "/var/cache/nginx/signpost": f"{folder}/cache",
    }.items():
        assert shipped in text
        text = text.replace(shipped, here)
    (folder / "microcache.conf").write_text(text, encoding="utf-8")
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder), encoding="utf-8")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(500):
        assert process.poll() is None, (folder / "error.log").read_text()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError("nginx does not listen")
