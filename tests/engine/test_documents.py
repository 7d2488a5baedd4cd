"""A document is prepared once; its variables are coerced as graphql-core would."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from graphql import Token, build_schema, get_variable_values, parse, print_ast
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.engine import Engine
from gateway.engine.document import Document
from gateway.engine.store import Lru
from gateway.errors import BadUserInput
from gateway.execution.compile import Ready
from tests.graphs import Service, an_engine, ask

TWO = "query A { me { id } } query B { me { name } }"


@pytest.mark.parametrize(("name", "expected"), [("A", {"me": {"id": "1"}}), ("B", {"me": {"name": "Ann"}})])
async def test_one_of_several_operations_is_chosen_by_name(people: Service, name: str, expected: Any) -> None:
    assert (await ask(an_engine([people]), TWO, operation_name=name))["data"] == expected


@pytest.mark.parametrize(
    ("document", "name", "said"),
    [
        (TWO, None, "several operations"),
        (TWO, "C", 'no operation named "C"'),
        ("fragment F on User { id }", None, "no operation"),
        ("query A { me { id } }", "B", 'no operation named "B"'),
    ],
)
async def test_without_one_operation_to_run_the_request_is_refused(
    people: Service, document: str, name: str | None, said: str
) -> None:
    (error,) = (await ask(an_engine([people]), document, operation_name=name))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert said in error["message"]


@pytest.mark.parametrize(
    "document",
    [
        "{ ...F }",
        "{ me { ...F @include(if: true) } }",
        "{ ...A } fragment A on Query { ...A }",
        "query ($n: Int) { ...F @defer }",
    ],
)
async def test_fragments_that_are_not_there_or_in_themselves_are_faults_of_the_document(people: Service, document: str) -> None:
    codes = {each["extensions"]["code"] for each in (await ask(an_engine([people]), document))["errors"]}
    assert codes == {"GRAPHQL_VALIDATION_FAILED"}


async def test_all_faults_of_a_document_are_told_at_once(people: Service) -> None:
    answered = await ask(an_engine([people]), "{ a b me { c } }")
    assert [e["locations"] for e in answered["errors"]] == [[{"line": 1, "column": c}] for c in (3, 5, 12)]
    assert {e["extensions"]["code"] for e in answered["errors"]} == {"GRAPHQL_VALIDATION_FAILED"}


async def test_a_condition_that_differs_is_another_variant_of_one_document(people: Service) -> None:
    engine = an_engine([people])
    query = "query($x: Boolean!) { me { id @include(if: $x) name } __schema @include(if: $x) { queryType { name } } }"
    with_it = {"me": {"id": "1", "name": "Ann"}, "__schema": {"queryType": {"name": "Query"}}}
    for _ in range(2):
        assert (await ask(engine, query, {"x": True}))["data"] == with_it
        assert (await ask(engine, query, {"x": False}))["data"] == {"me": {"name": "Ann"}}
    assert len(engine.documents) == 1


async def test_what_was_parsed_is_let_go_of_and_a_misfit_still_has_its_place(people: Service) -> None:
    engine, query = an_engine([people]), "query Q(\n  $x: Boolean!\n) { me { id @include(if: $x) name } }"
    await ask(engine, query, {"x": True})
    document = engine.documents.get((query, None))
    assert isinstance(document, Document)
    gc.collect()
    kept = [each for each in gc.get_objects() if isinstance(each, Token) and each.value == "Q"]
    assert not kept
    (error,) = (await ask(engine, query, {"x": 5}))["errors"]
    assert error["locations"] == [{"line": 2, "column": 3}]
    assert (await ask(engine, query, {"x": False}))["data"] == {"me": {"name": "Ann"}}


async def test_operations_of_one_shape_share_their_classes_and_places_of_one_operation_do_not(people: Service) -> None:
    engine = an_engine([people])
    queries = ["query A { a: me { id } b: me { id } }", "query B { a: me { id } b: me { id } }"]
    for query in queries:
        assert (await ask(engine, query))["data"] == {"a": {"id": "1"}, "b": {"id": "1"}}
    first, second = ({*_ready(engine, query).cases} for query in queries)
    assert first == second
    assert sum(each.__name__ == "Row_User" for each in first) == 2


def _ready(engine: Engine, query: str) -> Ready:
    document = engine.documents.get((query, None))
    assert isinstance(document, Document)
    ((_, variant),) = document.variants.latest(1)
    return variant.ready


SCHEMA = build_schema("type Query { a(e: E, f: Float, i: ID, s: In): Int } enum E { X } input In { p: Int! }")
TYPES = ("Int", "Int!", "Float", "String", "String!", "Boolean", "ID", "ID!", "E", "[Int]", "In", "Int = 5", "Boolean! = true")
VALUES = st.sampled_from(
    [None, 0, 1, 2**31 - 1, 2**31, -(2**31), 1.0, 1.5, 1e300, "", "x", "X", "5", True, False, [1], ["x"], {}, {"p": 1}, 2**70]
)


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(st.lists(st.tuples(st.sampled_from(TYPES), VALUES, st.booleans()), min_size=1, max_size=3))
def test_variables_are_coerced_as_graphql_core_would(variables: list[tuple[str, Any, bool]]) -> None:
    declared = ", ".join(f"$v{i}: {given_type}" for i, (given_type, _, _) in enumerate(variables))
    node = parse(f"query({declared}) {{ a }}")
    operation = node.definitions[0]
    given = {f"v{i}": value for i, (_, value, there) in enumerate(variables) if there} | {"other": 1}
    document = Document(SCHEMA, print_ast(node), node, operation)  # type: ignore[arg-type]  # the document has one operation
    expected = get_variable_values(SCHEMA, operation.variable_definitions or (), given)  # type: ignore[attr-defined]  # the same
    if isinstance(expected, list):
        with pytest.raises(BadUserInput):
            document.coerce(given)
    else:
        assert document.coerce(given) == expected.coerced


def test_the_memory_of_documents_is_bounded_by_number_and_by_weight() -> None:
    lru: Lru[int, int] = Lru(3, bound=10)
    for number in range(5):
        lru.put(number, number, weight=1)
    assert [lru.get(n) for n in range(5)] == [None, None, 2, 3, 4]
    lru.put(9, 9, weight=8)
    assert (lru.get(2), lru.get(3), lru.get(4), lru.get(9), len(lru)) == (None, 3, 4, 9, 3)
    lru.put(10, 10, weight=11)
    assert len(lru) == 0
    lru.put(9, 9, weight=8)
    assert lru.get(9) == 9


async def test_what_was_used_last_is_kept_longest() -> None:
    lru: Lru[str, int] = Lru(2)
    lru.put("a", 1)
    lru.put("b", 2)
    assert lru.get("a") == 1
    lru.put("c", 3)
    assert (lru.get("a"), lru.get("b")) == (1, None)
