"""A generated graph in small: what grows with it, by counts."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from benchmarks.scale import compose, planned, query, read, sdls
from gateway.planning.cost import Costs


def counted(monkeypatch: pytest.MonkeyPatch, subgraphs: int, types: int) -> Mapping[str, int]:
    supergraph = compose([read(text, number) for number, text in enumerate(sdls(subgraphs, types))])
    calls = 0
    cover = Costs.cover

    def counting(self: Costs, *given: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        return cover(self, *given, **named)  # type: ignore[arg-type]  # handed on as they came

    with monkeypatch.context() as patched:
        patched.setattr(Costs, "cover", counting)
        made = planned(supergraph, query(supergraph, types))
    fields = sum(len(kind.fields) for name, kind in supergraph.schema.type_map.items() if name.startswith("E"))  # type: ignore[attr-defined]  # entities
    return {"fields": fields, "fetches": len(made.steps), "subgraphs": len(made.subgraphs), "covers": calls}


def test_a_query_over_many_subgraphs_needs_few_fetches_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    found = counted(monkeypatch, 10, 120)
    assert found["fields"] > 9 * 120
    assert found["fetches"] <= 4 * found["subgraphs"]


def test_planning_grows_with_the_query_and_not_with_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = (counted(monkeypatch, count, 12 * count) for count in (10, 30))
    assert large["covers"] <= 1.5 * small["covers"]
