"""Waiting for several branches of one execution without a task more than is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any


async def side_by_side(branches: Sequence[Coroutine[Any, Any, None]]) -> None:
    """All at once, the last one inline: it costs one task less. When this is cancelled, so are they."""
    tasks = [asyncio.ensure_future(branch) for branch in branches[:-1]]
    try:
        await branches[-1]
        for task in tasks:
            await task
    except BaseException:
        for task in tasks:
            task.cancel()
        raise


async def windowed(work: Iterable[Coroutine[Any, Any, None]], width: int) -> None:
    """At most `width` at a time: a request's own fan-out waits here, never in the source's queue."""
    waiting = iter(work)

    async def worker() -> None:
        for item in waiting:
            await item

    try:
        await side_by_side([worker() for _ in range(width)])
    finally:
        for item in waiting:
            item.close()
