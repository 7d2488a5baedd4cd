"""A source walks in: its document over HTTP, `expose`, lookups, owner, and every problem at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.config.model import Schema
from gateway.config.problem import ConfigError
from gateway.errors import Owner
from gateway.sources.openapi import Options, load
from tests.sources.openapi.world import OWNER, a_source, a_subgraph, answering, asking, codes, plain_sends, problems_of, sdl

TWO = """
It: {type: object, properties: {a: {type: string}, deep: {$ref: Deep}}}
Deep: {type: object, properties: {b: {type: string}}}
Other: {type: object, required: [id], properties: {id: {type: integer}}}
"""


def two() -> dict[str, Any]:
    document = answering(TWO)
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Other"}}}
    parameters = [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}]
    answer = {"200": {"description": "ok", "content": content}}
    document["paths"]["/others/{id}"] = {"get": {"operationId": "getOther", "parameters": parameters, "responses": answer}}
    rows = {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Other"}}}}
    ids = [{"name": "ids", "in": "query", "schema": {"type": "array", "items": {"type": "integer"}}}]
    document["paths"]["/others"] = {"get": {"operationId": "others", "parameters": ids, "responses": {"200": {"content": rows}}}}
    document["paths"]["/empty"] = {"get": {"operationId": "empty", "responses": {"204": {}}}}
    return document


def test_only_what_is_exposed_is_built() -> None:
    graph = a_subgraph(two(), expose=("getOther",))
    assert set(graph.types) == {"Query", "Other"}
    assert sdl(graph, "Query") == "type Query {\n  getOther(id: Int!): Other\n}"


def test_exposing_what_is_not_there_is_told_with_what_may_be_meant() -> None:
    unknown, unusable = problems_of(two(), expose=("getOthr", "it", "empty"))
    assert (unknown.code, unknown.path, unknown.fix) == (
        "EXPOSE_UNKNOWN",
        ("sources", "stock", "expose", 0),
        "did you mean getOther?",
    )
    assert (unusable.code, unusable.message) == ("EXPOSE_UNUSABLE", "empty cannot be exposed: it answers nothing")


LOOKUP = {"type": "Other", "key": "id", "via": "getOther", "arg": "id"}
BATCH = {"via": "others", "arg": "ids", "key": "id"}


def test_a_lookup_may_use_what_clients_do_not_see() -> None:
    graph = a_subgraph(two(), expose=("it",), lookups=[LOOKUP | {"batch": BATCH}])
    assert sdl(graph, "Query") == "type Query {\n  it: It\n}"
    assert set(graph.unexposed) == {"getOther", "others"}
    assert "Other" in graph.types
    (lookup,) = graph.lookups
    assert lookup.batch is not None
    assert (lookup.via, lookup.batch.via, lookup.batch.max) == ("getOther", "others", 100)


def test_every_fault_of_every_lookup_is_told() -> None:
    wrong = [LOOKUP | {"key": "idd"}, LOOKUP | {"via": "getOthr"}, LOOKUP | {"batch": BATCH | {"arg": "id"}}]
    found = problems_of(two(), lookups=wrong)
    assert [(problem.path[2:], problem.fix) for problem in found] == [
        (("lookups", 0, "key"), "did you mean id?"),
        (("lookups", 1, "via"), "did you mean getOther?"),
        (("lookups", 2, "batch", "arg"), "did you mean ids?"),
    ]


def test_options_that_name_what_is_not_there_are_told() -> None:
    schemes = {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X"}}}
    found = problems_of(
        asking("[]", components=schemes),
        options={"operations": {"GET /itt": {"exclude": True}}, "credentials": {"kee": {"value": "x"}}},
    )
    assert [(problem.code, problem.fix) for problem in found] == [
        ("OPTION_UNKNOWN", "did you mean GET /it?"),
        ("OPTION_UNKNOWN", "did you mean key?"),
    ]


def test_a_service_without_an_address_is_told() -> None:
    (problem,) = problems_of(asking("[]"), url=None)
    assert problem.code == "SOURCE_URL_MISSING"


def test_strict_refuses_every_deviation() -> None:
    document = answering("It: {type: object, properties: {a-b: {type: string}, c: {$ref: '#/nowhere'}}}")
    assert {problem.code for problem in problems_of(document, options={"strict": True})} == {"NAME_ESCAPED", "REF_UNRESOLVED"}
    assert set(codes(a_subgraph(document))) == {"NAME_ESCAPED", "REF_UNRESOLVED"}


def test_a_prefix_renames_the_types_and_is_undone() -> None:
    graph = a_subgraph(two(), prefix={"types": "Stock_"})
    assert "Stock_Other" in graph.types
    assert graph.origins["Stock_Other"].count("@name") == 1


# ---------------------------------------------------------------- owner


def test_the_document_fills_what_the_configuration_leaves_open() -> None:
    info = {"contact": {"name": "Docs team", "email": "docs@example.com", "url": "https://docs.example.com"}}
    document = asking("[]", info=info, externalDocs={"url": "https://manual.example.com"})
    owner = a_subgraph(document, owner=Owner("Stock", contact={"email": "stock@example.com"})).owner
    assert owner == Owner(
        "Stock",
        contact={"email": "stock@example.com", "url": "https://docs.example.com"},
        docs="https://manual.example.com",
        origin="openapi",
    )


def test_an_owner_that_is_complete_stays_the_configurations() -> None:
    assert a_subgraph(asking("[]", info={"contact": {"email": "docs@example.com"}})).owner == OWNER


# ---------------------------------------------------------------- over HTTP


async def test_a_document_is_read_over_http(service: str) -> None:
    (graph,) = await load(
        a_source(schema_=Schema.model_construct(from_=f"{service}/openapi.yaml", snapshot=None, headers={}), url=None),
        plain_sends(),
    )
    assert graph.url == f"{service}/v1"
    assert "User" in graph.types


async def test_documents_elsewhere_are_read_under_the_allowed_prefixes_only(service: str) -> None:
    def remote(*prefixes: str) -> Any:
        schema = Schema.model_construct(from_=f"{service}/remote.json", snapshot=None, headers={})
        return a_source(schema_=schema, options={"allow_remote_refs": list(prefixes)})

    (allowed,) = await load(remote(f"{service}/shared/"), plain_sends())
    assert sdl(allowed, "Remote") == "type Remote {\n  a: String\n}"
    (refused,) = await load(remote(f"{service}/else/"), plain_sends())
    assert "REF_REMOTE" in codes(refused)


async def test_a_file_beside_the_document_may_lead_to_another_host_too(service: str, tmp_path: Path) -> None:
    media = {"application/json": {"schema": {"$ref": "beside.yaml#/It"}}}
    operation = {"operationId": "it", "responses": {"200": {"content": media}}}
    (tmp_path / "it.json").write_text(json.dumps({"openapi": "3.1.0", "paths": {"/it": {"get": operation}}}))
    (tmp_path / "beside.yaml").write_text(
        f"It: {{type: object, properties: {{far: {{$ref: '{service}/shared/common.json#/Remote'}}}}}}\nself: {{$ref: 'it.json#'}}"
    )
    schema = Schema.model_construct(from_=str(tmp_path / "it.json"), snapshot=None, headers={})
    (graph,) = await load(a_source(schema_=schema, options={"allow_remote_refs": [service]}), plain_sends())
    assert sdl(graph, "Remote") == "type Remote {\n  a: String\n}"
    assert "REF_REMOTE" not in codes(graph)


async def test_what_is_no_document_is_a_problem_of_the_source(service: str) -> None:
    source = a_source(schema_=Schema.model_construct(from_=f"{service}/list.json", snapshot=None, headers={}))
    with pytest.raises(ConfigError) as raised:
        await load(source, plain_sends())
    (problem,) = raised.value.problems
    assert (problem.code, problem.sources) == ("SCHEMA_INVALID", ("stock",))


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ValueError, match="nulability"):
        Options.model_validate({"nulability": "source"})
