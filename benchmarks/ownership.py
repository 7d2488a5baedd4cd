"""What saying whose it is costs an answer without a failure: the same operation with and without, in instructions.

python -m benchmarks ownership         the table; it is too dear from 2 %

With: as the gateway runs. Without: no call is remembered, and no header tells of the sources. What is left is the same: replies
are read, rows are joined, the answer is written. An error costs more, and is meant to.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from typing import Any
from unittest import mock

import msgspec

from benchmarks import inside, micro

ALLOWED = 1.02
REPEATS = {"posts and users": 40, "posts": 40}
POSTS = "query Posts($page: Int) { posts(page: $page) { id userId title } }"
WITHOUT = "--without"


class Overhead(msgspec.Struct, frozen=True):
    """Instructions of one answer."""

    case: str
    with_: float
    without: float

    @property
    def ratio(self) -> float:
        return self.with_ / self.without


def measure() -> tuple[Overhead, ...]:
    """Empty where nothing can count instructions: CPU time cannot tell two hundredths."""
    if not (shutil.which("valgrind") and shutil.which("vgdb")):
        return ()
    told = micro.counted(__name__, repeats=REPEATS)
    silent = micro.counted(__name__, WITHOUT, repeats=REPEATS)
    return tuple(Overhead(case, told[case], silent[case]) for case in REPEATS)


def table(rows: tuple[Overhead, ...]) -> str:
    if not rows:
        return "not measured: valgrind is not installed"
    lines = (
        f"{row.case:<16} {row.with_ / 1e3:>9.0f} k instructions with {row.without / 1e3:>9.0f} k without {row.ratio - 1:>+7.2%}"
        f"{'   TOO DEAR' if row.ratio > ALLOWED else ''}"
        for row in rows
    )
    return "\n".join(lines)


async def cases() -> dict[str, micro.Work]:
    """100 posts with their users over two calls, and the posts alone over one."""
    engine = await inside.engine()
    numbers = iter(range(sys.maxsize))

    def asking(document: str) -> micro.Work:
        async def work(times: int) -> None:
            for _ in range(times):
                await engine.answer(inside.asked(next(numbers), document))

        return work

    return {"posts and users": asking(inside.QUERY), "posts": asking(POSTS)}


def _no_headers(*_: Any) -> tuple[()]:
    return ()


def _not_remembered(*_: Any) -> None:
    return None


def silenced() -> tuple[Any, ...]:
    """The gateway without what it says of its sources."""
    headers = mock.patch("gateway.engine.render.of_sources", _no_headers)
    return headers, mock.patch("gateway.execution.run.calls.Exchange", _not_remembered)


async def _watched() -> None:
    if WITHOUT in sys.argv:
        for patch in silenced():
            patch.start()
    await micro.watched(await cases(), REPEATS)


if __name__ == "__main__":
    asyncio.run(_watched())
