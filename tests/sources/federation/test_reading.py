"""What a federation document says, in Federation 1 and 2 and under other names; and what is refused."""

from __future__ import annotations

import pytest
from graphql import print_ast

from gateway.config.problem import ConfigError, Problem
from gateway.sources.base import Facts
from gateway.sources.reach import fields_of
from tests.federated import FED2, federated

HEAD = 'extend schema @link(url: "https://specs.apollo.dev/federation/{}", import: {})\n'


def facts(sdl: str) -> Facts:
    made = federated("it", sdl).facts
    assert made is not None
    return made


def refused(sdl: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as error:
        federated("it", sdl)
    return error.value.problems


def test_keys_become_lookups_unless_they_do_not_resolve() -> None:
    made = federated(
        "it",
        FED2 + 'type A @key(fields: "id") @key(fields: "code { x }", resolvable: false) { id: ID! code: C } type C { x: Int }',
    )
    assert [(lookup.type, lookup.key, lookup.via) for lookup in made.lookups] == [("A", "id", "_entities")]
    assert made.facts is not None
    assert [key.resolvable for key in made.facts.keys["A"]] == [True, False]


def test_without_a_link_it_is_federation_1_where_all_is_shared() -> None:
    assert facts("type Query { a: Int }").shares
    assert not facts(FED2 + "type Query { a: Int }").shares


def test_key_fields_of_an_extension_are_its_own_whatever_they_are_marked_as() -> None:
    for spelled in ("extend type A", "type A @extends"):
        read = facts(spelled + ' @key(fields: "id") { id: ID! @external name: String @external }')
        assert read.external == {("A", "name")}


def test_a_key_field_of_a_type_of_its_own_can_be_external() -> None:
    assert facts(FED2 + 'type A @key(fields: "id") { id: ID! @external }').external == {("A", "id")}


def test_a_type_that_is_only_extended_is_a_type() -> None:
    made = federated("it", FED2 + "extend type A { x: Int } extend type A { y: Int }")
    assert [f.name.value for f in fields_of(made.types["A"])] == ["x", "y"]


def test_what_is_imported_under_another_name_is_read_all_the_same() -> None:
    sdl = HEAD.format("v2.3", '[{name: "@key", as: "@id"}]') + 'type A @id(fields: "id") { id: ID! @federation__shareable }'
    read = facts(sdl)
    assert (list(read.keys), read.shareable) == (["A"], {("A", "id")})


def test_a_spec_under_another_prefix_is_read_all_the_same() -> None:
    sdl = (
        'extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", as: "f")\ntype A @f__key(fields: "id") { id: ID! }'
    )
    assert list(facts(sdl).keys) == ["A"]


def test_the_machinery_a_service_prints_with_its_sdl_is_left_out() -> None:
    sdl = FED2 + (
        "directive @key(fields: FieldSet!, resolvable: Boolean = true) repeatable on OBJECT | INTERFACE\n"
        "scalar FieldSet scalar _Any union _Entity = A type _Service { sdl: String }\n"
        "type Query { a: A _service: _Service! _entities(representations: [_Any!]!): [_Entity]! }\n"
        'type A @key(fields: "id") { id: ID! }'
    )
    made = federated("it", sdl)
    assert set(made.types) == {"Query", "A"}
    assert [f.name.value for f in fields_of(made.types["Query"])] == ["a"]


def test_tags_and_costs_stay_in_the_schema_and_the_rest_does_not() -> None:
    sdl = (
        HEAD.format("v2.9", '["@tag", "@cost", "@shareable"]')
        + 'type Query { a: Int @tag(name: "t") @cost(weight: 3) @shareable }'
    )
    (field,) = fields_of(federated("it", sdl).types["Query"])
    assert [print_ast(d) for d in field.directives or ()] == ['@tag(name: "t")', "@cost(weight: 3)"]


def test_directives_of_its_own_are_kept_when_they_are_to_be_composed() -> None:
    sdl = HEAD.format("v2.3", '["@composeDirective"]') + (
        'extend schema @composeDirective(name: "@mine") directive @mine on FIELD_DEFINITION\n'
        "directive @other on FIELD_DEFINITION\n"
        "type Query { a: Int @mine @other @deprecated }"
    )
    made = federated("it", sdl)
    (field,) = fields_of(made.types["Query"])
    assert [d.name.value for d in field.directives or ()] == ["mine", "deprecated"]
    assert [d.name.value for d in made.directives] == ["mine"]


def test_writes_are_kept_as_facts_only() -> None:
    made = federated("it", FED2 + "type Query { a: Int } type Mutation { write: Int }")
    assert list(made.refused) == ["write"]
    assert "Mutation" not in made.types


BAD = {
    "UNKNOWN_FEDERATION_LINK_VERSION": HEAD.format("v9.9", "[]") + "type Query { a: Int }",
    "INVALID_LINK_DIRECTIVE_USAGE": HEAD.format("v2.0", '["@interfaceObject"]') + "type Query { a: Int }",
    "KEY_INVALID_FIELDS": FED2 + 'type A @key(fields: "id {") { id: ID! }',
    "KEY_INVALID_FIELDS_TYPE": FED2 + "type A @key { id: ID! }",
    "TYPE_KIND_MISMATCH": FED2 + "type A { x: Int } extend enum A { B }",
    "INVALID_GRAPHQL": FED2 + "type Query { a: Nowhere }",
    "REQUIRES_INVALID_FIELDS_TYPE": FED2 + 'type A @key(fields: "id") { id: ID! x: Int @requires(fields: [1]) }',
    "PROVIDES_INVALID_FIELDS_TYPE": FED2 + "type Query { a: Int @provides(fields: 3) }",
    "DIRECTIVE_DEFINITION_INVALID": FED2 + "directive @key(parts: String!) on OBJECT type Query { a: Int }",
    "TYPE_DEFINITION_INVALID": FED2 + "type _Any { x: Int } type Query { a: Int }",
    "INVALID_LINK_IDENTIFIER": 'extend schema @link(url: "https://example.com/nothing") type Query { a: Int }',
    "UNKNOWN_LINK_VERSION": 'extend schema @link(url: "https://specs.apollo.dev/link/v3.0") type Query { a: Int }',
    "UNSUPPORTED_LINKED_FEATURE": 'extend schema @link(url: "https://example.com/x/v1.0", for: SECURITY) type Query { a: Int }',
    "DIRECTIVE_COMPOSITION_ERROR": HEAD.format("v2.1", '["@composeDirective"]')
    + 'extend schema @composeDirective(name: "@nowhere") type Query { a: Int }',
    "DISALLOWED_INACCESSIBLE": FED2 + "directive @own(x: Int @inaccessible) on OBJECT type Query { a: Int }",
    "NO_CONTEXT_IN_SELECTION": HEAD.format("v2.8", '["@fromContext"]')
    + 'type Query { a(x: Int @fromContext(field: "{ y }")): Int }',
    "SCHEMA_SYNTAX": FED2 + "type Query {",
}


@pytest.mark.parametrize(("code", "sdl"), BAD.items(), ids=lambda v: v if v.isupper() else "")
def test_a_document_that_cannot_be_taken_is_refused_with_its_owner(code: str, sdl: str) -> None:
    (problem, *_) = refused(sdl)
    assert problem.code == code
    assert problem.sources == ("it",)
    assert problem.owners == ("Team it (it@example.com)",)


def test_an_unknown_directive_is_told_with_its_place() -> None:
    (problem,) = refused(FED2 + "type Query {\n  a: Int @unheardOf\n}")
    assert "@unheardOf" in problem.message
    assert str(problem.mark) == "it.graphql:3:10"
