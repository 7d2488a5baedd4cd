"""What the options change, from the document to the answer: over real HTTP, through the whole gateway."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway.app import House
from tests.app.conftest import ask, opened
from tests.sources.openapi.world import a_subgraph, codes, field_type, sdl

PET = {
    "type": "object",
    "required": ["kind", "id"],
    "properties": {
        "id": {"type": "integer"},
        "kind": {"type": "string", "enum": ["cat", "dog-ish"]},
        "kinds": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
        "weight": {"type": "number"},
        "name": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "additionalProperties": True,
}
FAULT = {"type": "object", "required": ["reason"], "properties": {"reason": {"type": "string"}}}
JOB = {"type": "object", "required": ["job"], "properties": {"job": {"type": "string"}}}


def body(name: str) -> dict[str, Any]:
    return {"description": name, "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}}


def document() -> dict[str, Any]:
    parameters = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
    responses = {"200": body("Pet"), "202": body("Job"), "404": body("Fault"), "default": body("Fault")}
    pets = {"/pets/{id}": {"get": {"operationId": "getPet", "parameters": parameters, "responses": responses}}}
    query = {"operationId": "findPet", "responses": {"200": body("Pet")}}
    query["requestBody"] = {"content": {"application/json": {"schema": {"type": "object"}}}}  # type: ignore[assignment]
    return {
        "openapi": "3.2.0",
        "paths": {**pets, "/find": {"query": query}},
        "x-ms-paths": {"/pets?op=first": {"get": {"operationId": "firstPet", "responses": {"200": body("Pet")}}}},
        "components": {"schemas": {"Pet": PET, "Fault": FAULT, "Job": JOB}},
    }


class Pets:
    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[tuple[str, str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        pets = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                sent = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
                pets.asked.append((self.command, self.path, sent))
                status, value = pets.answers[self.path.partition("?")[0]]
                told = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            do_QUERY = do_GET

            def log_message(self, *_: Any) -> None:
                """Silence."""

        return Handler


@pytest.fixture
def pets() -> Iterator[Pets]:
    service = Pets()
    yield service
    service.stop()


Open = Callable[..., Any]


@pytest.fixture
def open_with(pets: Pets, tmp_path: Path) -> Open:
    @asynccontextmanager
    async def opening(**options: Any) -> AsyncIterator[House]:
        (tmp_path / "pets.json").write_text(json.dumps(document()))
        config = {
            "version": 1,
            "gateway": {
                "owner": {"team": "Platform", "contact": {"email": "p@example.com"}},
                "errors": {"upstream_detail": "full", "audience": "internal"},
            },
            "owners": {"pets": {"team": "Pets", "contact": {"email": "pets@example.com"}}},
            "sources": [
                {"name": "pets", "kind": "openapi", "url": pets.url, "schema": "pets.json", "owner": "pets", "options": options}
            ],
        }
        path = tmp_path / "gateway.yaml"
        path.write_text(json.dumps(config))
        async with opened(path) as house:
            yield house

    return opening


async def test_a_value_that_the_enum_does_not_list_is_null_where_configured(pets: Pets, open_with: Open) -> None:
    pets.answers["/pets/1"] = (200, {"id": 1, "kind": "bird", "kinds": ["a", "new", "b"]})
    pets.answers["/pets/2"] = (200, {"id": 2, "kind": "dog-ish", "kinds": []})
    pets.answers["/pets/3"] = (200, {"id": 3, "kind": 7})
    async with open_with(unknown_enum="null") as house:
        assert await ask(house, '{ getPet(id: "1") { id kind kinds } }') == {
            "data": {"getPet": {"id": 1, "kind": None, "kinds": ["a", None, "b"]}}
        }
        assert await ask(house, '{ getPet(id: "2") { kind kinds } }') == {"data": {"getPet": {"kind": "dog_ish", "kinds": []}}}
        [error] = (await ask(house, '{ getPet(id: "3") { kind } }'))["errors"]
    assert error["extensions"]["code"] == "SCHEMA_DRIFT"


async def test_unknown_enum_values_are_drift_unless_configured_and_say_whose_it_is(pets: Pets, open_with: Open) -> None:
    pets.answers["/pets/1"] = (200, {"id": 1, "kind": "bird"})
    async with open_with() as house:
        [error] = (await ask(house, '{ getPet(id: "1") { id kind } }'))["errors"]
    told = error["extensions"]
    assert (told["code"], told["owner"]["team"]) == ("SCHEMA_DRIFT", "Pets")
    assert (told["coordinate"], told["expected"], told["actual"]) == ("Pet.kind", "Pet_kind!", "a string")


def test_fields_of_open_enums_may_be_null() -> None:
    graph = a_subgraph(document(), options={"unknown_enum": "null"})
    assert (field_type(graph, "Pet.kind"), field_type(graph, "Pet.kinds")) == ("Pet_kind", "[Pet_kinds]")


async def test_values_of_another_type_are_taken_where_configured_and_only_there(pets: Pets, open_with: Open) -> None:
    wrong = {"id": "12", "kind": "cat", "weight": "1.5", "name": 7, "tags": "x"}
    pets.answers["/pets/1"] = (200, wrong)
    pets.answers["/pets/2"] = (200, wrong | {"id": "twelve"})
    query = '{ getPet(id: "1") { id weight name tags } }'
    async with open_with(coerce=["number_from_string", "string_from_number", "single_to_list"]) as house:
        assert await ask(house, query) == {"data": {"getPet": {"id": 12, "weight": 1.5, "name": "7", "tags": ["x"]}}}
        [error] = (await ask(house, '{ getPet(id: "2") { id } }'))["errors"]
        assert error["extensions"]["actual"] == "a string"
    async with open_with() as house:
        errors = (await ask(house, '{ getPet(id: "1") { weight name tags } }'))["errors"]
    assert {error["extensions"]["coordinate"] for error in errors} == {"Pet.weight", "Pet.name", "Pet.tags"}


async def test_members_that_are_not_declared_are_in_the_extra_field(pets: Pets, open_with: Open) -> None:
    pets.answers["/pets/1"] = (200, {"id": 1, "kind": "cat", "colour": {"rgb": [1, 2]}, "age": 3})
    async with open_with(extra_field="extra") as house:
        answer = await ask(house, '{ getPet(id: "1") { id extra } }')
    assert answer == {"data": {"getPet": {"id": 1, "extra": {"colour": {"rgb": [1, 2]}, "age": 3}}}}


def test_an_extra_field_is_only_where_other_members_are_allowed_and_never_hides_a_property() -> None:
    assert "EXTRA_FIELD_TAKEN" in codes(a_subgraph(document(), options={"extra_field": "name"}))
    graph = a_subgraph(document(), options={"extra_field": "extra", "responses": "union"})
    assert field_type(graph, "Pet.extra") == "JSON"
    assert "extra" not in sdl(graph, "Job")


async def test_several_successes_and_refusals_can_be_one_union(pets: Pets, open_with: Open) -> None:
    pets.answers["/pets/1"] = (200, {"id": 1, "kind": "cat"})
    pets.answers["/pets/2"] = (202, {"job": "j2"})
    pets.answers["/pets/3"] = (404, {"reason": "No such pet."})
    pets.answers["/pets/4"] = (500, {"reason": "Down."})
    query = '{{ getPet(id: "{}") {{ __typename ... on Pet {{ id }} ... on Job {{ job }} ... on Fault {{ reason }} }} }}'
    async with open_with(responses="union", errors="union") as house:
        answers = [(await ask(house, query.format(number)))["data"]["getPet"] for number in (1, 2, 3)]
        down = await ask(house, query.format(4))
    assert answers == [
        {"__typename": "Pet", "id": 1},
        {"__typename": "Job", "job": "j2"},
        {"__typename": "Fault", "reason": "No such pet."},
    ]
    assert down["errors"][0]["extensions"]["code"] == "UPSTREAM_ERROR"


async def test_a_documented_error_body_is_kept_in_the_error(pets: Pets, open_with: Open) -> None:
    pets.answers["/pets/1"] = (404, {"reason": "No such pet."})
    async with open_with() as house:
        answer = await ask(house, '{ getPet(id: "1") { id } }')
    [error] = answer["errors"]
    assert error["extensions"]["code"] == "NOT_FOUND"
    assert error["extensions"]["upstream"]["body"] == {"reason": "No such pet."}


async def test_queries_and_paths_with_queries_are_read_where_configured(pets: Pets, open_with: Open) -> None:
    pets.answers["/find"] = pets.answers["/pets"] = (200, {"id": 1, "kind": "cat"})
    async with open_with(query_method="on", x_ms_paths="on") as house:
        answer = await ask(house, "{ findPet(body: {a: 1}) { id } firstPet { id } }")
    assert answer == {"data": {"findPet": {"id": 1}, "firstPet": {"id": 1}}}
    assert sorted(pets.asked) == [("GET", "/pets?op=first", ""), ("QUERY", "/find", '{"a":1}')]


def test_other_methods_and_places_are_not_read_by_themselves() -> None:
    assert "findPet" not in sdl(a_subgraph(document()), "Query")
    assert "firstPet" not in sdl(a_subgraph(document()), "Query")
