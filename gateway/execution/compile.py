"""Makes a plan ready, once: for each fetch its calls, its decoder, its exact reader, and how its rows are found and placed.

What is left for a request is to put variables and keys in. Everything here is immutable but one counter: a fetch whose
replies missed the fast path twice starts on the exact path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

import msgspec
from graphql import NonNullTypeNode

from gateway.errors import UpstreamBadContent
from gateway.execution.above import Higher, converting
from gateway.execution.envelope import Body, body
from gateway.execution.gather import Convert, Descend, Gathered, KeyOf, descents, key_converter, key_reader
from gateway.execution.kept import Kept, kept
from gateway.execution.place import Found, Merge, Place, Replace, Target, completing, into, source_of, under
from gateway.execution.reading import Readers, Reading, Sink, attribute_of, struct
from gateway.execution.represent import representing
from gateway.planning.plan import Plan, Step
from gateway.sources.base import Case, Entry, Field, Prepared, Representation, Subgraph
from gateway.sources.reach import named, nullable
from gateway.upstream.call import Propagated, Reply
from gateway.upstream.headers import identity_of

MISSES = 2
NULL = object()
MISSING = frozenset({404, 410})


class ReadyStep:
    """A step of the plan, ready to run. See `run`."""

    __slots__ = (
        "above",
        "after",
        "also",
        "apart",
        "base",
        "body",
        "calls",
        "clean",
        "complete",
        "convert",
        "descents",
        "entry",
        "hide_key",
        "holders",
        "kept",
        "key_of",
        "keys",
        "match",
        "merges",
        "misses",
        "nullable",
        "place",
        "prepared",
        "read_key",
        "replace",
        "requires",
        "same_key",
        "single",
        "step",
        "subgraph",
        "then",
        "verify",
    )  # fmt: skip

    step: Step
    subgraph: Subgraph
    prepared: Prepared
    body: Body
    verify: Callable[[Reply], Reply]
    place: Place
    entry: Entry | None
    base: int
    then: tuple[int, ...]
    """The steps that wait for this one."""
    requires: int
    """How many steps this one waits for."""
    descents: tuple[Descend, ...]
    also: tuple[tuple[int, tuple[Descend, ...]], ...]
    """Further places of parents: the step whose rows the way starts from, and the way."""
    key_of: KeyOf
    convert: Convert | None
    single: bool
    kept: Kept | None
    """Where its rows are kept one by one; None: they are not."""
    match: str
    read_key: KeyOf
    same_key: bool
    hide_key: str | None
    """The slot of its own rows that only matching needed."""
    clean: tuple[tuple[str, frozenset[type] | None], ...]
    """The slots of the parents that only joins needed; and which row classes have them, where not all do."""
    above: tuple[Higher, ...]
    """Values from further up that complete its keys."""
    apart: bool
    after: tuple[int, ...]
    """The steps whose rows this one completes, by index."""
    complete: Place | None
    """For what `after` brings: the second half of placing."""
    merges: tuple[tuple[str, Merge], ...]
    """The same at the root."""
    replace: Replace | None
    holders: tuple[Descend, ...]
    """To the rows in which `replace` puts its own."""
    misses: int
    calls: int
    """Made for it so far, and the `keys` they asked for; counted by who keeps account."""
    keys: int
    nullable: bool
    """Null may stand for all that it fetches."""

    def rows(self, reply: Reply, sink: Sink) -> Any:
        """What the reply has for this fetch. Falls to the exact reader where the fast one cannot tell."""
        decoded = reply.rows
        if decoded is None and reply.served != "network" and self.body.decode is not None:
            try:
                decoded = self.decode(reply.body)
            except (msgspec.DecodeError, UnicodeDecodeError):
                decoded = None
        if decoded is not None:
            try:
                return self.body.fast_value(None if decoded is NULL else decoded)
            except msgspec.ValidationError:
                pass  # a value that only as a whole says what it is, and is nothing that is known
        self.misses += 1
        return self.body.exact_value(reply.body, sink)

    def decode(self, raw: bytes) -> Any:
        """The verifier's first look at a body. `NULL` for a body that is null: without rows means that they do not fit."""
        if self.body.decode is None or self.misses >= MISSES:
            raise msgspec.ValidationError("read on the exact path")
        try:
            decoded = self.body.decode(raw)
        except RecursionError:
            raise UpstreamBadContent("answered with JSON nested too deeply") from None
        return NULL if decoded is None else decoded

    def absent(self, reply: Reply) -> bool:
        """A REST source that has nothing under an address, where its configuration says that this is null."""
        return reply.status in MISSING and not self.subgraph.wire.response_keys and reply.body == b"null"


class Ready:
    """A compiled plan. `root` makes the row of the answer itself; `cases` says what each row class stands for; `identity` reads
    of a caller what its calls carry on, and `varies` names that."""

    __slots__ = ("awaited", "cases", "first", "identity", "plan", "root", "row_classes", "steps", "varies")

    def __init__(self, plan: Plan, steps: tuple[ReadyStep, ...], root: type, cases: Mapping[type, Case]) -> None:
        self.plan = plan
        self.steps = steps
        self.root = root
        self.cases = cases
        self.row_classes = frozenset(cases) - {root}
        self.awaited = frozenset(other for step in steps for other in step.after)
        self.first = tuple(i for i, step in enumerate(steps) if not step.requires)
        propagated = frozenset[Propagated]().union(*(step.prepared.propagates for step in steps))
        self.identity = identity_of(propagated)
        self.varies = tuple(sorted({each if isinstance(each, str) else "*" for each in propagated}))


Leaves = dict[tuple[str, str, str], Reading]
"""What plans of one schema have in common: see `Readers`."""


def compile_plan(plan: Plan, subgraphs: Mapping[str, Subgraph], leaves: Leaves) -> Ready:
    """Costs about a tenth of a millisecond per object type selected; done once per operation and variant."""
    cases: dict[type, Case] = {}
    (answer,) = plan.answer.cases
    root = _root_row(answer, plan.answer.type)
    cases[root] = Case(answer.types, (), answer.fields)
    steps = [_step(step, subgraphs[step.fetch.subgraph], cases, leaves) for step in plan.steps]

    for ready in steps:
        ready.then = tuple(i for i, other in enumerate(plan.steps) if ready.step.fetch.id in other.needs)
        if ready.entry is None:
            ready.merges = _merges(ready, cases)
        else:
            _reach_parents(ready, cases)
    return Ready(plan, tuple(steps), root, cases)


def _root_row(case: Case, name: str) -> type:
    slots = [(attribute_of(f.key), Any, name if f.name == "__typename" else None) for f in case.fields]
    rename = {attribute_of(f.key): f.key for f in case.fields}
    return struct("Answer", slots, rename)


def _step(step: Step, subgraph: Subgraph, cases: dict[type, Case], leaves: Leaves) -> ReadyStep:
    ready = ReadyStep()
    fetch = step.fetch
    ready.step, ready.subgraph, ready.entry = step, subgraph, fetch.entry
    ready.prepared = prepared = subgraph.prepare(fetch)
    ready.match, ready.misses, ready.calls, ready.keys = prepared.match, 0, 0, 0
    readers = Readers(subgraph, cases, leaves)
    ready.nullable = prepared.match != "value" or not isinstance(fetch.selection.cases[0].fields[0].type, NonNullTypeNode)
    ready.body = body(prepared, _reading(readers, prepared.match, step), subgraph.wire.response_keys, prepared.match == "alias")
    ready.verify = prepared.verifier(ready.decode)
    ready.kept = kept(step, prepared, subgraph) if not step.above else None
    ready.above, ready.apart = (), step.apart
    ready.base = step.base if step.base is not None else -1
    ready.requires = len(step.needs)
    ready.key_of = ready.read_key = attrgetter("__class__")
    ready.convert, ready.single, ready.same_key, ready.hide_key, ready.clean = None, True, True, None, ()
    ready.also = ()
    ready.after = tuple(sorted(step.after))
    ready.complete, ready.merges, ready.replace = None, (), None
    ready.place, ready.descents, ready.holders = _nowhere, (), ()
    if fetch.entry is not None and not fetch.entry.representations:
        _keyed(ready, fetch.entry, step)
    return ready


def _nowhere(_gathered: Gathered, _found: Found) -> bool:
    return False


def _reading(readers: Readers, match: str, step: Step) -> Reading:
    """Of what stands under the fetch's path in the body."""
    selection, entry = step.fetch.selection, step.fetch.entry
    if match == "root":
        return readers.object(selection, selection.type)
    if match == "value":
        (field,) = selection.cases[0].fields
        return readers.value(field.type, field.selection, f"Query.{field.name}")
    assert entry is not None  # every other match is of a fetch by key
    if match == "order":
        return readers.ordered(selection, f"Query.{entry.via}")
    below = selection if selection.cases else None
    result = entry.result
    assert result is not None  # the planner always says it
    if match == "key":
        return readers.rows_list(selection, f"Query.{entry.batch.via if entry.batch else entry.via}")
    return readers.value(nullable(result), below, f"Query.{entry.via}")


# ---------------------------------------------------------------- keys


def _keyed(ready: ReadyStep, entry: Entry, step: Step) -> None:
    ready.key_of = key_reader([i.path for i in entry.inputs])
    ready.single = len(entry.inputs) == 1
    given = {i.name: named(i.type) for i in entry.inputs}
    wanted = {a.input: named(a.type) for a in entry.arguments if a.input and a.type}
    ready.convert = key_converter([(given[i.name], wanted.get(i.name, given[i.name])) for i in entry.inputs], step.fetch.subgraph)
    ready.clean = tuple((attribute_of(i.path[0]), None) for i in entry.inputs if i.hidden)
    if ready.match == "key":
        field = _key_field(step, ready.prepared)
        ready.read_key = attrgetter(attribute_of(field.key))
        own, key = named(field.type), given[entry.inputs[0].name]
        ready.same_key = _spelling(own) == _spelling(key) != "any"
        ready.hide_key = attribute_of(field.key) if field.hidden else None


def _key_field(step: Step, prepared: Prepared) -> Field:
    for case in step.fetch.selection.cases:
        for field in case.fields:
            if field.key == prepared.key_field:
                return field
    raise AssertionError(f"a batch of {step.fetch.subgraph} has no key field {prepared.key_field}")


def _spelling(scalar: str) -> str:
    """Whether equal keys are equal values, or have to be compared as text."""
    return {"Int": "number", "Int64": "number", "String": "text", "ID": "text", "UUID": "text"}.get(scalar, "any")


# ---------------------------------------------------------------- places


def _reach_parents(ready: ReadyStep, cases: Mapping[type, Case]) -> None:
    """How the parents of a fetch by key are found, and what they are given."""
    step, entry = ready.step, ready.entry
    assert entry is not None  # a fetch by key
    marks = step.marks.union(*(where.marks for where in step.also))
    parents = frozenset(c for c, case in cases.items() if case.mark in marks)

    def having(attribute: str) -> frozenset[type]:
        return frozenset(
            c
            for c in cases
            if attribute in c.__struct_fields__  # type: ignore[attr-defined]  # every row class is a struct
        )

    ready.descents = descents(step.path, having, parents)
    ready.also = tuple((where.base, descents(where.path, having, parents)) for where in step.also)
    if entry.representations:
        by_mark = {r.mark: r for r in entry.representations}
        by_class = {c: by_mark[cases[c].mark] for c in parents if cases[c].mark in by_mark}
        ready.key_of, ready.convert = representing(by_class, cases)
        ready.clean = _hidden_inputs(by_class)
    if step.above:
        marked = [frozenset(c for c, case in cases.items() if case.mark in above.where.marks) for above in step.above]
        ready.above = tuple(Higher(above, having, classes) for above, classes in zip(step.above, marked, strict=True))
        ready.convert, ready.single = converting(ready.convert), False
    if step.into is not None:
        ready.place = under(attribute_of(step.into))
        return
    service = ready.subgraph.name
    if step.replaces:
        ready.replace = Replace(attribute_of(step.path[-1].key), cases, service)
        ready.holders = descents(step.path[:-1], having, having(ready.replace.attribute))
        return
    targets = {c: Target(c, source_of(cases[c], step.fetch.selection), cases, service) for c in parents}
    if targets:
        ready.place, ready.complete = into(targets), completing(targets)


def _hidden_inputs(by_class: Mapping[type, Representation]) -> tuple[tuple[str, frozenset[type] | None], ...]:
    having: dict[str, set[type]] = {}
    for cls, representation in by_class.items():
        for given in (*representation.inputs, *((representation.typename,) if representation.typename else ())):
            if given.hidden:
                having.setdefault(attribute_of(given.path[0]), set()).add(cls)
    every = len(by_class)
    return tuple((attribute, None if len(classes) == every else frozenset(classes)) for attribute, classes in having.items())


def _merges(ready: ReadyStep, cases: Mapping[type, Case]) -> tuple[tuple[str, Merge], ...]:
    fields = ready.step.fetch.selection.cases[0].fields
    return tuple((attribute_of(f.key), Merge(f, cases, ready.subgraph.name)) for f in fields if f.merged)
