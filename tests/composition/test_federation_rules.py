"""Each rule of federation under its standard code, with coordinates, sources and owners; and what composes all the same."""

from __future__ import annotations

import pytest

from gateway.composition.print import print_schema
from gateway.config.problem import ConfigError
from tests.federated import FED2, together

ALL = FED2.replace("v2.3", "v2.14").replace('"@key"', ", ".join(f'"@{name}"' for name in (
    "key", "tag", "context", "fromContext", "cost", "listSize", "authenticated", "requiresScopes", "policy", "composeDirective"
)))  # fmt: skip
"""All directives there are."""
V20 = FED2.replace("v2.3", "v2.0").replace(', "@interfaceObject"', "")
ROOT = "type Query { a: A } "
KEYED = ROOT + 'type A @key(fields: "id") { id: ID! x: Int '

NODE = 'interface N @key(fields: "id") { id: ID! } '
SETS = 'type Query { t: T } type T @key(fields: "id") @context(name: "c") { id: ID! u: U prop: String other: String n: Int } '


def taking(argument: str, *, key: str = 'fields: "id"', also: str = "") -> str:
    return SETS + f"type U @key({key}) {also} {{ id: ID! f(a: {argument}): Int }}"


BROKEN = {
    "INVALID_FIELD_SHARING": (KEYED + "}", 'type A @key(fields: "id") { id: ID! x: Int }'),
    "KEY_INVALID_FIELDS": (ROOT + 'type A @key(fields: "nope") { id: ID! }',),
    "REQUIRES_INVALID_FIELDS": (KEYED + "}", 'type A @key(fields: "id") { id: ID! y: Int @requires(fields: "nope") }'),
    "REQUIRES_FIELDS_MISSING_EXTERNAL": (
        KEYED + "}",
        'type A @key(fields: "id") { id: ID! z: Int y: Int @requires(fields: "z") }',
    ),
    "PROVIDES_INVALID_FIELDS": ('type Query { a: A @provides(fields: "nope") } type A @key(fields: "id") { id: ID! }',),
    "PROVIDES_FIELDS_MISSING_EXTERNAL": (
        'type Query { a: A @provides(fields: "x") } type A @key(fields: "id") { id: ID! x: Int }',
    ),
    "PROVIDES_ON_NON_OBJECT_FIELD": ('type Query { a: Int @provides(fields: "x") }',),
    "EXTERNAL_UNUSED": (KEYED + "}", 'type A @key(fields: "id") { id: ID! x: Int @external y: Int }'),
    "EXTERNAL_MISSING_ON_BASE": (ROOT + 'type A @key(fields: "id") { id: ID! x: Int @external y: Int @requires(fields: "x") }',),
    "EXTERNAL_TYPE_MISMATCH": (
        KEYED + "}",
        'type A @key(fields: "id") { id: ID! x: String @external y: Int @requires(fields: "x") }',
    ),
    "FIELD_TYPE_MISMATCH": (KEYED + "s: Int @shareable }", 'type A @key(fields: "id") { id: ID! s: String @shareable }'),
    "TYPE_KIND_MISMATCH": (ROOT + "type A { x: Int }", "enum A { B }"),
    "FIELD_ARGUMENT_TYPE_MISMATCH": (
        "type Query { a(x: Int): Int @shareable }",
        "type Query { a(x: String): Int @shareable }",
    ),
    "REQUIRED_ARGUMENT_MISSING_IN_SOME_SUBGRAPH": (
        "type Query { a(x: Int!): Int @shareable }",
        "type Query { a: Int @shareable }",
    ),
    "REQUIRED_INPUT_FIELD_MISSING_IN_SOME_SUBGRAPH": (
        "type Query { a(x: In): Int } input In { p: Int q: Int! }",
        "type Query { b(x: In): Int } input In { p: Int }",
    ),
    "ENUM_VALUE_MISMATCH": (
        "type Query { a(x: E): E } enum E { P Q }",
        "type Query { b(x: E): E } enum E { P }",
    ),
    "EMPTY_MERGED_ENUM_TYPE": ("type Query { a(x: E): Int } enum E { P }", "type Query { b(x: E): Int } enum E { Q }"),
    "INTERFACE_FIELD_NO_IMPLEM": (
        "type Query { i: I } interface I { p: Int } type A implements I { p: Int }",
        "type Query { j: I } interface I { q: Int } type B implements I { q: Int }",
    ),
    "INTERFACE_KEY_MISSING_IMPLEMENTATION_TYPE": (
        'type Query { i: I } interface I @key(fields: "id") { id: ID! } type A implements I @key(fields: "id") { id: ID! }',
        'interface I { id: ID! } type B implements I @key(fields: "id") { id: ID! }',
    ),
    "INTERFACE_OBJECT_USAGE_ERROR": (
        'type Query { i: I } interface I @key(fields: "id") { id: ID! } type A implements I @key(fields: "id") { id: ID! }',
        "type I @interfaceObject { id: ID! more: Int }",
    ),
    "OVERRIDE_FROM_SELF_ERROR": (ROOT + 'type A @key(fields: "id") { id: ID! x: Int @override(from: "s0") }',),
    "OVERRIDE_SOURCE_HAS_OVERRIDE": (
        ROOT + 'type A @key(fields: "id") { id: ID! x: Int @override(from: "s1") }',
        'type A @key(fields: "id") { id: ID! x: Int @override(from: "s0") }',
    ),
    "OVERRIDE_COLLISION_WITH_ANOTHER_DIRECTIVE": (
        KEYED + "}",
        'type A @key(fields: "id") { id: ID! x: Int @external @override(from: "s0") y: Int @requires(fields: "x") }',
    ),
    "REFERENCED_INACCESSIBLE": ("type Query { a: A } type A @inaccessible { x: Int }",),
    "ONLY_INACCESSIBLE_CHILDREN": ("type Query { a: A } type A { x: Int @inaccessible }",),
    "REQUIRED_INACCESSIBLE": ("type Query { a(x: Int! @inaccessible): Int }",),
    "NO_QUERIES": ('type A @key(fields: "id") { id: ID! }',),
    "SATISFIABILITY_ERROR": (ROOT + "type A { id: ID! @shareable }", "type Query { b: A } type A { id: ID! @shareable y: Int }"),
    "REQUIRES_CYCLE": (
        ROOT + 'type A @key(fields: "id") { id: ID! x: Int @requires(fields: "y") y: Int @external }',
        'type A @key(fields: "id") { id: ID! x: Int @external y: Int @requires(fields: "x") }',
    ),
    "KEY_FIELDS_HAS_ARGS": (ROOT + 'type A @key(fields: "x") { x(n: Int): ID! }',),
    "KEY_DIRECTIVE_IN_FIELDS_ARG": (ROOT + 'type A @key(fields: "id @deprecated") { id: ID! }',),
    "KEY_FIELDS_SELECT_INVALID_TYPE": (
        ROOT + 'type A @key(fields: "i { x }") { i: I } interface I { x: Int } type B implements I { x: Int }',
    ),
    "PROVIDES_FIELDS_HAS_ARGS": (
        'type Query { a: A @provides(fields: "x") } type A @key(fields: "id") { id: ID! x(n: Int): Int @external }',
        'type A @key(fields: "id") { id: ID! x(n: Int): Int @shareable }',
    ),
    "PROVIDES_DIRECTIVE_IN_FIELDS_ARG": (
        'type Query { a: A @provides(fields: "x @deprecated") } type A @key(fields: "id") { id: ID! x: Int @external }',
        'type A @key(fields: "id") { id: ID! x: Int @shareable }',
    ),
    "PROVIDES_UNSUPPORTED_ON_INTERFACE": (
        'type Query { i: I } interface I { a: A @provides(fields: "x") } type B implements I { a: A }'
        ' type A @key(fields: "id") { id: ID! x: Int @external }',
        'type A @key(fields: "id") { id: ID! x: Int }',
    ),
    "REQUIRES_DIRECTIVE_IN_FIELDS_ARG": (
        KEYED + "}",
        'type A @key(fields: "id") { id: ID! x: Int @external y: Int @requires(fields: "x @deprecated") }',
    ),
    "REQUIRES_UNSUPPORTED_ON_INTERFACE": (
        'type Query { i: I } interface I { id: ID! y: Int @requires(fields: "id") } type B implements I { id: ID! y: Int }',
    ),
    "EXTERNAL_COLLISION_WITH_ANOTHER_DIRECTIVE": (
        'type Query { c: C } type C @key(fields: "id") { id: ID! a: A @external @provides(fields: "x")'
        ' y: Int @requires(fields: "a { id }") }'
        ' type A @key(fields: "id") { id: ID! x: Int @external }',
        'type C @key(fields: "id") { id: ID! a: A } type A @key(fields: "id") { id: ID! x: Int }',
    ),
    "EXTERNAL_ON_INTERFACE": ("type Query { i: I } interface I { x: Int @external } type A implements I { x: Int }",),
    "EXTERNAL_ARGUMENT_MISSING": (
        ROOT + 'type A @key(fields: "id") { id: ID! x(n: Int): Int }',
        'type A @key(fields: "id") { id: ID! x: Int @external y: Int @requires(fields: "x") }',
    ),
    "EXTERNAL_ARGUMENT_TYPE_MISMATCH": (
        ROOT + 'type A @key(fields: "id") { id: ID! x(n: Int): Int }',
        'type A @key(fields: "id") { id: ID! x(n: String): Int @external y: Int @requires(fields: "x") }',
    ),
    "EXTERNAL_ARGUMENT_DEFAULT_MISMATCH": (
        ROOT + 'type A @key(fields: "id") { id: ID! x(n: Int = 1): Int }',
        'type A @key(fields: "id") { id: ID! x(n: Int = 2): Int @external y: Int @requires(fields: "x") }',
    ),
    "MERGED_DIRECTIVE_APPLICATION_ON_EXTERNAL": (
        KEYED + "}",
        'type A @key(fields: "id") { id: ID! x: Int @external @tag(name: "t") y: Int @requires(fields: "x") }',
    ),
    "INVALID_SHAREABLE_USAGE": ("type Query { i: I } interface I { x: Int @shareable } type A implements I { x: Int }",),
    "EXTENSION_WITH_NO_BASE": (ROOT + 'extend type A @key(fields: "id") { id: ID! }',),
    "EMPTY_MERGED_INPUT_TYPE": (
        "type Query { a(x: In): Int } input In { p: Int }",
        "type Query { b(x: In): Int } input In { q: Int }",
    ),
    "FIELD_ARGUMENT_DEFAULT_MISMATCH": (
        "type Query { a(x: Int = 1): Int @shareable }",
        "type Query { a(x: Int = 2): Int @shareable }",
    ),
    "INPUT_FIELD_DEFAULT_MISMATCH": (
        "type Query { a(x: In): Int } input In { p: Int = 1 }",
        "type Query { b(x: In): Int } input In { p: Int = 2 }",
    ),
    "SHAREABLE_HAS_MISMATCHED_RUNTIME_TYPES": (
        "type Query { u: U @shareable } union U = A type A @shareable { x: Int }",
        "type Query { u: U @shareable } union U = B type B @shareable { x: Int }",
    ),
    "OVERRIDE_ON_INTERFACE": (
        'type Query { i: I } interface I { x: Int @override(from: "s1") } type A implements I { x: Int }',
        "type Query { b: Int }",
    ),
    "OVERRIDE_LABEL_INVALID": (
        KEYED + "}",
        'type A @key(fields: "id") { id: ID! x: Int @override(from: "s0", label: "percent(101)") }',
    ),
    "INTERFACE_KEY_NOT_ON_IMPLEMENTATION": ("type Query { n: N } " + NODE + "type A implements N { id: ID! }",),
    "DEFAULT_VALUE_USES_INACCESSIBLE": ("type Query { a(e: E = Q): Int } enum E { P Q @inaccessible }",),
    "QUERY_ROOT_TYPE_INACCESSIBLE": ("type Query @inaccessible { a: Int }",),
    "IMPLEMENTED_BY_INACCESSIBLE": (
        "type Query { i: I } interface I { x: Int } type A implements I { x: Int @inaccessible y: Int }",
    ),
    "COST_APPLIED_TO_INTERFACE_FIELD": (
        "type Query { i: I } interface I { x: Int @cost(weight: 2) } type A implements I { x: Int }",
    ),
    "LIST_SIZE_APPLIED_TO_NON_LIST": ("type Query { a: Int @listSize(assumedSize: 3) }",),
    "LIST_SIZE_INVALID_ASSUMED_SIZE": ("type Query { a: [Int] @listSize(assumedSize: -3) }",),
    "LIST_SIZE_INVALID_SLICING_ARGUMENT": ('type Query { a(n: String): [Int] @listSize(slicingArguments: ["n"]) }',),
    "LIST_SIZE_INVALID_SIZED_FIELD": ('type Query { a: A @listSize(assumedSize: 1, sizedFields: ["no"]) } type A { x: [Int] }',),
    "MISSING_TRANSITIVE_AUTH_REQUIREMENTS": (
        KEYED.replace("x: Int", 'x: Int @requiresScopes(scopes: [["secret"]])') + "}",
        'type A @key(fields: "id") { id: ID! x: Int @external y: Int @requires(fields: "x") @authenticated }',
    ),
    "CONTEXT_NOT_SET": (taking('String @fromContext(field: "$unknown { prop }")'),),
    "CONTEXT_NAME_INVALID": (SETS.replace('"c"', '"_c"') + 'type U @key(fields: "id") { id: ID! }',),
    "CONTEXT_INVALID_SELECTION": (taking('String @fromContext(field: "$c { n }")'),),
    "CONTEXT_NO_RESOLVABLE_KEY": (taking('String @fromContext(field: "$c { prop }")', key='fields: "id", resolvable: false'),),
    "CONTEXTUAL_ARGUMENT_NOT_CONTEXTUAL_IN_ALL_SUBGRAPHS": (
        taking('String @fromContext(field: "$c { prop }")').replace("f(a", "g: Int f(a").replace("Int }", "Int @shareable }"),
        'type U @key(fields: "id") { id: ID! f(a: String!): Int @shareable }',
    ),
}


@pytest.mark.parametrize(("code", "sdls"), BROKEN.items(), ids=lambda v: v if isinstance(v, str) else "")
def test_what_breaks_a_rule_is_told_under_its_code(code: str, sdls: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as refused:
        together(*((f"s{i}", ALL + sdl) for i, sdl in enumerate(sdls)))
    told = {p.code: p for p in refused.value.problems if p.severity == "error"}
    assert code in told
    assert told[code].sources
    assert all(f"Team {source} <{source}@example.com>" in told[code].owners for source in told[code].sources)
    assert told[code].coordinates


def test_all_of_them_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        together(
            ("s0", ALL + KEYED + "} " + 'type B @key(fields: "no") { n: Int @listSize(assumedSize: 1) @override(from: "s0") }')
        )
    assert {"KEY_INVALID_FIELDS", "LIST_SIZE_APPLIED_TO_NON_LIST", "OVERRIDE_FROM_SELF_ERROR"} <= {
        p.code for p in refused.value.problems
    }


def test_a_key_of_an_interface_needs_the_version_that_has_them() -> None:
    sdl = "type Query { n: N } " + NODE + 'type A implements N @key(fields: "id") { id: ID! }'
    with pytest.raises(ConfigError) as refused:
        together(("s0", V20 + sdl))
    assert {p.code for p in refused.value.problems} == {"KEY_UNSUPPORTED_ON_INTERFACE"}


def test_a_hidden_root_field_is_hidden_under_any_name_of_the_root() -> None:
    sdl = "schema { query: Root } type Root { a: Int b: Int @inaccessible }"
    assert list(together(("s0", FED2 + sdl)).schema.type_map["Query"].fields) == ["a"]  # type: ignore[attr-defined]  # an object type


def test_the_root_may_stand_in_what_only_writes_lead_to() -> None:
    sdl = "type Query { a: Int } type Mutation { write: Payload } type Payload { query: Query }"
    assert "a" in together(("s0", FED2 + sdl)).schema.type_map["Query"].fields  # type: ignore[attr-defined]  # an object type


def test_the_root_may_not_stand_below_itself() -> None:
    with pytest.raises(ConfigError) as refused:
        together(("s0", FED2 + "type Query { a: A } type A { query: Query }"))
    (problem,) = refused.value.problems
    assert (problem.code, problem.coordinates) == ("QUERY_TYPE_CLASH", ("s0: A.query",))


def test_a_default_that_not_all_have_is_left_out() -> None:
    supergraph = together(
        ("s0", FED2 + "type Query { a(n: Int = 1): Int @shareable }"), ("s1", FED2 + "type Query { a(n: Int): Int @shareable }")
    )
    assert "a(n: Int): Int" in print_schema(supergraph)


def test_rights_that_differ_are_all_asked_for() -> None:
    field = "type Query { a: Int @shareable @requiresScopes(scopes: [%s]) }"
    supergraph = together(("s0", ALL + field % '["x"], ["y"]'), ("s1", ALL + field % '["z"]'))
    assert '@requiresScopes(scopes: [["x", "z"], ["y", "z"]])' in print_schema(supergraph)


def test_a_key_that_no_subgraph_can_feed_is_told_with_both_ends() -> None:
    with pytest.raises(ConfigError) as refused:
        together(
            ("a", FED2 + ROOT + 'type A @key(fields: "id") { id: ID! }'),
            ("b", FED2 + 'type A @key(fields: "code") { code: ID! y: Int }'),
        )
    (problem,) = [p for p in refused.value.problems if p.code == "SATISFIABILITY_ERROR"]
    assert problem.sources == ("a", "b")
    assert {"b: A.code", "b: A.y"} <= set(problem.coordinates)
    assert problem.fix is not None


HINTS = {
    "OVERRIDDEN_FIELD_CAN_BE_REMOVED": (KEYED + "}", 'type A @key(fields: "id") { id: ID! x: Int @override(from: "s0") }'),
    "FROM_SUBGRAPH_DOES_NOT_EXIST": (ROOT + 'type A @key(fields: "id") { id: ID! x: Int @override(from: "gone") }',),
    "INCONSISTENT_RUNTIME_TYPES_FOR_SHAREABLE_RETURN": (
        "type Query { u: U @shareable } union U = A | B type A @shareable { x: Int } type B { x: Int }",
        "type Query { u: U @shareable } union U = A type A @shareable { x: Int }",
    ),
    "OVERRIDE_DIRECTIVE_CAN_BE_REMOVED": (
        ROOT + 'type A @key(fields: "id") { id: ID! }',
        'type A @key(fields: "id") { id: ID! x: Int @override(from: "s0") }',
    ),
    "OVERRIDE_MIGRATION_IN_PROGRESS": (
        KEYED + "}",
        'type A @key(fields: "id") { id: ID! x: Int @override(from: "s0", label: "percent(5)") }',
    ),
    "INCONSISTENT_BUT_COMPATIBLE_FIELD_TYPE": ("type Query { a: Int @shareable }", "type Query { a: Int! @shareable }"),
    "INCONSISTENT_BUT_COMPATIBLE_ARGUMENT_TYPE": (
        "type Query { a(n: Int): Int @shareable }",
        "type Query { a(n: Int!): Int @shareable }",
    ),
    "INCONSISTENT_ARGUMENT_PRESENCE": ("type Query { a(n: Int): Int @shareable }", "type Query { a: Int @shareable }"),
    "INCONSISTENT_DEFAULT_VALUE_PRESENCE": (
        "type Query { a(n: Int = 1): Int @shareable }",
        "type Query { a(n: Int): Int @shareable }",
    ),
    "INCONSISTENT_ENTITY": (KEYED + "}", "type Query { b: A @shareable } type A { id: ID! @shareable }"),
    "INCONSISTENT_OBJECT_VALUE_TYPE_FIELD": (
        "type Query { v: V @shareable } type V @shareable { x: Int y: Int }",
        "type Query { w: W } type W { v: String } type V @shareable { x: Int }",
    ),
    "INCONSISTENT_INTERFACE_VALUE_TYPE_FIELD": (
        "type Query { i: I } interface I { x: Int y: Int } type A implements I @shareable { x: Int y: Int }",
        "type Query { b: Int } interface I { x: Int }",
    ),
    "INCONSISTENT_INPUT_OBJECT_FIELD": (
        "type Query { a(x: In): Int } input In { p: Int q: Int }",
        "type Query { b(x: In): Int } input In { p: Int }",
    ),
    "INCONSISTENT_UNION_MEMBER": (
        "type Query { u: U } union U = A | B type A { x: Int @shareable } type B { x: Int @shareable }",
        "type Query { w: U } union U = A type A { x: Int @shareable }",
    ),
    "INCONSISTENT_ENUM_VALUE_FOR_INPUT_ENUM": (
        "type Query { a(e: E): Int } enum E { P Q }",
        "type Query { b(e: E): Int } enum E { P }",
    ),
    "INCONSISTENT_ENUM_VALUE_FOR_OUTPUT_ENUM": ("type Query { a: E } enum E { P Q }", "type Query { b: E } enum E { P }"),
    "UNUSED_ENUM_TYPE": ("type Query { a: Int } enum E { P }",),
    "INCONSISTENT_DESCRIPTION": (
        'type Query { a: A @shareable } """one""" type A @shareable { x: Int }',
        'type Query { a: A @shareable } """two""" type A @shareable { x: Int }',
    ),
    "MERGED_NON_REPEATABLE_DIRECTIVE_ARGUMENTS": (
        "type Query { a: Int @shareable @cost(weight: 2) }",
        "type Query { a: Int @shareable @cost(weight: 5) }",
    ),
    "INCONSISTENT_NON_REPEATABLE_DIRECTIVE_ARGUMENTS": (
        'type Query { a: Int @shareable @deprecated(reason: "one") }',
        'type Query { a: Int @shareable @deprecated(reason: "two") }',
    ),
    "AUTH_REQUIREMENTS_APPLIED_ON_INTERFACE": (
        "type Query { i: I } interface I @authenticated { x: Int } type A implements I { x: Int }",
    ),
    "CONTEXTUAL_ARGUMENT_NOT_CONTEXTUAL_IN_ALL_SUBGRAPHS": (
        taking('String @fromContext(field: "$c { prop }")').replace("Int }", "Int @shareable }"),
        'type U @key(fields: "id") { id: ID! f(a: String): Int @shareable }',
    ),
}


@pytest.mark.parametrize(("code", "sdls"), HINTS.items(), ids=lambda v: v if isinstance(v, str) else "")
def test_what_composes_but_may_surprise_is_a_hint(code: str, sdls: tuple[str, ...]) -> None:
    supergraph = together(*((f"s{i}", ALL + sdl) for i, sdl in enumerate(sdls)))
    assert [hint.severity for hint in supergraph.hints if hint.code == code] == ["hint"]


def test_types_are_as_wide_as_their_widest_definition() -> None:
    one = (
        FED2
        + "type Query { a: A! } type A { x: Int! @shareable i: I } interface I { p: Int }"
        + " type B implements I { p: Int @shareable }"
    )
    two = FED2 + "type Query { b: A } type A @shareable { x: Int } type B @shareable { p: Int }"
    schema = together(("one", one.replace("i: I", "i: I @shareable")), ("two", two.replace("x: Int }", "x: Int i: B }"))).schema
    fields = schema.type_map["A"].fields  # type: ignore[attr-defined]  # an object type
    assert (str(fields["x"].type), str(fields["i"].type)) == ("Int", "I")


def test_an_override_for_some_requests_leaves_the_field_where_it_was() -> None:
    moved = 'type A @key(fields: "id") { id: ID! x: Int @override(from: "s0", label: "percent(5)") }'
    supergraph = together(("s0", FED2 + KEYED + "}"), ("s1", FED2.replace("v2.3", "v2.7") + moved))
    assert list(supergraph.graph.fields["A", "x"]) == ["s0"]
