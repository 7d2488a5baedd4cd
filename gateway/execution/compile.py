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
from gateway.execution.envelope import Body, body
from gateway.execution.gather import Convert, Descend, KeyOf, descents, key_converter, key_reader
from gateway.execution.place import Place, into, under
from gateway.execution.reading import Readers, Reading, Sink, attribute_of
from gateway.planning.plan import Plan, Step
from gateway.sources.base import Case, Entry, Field, Prepared, Subgraph
from gateway.sources.reach import named, nullable
from gateway.upstream.call import Reply

MISSES = 2
NULL = object()
MISSING = frozenset({404, 410})


class ReadyStep:
    """A step of the plan, ready to run. See `run`."""

    __slots__ = (
        "base", "body", "clean", "convert", "descents", "entry", "hide_key", "key_of", "match", "misses", "nullable", "place",
        "prepared",        "read_key", "requires", "same_key", "single", "step", "subgraph", "then", "verify",
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
    key_of: KeyOf
    convert: Convert | None
    single: bool
    match: str
    read_key: KeyOf
    same_key: bool
    hide_key: str | None
    """The slot of its own rows that only matching needed."""
    clean: tuple[str, ...]
    """The slots of the parents that only joins needed."""
    misses: int
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
            return self.body.fast_value(None if decoded is NULL else decoded)
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
    """A compiled plan. `root` makes the row of the answer itself; `cases` says what each row class stands for."""

    __slots__ = ("cases", "first", "plan", "propagates", "root", "row_classes", "steps")

    def __init__(self, plan: Plan, steps: tuple[ReadyStep, ...], root: type, cases: Mapping[type, Case]) -> None:
        self.plan = plan
        self.steps = steps
        self.root = root
        self.cases = cases
        self.row_classes = frozenset(cases) - {root}
        self.first = tuple(i for i, step in enumerate(steps) if not step.requires)
        self.propagates = tuple(sorted(frozenset().union(*(s.prepared.propagates for s in steps))))


def compile_plan(plan: Plan, subgraphs: Mapping[str, Subgraph]) -> Ready:
    """Costs about a tenth of a millisecond per object type selected; done once per operation and variant."""
    cases: dict[type, Case] = {}
    (answer,) = plan.answer.cases
    root = _root_row(answer)
    cases[root] = Case(answer.types, (), answer.fields)
    steps = [_step(step, subgraphs[step.fetch.subgraph], cases) for step in plan.steps]

    def classes(types: frozenset[str]) -> frozenset[type]:
        return frozenset(c for c, case in cases.items() if c is not root and (not types or not types.isdisjoint(case.types)))

    for ready in steps:
        ready.descents = descents(ready.step.path, ready.step.types, classes) if ready.entry else ()
        ready.then = tuple(i for i, other in enumerate(plan.steps) if ready.step.fetch.id in other.needs)
    return Ready(plan, tuple(steps), root, cases)


def _root_row(case: Case) -> type:
    slots = [(attribute_of(f.key), Any, "Query" if f.name == "__typename" else None) for f in case.fields]
    rename = {attribute_of(f.key): f.key for f in case.fields}
    return msgspec.defstruct("Answer", slots, rename=rename, kw_only=True, gc=False)


def _step(step: Step, subgraph: Subgraph, cases: dict[type, Case]) -> ReadyStep:
    ready = ReadyStep()
    fetch = step.fetch
    ready.step, ready.subgraph, ready.entry = step, subgraph, fetch.entry
    ready.prepared = prepared = subgraph.prepare(fetch)
    ready.match, ready.misses = prepared.match, 0
    readers = Readers(subgraph, cases)
    ready.nullable = prepared.match != "value" or not isinstance(fetch.selection.cases[0].fields[0].type, NonNullTypeNode)
    ready.body = body(prepared, _reading(readers, prepared.match, step), subgraph.wire.response_keys, prepared.match == "alias")
    ready.verify = prepared.verifier(ready.decode)
    ready.base = step.base if step.base is not None else -1
    ready.requires = len(step.needs)
    ready.key_of = ready.read_key = attrgetter("__class__")
    ready.convert, ready.single, ready.same_key, ready.hide_key, ready.clean = None, True, True, None, ()
    if fetch.entry is not None:
        _keyed(ready, fetch.entry, step)
    ready.place = _place(step, subgraph)
    return ready


def _reading(readers: Readers, match: str, step: Step) -> Reading:
    """Of what stands under the fetch's path in the body."""
    selection, entry = step.fetch.selection, step.fetch.entry
    if match == "root":
        return readers.object(selection, "Query")
    if match == "value":
        (field,) = selection.cases[0].fields
        return readers.value(field.type, field.selection, f"Query.{field.name}")
    assert entry is not None  # every other match is of a fetch by key
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
    ready.clean = tuple(attribute_of(i.path[0]) for i in entry.inputs if i.hidden)
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


def _place(step: Step, subgraph: Subgraph) -> Place:
    if step.into is not None:
        return under(attribute_of(step.into))
    fields = [
        f for case in step.fetch.selection.cases for f in case.fields if not f.hidden or f.key.startswith(f"_{step.fetch.id}_")
    ]
    required = {
        attribute_of(f.key): f"{step.fetch.selection.type}.{f.name}" for f in fields if isinstance(f.type, NonNullTypeNode)
    }
    return into([attribute_of(f.key) for f in fields], required, subgraph.name)
