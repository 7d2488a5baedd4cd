"""The promise that no null is left unexplained, held against an answer in which something failed.

It looks at what went in (rows) and what comes out (data), not at how one became the other, so that a mistake there shows here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.errors import Path
from gateway.execution.reading import attribute_of
from gateway.execution.shape import Complete
from gateway.sources.base import Case

MANY = 10_000
"""Nulls that are looked at: the promise is about the kind of a failure, not about its size."""


def unexplained_nulls(root: Any, shaped: Complete, cases: Mapping[type, Case]) -> int:
    """Nulls where the row has something else, at or above which no error lies. An error beyond its listed paths explains any."""
    if any(entry.affected.count > len(entry.affected.paths) for entry in shaped.errors):
        return 0
    told = {path[:length] for entry in shaped.errors for path in entry.affected.paths for length in range(len(path) + 1)}
    made = (path for path, _ in zip(_made(root, shaped.data, (), cases), range(MANY), strict=False))
    return sum(path not in told for path in made)


def _made(row: Any, data: Any, path: Path, cases: Mapping[type, Case]) -> Iterator[Path]:
    """Where the gateway put a null."""
    if data is None:
        if row is not None:
            yield path
    elif isinstance(data, dict) and row.__class__ in cases:
        for field in cases[row.__class__].answer:
            yield from _made(getattr(row, attribute_of(field.key)), data[field.key], (*path, field.key), cases)
    elif isinstance(data, list) and isinstance(row, list):
        for index, (inner, value) in enumerate(zip(row, data, strict=False)):
            if value is None or isinstance(value, dict | list):
                yield from _made(inner, value, (*path, index), cases)
