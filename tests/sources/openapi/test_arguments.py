"""Parameters become arguments: which, under what name, of what type (rules A1-A3, A5, A7, N9, U5)."""

from __future__ import annotations

import pytest

from gateway.upstream.call import HeaderRules
from tests.sources.openapi.world import a_subgraph, answering, arguments, asking, codes, field_type, sdl


def args(parameters: str, path: str = "/it", version: str = "3.1.0") -> dict[str, str]:
    return arguments(a_subgraph(asking(parameters, path, version)))


@pytest.mark.parametrize(
    ("schema", "type_"),
    [
        ("{type: string}", "String"),
        ("{type: integer, format: int64}", "Int64"),
        ("{type: array, items: {type: integer}}", "[Int!]"),
        ("{type: array, items: {type: integer, nullable: true}}", "[Int]"),
        ("{type: array}", "[JSON]"),
        ("{type: object}", "JSON"),
        ("{type: object, properties: {a: {type: string}}}", "it_p"),
        ("{oneOf: [{type: string}, {type: integer}]}", "JSON"),
        ("{oneOf: [{type: string}, {type: string, enum: [a]}]}", "String"),
        ("{type: string, enum: [a]}", "it_p"),
        ("{type: integer, default: 20}", "Int = 20"),
        ("{type: string, default: x}", 'String = "x"'),
        ("{type: string, enum: ['+name', '-name'], default: '+name'}", "it_p = _name"),
        ("{type: array, items: {type: string}, default: [a, b]}", '[String!] = ["a", "b"]'),
        ("{type: integer, default: twenty}", "Int"),
        ("{type: object, properties: {a: {type: string}}, default: {a: x}}", "it_p"),
    ],
)
def test_a_parameter_is_typed_in_the_direction_of_what_is_sent(schema: str, type_: str) -> None:
    assert args(f"[{{name: p, in: query, schema: {schema}}}]") == {"p": type_}


def test_an_argument_is_required_where_the_parameter_is_and_has_no_default() -> None:
    parameters = """
    - {name: a, in: query, required: true, schema: {type: string}}
    - {name: b, in: query, required: true, schema: {type: string, default: x}}
    - {name: c, in: query, schema: {type: string}}
    """
    assert args(parameters) == {"a": "String!", "b": 'String = "x"', "c": "String"}


def test_a_default_that_the_schema_cannot_say_is_said_in_words() -> None:
    graph = a_subgraph(asking("[{name: p, in: query, schema: {type: integer, default: twenty}}]"))
    assert "Default: `twenty`." in sdl(graph, "Query")


def test_2_0_parameters_carry_their_own_schema() -> None:
    parameters = """
    - {name: ids, in: query, type: array, items: {type: integer}, collectionFormat: multi}
    - {name: sort, in: query, type: string, enum: [asc, desc], default: asc}
    - {name: body, in: body, schema: {type: object}}
    - {name: file, in: formData, type: file}
    """
    assert args(parameters, version="2.0") == {"ids": "[Int!]", "sort": "it_sort = asc"}


def test_brackets_are_dropped_from_a_name_where_the_rest_is_free() -> None:
    string = "schema: {type: array, items: {type: string}}"
    assert list(args(f"[{{name: 'ids[]', in: query, {string}}}]")) == ["ids"]
    assert list(args(f"[{{name: 'ids[]', in: query, {string}}}, {{name: ids, in: query, {string}}}]")) == ["ids__", "ids"]


def test_a_name_in_several_places_stays_plain_in_the_first_of_them() -> None:
    parameters = """
    - {name: id, in: header, schema: {type: string}}
    - {name: id, in: cookie, schema: {type: string}}
    - {name: id, in: query, schema: {type: string}}
    """
    graph = a_subgraph(asking(parameters))
    assert list(arguments(graph)) == ["id_header", "id_cookie", "id"]
    assert graph.origins["Query.it(id_header:)"] == '@name(was: "id") @param(in: "header", style: "simple", explode: false)'


def test_headers_that_have_a_meaning_of_their_own_are_no_arguments() -> None:
    names = ("Accept", "Content-Type", "Authorization", "X-Tenant")
    assert list(args(str([{"name": name, "in": "header", "schema": {"type": "string"}} for name in names]))) == ["X_Tenant"]


def test_headers_that_the_configuration_fills_in_are_no_arguments() -> None:
    document = asking(
        "[{name: X-Tenant, in: header, schema: {type: string}}, {name: X-User, in: header, schema: {type: string}}]"
    )
    rules = HeaderRules(lambda _: (("x-tenant", "t"),), frozenset({"x-user"}))
    assert arguments(a_subgraph(document, rules)) == {}


def test_parameters_that_carry_a_security_scheme_are_no_arguments() -> None:
    schemes = {"securitySchemes": {"key": {"type": "apiKey", "in": "query", "name": "api_key"}}}
    parameters = "[{name: api_key, in: query, schema: {type: string}}, {name: q, in: query, schema: {type: string}}]"
    assert list(arguments(a_subgraph(asking(parameters, components=schemes)))) == ["q"]


def test_a_path_parameter_that_nobody_describes_is_a_text() -> None:
    graph = a_subgraph(asking("[]", "/it/{x}"))
    assert arguments(graph) == {"x": "String!"}
    assert "PATH_PARAMETER_MISSING" in codes(graph)


def test_parameters_of_the_path_item_stand_under_those_of_the_operation() -> None:
    document = asking("[{name: q, in: query, schema: {type: integer}}]", "/it/{id}")
    document["paths"]["/it/{id}"]["parameters"] = [
        {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}},
        {"name": "q", "in": "query", "schema": {"type": "string"}},
    ]
    assert arguments(a_subgraph(document)) == {"id": "Int!", "q": "Int"}


def test_an_object_is_an_input_type_that_writes_the_original_names() -> None:
    schema = "{type: object, required: [a-b], properties: {a-b: {type: string}, c: {type: string, readOnly: true}}}"
    graph = a_subgraph(asking(f"[{{name: filter, in: query, style: deepObject, schema: {schema}}}]"))
    assert sdl(graph, "it_filter") == "input it_filter {\n  a_b: String!\n}"


def test_a_type_of_answers_that_is_also_asked_with_gets_another_name_for_it() -> None:
    document = answering("It: {type: object, properties: {a: {type: string}}}")
    schema = {"$ref": "#/components/schemas/It"}
    document["paths"]["/it"]["get"]["parameters"] = [{"name": "like", "in": "query", "schema": schema}]
    graph = a_subgraph(document)
    assert arguments(graph) == {"like": "It_Input"}
    assert field_type(graph, "Query.it") == "It"


def test_an_enum_is_one_type_for_both_directions() -> None:
    document = answering("It: {type: string, enum: [a, b]}")
    schema = {"$ref": "#/components/schemas/It"}
    document["paths"]["/it"]["get"]["parameters"] = [{"name": "not", "in": "query", "schema": schema}]
    assert arguments(a_subgraph(document)) == {"not": "It"}


def test_an_input_type_never_requires_itself() -> None:
    schemas = {
        "A": {"type": "object", "required": ["b"], "properties": {"b": {"$ref": "#/components/schemas/B"}}},
        "B": {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/components/schemas/A"}}},
    }
    document = asking("[{name: p, in: query, schema: {$ref: '#/components/schemas/A'}}]", components={"schemas": schemas})
    assert sdl(a_subgraph(document), "A", "B") == "input A {\n  b: B!\n}\ninput B {\n  a: A\n}"


def test_a_required_argument_cannot_be_deprecated_and_says_so_in_words() -> None:
    parameters = "[{name: a, in: query, required: true, deprecated: true, schema: {type: string}}]"
    assert '"Deprecated."' in sdl(a_subgraph(asking(parameters)), "Query")
    optional = "[{name: a, in: query, deprecated: true, schema: {type: string}}]"
    assert "a: String @deprecated" in sdl(a_subgraph(asking(optional)), "Query")
