"""Each rule of federation under its standard code, with coordinates, sources and owners; and what composes all the same."""

from __future__ import annotations

import pytest

from gateway.config.problem import ConfigError
from tests.federated import FED2, together

ROOT = "type Query { a: A } "
KEYED = ROOT + 'type A @key(fields: "id") { id: ID! x: Int '

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
}


@pytest.mark.parametrize(("code", "sdls"), BROKEN.items(), ids=lambda v: v if isinstance(v, str) else "")
def test_what_breaks_a_rule_is_told_under_its_code(code: str, sdls: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as refused:
        together(*((f"s{i}", FED2 + sdl) for i, sdl in enumerate(sdls)))
    told = {p.code: p for p in refused.value.problems if p.severity == "error"}
    assert code in told
    assert told[code].sources
    assert all(f"Team {source} <{source}@example.com>" in told[code].owners for source in told[code].sources)
    assert told[code].coordinates


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
}


@pytest.mark.parametrize(("code", "sdls"), HINTS.items(), ids=lambda v: v if isinstance(v, str) else "")
def test_what_composes_but_may_surprise_is_a_hint(code: str, sdls: tuple[str, ...]) -> None:
    supergraph = together(*((f"s{i}", FED2 + sdl) for i, sdl in enumerate(sdls)))
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
