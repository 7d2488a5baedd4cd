"""Asks the engine on the fast path and on the exact path, and compares both with what the oracle expects."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from gateway.composition import compose
from gateway.engine import Engine, Limits
from gateway.execution import compile as compiling
from gateway.sources.base import Subgraph
from tests.execution.oracle import Expected, Place
from tests.graphs import GATEWAY_OWNER, answer

UNLIMITED = Limits(0, 0, 0, 0, 0)


class Ids:
    """The same ids for each answer."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"


def an_engine(subgraph: Subgraph, ids: Ids, **keys: Any) -> Engine:
    return Engine(compose([subgraph]), owner=GATEWAY_OWNER, limits=UNLIMITED, new_id=ids, per_path=True, **keys)


@contextmanager
def exact_only() -> Iterator[None]:
    """No fast path at all."""
    kept = compiling.MISSES
    compiling.MISSES = 0
    try:
        yield
    finally:
        compiling.MISSES = kept


def both_ways(engine: Engine, ids: Ids, query: str, variables: Mapping[str, Any]) -> bytes:
    """The answer, which is the same on either path. An engine remembers no answers that may not be stored."""
    ids.count = 0
    fast = asyncio.run(answer(engine, query, variables)).body
    ids.count = 0
    with exact_only():
        exact = asyncio.run(answer(engine, query, variables)).body
    assert fast.decode() == exact.decode()
    return fast


def agrees(body: bytes, expected: Expected, loose: Collection[str] = ()) -> None:
    """Data byte for byte; errors as the places they explain. `loose`: an upstream's errors that explain nothing."""
    parts = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    assert bytes(parts["data"]).decode() == expected.data.decode()
    errors: list[dict[str, Any]] = msgspec.json.decode(parts.get("errors") or msgspec.Raw(b"[]"))
    assert sorted(places(errors), key=str) == expected.paths
    assert sum("path" not in error for error in errors) == len(set(loose) - expected.causes)
    for error in errors:
        assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR", error


def places(errors: list[dict[str, Any]]) -> Iterator[Place]:
    """Every path that an error explains."""
    for error in errors:
        affected = error["extensions"].get("affected", {"paths": [error["path"]] if "path" in error else []})
        yield from (tuple(path) for path in affected["paths"])
