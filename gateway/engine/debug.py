"""What a caller may ask about its own answer: where each part came from, how it was planned, and what took how long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gateway.execution.exchange import Exchange
from gateway.execution.run import Outcome
from gateway.planning.plan import Plan, Step, to_json
from gateway.upstream.call import Reply, Request

HEADER = "x-signpost-debug"
LISTED = 200
"""Calls that are told of one by one."""


def wanted(header: str | None, allowed: frozenset[str]) -> frozenset[str]:
    """What of a caller's wishes is granted. What is not allowed, or means nothing, is passed over."""
    return allowed.intersection(part.strip().lower() for part in header.split(",")) if header and allowed else frozenset()


def extensions(aspects: frozenset[str], plan: Plan, outcome: Outcome, request: Request, began: float) -> dict[str, Any]:
    """The members of `extensions` that were asked for. `began` on the clock of the exchanges."""
    told: dict[str, Any] = {}
    if "provenance" in aspects:
        told["provenance"] = list(_provenance(plan, outcome.exchanges))
    if "plan" in aspects:
        told["plan"] = to_json(plan)
    if "timing" in aspects:
        told["timing"] = _timing(outcome.exchanges, request, began)
    return told


def _provenance(plan: Plan, exchanges: Sequence[Exchange]) -> Iterator[dict[str, Any]]:
    """Response path → source, calls, age. A path holds for all below it that has no entry of its own; lists have no indices."""
    ways: dict[int, tuple[str, ...]] = {}
    for step in plan.steps:
        way = (*ways.get(step.base if step.base is not None else -1, ()), *(hop.key for hop in step.path))
        ways[step.fetch.id] = (*way, step.into) if step.into is not None else way
        calls = [i for i, each in enumerate(exchanges) if each.step.step is step]
        ages = [came.freshness.age for i in calls if isinstance(came := exchanges[i].came, Reply)]
        for path in _paths(step, ways[step.fetch.id]):
            about: dict[str, Any] = {"path": list(path), "service": step.fetch.subgraph, "calls": calls[:LISTED]}
            yield about | ({"age_s": round(max(ages))} if any(ages) else {})


def _paths(step: Step, way: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """What a fetch brings: the value of a link as a whole, or else the fields it adds to what is there."""
    if step.into is not None:
        yield way
        return
    shown = (field.key for case in step.fetch.selection.cases for field in case.fields if not field.hidden)
    for key in dict.fromkeys(shown):
        yield (*way, key)


def _timing(exchanges: Sequence[Exchange], request: Request, began: float) -> dict[str, Any]:
    ended = max((each.ended for each in exchanges), default=began)
    told = {"queue_ms": _ms(request.tally.queued), "upstream_ms": _ms(ended - began), "calls": len(exchanges)}
    return told | {"each": [call(each, began) for each in exchanges[:LISTED]]}


def call(each: Exchange, began: float) -> dict[str, Any]:
    """One upstream call, for a person who asks what took so long. Nothing in it comes from the caller or the source's body."""
    told: dict[str, Any] = {"service": each.source, "operation": each.call.operation, "fetch": each.step.step.fetch.id}
    told |= {"start_ms": _ms(each.began - began), "duration_ms": _ms(each.ended - each.began), "served": each.served}
    told |= {"status": each.status, "attempts": each.attempts, "keys": each.keys, "bytes": each.size}
    if isinstance(each.came, Reply) and each.came.freshness.age:
        told["age_s"] = round(each.came.freshness.age)
    if each.error is not None:
        told["code"] = each.error.code
    return told


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
