"""Which sources are joined, and how often: what every plan says, times how often it was carried out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from gateway.engine.document import VARIANTS, Document
from gateway.execution.compile import Ready, ReadyStep


class Join(msgspec.Struct, frozen=True):
    """Rows that came from `source` were completed by `to`, which gave rows of `type` through its root field `via`.

    Only executions count: what the answer store has, and what others are asking already, costs no join.
    """

    source: str
    to: str
    type: str
    via: str
    operations: int = 0
    """Executions whose plan joins these two here."""
    calls: int = 0
    keys: int = 0


Key = tuple[str, str, str, str]


def joins(documents: Iterable[Document]) -> tuple[dict[str, int], list[Join]]:
    """Of all operations that are kept ready: source → executions that asked it at all; and the joins, the most calls first."""
    asked: dict[str, int] = {}
    found: dict[Key, list[int]] = {}
    for ready in (variant.ready for document in documents for _, variant in document.variants.latest(VARIANTS)):
        runs = max((step.calls for step in ready.steps if step.entry is None), default=0)
        for name in ready.plan.subgraphs:
            asked[name] = asked.get(name, 0) + runs
        here: dict[Key, list[int]] = {}
        for key, step in _of_plan(ready):
            counts = here.setdefault(key, [runs, 0, 0])
            counts[1] += step.calls
            counts[2] += step.keys
        for key, counts in here.items():
            found[key] = [before + now for before, now in zip(found.get(key, (0, 0, 0)), counts, strict=True)]
    made = [Join(*key, operations, calls, keys) for key, (operations, calls, keys) in found.items() if operations]
    return asked, sorted(made, key=lambda join: (-join.calls, join.source, join.to, join.type, join.via))


def _of_plan(ready: Ready) -> Iterator[tuple[Key, ReadyStep]]:
    whose = {step.step.fetch.id: step.subgraph.name for step in ready.steps}
    for step in ready.steps:
        if step.entry is None:
            continue
        batch = step.entry.batch
        bases = (step.step.base, *(where.base for where in step.step.also))
        for source in sorted({whose[base] for base in bases if base in whose} - {step.subgraph.name}):
            via = batch.via if batch is not None else step.entry.via
            yield (source, step.subgraph.name, step.step.fetch.selection.type, via), step
