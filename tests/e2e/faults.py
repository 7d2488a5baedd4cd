"""Two services, one REST and one GraphQL, that break in the way they are asked to: `kind` names the fault."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from .wire import Answer, Asked, Upstream, Wire, cut, drip, endless, raw, reply, reset, say, silent

SECRET = "db-7.internal refused user svc_stock"
MOST = 64 * 1024
"""`max_response` of both sources."""
PROBLEM = {"type": "https://faulty.example.com/p/1", "title": "No stock today", "status": 0, "detail": SECRET, "pool": 7}


def problem(status: int, **headers: str) -> Wire:
    body = json.dumps(PROBLEM | {"status": status})
    return reply(body, status, "application/problem+json", x_request_id=f"up-{status}", **headers)


HEAD = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
ANY: Mapping[str, Wire] = {
    "500": problem(500),
    "503": problem(503, retry_after="7"),
    "429": problem(429, retry_after="12"),
    "401": problem(401),
    "403": problem(403),
    "404": problem(404),
    "410": problem(410),
    "400": problem(400),
    "422": problem(422),
    "html": reply("<!doctype html><h1>It works!</h1>", content_type="text/html"),
    "html-as-json": reply("<!doctype html><h1>It works!</h1>"),
    "text": reply("all fine"),
    "gzip": reply(b"\x1f\x8b\x08\x00garbage", content_encoding="gzip"),
    "closed": cut(""),
    "reset": reset,
    "silent": silent,
    "drip": drip,
    "cut": cut(HEAD + "content-length: 100\r\n\r\n", b'{"name": '),
    "cut-chunk": cut(HEAD + "transfer-encoding: chunked\r\n\r\n", b'9\r\n{"name": \r\n'),
    "bad-chunk": cut(HEAD + "transfer-encoding: chunked\r\n\r\n", b"zz\r\n{}\r\n"),
    "no-http": cut("SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    "huge": reply(b'{"name": "' + b"x" * (MOST + 10 * 2**20) + b'"}'),
    "endless": endless,
    "big-head": raw(HEAD + "x-filler: " + "x" * 3_000_000 + "\r\ncontent-length: 2\r\n\r\n", b"{}"),
    "redirect": reply("", 302, location="http://169.254.169.254/latest/meta-data"),
    "deep": reply("[" * 60_000),
    "lone-number": reply("7"),
}
REST: Mapping[str, Wire] = {
    "none": say({"name": "anvil", "size": 3}),
    "truncated": reply('{"name": "anv'),
    "types": say({"name": 7, "size": "large"}),
    "missing": say({"size": 3}),
    "list": say([1, 2]),
    "short-length": raw(HEAD + "content-length: 14\r\n\r\n", b'{"name": "anvil", "size": 3}'),
    "nothing": reply(""),
}
GRAPHQL: Mapping[str, Callable[[str], Wire]] = {
    "none": lambda key: say({"data": {key: {"name": "anvil", "size": 3}}}),
    "truncated": lambda key: reply(f'{{"data": {{"{key}": {{"name": "anv'),
    "types": lambda key: say({"data": {key: {"name": 7, "size": "large"}}}),
    "missing": lambda key: say({"data": {key: {"size": 3}}}),
    "nothing": lambda _: reply(""),
    "refused": lambda _: say({"errors": [{"message": SECRET, "extensions": {"code": "OUT_OF_STOCK", "host": "db-7"}}]}),
    "busy": lambda _: say({"errors": [{"message": SECRET, "extensions": {"code": "SERVICE_UNAVAILABLE"}}]}),
    "partial": lambda key: say({"data": {key: {"name": "anvil", "size": None}}, "errors": [no_size(key)]}),
    "data-list": lambda _: say({"data": [1]}),
}
"""Fault → the answer under the key (field or alias) it was asked for."""


def no_size(key: str) -> Mapping[str, Any]:
    return {"message": SECRET, "path": [key, "size"], "extensions": {"code": "NO_SIZE"}}


def rest(asked: Asked) -> Wire:
    kind = asked.path.removeprefix("/faults/")
    return REST.get(kind) or ANY[kind]


def graphql(asked: Asked) -> Wire:
    found = re.search(r'(?:(\w+): )?graphFault\(kind: "([^"]+)"', asked.json()["query"])
    assert found is not None
    answer = GRAPHQL.get(found[2])
    return answer(found[1] or "graphFault") if answer else ANY[found[2]]


SDL = """
type Query { graphFault(kind: String!): GraphFault }
type Mutation { mend(kind: String!): Boolean }
type GraphFault { name: String! size: Int }
"""
OPENAPI = {
    "openapi": "3.0.3",
    "info": {"title": "Faulty", "version": "1"},
    "paths": {
        "/faults/{kind}": {
            "get": {
                "operationId": "restFault",
                "parameters": [{"name": "kind", "in": "path", "required": True, "schema": {"type": "string"}}],
                "responses": {
                    "200": {
                        "description": "OK",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/RestFault"}}},
                    }
                },
            }
        }
    },
    "components": {
        "schemas": {
            "RestFault": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "size": {"type": "integer", "nullable": True}},
            }
        }
    },
}


def upstreams() -> tuple[Upstream, Upstream]:
    answers: tuple[Answer, Answer] = (rest, graphql)
    first, second = map(Upstream, answers)
    return first, second
