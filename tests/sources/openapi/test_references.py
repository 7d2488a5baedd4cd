"""`$ref` leads anywhere in the document and to files beside it, and nowhere else (rules L1-L6)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.sources.openapi.fidelity import Fidelity
from gateway.sources.openapi.reading import Unusable, read, version_of
from tests.sources.openapi.world import a_subgraph, answering, codes, diagnostic, field_type, problems_of, sdl


def referring(reference: str, version: str = "3.1.0") -> dict[str, Any]:
    return answering(f"It: {{type: object, properties: {{a: {{$ref: '{reference}'}}}}}}", version=version)


def test_a_reference_may_lead_to_any_place() -> None:
    document = referring("#/paths/~1it/get/x-schemas/a~0b%20c")
    document["paths"]["/it"]["get"]["x-schemas"] = {"a~b c": {"type": "string", "format": "date"}}
    assert field_type(a_subgraph(document), "It.a") == "Date"


def test_a_reference_to_a_property_is_the_type_of_that_property() -> None:
    schemas = """
    It: {type: object, properties: {a: {$ref: '#/components/schemas/User/properties/home'}}}
    User: {type: object, properties: {home: {type: object, properties: {zip: {type: string}}}}}
    """
    assert field_type(a_subgraph(answering(schemas)), "It.a") == "User_home"


@pytest.mark.parametrize(
    "reference", ["#/components/schemas/Missing", "#/nowhere", "#/components/schemas/It/type/x", "#Missing", "#/a%"]
)
def test_a_reference_to_nowhere_is_any_json_and_reported_with_its_place(reference: str) -> None:
    graph = a_subgraph(referring(reference))
    assert field_type(graph, "It.a") == "JSON"
    assert diagnostic(graph, "REF_UNRESOLVED").pointer == "#/components/schemas/It/properties/a"


def test_anchors_are_places_too() -> None:
    schemas = """
    It: {type: object, properties: {a: {$ref: '#home'}, b: {$dynamicRef: '#home'}}}
    Home: {$anchor: home, type: string, format: date}
    """
    graph = a_subgraph(answering(schemas))
    assert [field_type(graph, "It.a"), field_type(graph, "It.b")] == ["Date", "Date"]


def test_a_property_that_is_called_ref_is_a_property() -> None:
    graph = a_subgraph(answering("It: {type: object, properties: {$ref: {type: string}}}"))
    assert graph.wire.names == {("It", "_ref"): "$ref"}


def test_what_stands_beside_a_reference_counts_from_3_1_on() -> None:
    schemas = """
    It: {type: object, properties: {a: {$ref: Base, properties: {c: {type: string}}}}}
    Base: {type: object, properties: {b: {type: string}}}
    """
    assert sdl(a_subgraph(answering(schemas)), "It_a") == "type It_a {\n  b: String\n  c: String\n}"
    assert field_type(a_subgraph(answering(schemas, version="3.0.3")), "It.a") == "Base"


# ---------------------------------------------------------------- other files


def test_files_beside_the_document_are_read(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "user.yaml").write_text("type: object\nproperties: {home: {$ref: 'common.json#/definitions/Home'}}")
    (tmp_path / "sub" / "common.json").write_text(
        '{"definitions": {"Home": {"type": "object", "properties": {"zip": {"type": "string"}}}}}'
    )
    graph = a_subgraph(referring("sub/user.yaml"), base=tmp_path)
    assert field_type(graph, "It.a") == "user"
    assert field_type(graph, "user.home") == "Home"


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("../secret.yaml", "it is outside the folder of the document"),
        ("/etc/passwd", "it is outside the folder of the document"),
        ("sub/../../secret.yaml", "it is outside the folder of the document"),
        ("link.yaml", "it is outside the folder of the document"),
        ("%2e%2e/secret.yaml", "it is outside the folder of the document"),
        ("missing.yaml", "No such file or directory"),
        ("empty.yaml", "empty.yaml is empty"),
    ],
)
def test_other_files_are_not(tmp_path: Path, reference: str, reason: str) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (tmp_path / "secret.yaml").write_text("type: object\nproperties: {key: {type: string}}")
    (folder / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (folder / "empty.yaml").write_text("")
    graph = a_subgraph(referring(reference), base=folder)
    assert field_type(graph, "It.a") == "JSON"
    assert reason in diagnostic(graph, "REF_FILE").message


def test_a_document_that_came_over_the_network_has_no_files_beside_it() -> None:
    assert "REF_FILE" in codes(a_subgraph(referring("user.yaml"), base=None))


def test_documents_elsewhere_are_not_read_unless_allowed() -> None:
    graph = a_subgraph(referring("https://token@elsewhere.example.com/user.yaml?key=1#/User"))
    assert diagnostic(graph, "REF_REMOTE").message == (
        "The reference to https://elsewhere.example.com/user.yaml is not followed: `options.allow_remote_refs` does not allow it."
    )


# ---------------------------------------------------------------- reading


def test_yaml_keys_are_texts_and_dates_stay_texts() -> None:
    value = read(b"openapi: 3.0.0\npaths: {/a: {get: {responses: {200: {description: 2026-01-01}}}}}\non: yes", "d", Fidelity())
    assert value["paths"]["/a"]["get"]["responses"] == {"200": {"description": "2026-01-01"}}
    assert value["on"] == "yes"


@pytest.mark.parametrize("text", [b'{"a": 1, "a": 2}', b"a: 1\na: 2"])
def test_of_a_key_that_stands_twice_the_last_counts(text: bytes) -> None:
    fidelity = Fidelity()
    assert read(text, "d", fidelity) == {"a": 2}
    assert [each.code for each in fidelity.diagnostics] == ["DUPLICATE_KEY"]


@pytest.mark.parametrize(
    "text",
    [b"", b"  \n", b"[", b"{", b"a: [", b"\xff\xfe\x00", b"a: !!python/object:os.system {}", b"[" * 100_000, b'{"a":' * 100_000],
)
def test_what_cannot_be_read_is_a_problem_that_says_so(text: bytes) -> None:
    (problem,) = problems_of(text)
    assert problem.code == "SCHEMA_INVALID"
    assert "stock.yaml" in problem.message
    assert problem.owners == ("Stock & Supply (stock@example.com)",)


def test_a_yaml_bomb_is_refused_in_bounded_time() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12))]
    with pytest.raises(Unusable):
        read("\n".join(lines).encode(), "bomb", Fidelity())


@pytest.mark.parametrize("value", ["x", 5, None, [], {"openapi": "3.0.0"}, {"openapi": "3.0.0", "paths": []}])
def test_what_has_no_paths_is_no_document(value: Any) -> None:
    with pytest.raises(Unusable):
        version_of(value, "d", Fidelity())


@pytest.mark.parametrize(
    ("said", "swagger", "siblings"),
    [
        ({"swagger": "2.0"}, True, False),
        ({"openapi": "3.0.3"}, False, False),
        ({"openapi": "3.1.1"}, False, True),
        ({"openapi": "3.2.0"}, False, True),
        ({"openapi": 3.1}, False, True),
        ({}, False, False),
    ],
)
def test_the_version_says_how_to_read(said: dict[str, Any], swagger: bool, siblings: bool) -> None:
    version = version_of({**said, "paths": {}}, "d", Fidelity())
    assert (version.swagger, version.references_have_siblings) == (swagger, siblings)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"openapi": 9.9}, "`openapi: 9.9` is no version that is known; it is read as 3.2."),
        ({"openapi": "3.10.1"}, "`openapi: 3.10.1` is no version that is known; it is read as 3.2."),
        ({"swagger": "1.2"}, "`swagger: 1.2` is no version that is known; it is read as 2.0."),
        ({}, "The document does not say its version; it is read as 3.0."),
    ],
)
def test_a_version_that_is_not_known_is_told(said: dict[str, Any], told: str) -> None:
    document = {**answering("It: {type: object, properties: {a: {type: string}}}"), **said}
    if "openapi" not in said:
        del document["openapi"]
    graph = a_subgraph(document)
    assert ("VERSION_UNKNOWN", told) in {(each.code, each.message) for each in graph.diagnostics}


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        ({}, "describes no GET"),
        ({"/a": {"post": {"responses": {"200": {}}}}}, "describes no GET"),
        ({"/a": {"get": {"responses": {"200": {"content": {"image/png": {}}}}}}}, "none is left that answers data"),
    ],
)
def test_a_document_that_gives_no_field_says_so(paths: dict[str, Any], told: str) -> None:
    graph = a_subgraph({"openapi": "3.0.0", "paths": paths})
    [said] = [each for each in graph.diagnostics if each.code == "NO_FIELDS"]
    assert told in said.message


def test_of_a_key_that_stands_twice_in_json_the_place_is_told() -> None:
    fidelity = Fidelity()
    assert read(b'{"paths": {"/a": {"get": 1, "get": 2}}}', "d", fidelity) == {"paths": {"/a": {"get": 2}}}
    [said] = fidelity.diagnostics
    assert (said.code, said.pointer) == ("DUPLICATE_KEY", "#/paths/~1a/get")


def test_json_of_a_thousand_levels_is_read_and_of_far_more_refused_with_its_place() -> None:
    schema = '{"items": ' * 900 + "{}" + "}" * 900
    media = '{"content": {"application/json": {"schema": %s}}}'
    body = '{"openapi": "3.0.0", "paths": {"/a": {"get": {"responses": {"200": ' + media + "}}}}}"
    assert "NESTED_TOO_DEEP" in codes(a_subgraph((body % schema).encode()))
    with pytest.raises(Unusable, match=r"d:1:\d+ YAML_TOO_DEEP"):
        read(b"[" * 100_000 + b"]" * 100_000, "d", Fidelity())


def test_a_thousand_levels_are_read_and_told() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(200):
        schema = {"type": "object", "properties": {"a": schema}}
    document = answering("It: {type: object}")
    document["components"]["schemas"]["It"] = schema
    assert "NESTED_TOO_DEEP" in codes(a_subgraph(document))
    yaml = "openapi: 3.0.0\npaths: {/a: {get: {operationId: a, responses: {200: {content: {application/json: {schema: "
    deep = (yaml + "{items: " * 1000 + "{}" + "}" * 1000 + "}}}}}}}").encode()
    assert "NESTED_TOO_DEEP" in codes(a_subgraph(deep))
