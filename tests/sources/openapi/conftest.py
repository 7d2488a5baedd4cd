"""A real HTTP service on loopback that answers from its document and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

DOCUMENT = """
openapi: 3.1.0
servers: [{url: /v1}]
paths:
  /users/{id}:
    get:
      operationId: getUser
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      responses: {200: {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/User'}}}}}
  /users:
    get:
      operationId: listUsers
      parameters: [{name: 'ids[]', in: query, schema: {type: array, items: {type: integer}}}]
      responses:
        200:
          description: ok
          content: {application/json: {schema: {$ref: '#/components/schemas/Users'}}}
  /echo/{matrix}/{label}:
    get:
      operationId: echo
      parameters:
        - {name: matrix, in: path, required: true, style: matrix, explode: true, schema: {type: array, items: {type: string}}}
        - {name: label, in: path, required: true, style: label, schema: {type: array, items: {type: integer}}}
        - {name: where, in: query, content: {application/json: {schema: {type: object}}}}
        - {name: filter, in: query, style: deepObject, schema: {type: object, properties: {a: {type: string}}}}
        - {name: X-Id, in: header, schema: {type: string}}
        - {name: session, in: cookie, schema: {type: string}}
      responses: {200: {description: ok, content: {application/json: {schema: {type: object}}}}}
  /hello:
    get: {operationId: hello, responses: {200: {description: ok, content: {text/plain: {schema: {type: string}}}}}}
components:
  schemas:
    Users: {type: object, properties: {data: {type: array, items: {$ref: '#/components/schemas/User'}}}}
    User: {type: object, required: [id, first-name], properties: {id: {type: integer}, first-name: {type: string}}}
"""
REMOTE = {
    "openapi": "3.1.0",
    "paths": {
        "/it": {
            "get": {
                "operationId": "it",
                "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "shared/common.json#/Remote"}}}}},
            }
        }
    },
}


class Service(BaseHTTPRequestHandler):
    """Answers for users 1 to 9; everything else is 404."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path.endswith(".yaml"):
            return self.reply(200, DOCUMENT.encode(), "application/yaml")
        if path == "/remote.json":
            return self.reply(200, json.dumps(REMOTE).replace("shared/", f"http://{self.headers['host']}/shared/").encode())
        if path == "/shared/common.json":
            return self.reply(200, b'{"Remote": {"type": "object", "properties": {"a": {"type": "string"}}}}')
        if path == "/list.json":
            return self.reply(200, b"[1, 2]")
        self.asked.append(self.path)
        if path == "/v1/hello":
            return self.reply(200, "héllo".encode("latin-1"), "text/plain; charset=latin-1")
        if path.startswith("/v1/echo"):
            sent = {name.lower(): value for name, value in self.headers.items() if name.lower() in ("x-id", "cookie", "accept")}
            return self.reply(200, json.dumps({"path": self.path, **sent}).encode())
        if path == "/v1/users":
            ids = [int(pair.partition("=")[2]) for pair in query.split("&") if pair.startswith("ids%5B%5D=")]
            return self.reply(200, json.dumps({"data": [user(n) for n in reversed(ids) if n < 10]}).encode())
        number = path.removeprefix("/v1/users/")
        if number.isdigit() and int(number) < 10:
            return self.reply(200, json.dumps(user(int(number))).encode())
        return self.reply(404, b'{"title": "No such user."}', "application/problem+json")

    def reply(self, status: int, body: bytes, content_type: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Silence."""


def user(number: int) -> dict[str, Any]:
    return {"id": number, "first-name": f"User {number}", "extra": True}


@pytest.fixture
def service() -> Iterator[str]:
    Service.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()
