"""Which operations are read, and which of their answers (rules L7, R5, R7, S1-S6)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.sources.openapi.world import a_subgraph, chunks, codes, diagnostic, field_type, sdl, url

STRING = {"content": {"application/json": {"schema": {"type": "string"}}}}
INTEGER = {"content": {"application/json": {"schema": {"type": "integer"}}}}


def answers(responses: dict[str, Any], version: str = "3.1.0", **operation: Any) -> dict[str, Any]:
    said = {"swagger": version} if version == "2.0" else {"openapi": version}
    return {**said, "paths": {"/it": {"get": {"operationId": "it", "responses": responses, **operation}}}}


def root(responses: dict[str, Any], version: str = "3.1.0", **keys: Any) -> str:
    return field_type(a_subgraph(answers(responses, version), **keys), "Query.it")


@pytest.mark.parametrize(
    ("responses", "type_"),
    [
        ({"200": STRING, "201": INTEGER}, "String"),
        ({"204": {}, "202": INTEGER}, "Int"),
        ({"2XX": STRING, "default": INTEGER}, "String"),
        ({"201": INTEGER, "2XX": STRING}, "Int"),
        ({"default": STRING}, "String"),
        ({"default": STRING, "404": INTEGER}, "String"),
        ({200: STRING}, "String"),
    ],
)
def test_the_answer_is_the_lowest_success_with_a_body(responses: dict[str, Any], type_: str) -> None:
    assert root(responses) == type_


def media(*names: str) -> dict[str, Any]:
    return {"200": {"content": {name: {"schema": {"type": "integer"}} for name in names}}}


@pytest.mark.parametrize(
    ("responses", "type_"),
    [
        (media("text/plain", "application/json; charset=utf-8"), "Int"),
        (media("application/xml", "application/vnd.api+json"), "Int"),
        (media("*/*"), "Int"),
        (media("text/csv", "image/png"), "String"),
    ],
)
def test_json_is_preferred_then_text(responses: dict[str, Any], type_: str) -> None:
    assert root(responses) == type_


@pytest.mark.parametrize(
    ("responses", "reason"),
    [
        ({"204": {}}, "answers nothing"),
        ({"200": {"content": {"application/json": {}}}}, "answers nothing"),
        ({"204": {}, "default": STRING}, "answers nothing"),
        ({"404": STRING}, "describes no success"),
        (media("image/png"), "answers image/png, which is no data"),
        (media("application/x-ndjson"), "answers application/x-ndjson, which is no data"),
        (media("text/event-stream"), "answers text/event-stream, which is no data"),
    ],
)
def test_an_operation_without_data_has_no_field_and_is_reported(responses: dict[str, Any], reason: str) -> None:
    document = answers(responses)
    document["paths"]["/other"] = {"get": {"operationId": "other", "responses": {"200": STRING}}}
    graph = a_subgraph(document)
    assert sdl(graph, "Query") == "type Query {\n  other: String\n}"
    assert diagnostic(graph, "OPERATION_OMITTED").message == f"GET /it {reason}; it has no field."


def test_the_configuration_exposes_empty_and_binary_answers() -> None:
    assert root({"204": {}}, options={"empty": "boolean"}) == "Boolean"
    assert root(media("image/png"), options={"binary": "base64"}) == "Base64"


def test_where_nothing_answers_data_the_empty_operations_can_still_be_asked() -> None:
    assert root({"204": {}}) == "Boolean"


@pytest.mark.parametrize(
    ("response", "produces", "type_"),
    [
        ({"schema": {"type": "integer"}}, None, "Int"),
        ({"schema": {"type": "integer"}}, ["application/xml", "application/json"], "Int"),
        ({"schema": {"type": "integer"}}, ["text/plain"], "String"),
    ],
)
def test_2_0_says_its_media_types_apart(response: dict[str, Any], produces: list[str] | None, type_: str) -> None:
    document = answers({"200": response}, "2.0") | ({"produces": produces} if produces else {})
    assert field_type(a_subgraph(document), "Query.it") == type_


def test_a_file_of_2_0_is_no_data() -> None:
    document = answers({"200": {"schema": {"type": "file"}}}, "2.0")
    document["paths"]["/other"] = {"get": {"operationId": "other", "responses": {"200": {"schema": {"type": "string"}}}}}
    assert "OPERATION_OMITTED" in codes(a_subgraph(document))


def test_only_reads_become_fields() -> None:
    document = answers({"200": STRING})
    for method in ("post", "put", "delete", "patch", "head", "query"):
        document["paths"]["/it"][method] = {"operationId": method, "responses": {"200": STRING}}
    graph = a_subgraph(document)
    assert sdl(graph, "Query") == "type Query {\n  it: String\n}"
    assert set(graph.refused) == {"post", "put", "delete", "patch"}


def test_a_post_that_the_configuration_calls_a_query_is_read() -> None:
    document = answers({"200": STRING})
    document["paths"]["/search"] = {"post": {"operationId": "search", "responses": {"200": STRING}}}
    graph = a_subgraph(document, options={"operations": {"POST /search": {"as": "query"}}})
    (chunk,) = chunks(graph, "{ search }")
    assert (chunk.call.method, chunk.call.operation) == ("POST", "POST /search")
    assert graph.refused == {}


def test_a_path_item_and_a_response_may_be_references() -> None:
    document = {
        "openapi": "3.1.0",
        "paths": {"/it": {"$ref": "#/components/pathItems/It"}},
        "components": {
            "pathItems": {"It": {"get": {"operationId": "it", "responses": {"200": {"$ref": "#/components/responses/Ok"}}}}},
            "responses": {"Ok": {"content": {"application/json": {"schema": {"properties": {"a": {"type": "string"}}}}}}},
        },
    }
    graph = a_subgraph(document)
    assert field_type(graph, "Query.it") == "Ok_response"
    assert url(graph, "{ it { a } }") == "/it"


def test_an_operation_may_be_a_reference_to_a_file(tmp_path: Path) -> None:
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "list.yml").write_text(
        "operationId: list\nparameters: [{$ref: 'shared.yml#/limit'}]\n"
        "responses: {200: {content: {application/json: {schema: {type: array, items: {type: string}}}}}}"
    )
    (tmp_path / "ops" / "shared.yml").write_text("limit: {name: limit, in: query, schema: {type: integer}}")
    (tmp_path / "ops" / "write.yml").write_text("operationId: addOne")
    item = {"get": {"$ref": "ops/list.yml"}, "post": {"$ref": "ops/write.yml"}}
    graph = a_subgraph({"openapi": "3.0.0", "paths": {"/a": item}}, base=tmp_path)
    assert sdl(graph, "Query") == "type Query {\n  list(limit: Int): [String!]\n}"
    assert list(graph.refused) == ["addOne"]


def test_a_field_says_what_its_operation_says() -> None:
    operation = {
        "summary": "Short.",
        "description": "Long.",
        "deprecated": True,
        "externalDocs": {"url": "https://d.example.com"},
    }
    graph = a_subgraph(answers({"200": STRING}, **operation))
    (field,) = graph.types["Query"].fields  # type: ignore[attr-defined]
    assert field.description.value == "Short.\n\nLong.\n\nSee https://d.example.com"
    assert [directive.name.value for directive in field.directives] == ["deprecated"]
    assert graph.origins["Query.it"] == '@rest(path: "/it", operationId: "it")'


def tagged() -> dict[str, Any]:
    document: dict[str, Any] = {"openapi": "3.0.0", "paths": {}}
    for name, tag in (("a", "x"), ("b", "y"), ("c", "y")):
        document["paths"][f"/{tag}/{name}"] = {"get": {"operationId": name, "tags": [tag], "responses": {"200": STRING}}}
    return document


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({"include": {"tags": ["y"]}}, "bc"),
        ({"exclude": {"tags": ["y"]}}, "a"),
        ({"include": {"paths": ["/y/*"]}, "exclude": {"operations": ["c"]}}, "b"),
        ({"operations": {"GET /y/b": {"exclude": True}}}, "ac"),
    ],
)
def test_the_configuration_chooses_operations(options: dict[str, Any], left: str) -> None:
    graph = a_subgraph(tagged(), options=options)
    assert [field.name.value for field in graph.types["Query"].fields] == list(left)  # type: ignore[attr-defined]
