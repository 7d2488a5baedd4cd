"""The configuration changes and changes back under load, and now and then it is bad."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.chaos.world import MIB, Answer, Caller, until
from benchmarks.fleet.sizes import Size
from benchmarks.fleet.traffic import PUBLIC, Kinds, traffic
from benchmarks.fleet.trend import trend
from benchmarks.fleet.world import Fleet, alone
from benchmarks.processes import free_port
from benchmarks.rows import Row

SPARE = 32
"""Files beside those that were open before: connections to sources, mostly."""
POOL = min(32, (os.cpu_count() or 1) + 4)
"""Threads that asyncio makes as they are needed, and keeps."""
BAD_EVERY = 5
RELOAD = b"POST /reload HTTP/1.1\r\nhost: gateway\r\ncontent-length: 0\r\n\r\n"
Written = dict[str, Any]


def _as_it_was(_: Written) -> None:
    """The first one."""


def _another(whole: Written) -> None:
    """One field less, another policy for all, and none of the old connections to one source."""
    whole["sources"][0]["expose"] = [PUBLIC]
    whole["sources"][1]["cache"] = {"ttl": "2s"}
    whole["defaults"]["retry"] = {"max_attempts": 2}


def _misspelt(whole: Written) -> None:
    whole["defaults"]["cash"] = "off"


def _clashing(whole: Written) -> None:
    """It reads well, and cannot be composed."""
    whole["sources"].append({**whole["sources"][0], "name": "twin"})
    whole["sources"][-1]["expose"] = ["nothing-of-the-kind"]


def _ownerless(whole: Written) -> None:
    whole["sources"][0]["owner"] = "somebody"


GOOD: tuple[Callable[[Written], None], ...] = (_another, _as_it_was)
BAD: tuple[Callable[[Written], None], ...] = (_misspelt, _clashing, _ownerless)


class Configurations:
    """Written over one another in the same file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._first = file.read_text()
        self.good = self.bad = 0

    def write_good(self) -> bool:
        """Whether all fields are there now."""
        self.good += 1
        change = GOOD[self.good % len(GOOD) - 1]
        self._write(change)
        return change is _as_it_was

    def write_bad(self) -> None:
        self.bad += 1
        self._write(BAD[self.bad % len(BAD)])

    def _write(self, change: Callable[[Written], None]) -> None:
        whole = json.loads(self._first)
        change(whole)
        self._file.write_text(json.dumps(whole))


async def reload(size: Size) -> Row:
    port = free_port()
    admin = {"listen": f"127.0.0.1:{port}", "public": ["status"]}
    async with alone(size, gateway={"admin": admin, "watch": "off"}) as made:
        operator, files = Caller(port), Configurations(made.config)
        wrong, memory = list[str](), list[float]()
        async with traffic(made.caller, size.rate, Kinds(size.keys)) as load:
            for number in range(size.reloads // 5):
                wrong += await _once(made, operator, files, number)
            await load.more(1)
            before = (made.replicas[0].descriptors, made.replicas[0].threads)
            for number in range(size.reloads):
                wrong += await _once(made, operator, files, number)
                memory.append(made.replicas[0].memory / MIB)
        made.caller.close()
        quiet = await until(lambda: _as_few(made, *before), 30.0)
        after = (made.replicas[0].descriptors, made.replicas[0].threads)
        tasks = await _settled(made)
        grown, tracebacks = trend(memory), made.tracebacks
        operator.close()
    seen = load.seen
    measured: dict[str, float | int | str] = {
        "reloads": files.good,
        "refused": files.bad,
        "answers": seen.answers,
        "failed": seen.failed.total(),
        "memory_mib": grown.size,
        "grown_mib": grown.growth,
        "noise_mib": grown.noise,
        "files": f"{before[0]} {after[0]}",
        "threads": f"{before[1]} {after[1]}",
        "tasks": tasks,
    }
    if trouble := [*wrong[:3], *(seen.failed + seen.foreign)]:
        measured["wrong"] = str(trouble[:4])
    return Row(
        "another configuration, again and again",
        measured,
        {
            "no request failed": not seen.failed and not seen.foreign,
            "each good one is served, each bad one refused and the one before kept": not wrong,
            "no file and no thread more than after the first of them": quiet,
            "no task is left of those before": tasks <= TASKS,
            "no fault of the gateway itself": tracebacks == 0,
        },
        {"memory is flat within its noise": grown.is_flat},
    )


TASKS = 12
"""What one gateway without requests may have at work: its listeners, its watch, what it keeps anew."""


async def _once(made: Fleet, operator: Caller, files: Configurations, number: int) -> list[str]:
    """What was not as it has to be."""
    if number % BAD_EVERY == BAD_EVERY - 1:
        served = _is_whole(await made.caller.exchange(_more(made)))
        files.write_bad()
        answer = await operator.exchange(RELOAD)
        told = answer.status == 422 and bool(answer.body["problems"])
        whole = served
    else:
        whole = files.write_good()
        answer = await operator.exchange(RELOAD)
        told = answer.status == 200
    as_told = _is_whole(await made.caller.exchange(_more(made))) is whole
    return [] if told and as_told else [f"reload {number}: {answer.status} {answer.body}"[:300]]


def _more(made: Fleet) -> bytes:
    return made.caller.request(("query($id: Int!) { morePublic: more_public(id: $id) { id } }", 1))


def _is_whole(answer: Answer) -> bool:
    return "errors" not in answer.body


async def _as_few(made: Fleet, descriptors: int, threads: int) -> bool:
    gateway = made.replicas[0]
    return gateway.descriptors <= descriptors + SPARE and gateway.threads <= threads + POOL


async def _settled(made: Fleet) -> int:
    """The tasks that are left when nothing is under way any more."""
    await until(lambda: _is_settled(made), 30.0)
    return await made.replicas[0].tasks()


async def _is_settled(made: Fleet) -> bool:
    return await made.replicas[0].tasks() <= TASKS
