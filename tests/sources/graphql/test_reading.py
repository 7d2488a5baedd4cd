"""A schema in, its facts out: types unchanged, roots apart, only what can be reached; and every fault with its place."""

from __future__ import annotations

import json

import pytest
from graphql import build_schema, get_introspection_query, graphql_sync, print_ast

from gateway.errors import Owner
from gateway.sources.local import restore_one_of
from tests.sources.graphql.world import SHOP, a_subgraph, problems_of

INTROSPECTION = get_introspection_query(
    specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True, one_of=True
)


def introspected(sdl: str) -> bytes:
    restore_one_of()
    return json.dumps({"data": graphql_sync(build_schema(sdl), INTROSPECTION).data}).encode()


def printed(sdl: str | bytes, **keys: object) -> dict[str, str]:
    return {name: print_ast(node) for name, node in a_subgraph(sdl, **keys).types.items()}


def test_types_are_exactly_what_the_source_has() -> None:
    types = printed(SHOP)
    assert types["JSON"] == 'scalar JSON @specifiedBy(url: "https://www.rfc-editor.org/rfc/rfc8259")'
    assert types["By"] == "input By @oneOf {\n  id: ID\n  name: String\n}"
    assert types["Node"] == '"""Something with an identity."""\ninterface Node {\n  id: ID!\n}'
    assert types["Currency"] == "enum Currency {\n  EUR\n  USD @deprecated\n}"
    assert types["Found"] == "union Found = Product | Service | Maker"
    assert "anything(json: JSON = { deep: [1, { yes: true }] }): JSON" in types["RootQuery"]
    assert 'title: String @deprecated(reason: "Use name.")' in types["Product"]


def test_introspection_and_sdl_say_the_same() -> None:
    told, asked = printed(SHOP), printed(introspected(SHOP))
    assert asked == told
    assert a_subgraph(introspected(SHOP)).refused.keys() == {"addProduct"}


def test_introspection_without_its_envelope_is_read_too() -> None:
    bare = json.dumps(json.loads(introspected(SHOP))["data"]).encode()
    assert printed(bare) == printed(introspected(SHOP))


def test_roots_go_by_the_names_the_schema_gives_them() -> None:
    subgraph = a_subgraph()
    assert subgraph.query == "RootQuery"
    assert subgraph.refused.keys() == {"addProduct"}
    assert subgraph.subscriptions.keys() == {"productAdded"}
    assert not {"Writes", "Events", "Receipt"} & subgraph.types.keys()


@pytest.mark.parametrize(
    "sdl", ["type Query { a: Int } type Mutation { m: Int }", "type Query { a: Int } extend schema @x type Mutation { m: Int }"]
)
def test_without_a_schema_definition_the_usual_names_count(sdl: str) -> None:
    assert a_subgraph(sdl).refused.keys() == {"m"}


def test_with_a_schema_definition_only_what_it_names_is_a_root() -> None:
    assert not a_subgraph("schema { query: Query } type Query { a: Int } type Mutation { m: Int }").refused


def test_an_extension_is_folded_into_its_type() -> None:
    types = printed("""
    type Query { a: E }  extend type Query { b: U }
    enum E { A }         extend enum E { B }
    union U = Query      extend union U = T
    type T { x: Int }
    """)
    assert types["Query"] == "type Query {\n  a: E\n  b: U\n}"
    assert (types["E"], types["U"]) == ("enum E {\n  A\n  B\n}", "union U = Query | T")


def test_only_exposed_root_fields_and_what_they_reach_remain() -> None:
    subgraph = a_subgraph(expose=("page",))
    assert subgraph.types.keys() == {"RootQuery", "ProductPage", "Product", "Lang", "Node", "Priced", "Currency", "Maker", "By"}
    assert "count" in subgraph.unexposed
    assert "page" not in subgraph.unexposed


def test_an_interface_that_is_only_implemented_brings_no_other_types() -> None:
    assert "Service" not in a_subgraph(expose=("product",)).types
    assert "Service" in a_subgraph(expose=("node",)).types


def test_a_root_that_no_longer_has_an_interfaces_fields_no_longer_implements_it() -> None:
    sdl = "interface Node { id: ID! } type Query implements Node { id: ID! a: Int self: Node }"
    assert printed(sdl, expose=("a",))["Query"] == "type Query {\n  a: Int\n}"
    assert printed(sdl, expose=("id",))["Query"] == "type Query implements Node {\n  id: ID!\n}"


def test_what_expose_names_has_to_be_there() -> None:
    first, second = problems_of(expose=("pages", "page", "addProduct"))
    assert (first.code, first.path, first.fix) == ("EXPOSE_UNKNOWN", ("sources", "stock", "expose", 0), "did you mean page?")
    assert "is a mutation" in second.message


def test_definitions_of_applied_directives_come_along_with_their_types_and_no_others() -> None:
    sdl = """
    directive @tag(name: Tag!) repeatable on OBJECT
    directive @unused(a: Gone) on OBJECT
    directive @deprecated(reason: String) on FIELD_DEFINITION
    enum Tag { A }  enum Gone { B }
    type Query @tag(name: A) { a: Int @deprecated }
    """
    subgraph = a_subgraph(sdl)
    assert [print_ast(d) for d in subgraph.directives] == ["directive @tag(name: Tag!) repeatable on OBJECT"]
    assert subgraph.types.keys() == {"Query", "Tag"}


def test_a_directive_nobody_defined_is_left_out_and_told() -> None:
    subgraph = a_subgraph('type Query @key(fields: "a") { a: Int @foo(x: 1) b: Int @foo }')
    assert print_ast(subgraph.types["Query"]) == "type Query {\n  a: Int\n  b: Int\n}"
    foo, key = subgraph.diagnostics
    assert (foo.code, foo.message) == ("DIRECTIVE_UNDEFINED", "@foo is applied (2 times) but not defined; it is left out")
    assert key.message.startswith("@key is applied (1 times)")


# ---------------------------------------------------------------- @contact


CONTACT = """
schema @contact(name: "Stock crew", url: "https://chat.example.com", description: "Ask in #stock") { query: Query }
type Query { a: Int }
"""


def test_contact_fills_what_the_configuration_leaves_open() -> None:
    owner = a_subgraph(CONTACT, owner=Owner("", contact={"url": "https://own.example.com"})).owner
    assert (owner.team, owner.origin) == ("Stock crew", "sdl")
    assert owner.contact == {"url": "https://own.example.com", "description": "Ask in #stock"}
    assert not a_subgraph(CONTACT).diagnostics


def test_contact_that_adds_nothing_changes_nothing() -> None:
    whole = Owner("Team", contact={"url": "u", "description": "d"})
    assert a_subgraph(CONTACT, owner=whole).owner is whole


# ---------------------------------------------------------------- what is refused


def test_every_fault_is_told_with_its_file_line_and_column() -> None:
    sdl = "type Query {\n  a: Missing\n  b: Nowhere\n}\ntype Query { c: Int }"
    problems = problems_of(sdl)
    assert {str(p.mark) for p in problems} >= {"shop.graphql:2:6", "shop.graphql:3:6", "shop.graphql:1:6"}
    assert {p.code for p in problems} == {"SCHEMA_INVALID"}
    assert problems[0].owners == ("Stock & Supply (stock@example.com)",)
    assert problems[0].path == ("sources", "stock", "schema")


def test_faults_of_the_schema_itself_have_their_place_too() -> None:
    (problem,) = problems_of("interface I { x: Int }\ntype Query implements I { a: Int }")
    assert str(problem.mark) == "shop.graphql:1:15"


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("type Query {", "SCHEMA_SYNTAX", "Syntax Error"),
        ("", "SCHEMA_SYNTAX", "Syntax Error"),
        ("{ a }", "SCHEMA_SYNTAX", "neither SDL nor an introspection answer"),
        ("query { a }", "SCHEMA_INVALID", "Query root type must be provided"),
        ("type A { x: Int }", "SCHEMA_INVALID", "Query root type must be provided"),
        ("type Query", "SCHEMA_INVALID", "must define one or more fields"),
        (b"type Query { \xff: Int }", "SCHEMA_SYNTAX", "not UTF-8 (byte 13)"),
        ('{"data": {"__schema": {"types": [{"kind": "OBJECT"}]}}}', "SCHEMA_SYNTAX", "missing required field `name`"),
        ('{"data": null}', "SCHEMA_SYNTAX", "neither SDL nor an introspection answer"),
        ('{"errors": []}', "SCHEMA_SYNTAX", "neither SDL nor an introspection answer"),
        ("<html>", "SCHEMA_SYNTAX", "Syntax Error"),
        ("type Query { a: " + "[" * 5000 + "Int" + "]" * 5000 + " }", "SCHEMA_SYNTAX", "nested too deeply"),
        ("type Query { a(x: J = " + "[" * 5000 + "]" * 5000 + "): Int } scalar J", "SCHEMA_SYNTAX", "nested too deeply"),
        ('{"__schema": ' + "[" * 100_000, "SCHEMA_INVALID", "nested too deeply"),
    ],
)
def test_what_is_no_schema_is_refused_in_words(text: str | bytes, code: str, said: str) -> None:
    problems = problems_of(text)
    assert {p.code for p in problems} == {code}
    assert any(said in p.message for p in problems), problems


def test_a_federation_schema_read_as_plain_graphql_is_pointed_the_right_way() -> None:
    assert "kind: federation" in a_subgraph('type Query { a: A } type A @key(fields: "x") { x: Int }').diagnostics[0].message


def test_faults_beyond_counting_are_counted() -> None:
    problems = problems_of("type Query { " + " ".join(f"f{i}: Missing{i}" for i in range(500)) + " }")
    assert len(problems) == 51
    assert "450 more" in problems[-1].message


def test_all_faults_of_an_introspection_answer_are_told() -> None:
    told = json.loads(introspected("type Query { a(x: Int = 1): Int b: [Int] }"))
    query = next(t for t in told["data"]["__schema"]["types"] if t["name"] == "Query")
    query["fields"][0]["args"][0]["defaultValue"] = "{{"
    query["fields"][1]["type"] = {"kind": "SET", "ofType": {"kind": "SCALAR", "name": "Int"}}
    query["fields"][1]["name"] = "b } type Evil { x"
    told["data"]["__schema"]["types"].append({"kind": "STRANGE", "name": "Odd"})
    messages = [p.message for p in problems_of(json.dumps(told))]
    assert len(messages) == 4
    assert any("Query.a.x has a default that is not a value" in m for m in messages)
    assert any("which is not a GraphQL name" in m for m in messages)
    assert any("unknown kind SET" in m for m in messages)
    assert any("Odd has the unknown kind STRANGE" in m for m in messages)
