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
