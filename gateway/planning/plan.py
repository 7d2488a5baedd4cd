"""What comes out of planning: the fetches of an operation, what each waits for, and where its rows belong.

Printed as Sequence, Parallel, Flatten, Defer, Stream and Fetch, the words of the field.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from graphql import print_ast

from gateway.sources.base import Argument, Deferral, Entry, Fetch, Field, Input, Selection


class Hop(msgspec.Struct, frozen=True):
    """One step down, from rows of these object types (empty: of any) to what they have under the response key."""

    key: str
    types: frozenset[str] = frozenset()
    items: tuple[int, int | None] | None = None
    """Of a list only those from the first number up to the second (None: all the rest)."""


class Where(msgspec.Struct, frozen=True):
    """Rows at a place: on a path from the rows of fetch `base`, those of the cases with these marks."""

    base: int
    path: tuple[Hop, ...]
    marks: frozenset[int]


class Above(msgspec.Struct, frozen=True):
    """A value of rows further up that a fetch is called with; `below` leads from those rows to its parents."""

    variable: str
    where: Where
    below: tuple[str, ...]
    value: Input


class Step(msgspec.Struct, frozen=True):
    """A fetch in its place. `base` is the fetch whose rows it starts from (None: the root of the answer), `path` leads from
    those rows to the parents; its own rows are put under the parents' key `into`, or (None) their fields into the parents."""

    fetch: Fetch
    base: int | None = None
    path: tuple[Hop, ...] = ()
    into: str | None = None
    types: frozenset[str] = frozenset()
    """The object types of the parents that count (empty: any)."""
    needs: frozenset[int] = frozenset()
    """The fetches that have to be placed before this one can gather its keys."""
    after: frozenset[int] = frozenset()
    """The fetches that have to be placed before the rows of this one can complete theirs; it is sent without waiting."""
    marks: frozenset[int] = frozenset()
    """The `Case.mark`s of the parents that count."""
    also: tuple[Where, ...] = ()
    """More parents, at other places, that the same fetch serves."""
    replaces: bool = False
    """Its rows take the place of the parents, which do not know their own type."""
    deferred: frozenset[Deferral] = frozenset()
    """The fragments it is for, where all that it is for may come later."""
    above: tuple[Above, ...] = ()
    """What it is called with besides keys: one call for each combination of these."""
    apart: bool = False
    """Each parent has rows of its own, also where several have the same key."""


class Plan(msgspec.Struct, frozen=True):
    """`answer` is the client's own selection: the shape and order of what goes out. `steps` are in an order that works."""

    answer: Selection
    steps: tuple[Step, ...]
    introspection: tuple[str, ...] = ()

    @property
    def subgraphs(self) -> frozenset[str]:
        return frozenset(step.fetch.subgraph for step in self.steps)


# ---------------------------------------------------------------- for people and golden pages


def show(plan: Plan) -> str:
    """The plan as an indented page."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    yield "QueryPlan {"
    if plan.introspection:
        yield f"  Gateway {{ {' '.join(plan.introspection)} }}"
    yield from _children(plan, None, 1)
    yield "}"


def _children(plan: Plan, after: int | None, depth: int) -> Iterator[str]:
    """What may start when fetch `after` is placed (None: at once)."""
    pad = "  " * depth
    chains = [_chain(plan, step) for step in plan.steps if _last_need(step) == after]
    if len(chains) > 1:
        yield f"{pad}Parallel {{"
        for chain in chains:
            yield from _sequence(plan, chain, depth + 1)
        yield f"{pad}}}"
    elif chains:
        yield from _sequence(plan, chains[0], depth)


def _chain(plan: Plan, step: Step) -> list[Step]:
    """A fetch and those that follow it one by one."""
    chain = [step]
    while len(following := [s for s in plan.steps if _last_need(s) == chain[-1].fetch.id]) == 1:
        chain += following
    return chain


def _last_need(step: Step) -> int | None:
    return max(step.needs, default=None)


def _sequence(plan: Plan, chain: list[Step], depth: int) -> Iterator[str]:
    pad = "  " * depth
    below = list(_children(plan, chain[-1].fetch.id, depth + 1))
    if len(chain) == 1 and not below:
        yield from _fetch_lines(plan, chain[0], depth)
        return
    yield f"{pad}Sequence {{"
    for step in chain:
        yield from _fetch_lines(plan, step, depth + 1)
    yield from below
    yield f"{pad}}}"


def _fetch_lines(plan: Plan, step: Step, depth: int) -> Iterator[str]:
    pad = "  " * depth
    if step.deferred:
        word = "Stream" if any(d.first is not None for d in step.deferred) else "Defer"
        yield f'{pad}{word}("{", ".join(_later(step))}") {{'
        yield from _fetch_lines(plan, msgspec.structs.replace(step, deferred=frozenset()), depth + 1)
        yield f"{pad}}}"
    elif step.fetch.entry is not None:
        paths = [_full_path(plan, step)] + [_full_path(plan, Step(step.fetch, w.base, w.path)) for w in step.also]
        yield f'{pad}Flatten(path: "{", ".join(paths)}") {{'
        yield from _fetch_body(step.fetch, depth + 1)
        yield f"{pad}}}"
    else:
        yield from _fetch_body(step.fetch, depth)


def _later(step: Step) -> list[str]:
    """What it is for, where that may come later."""
    return [d.label or ".".join(d.path) or "Query" for d in sorted(step.deferred, key=lambda d: d.id)]


def _fetch_body(fetch: Fetch, depth: int) -> Iterator[str]:
    pad = "  " * depth
    yield f'{pad}Fetch(service: "{fetch.subgraph}", id: {fetch.id}) {{'
    if fetch.entry is not None and not fetch.selection.cases:
        yield f"{pad}  {_entry(fetch.entry)}"
    elif fetch.entry is not None:
        yield f"{pad}  {_entry(fetch.entry)} {{"
        yield from _selection(fetch.selection, depth + 2)
        yield f"{pad}  }}"
    else:
        yield from _selection(fetch.selection, depth + 1)
    yield f"{pad}}}"


def _entry(entry: Entry) -> str:
    if entry.representations:
        told = (f"{r.type} {' '.join(i.name for i in r.inputs)}" for r in entry.representations)
        given = f" per {', '.join(f'${name}' for name in entry.variables)}" if entry.variables else ""
        return f"{entry.via}({' | '.join(told)}){given}"
    if entry.batch is None:
        return f"{entry.via}({_arguments(entry.arguments)}) per key"
    batch = entry.batch
    keys = Argument(batch.arg, input=f"[{', '.join(i.name for i in entry.inputs)}]")
    fixed = tuple(a for a in entry.arguments if a.input is None)
    if batch.page is None:
        return f"{batch.via}({_arguments((keys, *fixed))}) by {batch.key}, {batch.max} at a time"
    arguments = _arguments((keys, *fixed) if batch.arg else fixed)
    return f"{batch.via}{f'({arguments})' if arguments else ''} by {batch.key}, in at most {batch.page.max} pages"


def _arguments(arguments: Sequence[Argument]) -> str:
    return ", ".join(f"{a.name}: {'$' + a.input if a.input else print_ast(a.value) if a.value else 'null'}" for a in arguments)


def _selection(selection: Selection, depth: int) -> Iterator[str]:
    pad = "  " * depth
    plain = len(selection.cases) == 1
    for case in selection.cases:
        if plain:
            yield from _fields(case.fields, depth)
        elif case.fields:
            yield f"{pad}... on {' | '.join(case.types)} {{"
            yield from _fields(case.fields, depth + 1)
            yield f"{pad}}}"


def _fields(fields: Sequence[Field], depth: int) -> Iterator[str]:
    pad = "  " * depth
    for field in fields:
        key = field.alias or field.key
        alias = "" if key == field.name else f"{key}: "
        arguments = f"({_arguments(field.arguments)})" if field.arguments else ""
        mark = "  # for a join" if field.hidden else "  # completes" if field.merged else "  # withheld" if field.withheld else ""
        if field.selection is None:
            yield f"{pad}{alias}{field.name}{arguments}{mark}"
        else:
            yield f"{pad}{alias}{field.name}{arguments} {{{mark}"
            yield from _selection(field.selection, depth + 1)
            yield f"{pad}}}"


def _full_path(plan: Plan, step: Step) -> str:
    by_id = {s.fetch.id: s for s in plan.steps}
    parts: list[str] = [] if step.into is None else [step.into]
    here: Step | None = step
    while here is not None:
        parts = [_hop(hop) for hop in here.path] + parts
        here = by_id[here.base] if here.base is not None else None
        if here is not None and here.into is not None:
            parts = [here.into, *parts]
    return ".".join(parts)


def _hop(hop: Hop) -> str:
    items = f"[{hop.items[0] or ''}:{'' if hop.items[1] is None else hop.items[1]}]" if hop.items else ""
    return hop.key + (f"[{'|'.join(sorted(hop.types))}]" if hop.types else "") + items


def to_json(plan: Plan) -> dict[str, Any]:
    """The plan for programs: what `gateway plan --json` prints."""
    return {
        "introspection": list(plan.introspection),
        "fetches": [
            {
                "id": step.fetch.id,
                "service": step.fetch.subgraph,
                "path": _full_path(plan, step),
                "needs": sorted(step.needs),
                "later": _later(step),
                "entry": _entry(step.fetch.entry) if step.fetch.entry else None,
                "batch": step.fetch.entry.batch.via if step.fetch.entry and step.fetch.entry.batch else None,
                "selection": "\n".join(_selection(step.fetch.selection, 0)),
            }
            for step in plan.steps
        ],
    }


OUTLINED = 100
"""Fetches of a plan that are told one by one where it is refused."""


def outline(plan: Plan) -> dict[str, Any]:
    """What would be asked of whom, without what is selected: enough to see where the calls come from."""
    services = Counter(step.fetch.subgraph for step in plan.steps)
    fetches = [{"service": step.fetch.subgraph, "path": _full_path(plan, step)} for step in plan.steps[:OUTLINED]]
    return {"services": dict(services.most_common()), "fetches": fetches}
