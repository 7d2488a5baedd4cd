"""Which deferred fragments, and rests of lists, are worth a part of their own: those that wait for fetches that nothing before
them waits for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from gateway.planning.plan import Plan, Step
from gateway.sources.base import Deferral


class Schedule(msgspec.Struct, frozen=True):
    """What is awaited before the first part, and before each fragment or rest of a list that gets a part of its own."""

    first: frozenset[int]
    later: Mapping[Deferral, frozenset[int]]
    copies: Mapping[tuple[Deferral, Deferral], Deferral] = {}
    """(rest of a list, fragment in its items) → the fragment as it is in that rest."""


def schedule(plan: Plan) -> Schedule:
    """A fragment all of whose fetches are made anyway comes with what stands around it (the specification lets a server choose).

    A fragment in a fragment is judged by what that waits for.
    """
    first = _closed(plan.steps, (i for i, step in enumerate(plan.steps) if not step.deferred))
    later: dict[Deferral, frozenset[int]] = {}
    awaited: dict[Deferral, frozenset[int]] = {}
    for deferral in _deferrals(plan.steps):
        around = awaited[deferral.outer] if deferral.outer is not None else first
        own = _closed(plan.steps, (i for i, step in enumerate(plan.steps) if deferral in step.deferred)) - first
        awaited[deferral] = around | own
        if not own <= around:
            later[deferral] = own
    return Schedule(first, later, {(_list(each), each.like): each for each in awaited if each.like is not None})


def _list(copy: Deferral) -> Deferral:
    """The innermost rest of a list that it stands in."""
    around = copy.outer
    while around is not None and around.first is None:
        around = around.outer
    assert around is not None  # only there are copies
    return around


def _deferrals(steps: Sequence[Step]) -> list[Deferral]:
    """Those that fetches are for, and those around them, from the outside in."""
    found: dict[int, Deferral] = {}
    for step in steps:
        for deferral in step.deferred:
            inner: Deferral | None = deferral
            while inner is not None and inner.id not in found:
                found[inner.id] = inner
                inner = inner.outer
    return [found[number] for number in sorted(found)]


def _closed(steps: Sequence[Step], begun: Iterable[int]) -> frozenset[int]:
    """These and all they wait for."""
    found: set[int] = set()
    pending = list(begun)
    while pending:
        number = pending.pop()
        if number not in found:
            found.add(number)
            pending += [*steps[number].needs, *steps[number].after]
    return frozenset(found)
