"""Schemas become types: scalars, enums, lists, maps, objects, and what may be null (rules T1-T13, U1-U5)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sources.openapi.world import a_subgraph, answering, asking, codes, diagnostic, field_type, sdl


def typed(schema: str, version: str = "3.1.0", **keys: Any) -> str:
    """The type of an optional property with this schema."""
    return field_type(
        a_subgraph(answering(f"It: {{type: object, properties: {{a: {schema}}}}}", version=version), **keys), "It.a"
    )


@pytest.mark.parametrize(
    ("schema", "type_"),
    [
        ("{type: string}", "String"),
        ("{type: string, format: date}", "Date"),
        ("{type: string, format: date-time}", "DateTime"),
        ("{type: string, format: uuid}", "UUID"),
        ("{type: string, format: uri}", "URI"),
        ("{type: string, format: decimal}", "String"),
        ("{type: string, format: int64}", "String"),
        ("{type: integer}", "Int"),
        ("{type: integer, format: int32}", "Int"),
        ("{type: integer, format: int64}", "Int64"),
        ("{type: integer, format: uint64}", "Int64"),
        ("{type: integer, maximum: 9007199254740991}", "Int64"),
        ("{type: integer, format: date-time}", "Int"),
        ("{type: number}", "Float"),
        ("{type: number, format: double}", "Float"),
        ("{type: boolean}", "Boolean"),
        ("{type: object}", "JSON"),
        ("{}", "JSON"),
        ("{type: 'null'}", "JSON"),
        ("{type: object, additionalProperties: false}", "JSON"),
        ("{type: object, properties: {b: {type: string, writeOnly: true}}}", "JSON"),
        ("{type: array}", "[JSON]"),
        ("{type: array, items: {type: string}}", "[String!]"),
        ("{type: array, items: {type: [string, 'null']}}", "[String]"),
        ("{type: array, items: {type: array, items: {type: number}}}", "[[Float!]!]"),
        ("{type: array, prefixItems: [{type: string}, {type: string}]}", "[String]"),
        ("{type: array, prefixItems: [{type: string}, {type: number}]}", "[JSON]"),
        ("{type: [string, 'null']}", "String"),
        ("{type: [string, integer]}", "JSON"),
        ("{type: [integer, number]}", "Float"),
        ("{type: integer, enum: [1, 2]}", "Int"),
        ("{enum: [auto, 1]}", "JSON"),
        ("{const: fixed}", "It_a"),
    ],
)
def test_a_schema_becomes(schema: str, type_: str) -> None:
    assert typed(schema) == type_


@pytest.mark.parametrize(
    ("schema", "type_", "options"),
    [
        ("{type: string, format: date}", "String", {"scalars": "plain"}),
        ("{type: integer}", "Int64", {"integer": "Int64"}),
        ("{type: integer, format: int32}", "Int", {"integer": "Int64"}),
        ("{type: integer}", "Int64", {"int64_fields": ["It.a"]}),
        ("{type: string, enum: [x]}", "String", {"unknown_enum": "string"}),
    ],
)
def test_the_configuration_changes(schema: str, type_: str, options: dict[str, Any]) -> None:
    assert typed(schema, options=options) == type_


def test_scalars_are_checked_as_what_they_are_on_the_wire() -> None:
    schemas = "It: {type: object, properties: {a: {type: string, format: date}, b: {type: integer, format: int64}, c: {}}}"
    assert a_subgraph(answering(schemas)).wire.scalars == {"Date": "String", "Int64": "Int64"}
    assert a_subgraph(answering(schemas), options={"int64": "string"}).wire.scalars["Int64"] == "ID"


def test_integers_that_are_an_enumeration_keep_their_type_and_say_their_values() -> None:
    graph = a_subgraph(answering("It: {type: object, properties: {a: {type: integer, enum: [1, 2], description: Level.}}}"))
    assert graph.types["It"].fields[0].description.value == "Level.\n\nAllowed: 1, 2."  # type: ignore[attr-defined]


def test_enum_values_are_unchanged_where_graphql_allows_and_else_escaped_with_their_json() -> None:
    values = "[asc, in-progress, 2fa, '', 'true', GET, get]"
    graph = a_subgraph(answering(f"It: {{type: object, properties: {{a: {{type: string, enum: {values}}}}}}}"))
    assert [each.name.value for each in graph.types["It_a"].values] == [  # type: ignore[attr-defined]
        "asc",
        "in_progress",
        "_2fa",
        "_empty",
        "_true",
        "GET",
        "get",
    ]
    assert graph.wire.values["It_a"]["in-progress"] == "in_progress"
    assert graph.origins["It_a.in_progress"] == '@name(was: "in-progress") @value(json: "\\"in-progress\\"")'


def test_an_enum_without_escapes_is_spelled_as_on_the_wire() -> None:
    assert a_subgraph(answering("It: {type: object, properties: {a: {type: string, enum: [x, y]}}}")).wire.values == {}


def test_values_that_escape_to_one_name_are_all_kept() -> None:
    graph = a_subgraph(answering("It: {type: object, properties: {a: {type: string, enum: [a-b, a_b, 'a b']}}}"))
    assert graph.wire.values["It_a"] == {"a-b": "a_b_2", "a_b": "a_b", "a b": "a_b_3"}


# ---------------------------------------------------------------- maps


def test_a_map_is_json_under_the_name_of_its_values() -> None:
    schemas = """
    It:
      type: object
      properties:
        leaves: {type: object, additionalProperties: {$ref: Leaf}}
        lists: {type: object, additionalProperties: {type: array, items: {type: integer}}}
        nested: {type: object, additionalProperties: {type: object, additionalProperties: {type: number}}}
        any: {type: object, additionalProperties: true}
        pattern: {type: object, patternProperties: {'^x-': {type: string}}, additionalProperties: false}
        known: {type: object, properties: {a: {type: string}}, additionalProperties: {type: integer}}
    Leaf: {type: object, properties: {value: {type: string}}}
    """
    graph = a_subgraph(answering(schemas))
    assert field_type(graph, "It.leaves") == "Map_Leaf"
    assert field_type(graph, "It.lists") == "Map_Int_list"
    assert field_type(graph, "It.nested") == "Map_Map_Float"
    assert field_type(graph, "It.any") == "JSON"
    assert field_type(graph, "It.pattern") == "Map_String"
    assert field_type(graph, "It.known") == "It_known"
    assert "Leaf" not in graph.types


def test_a_configured_map_becomes_a_list_of_entries() -> None:
    schemas = """
    It: {type: object, required: [byId], properties: {byId: {type: object, additionalProperties: {$ref: Leaf}}}}
    Leaf: {type: object, properties: {value: {type: string}}}
    """
    pointer = "#/components/schemas/It/properties/byId"
    graph = a_subgraph(answering(schemas), options={"maps": {pointer: "entries"}})
    assert field_type(graph, "It.byId") == "[It_byId_entry!]!"
    assert field_type(graph, "It_byId_entry.key") == "String!"
    assert field_type(graph, "It_byId_entry.value") == "Leaf!"
    assert graph.wire.entries == {"It_byId_entry"}


# ---------------------------------------------------------------- null


@pytest.mark.parametrize(
    ("schema", "version", "type_"),
    [
        ("{type: string}", "3.1.0", "String!"),
        ("{type: [string, 'null']}", "3.1.0", "String"),
        ("{type: string, nullable: true}", "3.0.3", "String"),
        ("{type: string, x-nullable: true}", "2.0", "String"),
        ("{oneOf: [{type: string}, {type: 'null'}]}", "3.1.0", "String"),
        ("{anyOf: [{type: string}, {type: object, nullable: true}]}", "3.0.3", "String"),
        ("{type: string, enum: [x, null]}", "3.1.0", "It_a"),
        ("{const: null}", "3.1.0", "JSON"),
        ("{$ref: Maybe}", "3.0.3", "String"),
        ("{$ref: Sure, nullable: true}", "3.0.3", "String"),
        ("{allOf: [{$ref: Sure}], nullable: true}", "3.0.3", "String"),
        ("{allOf: [{$ref: Maybe}, {minLength: 1}]}", "3.0.3", "String"),
        ("{}", "3.1.0", "JSON!"),
    ],
)
def test_a_required_property_may_be_null_only_where_the_schema_says_so(schema: str, version: str, type_: str) -> None:
    shared = "Maybe: {type: string, nullable: true}\nSure: {type: string}"
    document = answering(f"It: {{type: object, required: [a], properties: {{a: {schema}}}}}\n{shared}", version=version)
    assert field_type(a_subgraph(document), "It.a") == type_


def test_an_optional_property_that_is_not_nullable_may_still_be_absent() -> None:
    assert typed("{type: string, nullable: false}", "3.0.3") == "String"


def test_a_required_property_that_is_not_declared_is_not_invented() -> None:
    graph = a_subgraph(answering("It: {type: object, required: [a, b], properties: {a: {type: string}}}"))
    assert sdl(graph, "It") == "type It {\n  a: String!\n}"


def test_what_is_only_written_is_not_read() -> None:
    graph = a_subgraph(
        answering("It: {type: object, required: [b], properties: {a: {type: string}, b: {type: string, writeOnly: true}}}")
    )
    assert sdl(graph, "It") == "type It {\n  a: String\n}"


def test_the_configuration_loosens_one_field_or_all() -> None:
    document = answering("It: {type: object, required: [a, b], properties: {a: {type: string}, b: {type: string}}}")
    assert sdl(a_subgraph(document, options={"nullable": ["It.a"]}), "It") == "type It {\n  a: String\n  b: String!\n}"
    assert sdl(a_subgraph(document, options={"nullability": "lenient"}), "It") == "type It {\n  a: String\n  b: String\n}"


def test_a_root_field_may_always_be_null() -> None:
    assert field_type(a_subgraph(answering("It: {type: array, items: {type: string}}")), "Query.it") == "[String!]"


# ---------------------------------------------------------------- words


def test_descriptions_and_deprecations_are_the_documents() -> None:
    schemas = """
    It:
      type: object
      description: The thing.
      properties:
        a: {type: string, description: Its name., deprecated: true}
        b: {$ref: Code}
        c: {$ref: Code, description: Its own words.}
    Code: {type: string, description: A code.}
    """
    assert sdl(a_subgraph(answering(schemas)), "It") == (
        '"The thing."\ntype It {\n  "Its name."\n  a: String @deprecated\n  "A code."\n  b: String\n'
        '  "Its own words."\n  c: String\n}'
    )


def test_lone_surrogates_do_not_keep_a_schema_from_being_printed() -> None:
    document = asking("[]")
    document["paths"]["/it"]["get"]["summary"] = "x\ud800"
    document["paths"]["/it"]["get"]["responses"]["200"]["content"]["application/json"]["schema"] = {
        "enum": ["\ud800"],
        "type": "string",
    }
    sdl(a_subgraph(document), origins=True).encode()


# ---------------------------------------------------------------- allOf


def test_all_of_is_merged_base_first_with_the_required_of_all() -> None:
    schemas = """
    It:
      allOf: [{$ref: Person}, {type: object, properties: {salary: {type: number}}}]
      required: [kind]
      properties: {last: {type: boolean}}
    Person: {type: object, required: [name], properties: {name: {type: string}, kind: {type: string}}}
    """
    assert (
        sdl(a_subgraph(answering(schemas)), "It")
        == "type It {\n  name: String!\n  kind: String!\n  salary: Float\n  last: Boolean\n}"
    )


def test_all_of_one_reference_is_that_type_with_the_words_beside_it() -> None:
    schemas = """
    It: {type: object, properties: {boss: {allOf: [{$ref: Person}], description: The boss., nullable: true}}}
    Person: {type: object, description: A person., properties: {name: {type: string}}}
    """
    graph = a_subgraph(answering(schemas, version="3.0.3"))
    assert sdl(graph, "It", "Person") == (
        'type It {\n  "The boss."\n  boss: Person\n}\n"A person."\ntype Person {\n  name: String\n}'
    )


def test_a_property_given_twice_takes_the_most_specific_schema() -> None:
    schemas = """
    It:
      allOf:
        - {type: object, properties: {kind: {type: string}, sub: {type: object, properties: {a: {type: string}}}, any: {}}}
        - properties: {kind: {type: string, enum: [x]}, sub: {type: object, properties: {b: {}}}, any: {type: integer}}
    """
    graph = a_subgraph(answering(schemas))
    assert field_type(graph, "It.kind") == "It_kind"
    assert field_type(graph, "It.any") == "Int"
    assert sdl(graph, "It_sub") == "type It_sub {\n  a: String\n  b: JSON\n}"


def test_parts_that_contradict_each_other_are_reported() -> None:
    schemas = "It: {allOf: [{type: object, properties: {a: {type: string}}}, {properties: {a: {type: integer}}}]}"
    graph = a_subgraph(answering(schemas))
    assert diagnostic(graph, "PROPERTY_CONFLICT").pointer == "#/components/schemas/It/properties/a"
    assert field_type(graph, "It.a") == "String"


def test_keywords_that_say_nothing_about_the_type_are_reported() -> None:
    graph = a_subgraph(answering("It: {type: object, properties: {a: {type: string}}, not: {required: [b]}}"))
    assert diagnostic(graph, "KEYWORD_IGNORED").pointer == "#/components/schemas/It"


def test_recursion_is_no_matter() -> None:
    schemas = "It: {properties: {parent: {$ref: It}, list: {type: array, items: {$ref: It}}}}"
    assert sdl(a_subgraph(answering(schemas)), "It") == "type It {\n  parent: It\n  list: [It!]\n}"


@pytest.mark.parametrize(
    "schemas",
    [
        "It: {$ref: It}",
        "It: {allOf: [{$ref: It}]}",
        "It: {anyOf: [{$ref: It}, {type: 'null'}]}",
        "It: {anyOf: [{allOf: [{$ref: It}]}]}",
        "It: {$ref: B}\nB: {$ref: It}",
    ],
)
def test_a_schema_that_is_only_itself_is_any_json(schemas: str) -> None:
    assert field_type(a_subgraph(answering(schemas)), "Query.it") == "JSON"


def test_a_list_of_itself_ends() -> None:
    graph = a_subgraph(answering("It: {type: array, items: {$ref: It}}"))
    assert "JSON" in field_type(graph, "Query.it")
    assert "NESTED_TOO_DEEP" in codes(graph)
