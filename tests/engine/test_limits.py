"""Every limit: at it, all is well; one more is refused, with what was counted."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.engine import Limits
from tests.graphs import Service, an_engine, ask, shop


def refusal(answered: dict[str, Any]) -> tuple[str, Any, Any, Any]:
    (error,) = answered["errors"]
    extensions = error["extensions"]
    return extensions["code"], extensions.get("which"), extensions.get("limit"), extensions.get("actual")


AT_LIMIT = [
    (Limits(tokens=6), "{ me { id } }", "{ me { id name } }", "tokens"),
    (Limits(depth=2), "{ me { id } }", "{ a: me { id } products { reviews { id } } }", "depth"),
    (Limits(aliases=2), "{ a: me { b: id } }", "{ a: me { b: id c: id } }", "aliases"),
    (Limits(aliases=2), "{ a: __typename b: __typename }", "{ a: __typename b: __typename c: __typename }", "aliases"),
    (Limits(root_fields=1), "{ me { id } me { id } __typename }", "{ me { id } ... { you: me { id } } }", "root_fields"),
    (Limits(directives=1), "{ me { id @skip(if: false) } }", "{ me @skip(if: false) { id @skip(if: false) } }", "directives"),
    (Limits(list_size=3), "{ products(first: 3) { id } }", "{ products(first: 4) { id } }", "list_size"),
    (Limits(cost=4), "{ products(first: 4) { id } }", "{ products(first: 5) { id } }", "cost"),
]


@pytest.mark.parametrize(("limits", "fits", "_more", "_which"), AT_LIMIT)
async def test_at_its_limit_an_operation_is_answered(limits: Limits, fits: str, _more: str, _which: str) -> None:
    assert "errors" not in await ask(an_engine(*shop(), limits=limits), fits)


@pytest.mark.parametrize(("limits", "_fits", "more", "which"), AT_LIMIT)
async def test_one_more_is_refused_and_counted(limits: Limits, _fits: str, more: str, which: str) -> None:
    limit = getattr(limits, which)
    assert refusal(await ask(an_engine(*shop(), limits=limits), more)) == ("LIMIT_EXCEEDED", which, limit, limit + 1)


async def test_fragments_count_where_they_are_spread() -> None:
    query = "{ ...A ...A ...A } fragment A on Query { me { ...B ...B } } fragment B on User { x: id }"
    assert refusal(await ask(an_engine(*shop(), limits=Limits(aliases=5)), query))[:3] == ("LIMIT_EXCEEDED", "aliases", 5)


async def test_introspection_counts_toward_neither_depth_nor_aliases() -> None:
    query = "{ a: __schema { b: types { c: fields { d: type { e: ofType { name } } } } } me { id } }"
    assert "errors" not in await ask(an_engine(*shop(), limits=Limits(depth=2, aliases=0)), query)


@pytest.mark.parametrize(("limit", "code"), [(3, None), (2, "TOO_MANY_UPSTREAM_CALLS")])
async def test_planned_fetches_are_counted_before_any_is_made(limit: int, code: str | None) -> None:
    services, links = shop()
    engine = an_engine(services, links, limits=Limits(upstream_calls=limit))
    answered = await ask(engine, "{ products { reviews { author { name } } } }")
    assert [e["extensions"]["code"] for e in answered.get("errors", [])] == ([code] if code else [])
    if code:
        assert (answered["errors"][0]["extensions"]["planned"], answered["errors"][0]["extensions"]["limit"]) == (3, 2)
        assert all(service.asked == [] for service in services)


@pytest.mark.parametrize(("limit", "answered_rows"), [(4, 3), (3, 2), (1, 0)])
async def test_real_calls_over_the_limit_cost_only_the_remaining_rows(limit: int, answered_rows: int) -> None:
    left = Service("left", "type Query { all: [P!] } type P { id: ID! }", {"all": [{"id": str(i)} for i in range(3)]})
    right = Service("right", "type Query { sizes(ids: [ID!]!): [S!]! size(id: ID!): S } type S { id: ID! n: Int }")
    right.data = {"sizes": lambda _info, ids: [{"id": i, "n": 1} for i in ids]}
    batch = {"via": "sizes", "arg": "ids", "key": "id", "max": 1}
    engine = an_engine(
        [left, right],
        [{"field": "P.size", "to": "right.size", "with": {"id": "$id"}, "batch": batch}],
        limits=Limits(upstream_calls_total=limit),
    )
    answered = await ask(engine, "{ all { size { n } } }")
    assert sum(row["size"] is not None for row in answered["data"]["all"]) == answered_rows
    errors = answered.get("errors", [])
    assert {e["extensions"]["code"] for e in errors} <= {"TOO_MANY_UPSTREAM_CALLS"}
    assert sum(e["extensions"].get("affected", {"count": 1})["count"] for e in errors) == 3 - answered_rows


@pytest.mark.parametrize(
    "document", ["{" * 100_000, "{ me " * 20_000, "[" * 100_000, "query " + "($a: Int" * 20_000, '{ me(a: "' + "x" * 100_000]
)
async def test_a_hundred_kilobytes_of_nonsense_is_a_clear_refusal(document: str) -> None:
    engine = an_engine(*shop())
    assert refusal(await ask(engine, document))[0] in ("GRAPHQL_PARSE_FAILED", "LIMIT_EXCEEDED")
    assert "errors" not in await ask(engine, "{ me { id } }")
    unlimited = an_engine(*shop(), limits=Limits(0, 0, 0, 0, 0))
    assert refusal(await ask(unlimited, document))[0] == "GRAPHQL_PARSE_FAILED"


# ---------------------------------------------------------------- cost


COSTLY = """
directive @cost(weight: Int!) on FIELD_DEFINITION | OBJECT | ARGUMENT_DEFINITION
directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean)
  on FIELD_DEFINITION
type Query {
  plain: [Thing] dear: Thing @cost(weight: 7) heavy: Heavy
  known: [Thing] @listSize(assumedSize: 3)
  page(top: Int, skip: Int @cost(weight: 2)): [Thing] @listSize(slicingArguments: ["top"])
  connection(first: Int = 6): Connection @listSize(slicingArguments: ["first"], sizedFields: ["edges"])
  paged(by: By): [Thing] @listSize(slicingArguments: ["by.first"])
  usual(limit: Int = 8): [Thing]
}
input By { first: Int after: ID }
type Connection { edges: [Thing] }
type Thing { id: ID heavy: Heavy }
type Heavy @cost(weight: 5) { id: ID }
"""


@pytest.mark.parametrize(
    ("query", "cost"),
    [
        ("{ plain { id } }", 10),
        ("{ plain { heavy { id } } }", 60),
        ("{ dear { id } }", 7),
        ("{ heavy { id } }", 5),
        ("{ known { id } }", 3),
        ("{ page(top: 4) { id } }", 4),
        ("{ page(top: 4, skip: 1) { id } }", 6),
        ("{ connection(first: 4) { edges { id } } }", 5),
        ("{ connection { edges { id } } }", 7),
        ('{ paged(by: {first: 4, after: "1"}) { id } }', 4),
        ('{ paged(by: {after: "1"}) { id } }', 10),
        ("{ usual { id } }", 8),
        ("{ usual(limit: 3) { id } }", 3),
        ("{ ...A ... { heavy { id } } } fragment A on Query { known { id } }", 8),
    ],
)
async def test_what_an_operation_costs(query: str, cost: int) -> None:
    service = Service("s", COSTLY, {"plain": [], "known": [], "page": [], "connection": {"edges": []}, "paged": [], "usual": []})
    for limit in (cost, cost - 1):
        answered = await ask(an_engine([service], limits=Limits(cost=limit)), query)
        assert ("errors" in answered) is (0 < limit < cost)
        if 0 < limit < cost:
            assert refusal(answered) == ("LIMIT_EXCEEDED", "cost", limit, cost)


@pytest.mark.parametrize(("first", "refused"), [(3, None), (4, "list_size"), (None, None), (-1, None)])
async def test_a_size_in_a_variable_is_judged_for_each_request(first: int | None, refused: str | None) -> None:
    services, links = shop()
    answered = await ask(
        an_engine(services, links, limits=Limits(list_size=3)), "query ($n: Int) { products(first: $n) { id } }", {"n": first}
    )
    assert (refusal(answered)[1] if "errors" in answered else None) == refused
    assert bool(services[0].asked) is (refused is None)


@pytest.mark.parametrize(("by", "refused"), [({"first": 4}, False), ({"first": 5}, True), ({}, True), (None, True)])
async def test_a_size_within_a_variable_is_judged_too(by: Any, refused: bool) -> None:
    service = Service("s", COSTLY, {"paged": []})
    answered = await ask(an_engine([service], limits=Limits(cost=4)), "query ($by: By) { paged(by: $by) { id } }", {"by": by})
    assert ("errors" in answered) is refused


async def test_a_source_may_weigh_more() -> None:
    limits = Limits(cost=11, weights={"reviews": 10.0})
    assert "errors" not in await ask(an_engine(*shop(), limits=limits), '{ product(id: "1") { reviews(first: 1) { id } } }')
    assert refusal(await ask(an_engine(*shop(), limits=limits), '{ product(id: "1") { reviews(first: 2) { id } } }'))[3] == 21


# ---------------------------------------------------------------- what is told of the schema


async def test_a_schema_that_is_not_told_is_not_told_in_any_way() -> None:
    engine = an_engine(*shop(), limits=Limits(introspection=False))
    for query in ("{ __schema { types { name } } }", '{ ...A } fragment A on Query { ... { __type(name: "User") { name } } }'):
        answered = await ask(engine, query)
        assert refusal(answered)[0] == "INTROSPECTION_DISABLED"
    assert await ask(engine, "{ me { __typename } }") == {"data": {"me": {"__typename": "User"}}}


@pytest.mark.parametrize("suggestions", [True, False])
async def test_names_that_are_like_it_are_told_only_where_that_is_wanted(suggestions: bool) -> None:
    engine = an_engine(*shop(), limits=Limits(suggestions=suggestions))
    (error,) = (await ask(engine, "{ me { nam } }"))["errors"]
    assert ("Did you mean" in error["message"]) is suggestions


async def test_the_same_fault_many_times_is_one_error_with_all_places() -> None:
    (error,) = (await ask(an_engine(*shop()), "{ __typename " + "@aa " * 10 + "}"))["errors"]
    assert len(error["locations"]) == 10


async def test_introspection_that_goes_round_in_circles_is_refused() -> None:
    circles = "{ __schema { types { fields { type { fields { type { fields { type { fields { type { name } } } } } } } } } } }"
    assert refusal(await ask(an_engine(*shop()), circles))[0] == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize(("times", "refused"), [(51, False), (52, True)])
async def test_a_field_is_not_repeated_without_end(times: int, refused: bool) -> None:
    answered = await ask(an_engine(*shop()), "{ " + "__typename " * times + "}")
    assert ("errors" in answered) is refused
    if refused:
        assert refusal(answered) == ("LIMIT_EXCEEDED", "repeated_fields", 50, 51)
