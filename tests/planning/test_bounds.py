"""Planning ends, and says so, before it takes long."""

from __future__ import annotations

import pytest

from gateway.errors import LimitExceeded
from gateway.planning import planner
from tests.federated import FED2, a_gateway

MEMBERS = " ".join(f'type M{i} implements I @key(fields: "id") {{ id: ID! next: I }}' for i in range(6))
ONE = FED2 + f"type Query {{ start: I }} interface I {{ id: ID! next: I }} {MEMBERS}"
OTHER = FED2 + " ".join(f'type M{i} @key(fields: "id") {{ id: ID! v{i}: Int }}' for i in range(6))
FIELDS = " ".join(f"... on M{i} {{ v{i} }}" for i in range(6))


def nested(depth: int) -> str:
    return f"{FIELDS} next {{ {nested(depth - 1)} }}" if depth else FIELDS


def test_types_that_are_told_apart_at_every_level_share_their_fetches() -> None:
    plan = a_gateway(("one", ONE), ("other", OTHER)).plan(f"{{ start {{ {nested(2)} }} }}")
    assert len(plan.steps) <= 4


def test_an_operation_of_too_many_places_and_types_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = a_gateway(("one", ONE), ("other", OTHER))
    monkeypatch.setattr(planner, "POSITIONS", 20)
    with pytest.raises(LimitExceeded, match="more than 20 types"):
        engine.plan(f"{{ start {{ {nested(2)} }} }}")
