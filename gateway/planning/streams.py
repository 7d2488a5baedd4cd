"""Lists whose items may come later (`@stream`): what the items need of other fetches is fetched twice, for those that come first
and for the rest.

Each fetch under such a list gets a second one for the rest, and with it whatever hangs on its rows. The list itself is one fetch:
where its items need nothing more, they all come at once. Items that come later bring their own lists whole, so that there are
no more seconds than lists around a fetch. It comes after all else: the planner knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from gateway.planning.plan import Hop, Step, Where
from gateway.sources.base import Deferral

Keys = tuple[str, ...]


class Cut(NamedTuple):
    """The parents of a fetch: those that count at once, and those in the rest of a list (True: by the rows of a second)."""

    first: list[Where]
    rest: list[tuple[Where, bool]]


def set_apart(steps: tuple[Step, ...], streams: Sequence[Deferral]) -> tuple[Step, ...]:
    """The steps, each with a second one where it fetches something for items that may come later."""
    late: frozenset[int] = frozenset()
    taken = {each.id for step in steps for deferral in step.deferred for each in _chain(deferral)} if streams else set()
    taken |= {each.id for each in streams}
    for stream in sorted(streams, key=lambda each: each.id):
        steps, late = _set_apart(steps, stream, late, taken)
    return steps


def _set_apart(
    steps: tuple[Step, ...], stream: Deferral, late: frozenset[int], taken: set[int]
) -> tuple[tuple[Step, ...], frozenset[int]]:
    """`late`: the seconds that there are. `taken`: the ids of fragments and lists."""
    cuts = _cuts(steps, stream, late)
    if not any(_of_items(steps[index], stream) for index in cuts) or not _may_be(steps, stream, cuts):
        return steps, late
    copies = _copies(stream, steps, cuts, taken)
    own, second = _numbers(len(steps), cuts)
    made: list[Step] = []
    for index, step in enumerate(steps):
        needs, after = frozenset(own[n] for n in step.needs), frozenset(own[n] for n in step.after)
        above = tuple(replace(a, where=replace(a.where, base=own[a.where.base])) for a in step.above)
        where = [replace(w, base=own[w.base]) for w in (cuts[index].first if index in cuts else _places(step))]
        made.append(_at(replace(step, needs=needs, after=after, above=above), own[index], where))
        if index in cuts:
            made.append(_second(step, second[index], cuts[index], own, own | second, copies, stream))
    return tuple(made), frozenset(own[each] for each in late) | frozenset(second.values())


def _second(
    step: Step, number: int, cut: Cut, own: Mapping[int, int], nearest: Mapping[int, int],
    copies: Mapping[Deferral, Deferral], stream: Deferral,
) -> Step:  # fmt: skip
    """The same for the rest: what it hangs on are the seconds, where there are."""
    deferred = frozenset((stream,)) if _of_items(step, stream) else frozenset(copies[each] for each in step.deferred)
    needs, after = frozenset(nearest[n] for n in step.needs), frozenset(nearest[n] for n in step.after)
    above = tuple(replace(a, where=replace(a.where, base=nearest[a.where.base])) for a in step.above)
    where = [replace(w, base=(nearest if moved else own)[w.base]) for w, moved in cut.rest]
    return _at(replace(step, needs=needs, after=after, above=above, deferred=deferred), number, where)


def _at(step: Step, number: int, where: Sequence[Where]) -> Step:
    fetch = replace(step.fetch, id=number)
    if not where:
        return replace(step, fetch=fetch)
    here, *also = where
    return replace(step, fetch=fetch, base=here.base, path=here.path, marks=here.marks, also=tuple(also))


def _numbers(count: int, cuts: Mapping[int, Cut]) -> tuple[dict[int, int], dict[int, int]]:
    """index → the new one of the step, and of its second, which comes after it."""
    own = {index: index + sum(each < index for each in cuts) for index in range(count)}
    return own, {index: own[index] + 1 for index in cuts}


# ---------------------------------------------------------------- what is under the list


def _cuts(steps: Sequence[Step], stream: Deferral, late: frozenset[int]) -> dict[int, Cut]:
    """The steps some of whose parents are items of the list, or below them."""
    cuts: dict[int, Cut] = {}
    rows: list[list[Keys]] = []
    """Where in the answer the rows of each step are."""
    for index, step in enumerate(steps):
        places = _places(step)
        into = (step.into,) if step.into else ()
        rows.append([keys + _keys(w) + into for w in places for keys in rows[w.base]] if places else [()])
        if index in late:
            continue
        parts = [_cut(where, steps, rows, stream, cuts) for where in places]
        if any(rest for _, rest, _ in parts):
            firsts = [first for first, _, _ in parts]
            cuts[index] = Cut(firsts, [(rest, moved) for _, rest, moved in parts if rest is not None])
    return cuts


def _cut(
    where: Where, steps: Sequence[Step], rows: Sequence[list[Keys]], stream: Deferral, cuts: Mapping[int, Cut]
) -> tuple[Where, Where | None, bool]:
    """The part of a place that counts at once, and that of the rest."""
    if where.base in cuts:
        return where, where, True
    base, above, below = steps[where.base], rows[where.base], _keys(where)
    hop = next((len(stream.path) - len(keys) - 1 for keys in above if _leads(keys, below, stream.path)), -1)
    # the rows of the base may be the items themselves: then the list is where they were put
    if base.base is not None and base.into is not None and stream.path in above:
        where, hop = Where(base.base, (*base.path, Hop(base.into, base.types), *where.path), where.marks), len(base.path)
    if hop < 0:
        return where, None, False
    first = stream.first or 0
    return _sliced(where, hop, (0, first)), _sliced(where, hop, (first, None)), False


def _leads(keys: Keys, below: Keys, path: Keys) -> bool:
    """Through the list itself."""
    return len(keys) < len(path) and (*keys, *below)[: len(path)] == path


def _sliced(where: Where, index: int, items: tuple[int, int | None]) -> Where:
    hop = replace(where.path[index], items=items)
    return replace(where, path=(*where.path[:index], hop, *where.path[index + 1 :]))


def _places(step: Step) -> list[Where]:
    return [] if step.base is None else [Where(step.base, step.path, step.marks), *step.also]


def _keys(where: Where) -> Keys:
    return tuple(hop.key for hop in where.path)


# ---------------------------------------------------------------- what it may come with


def _of_items(step: Step, stream: Deferral) -> bool:
    """Items cannot be told without it; otherwise it is for fragments in them."""
    return not step.deferred or stream.outer in step.deferred


def _inside(deferral: Deferral, stream: Deferral) -> bool:
    return deferral.path[: len(stream.path)] == stream.path and (
        deferral.outer == stream.outer or (deferral.outer is not None and _inside(deferral.outer, stream))
    )


def _may_be(steps: Sequence[Step], stream: Deferral, cuts: Mapping[int, Cut]) -> bool:
    """Not where other fragments, or what stands elsewhere, want all items."""
    apart = all(_inside(each, stream) for i in cuts if not _of_items(steps[i], stream) for each in steps[i].deferred)
    return apart and all(cuts.keys().isdisjoint(step.needs | step.after) for i, step in enumerate(steps) if i not in cuts)


def _copies(stream: Deferral, steps: Sequence[Step], cuts: Iterable[int], taken: set[int]) -> dict[Deferral, Deferral]:
    """The fragments in the items, as they are in those that come later."""
    copies: dict[Deferral, Deferral] = {}
    known = {each for i in cuts if not _of_items(steps[i], stream) for d in steps[i].deferred for each in _chain(d)}
    for deferral in sorted((each for each in known if _inside(each, stream)), key=lambda each: each.id):
        number = max(taken) + 1
        taken.add(number)
        outer = stream if deferral.outer is None else copies.get(deferral.outer, stream)
        copies[deferral] = replace(deferral, id=number, outer=outer, like=deferral)
    return copies


def _chain(deferral: Deferral | None) -> Iterable[Deferral]:
    while deferral is not None:
        yield deferral
        deferral = deferral.outer
