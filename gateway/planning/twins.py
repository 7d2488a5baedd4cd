"""Fetches by representation that go to one subgraph at the same stage become one: its entities may be of any types.

`{ a: user(id: 1) { name } b: user(id: 2) { name } }` with `name` elsewhere is one call of two entities, and so is what a User and
a Product want of their reviews. Only fetches that would start at the same stage are joined, so none waits for more answers in a
row than before; and only where they ask the same of each type, so nothing is asked of an entity that it was not asked before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphql import print_ast
from msgspec.structs import replace

from gateway.planning.draft import Asked, CaseDraft, Draft, Node, Place
from gateway.sources.base import Field


def join_twins(drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts without those that others do the work of."""
    kept = list(drafts)
    stage = 0
    while (stages := _stages(kept)) and stage <= max(stages.values()):
        open_to: dict[str, list[Draft]] = {}
        for draft in [d for d in kept if stages[d.id] == stage and _may_join(d)]:
            others = open_to.setdefault(draft.subgraph, [])
            known = next((other for other in others if _fits(other, draft)), None)
            if known is None:
                others.append(draft)
            else:
                _join(known, draft, kept)
                kept.remove(draft)
        stage += 1
    return kept


def _stages(drafts: Sequence[Draft]) -> dict[int, int]:
    """draft → how many fetches have to be answered one after another before it can start."""
    by_id = {d.id: d for d in drafts}
    known: dict[int, int] = {}

    def stage(number: int) -> int:
        if number not in known:
            known[number] = 1 + max((stage(n) for n in by_id[number].needs if n >= 0), default=-1)
        return known[number]

    for draft in drafts:
        stage(draft.id)
    return known


def _may_join(draft: Draft) -> bool:
    return bool(draft.representations) and not draft.replaces and not draft.after and draft.into is None and not draft.above


# ---------------------------------------------------------------- the same?


def _fits(known: Draft, draft: Draft) -> bool:
    """Each type is either new to the fetch, or asked for just what it is asked for already."""
    if known.deferred != draft.deferred:
        return False
    taken = {name for case in known.root.cases.values() for name in (*case.types, *case.on)}
    for types, case in draft.root.cases.items():
        same = known.root.cases.get(types)
        if same is None and taken & {*case.types, *case.on}:
            return False
        if same is not None and _case(same) != _case(case):
            return False
    return known.entry is not None and draft.entry is not None and known.entry.via == draft.entry.via


def _node(node: Node) -> str:
    return f"{node.type}{{{' '.join(_case(case) for case in node.cases.values())}}}"


def _case(case: CaseDraft) -> str:
    fields = " ".join(_asked(asked) for asked in case.fields.values())
    answer = " ".join(f"{f.key}{_later(f)}" for f in case.answer)
    return f"({'|'.join(case.types)} {'|'.join(case.on)} [{fields}] [{answer}] {case.slots})"


def _later(field: Field) -> str:
    """With what it, or the rest of its list, may come later."""
    return "".join(f"@{d.id}" for d in (*field.deferred, *((field.streamed,) if field.streamed else ())))


def _asked(asked: Asked) -> str:
    field = asked.field
    arguments = ",".join(f"{a.name}:{print_ast(a.value) if a.value else ''}" for a in asked.arguments)
    below = _node(asked.below) if asked.below is not None else ""
    return f"{asked.key}:{field.name}:{print_ast(field.type)}({arguments}){asked.hidden}{asked.merged}{field.withheld}{below}"


# ---------------------------------------------------------------- one for both


def _join(first: Draft, second: Draft, drafts: Sequence[Draft]) -> None:
    """`first` does what `second` was for, and what hangs on the rows of `second` hangs on its rows."""
    assert second.place is not None  # it has representations, so it has parents
    first.also.append((second.place, set(second.marks)))
    first.also += second.also
    first.representations |= second.representations
    first.needs |= second.needs
    first.apart = first.apart or second.apart
    first.wanted |= second.wanted
    marks = dict(_marks(first.root, second.root))
    for types, case in second.root.cases.items():
        first.root.cases.setdefault(types, case)
    for draft in drafts:
        _rename(draft.needs, second.id, first.id)
        _rename(draft.after, second.id, first.id)
        if draft.place is not None and draft.place.base is second:
            draft.place = _same_place(first, draft.place)
            draft.marks = {marks.get(m, m) for m in draft.marks}
            draft.representations = {marks.get(m, m): replace(r, mark=marks.get(m, m)) for m, r in draft.representations.items()}
        for above in draft.above:
            if above.place.base is second:
                above.place, above.mark = _same_place(first, above.place), marks.get(above.mark, above.mark)
        draft.also = [
            (_same_place(first, place), {marks.get(m, m) for m in also}) if place.base is second else (place, also)
            for place, also in draft.also
        ]


def _rename(numbers: set[int], old: int, new: int) -> None:
    if old in numbers:
        numbers.discard(old)
        numbers.add(new)


def _marks(first: Node, second: Node) -> Iterator[tuple[int, int]]:
    """mark in the second → mark of the same place in the first."""
    for types, other in second.cases.items():
        if (one := first.cases.get(types)) is None:
            continue
        if other.mark:
            yield other.mark, one.mark
        for asked, twin in zip(one.fields.values(), other.fields.values(), strict=True):
            if asked.below is not None and twin.below is not None:
                yield from _marks(asked.below, twin.below)


def _same_place(base: Draft, place: Place) -> Place:
    here = base.rows
    for hop in place.path:
        here = here.child(hop.key, hop.types)
    return here
