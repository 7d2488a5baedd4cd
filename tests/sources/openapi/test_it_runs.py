"""Every capability end to end: a question in GraphQL, a real server that answers from the document, and what comes back."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway.app import House
from tests.app.conftest import ask, opened
from tests.sources.openapi.test_styles import LIST, OBJECT

JSON = "application/json"


class Server:
    """Answers `answers[path]`, or what it was sent: its target and headers."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, str, Any]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                sent = {"target": self.path, "headers": {name.lower(): value for name, value in self.headers.items()}}
                status, media, value = server.answers.get(self.path.partition("?")[0], (200, JSON, sent))
                told = value.encode() if isinstance(value, str) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("content-type", media)
                self.send_header("content-length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, *_: Any) -> None:
                """Silence."""

        return Handler


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


def answers(schema: Any, status: str = "200", media: str = JSON) -> dict[str, Any]:
    return {status: {"description": "", "content": {media: {"schema": schema}}}}


def get(name: str, schema: Any, *parameters: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"get": {"operationId": name, "parameters": list(parameters), "responses": answers(schema)} | more}


ECHO = {"type": "object", "properties": {"target": {"type": "string"}, "headers": {"type": "object"}}}


@asynccontextmanager
async def running(
    folder: Path, paths: Mapping[str, Any], url: str | None, source: Mapping[str, Any] = {}, **document: Any
) -> AsyncIterator[House]:
    (folder / "it.json").write_text(json.dumps({"openapi": "3.1.0", "paths": paths, **document}))
    given = {"name": "it", "kind": "openapi", "schema": "it.json", "owner": "it"} | ({"url": url} if url else {})
    config = {
        "version": 1,
        "gateway": {
            "owner": {"team": "Platform", "contact": {"email": "p@example.com"}},
            "errors": {"upstream_detail": "full", "audience": "internal"},
        },
        "owners": {"it": {"team": "It", "contact": {"email": "it@example.com"}}},
        "sources": [given | dict(source)],
    }
    (folder / "gateway.yaml").write_text(json.dumps(config))
    async with opened(folder / "gateway.yaml") as house:
        yield house


def literal(value: Any) -> str:
    """As GraphQL writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {literal(item)}" for name, item in value.items()) + "}"
    return "[" + ", ".join(map(literal, value)) + "]" if isinstance(value, list) else json.dumps(value)


# ---------------------------------------------------------------- parameters

TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
PAIRS = [str(part) for pair in OBJECT.items() for part in pair]
COLOURS = {"type": "object", "properties": {name: {"type": "integer"} for name in OBJECT}}


@pytest.mark.parametrize(
    ("place", "style", "explode", "text", "listed", "object_"),
    [
        ("path", "simple", False, "/c/blue", "/c/blue,black,brown", "/c/R,100,G,200,B,150"),
        ("path", "simple", True, "/c/blue", "/c/blue,black,brown", "/c/R=100,G=200,B=150"),
        ("path", "label", False, "/c/.blue", "/c/.blue,black,brown", "/c/.R,100,G,200,B,150"),
        ("path", "label", True, "/c/.blue", "/c/.blue.black.brown", "/c/.R=100.G=200.B=150"),
        ("path", "matrix", False, "/c/;color=blue", "/c/;color=blue,black,brown", "/c/;color=R,100,G,200,B,150"),
        ("path", "matrix", True, "/c/;color=blue", "/c/;color=blue;color=black;color=brown", "/c/;R=100;G=200;B=150"),
        ("query", "form", False, "/c?color=blue", "/c?color=blue,black,brown", "/c?color=R,100,G,200,B,150"),
        ("query", "form", True, "/c?color=blue", "/c?color=blue&color=black&color=brown", "/c?R=100&G=200&B=150"),
        ("query", "spaceDelimited", False, "/c?color=blue", "/c?color=blue%20black%20brown", f"/c?color={'%20'.join(PAIRS)}"),
        ("query", "pipeDelimited", False, "/c?color=blue", "/c?color=blue%7Cblack%7Cbrown", f"/c?color={'%7C'.join(PAIRS)}"),
        ("query", "deepObject", True, None, None, "/c?color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
        ("header", "simple", False, "blue", "blue,black,brown", "R,100,G,200,B,150"),
        ("header", "simple", True, "blue", "blue,black,brown", "R=100,G=200,B=150"),
        ("cookie", "form", False, "color=blue", "color=blue,black,brown", "color=R,100,G,200,B,150"),
        ("cookie", "form", True, "color=blue", "color=blue; color=black; color=brown", "R=100; G=200; B=150"),
    ],
)  # fmt: skip
async def test_every_style_arrives_as_the_text_says(
    server: Server, tmp_path: Path, place: str, style: str, explode: bool, text: str | None, listed: str | None, object_: str
) -> None:
    paths, wanted = {}, {}
    kinds = {"text": ("blue", TEXT, text), "list": (LIST, TEXTS, listed), "object": (OBJECT, COLOURS, object_)}
    for kind, (value, schema, expected) in kinds.items():
        if expected is None:
            continue
        parameter = {"name": "color", "in": place, "style": style, "explode": explode, "schema": schema, "required": True}
        path = f"/{kind}/c" + ("/{color}" if place == "path" else "")
        paths[path] = get(kind, ECHO, parameter)
        wanted[kind] = (literal(value), expected)
    query = " ".join(f"{kind}(color: {value}) {{ target headers }}" for kind, (value, _) in wanted.items())
    async with running(tmp_path, paths, server.url) as house:
        data = (await ask(house, f"{{ {query} }}"))["data"]
    for kind, (_, expected) in wanted.items():
        told = data[kind]
        arrived = {"header": told["headers"].get("color"), "cookie": told["headers"].get("cookie")}
        assert arrived.get(place, told["target"].removeprefix(f"/{kind}")) == expected


async def test_reserved_characters_and_json_content_arrive(server: Server, tmp_path: Path) -> None:
    reserved = {"name": "at", "in": "query", "allowReserved": True, "schema": TEXT}
    content = {"name": "where", "in": "query", "content": {JSON: {"schema": {"type": "object"}}}}
    async with running(tmp_path, {"/find": get("find", ECHO, reserved, content)}, server.url) as house:
        answer = await ask(house, '{ find(at: "a/b:c&d", where: {x: [1]}) { target } }')
    assert answer["data"]["find"]["target"] == "/find?at=a/b:c%26d&where=%7B%22x%22%3A%5B1%5D%7D"


async def test_escaped_names_are_read_and_written_back_exactly(server: Server, tmp_path: Path) -> None:
    order = {"type": "string", "enum": ["+name", "-name", "a b"]}
    row = {"type": "object", "properties": {"first-name": TEXT, "@type": TEXT, "名": TEXT, "sort-by": order}}
    paths = {
        "/rows": get("rows.list", row, {"name": "sort-by", "in": "query", "schema": order}),
        "/echo/{row-id}": get(
            "echo",
            ECHO,
            {"name": "row-id", "in": "path", "required": True, "schema": TEXT},
            {"name": "filter[x-y]", "in": "query", "schema": order},
        ),
    }
    server.answers["/rows"] = (200, JSON, {"first-name": "Ann", "@type": "row", "名": "n", "sort-by": "-name"})
    async with running(tmp_path, paths, server.url) as house:
        rows = await ask(house, "{ rows_list(sort_by: _name_2) { first_name _type _u540D sort_by } }")
        echo = await ask(house, '{ echo(row_id: "a/b", filter_x_y_: a_b) { target } }')
    assert rows["data"]["rows_list"] == {"first_name": "Ann", "_type": "row", "_u540D": "n", "sort_by": "_name_2"}
    assert echo["data"]["echo"]["target"] == "/echo/a%2Fb?filter%5Bx-y%5D=a%20b"


# ---------------------------------------------------------------- values


async def test_values_come_through_as_they_are(server: Server, tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {
            "scores": {"type": "object", "additionalProperties": {"type": "integer"}},
            "matrix": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
            "big": {"type": "integer", "format": "int64"},
            "at": {"type": "string", "format": "date-time"},
            "day": {"type": "string", "format": "date"},
            "id": {"type": "string", "format": "uuid"},
            "any": {},
        },
    }
    value = {
        "scores": {"a-b": 1, "名": 2},
        "matrix": [[1, 2.5], []],
        "big": 2**62 + 1,
        "at": "2026-11-22T20:41:09.1+01:00",
        "day": "not a day",
        "id": "ABC",
        "any": {"deep": [None, 1e3]},
    }
    server.answers["/it"] = (200, JSON, value)
    async with running(tmp_path, {"/it": get("it", schema)}, server.url) as house:
        answer = await ask(house, "{ it { scores matrix big at day id any } }")
    assert answer == {"data": {"it": value}}


DISPATCH = {
    "Cat": {"type": "object", "required": ["kind"], "properties": {"kind": TEXT, "meow": TEXT}},
    "Dog": {"type": "object", "required": ["kind"], "properties": {"kind": TEXT, "bark": TEXT}},
    "Car": {"type": "object", "required": ["object"], "properties": {"object": {"const": "car"}, "wheels": {"type": "integer"}}},
    "Boat": {"type": "object", "required": ["object"], "properties": {"object": {"const": "boat"}, "sails": {"type": "integer"}}},
    "Person": {"type": "object", "required": ["name"], "properties": {"name": TEXT}},
    "Firm": {"type": "object", "required": ["name", "vat"], "properties": {"name": TEXT, "vat": TEXT}},
}


def one_of(*names: str, **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in names], **more}}


async def test_unions_are_told_apart_by_discriminator_constants_and_structure(server: Server, tmp_path: Path) -> None:
    said = {"propertyName": "kind", "mapping": {"c": "#/components/schemas/Cat", "d": "Dog"}}
    paths = {
        "/pets": get("pets", one_of("Cat", "Dog", discriminator=said)),
        "/things": get("things", one_of("Car", "Boat")),
        "/parties": get("parties", one_of("Person", "Firm")),
    }
    server.answers["/pets"] = (200, JSON, [{"kind": "d", "bark": "w"}, {"kind": "c", "meow": "m"}])
    server.answers["/things"] = (200, JSON, [{"object": "boat", "sails": 2}, {"object": "car", "wheels": 4}])
    server.answers["/parties"] = (200, JSON, [{"name": "F", "vat": "1"}, {"name": "P"}, {"other": 1}])
    async with running(tmp_path, paths, server.url, components={"schemas": DISPATCH}) as house:
        answer = await ask(
            house,
            """{
              pets { __typename ... on Cat { meow } ... on Dog { bark } }
              things { __typename ... on Car { wheels } ... on Boat { sails } }
              parties { __typename ... on Person { name } ... on Firm { vat } }
            }""",
        )
    assert answer["data"] == {
        "pets": [{"__typename": "Dog", "bark": "w"}, {"__typename": "Cat", "meow": "m"}],
        "things": [{"__typename": "Boat", "sails": 2}, {"__typename": "Car", "wheels": 4}],
        "parties": None,
    }
    [error] = answer["errors"]
    told = error["extensions"]
    assert (told["code"], error["path"], told["expected"]) == ("SCHEMA_DRIFT", ["parties", 2], "parties_response")


# ---------------------------------------------------------------- failures


async def test_what_the_service_says_of_a_failure_is_kept(server: Server, tmp_path: Path) -> None:
    fault = {"type": "object", "properties": {"reason": TEXT}}
    paths = {
        "/documented": get("documented", TEXT, responses={**answers(TEXT), **answers(fault, "409")}),
        "/problem": get("problem", TEXT),
    }
    server.answers["/documented"] = (409, JSON, {"reason": "taken"})
    server.answers["/problem"] = (422, "application/problem+json", {"type": "about:blank", "title": "No."})
    async with running(tmp_path, paths, server.url) as house:
        answer = await ask(house, "{ documented problem }")
    told = {error["path"][0]: error["extensions"] for error in answer["errors"]}
    assert {each["code"] for each in told.values()} == {"UPSTREAM_REJECTED"}
    assert told["documented"]["upstream"]["body"] == {"reason": "taken"}
    assert told["problem"]["upstream"]["problem"] == {"type": "about:blank", "title": "No."}
    assert told["problem"]["owner"]["team"] == "It"


async def test_what_is_not_there_is_null_through_a_link_and_an_error_at_the_root(server: Server, tmp_path: Path) -> None:
    row = {"type": "object", "properties": {"id": TEXT, "otherId": TEXT}}
    paths = {"/rows/{id}": get("row", row, {"name": "id", "in": "path", "required": True, "schema": TEXT})}
    server.answers["/rows/1"] = (200, JSON, {"id": "1", "otherId": "2"})
    server.answers["/rows/2"] = (404, JSON, {})
    async with running(tmp_path, paths, server.url) as house:
        config = tmp_path / "gateway.yaml"
        config.write_text(
            json.dumps(
                json.loads(config.read_text())
                | {"links": [{"field": "row_response.other", "to": "it.row", "with": {"id": "$otherId"}}]}
            )
        )
    async with opened(config) as house:
        linked = await ask(house, '{ row(id: "1") { id other { id } } }')
        direct = await ask(house, '{ row(id: "2") { id } }')
    assert linked == {"data": {"row": {"id": "1", "other": None}}}
    assert direct["errors"][0]["extensions"]["code"] == "NOT_FOUND"


# ---------------------------------------------------------------- where, and as whom


async def test_servers_and_their_variables_say_where(server: Server, tmp_path: Path) -> None:
    port = {"default": server.url.rpartition(":")[2]}
    variables = {"host": {"default": "nowhere.example.com"}, "port": port, "base": {"default": "v1"}}
    said = [{"url": "http://{host}:{port}/{base}", "variables": variables}]
    own = [{"url": f"{server.url}/own"}]
    paths = {"/it": get("it", ECHO), "/other": get("other", ECHO, servers=own), "/item": get("item", ECHO) | {"servers": own}}
    options = {"options": {"server_variables": {"host": "127.0.0.1"}}}
    async with running(tmp_path, paths, None, options, servers=said) as house:
        answer = await ask(house, "{ it { target } other { target } item { target } }")
    assert {name: each["target"] for name, each in answer["data"].items()} == {
        "it": "/v1/it",
        "other": "/own/other",
        "item": "/own/item",
    }  # fmt: skip


SCHEMES = {
    "header": ({"type": "apiKey", "in": "header", "name": "X-Key"}, {"value": "s"}, {"x-key": "s"}, "/it"),
    "query": ({"type": "apiKey", "in": "query", "name": "key"}, {"value": "s&"}, {}, "/it?key=s%26"),
    "cookie": ({"type": "apiKey", "in": "cookie", "name": "sid"}, {"value": "s"}, {"cookie": "sid=s"}, "/it"),
    "bearer": ({"type": "http", "scheme": "bearer"}, {"value": "s"}, {"authorization": "Bearer s"}, "/it"),
    "basic": (
        {"type": "http", "scheme": "basic"},
        {"username": "u", "password": "p"},
        {"authorization": "Basic dTpw"},
        "/it",
    ),
}


@pytest.mark.parametrize("kind", SCHEMES)
async def test_credentials_are_put_where_the_document_says_and_are_no_arguments(
    server: Server, tmp_path: Path, kind: str
) -> None:
    scheme, credential, headers, target = SCHEMES[kind]
    parameters = [{"name": scheme["name"], "in": scheme["in"], "schema": TEXT}] if "name" in scheme else []
    options = {"options": {"credentials": {"own": credential}}}
    components = {"securitySchemes": {"own": scheme}}
    async with running(
        tmp_path, {"/it": get("it", ECHO, *parameters)}, server.url, options, components=components, security=[{"own": []}]
    ) as house:
        answer = await ask(house, '{ it { target headers } __type(name: "Query") { fields { args { name } } } }')
    assert answer["data"]["it"]["target"] == target
    assert headers.items() <= answer["data"]["it"]["headers"].items()
    assert answer["data"]["__type"]["fields"][0]["args"] == []


# ---------------------------------------------------------------- lies

LIAR = {
    "type": "object",
    "required": ["id", "name"],
    "properties": {"id": {"type": "integer"}, "name": TEXT, "size": {"type": "string", "enum": ["s", "m"]}},
}


@pytest.mark.parametrize(
    ("options", "field", "value", "answered", "drift"),
    [
        ({}, "id", 2**40, None, ("LiarRow.id", "Int!", "an integer beyond 32 bits")),
        ({"integer": "Int64"}, "id", 2**40, {"id": 2**40}, None),
        ({"int64_fields": ["LiarRow.id"]}, "id", 2**40, {"id": 2**40}, None),
        ({"integer": "Int64", "int64": "string"}, "id", 2**40, {"id": str(2**40)}, None),
        ({}, "name", None, None, ("LiarRow.name", "String!", "null")),
        ({"nullability": "lenient"}, "name", None, {"name": None}, None),
        ({"nullable": ["LiarRow.name"]}, "name", None, {"name": None}, None),
        ({}, "size", "xxl", {"size": None}, ("LiarRow.size", "LiarRow_size", "a string")),
        ({"unknown_enum": "null"}, "size", "xxl", {"size": None}, None),
        ({"unknown_enum": "string"}, "size", "xxl", {"size": "xxl"}, None),
        ({}, "name", 7, None, ("LiarRow.name", "String!", "an integer")),
    ],
)
async def test_a_lie_is_drift_that_says_where_and_each_setting_makes_its_own_a_truth(
    server: Server, tmp_path: Path, options: dict[str, Any], field: str, value: Any, answered: Any, drift: Any
) -> None:
    server.answers["/it"] = (200, JSON, {"id": 1, "name": "n", "size": "s"} | {field: value})
    reference = {"$ref": "#/components/schemas/LiarRow"}
    async with running(
        tmp_path, {"/it": get("it", reference)}, server.url, {"options": options}, components={"schemas": {"LiarRow": LIAR}}
    ) as house:
        answer = await ask(house, f"{{ it {{ {field} }} }}")
    assert answer["data"]["it"] == answered
    if drift is None:
        assert "errors" not in answer
        return
    [error] = answer["errors"]
    told = error["extensions"]
    assert (told["code"], told["owner"]["team"]) == ("SCHEMA_DRIFT", "It")
    assert (told["coordinate"], told["expected"], told["actual"]) == drift
