"""What remains when every field has its fetch: types told apart, keys that cannot be sent given aliases, steps put in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from graphql import ListTypeNode, NonNullTypeNode, TypeNode

from gateway.composition.graph import Graph
from gateway.planning.draft import Asked, CaseDraft, Draft, Node
from gateway.planning.operation import TYPENAME
from gateway.planning.plan import Above, Step, Where
from gateway.planning.twins import join_twins
from gateway.sources.base import Deferral, Subgraph
from gateway.sources.reach import field_of, named

ENTITY = "_Entity"


def finish(drafts: Sequence[Draft], graph: Graph, subgraphs: Mapping[str, Subgraph]) -> tuple[Step, ...]:
    """The drafts as steps, in an order that works."""
    drafts = join_twins(drafts)
    for draft in drafts:
        subgraph = subgraphs[draft.subgraph]
        if subgraph.wire.response_keys:
            for node in draft.root.nodes():
                _tell_types(node, draft, graph)
            _alias([draft.root], subgraph, graph)
    ordered = _ordered(drafts)
    numbers = {draft.id: number for number, draft in enumerate(ordered)}
    return tuple(_step(draft, numbers) for draft in ordered)


# ---------------------------------------------------------------- types


def _tell_types(node: Node, draft: Draft, graph: Graph) -> None:
    """Ask for `__typename` where members differ; cover those nothing is asked of; and never send an empty selection."""
    if (draft.subgraph, node.type) not in graph.stand_ins and node.type in graph.possible:
        _cover(node, draft, graph)
    cases = list(node.cases.values())
    if _differ(node, draft, graph):
        taken = any(f.key == "__typename" and f.name != "__typename" for case in cases for f in case.answer)
        for case in cases:
            case.tag("_tag" if taken else "__typename")
    for case in cases:
        if not case.fields:
            case.hide("__typename", TYPENAME)


def _cover(node: Node, draft: Draft, graph: Graph) -> None:
    """Rows that only complete others, or tell types, may be of types of which nothing is wanted here."""
    runtime = graph.runtime.get((draft.subgraph, node.type), ())
    known = {name for case in node.cases.values() for name in case.types}
    rest = tuple(name for name in runtime if name not in known and name in graph.possible[node.type])
    if rest and known and not any(case.mark for case in node.cases.values()):
        node.case(rest)


def _differ(node: Node, draft: Draft, graph: Graph) -> bool:
    if (draft.subgraph, node.type) in graph.stand_ins:
        return False
    if node.type == ENTITY:
        return len(node.cases) > 1
    if node.type not in graph.possible:
        return False
    known = {name for case in node.cases.values() for name in case.types}
    return len(node.cases) > 1 or any(name not in known for name in graph.runtime.get((draft.subgraph, node.type), ()))


# ---------------------------------------------------------------- aliases


def _alias(nodes: Sequence[Node], subgraph: Subgraph, graph: Graph) -> None:
    """Fields under one response key need one shape, wherever they stand in parallel (GraphQL, "Field Selection Merging")."""
    by_key: dict[str, dict[str, list[Asked]]] = {}
    for case, owner in _cases(nodes):
        for asked in case.fields.values():
            shape = _shape(asked, owner, case, subgraph)
            by_key.setdefault(asked.key, {}).setdefault(shape, []).append(asked)
    taken = set(by_key)
    for key, shapes in by_key.items():
        for number, same in enumerate(shapes.values()):
            if number:
                alias = _free(f"{key}_{number}", taken)
                for asked in same:
                    asked.alias = alias
            below = [asked.below for asked in same if asked.below is not None]
            if below:
                _alias(below, subgraph, graph)


def _cases(nodes: Iterable[Node]) -> Iterator[tuple[CaseDraft, str]]:
    for node in nodes:
        for case in node.cases.values():
            yield case, node.type


def _free(alias: str, taken: set[str]) -> str:
    while alias in taken:
        alias += "_"
    taken.add(alias)
    return alias


def _shape(asked: Asked, owner: str, case: CaseDraft, subgraph: Subgraph) -> str:
    """The type as far as parallel fields have to agree: lists, nulls and the leaf's name."""
    if asked.field.name == "__typename":
        return "String!"
    known = (*case.on, *case.types, owner)
    for name in known:
        definition = field_of(subgraph.types.get(subgraph.query if name == "Query" else name), asked.field.name)
        if definition is not None:
            return _spelled(definition.type, leaf=asked.field.selection is None)
    return _spelled(asked.field.type, leaf=asked.field.selection is None)


def _spelled(node: TypeNode, *, leaf: bool) -> str:
    if isinstance(node, NonNullTypeNode):
        return _spelled(node.type, leaf=leaf) + "!"
    if isinstance(node, ListTypeNode):
        return f"[{_spelled(node.type, leaf=leaf)}]"
    return named(node) if leaf else "{}"


# ---------------------------------------------------------------- order


def _ordered(drafts: Sequence[Draft]) -> list[Draft]:
    """Each after all it waits for, otherwise as they came up."""
    done: set[int] = set()
    ordered: list[Draft] = []
    pending = list(drafts)
    while pending:
        due = [d for d in pending if d.needs - {-1} <= done]
        assert due, "fetches wait for each other"
        ordered.append(due[0])
        done.add(due[0].id)
        pending.remove(due[0])
    return ordered


def _step(draft: Draft, numbers: Mapping[int, int]) -> Step:
    own = numbers[draft.id]
    draft_needs = frozenset(numbers[n] for n in draft.needs if n >= 0)
    after = frozenset(numbers[n] for n in draft.after if n >= 0 and n != draft.id) - draft_needs
    fetch = draft.fetch()
    fetch = type(fetch)(own, fetch.subgraph, fetch.selection, fetch.entry)
    deferred = frozenset(each for group in draft.wanted for each in group) if () not in draft.wanted else frozenset[Deferral]()
    if draft.place is None:
        return Step(fetch, needs=draft_needs, after=after, deferred=deferred)
    base = numbers[draft.place.base.id]
    here = Where(base, draft.place.path, frozenset(draft.marks))
    also = (Where(numbers[place.base.id], place.path, frozenset(marks)) for place, marks in draft.also)
    others = tuple(dict.fromkeys(where for where in also if where != here))
    types = draft.types or frozenset()
    above = tuple(
        Above(a.variable, Where(numbers[a.place.base.id], a.place.path, frozenset((a.mark,))), a.below, a.value)
        for a in draft.above
    )
    told = (draft.replaces, deferred, above, draft.apart)
    return Step(fetch, base, here.path, draft.into, types, draft_needs, after, here.marks, others, *told)
