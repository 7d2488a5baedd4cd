"""What the hot path costs, small enough for every check: a change that makes a case more than 10 % dearer fails.

python -m benchmarks.micro             compare with the committed baseline; exit code 1 when a case is dearer
python -m benchmarks.micro --accept    make what is measured the baseline

Instructions are counted with valgrind's callgrind where it is installed: the same on a busy machine as on an idle one. Elsewhere
CPU time is taken, the best of many short turns. Both are told as multiples of a reference loop that ran in the same process, so
that a faster interpreter or machine is no improvement of ours. A baseline holds for one method and one minor version of Python;
where there is none, the numbers are printed and nothing fails.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from time import process_time
from types import SimpleNamespace
from typing import Any

import msgspec

from benchmarks import inside
from gateway.server.graphql import GraphQL
from gateway.server.house import DoorLimits

BASELINE = Path(__file__).with_name("micro.json")
ALLOWED = 1.10
TURNS = 40
"""Of each case where CPU time is taken, interleaved with the reference."""
REPEATS = {"reference": 8, "rest": 20, "kept": 200, "door": 200, "cold": 4}
"""How often each case runs in one turn: some milliseconds."""
Work = Callable[[int], Awaitable[None]]


async def reference(times: int) -> None:
    """What the gateway's work is made of: JSON in and out by msgspec, dictionaries, small calls and awaits."""
    for _ in range(times):
        rows = msgspec.json.decode(SAMPLE)
        by_id: dict[int, Any] = {}
        for row in rows:
            by_id[row["id"]] = await _step(row)
        msgspec.json.encode(list(by_id.values()))


async def _step(row: dict[str, Any]) -> dict[str, Any]:
    return {"id": row["id"], "title": row["title"], "more": str(row["id"])}


SAMPLE = json.dumps([{"id": n, "title": f"some words about {n}", "tags": ["a", "b"]} for n in range(200)]).encode()


async def cases() -> dict[str, Work]:
    """`rest` 100 posts with their users over two calls · `kept` an answer from the store · `door` the same from HTTP request to
    HTTP response · `cold` an operation never seen before."""
    fresh, kept = await inside.engine(), await inside.engine(stored=True)
    numbers = iter(range(sys.maxsize))

    async def rest(times: int) -> None:
        for _ in range(times):
            await fresh.answer(inside.asked(next(numbers)))

    async def stored(times: int) -> None:
        for _ in range(times):
            await kept.answer(inside.asked(0))

    async def cold(times: int) -> None:
        for _ in range(times):
            await fresh.answer(inside.asked(0, f"query Q{next(numbers)} {{ posts {{ a: id }} }}"))

    return {"reference": reference, "rest": rest, "kept": stored, "door": _door(kept), "cold": cold}


def _door(engine: Any) -> Work:
    endpoint: Any = GraphQL(SimpleNamespace(engine=engine, draining=False, limits=DoorLimits(1 << 18)), {})
    body = json.dumps({"query": inside.QUERY, "variables": {"page": 0}}).encode()
    headers = [(b"content-type", b"application/json"), (b"accept", b"application/json"), (b"content-length", b"%d" % len(body))]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message.get("status", 200) != 200:
            raise RuntimeError(f"the door answered {message['status']}")

    async def door(times: int) -> None:
        for _ in range(times):
            scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
            await endpoint(scope, receive, send)

    return door


# ---------------------------------------------------------------- CPU time


async def spent() -> dict[str, float]:
    """CPU microseconds of one run of each case: the best of its turns."""
    best: dict[str, float] = {}
    work = await cases()
    await _warm(work)
    for _ in range(TURNS):
        for name, run in work.items():
            began = process_time()
            await run(REPEATS[name])
            took = (process_time() - began) / REPEATS[name] * 1e6
            best[name] = min(took, best.get(name, took))
    return best


async def _warm(work: dict[str, Work], repeats: Mapping[str, int] = REPEATS) -> None:
    """Every path taken often enough for the interpreter to have specialised it; then no collector comes between."""
    for name, run in work.items():
        await run(repeats[name] * 2)
    gc.collect()
    gc.freeze()
    gc.disable()


# ---------------------------------------------------------------- instructions

TOLD = {b"ready": "instrumentation on", b"begins": "zero", b"ends": "dump"}
"""What the child says, and what callgrind is told then. Counting begins a call early: the first totals are off."""


def counted(module: str = "benchmarks.micro", *flags: str, repeats: Mapping[str, int] = REPEATS) -> dict[str, float]:
    """Instructions of one run of each case. `module`, run with `--watched` and the flags, is the child that is counted."""
    with tempfile.TemporaryDirectory() as folder:
        tool = [
            "valgrind",
            "--tool=callgrind",
            "--instr-atstart=no",
            f"--callgrind-out-file={folder}/out",
            f"--vgdb-prefix={folder}/v",
        ]
        command = [*tool, sys.executable, "-m", module, "--watched", *flags]
        environ = os.environ | {"PYTHONHASHSEED": "0", "PYTHONMALLOC": "pymalloc"}
        with subprocess.Popen(
            command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for line in process.stdout:
                _tell(folder, process.pid, TOLD[line.strip()])
                process.stdin.write(b"\n")
                process.stdin.flush()
        if process.returncode:
            raise RuntimeError("the child that was counted has failed")
        return {name: _instructions(Path(folder), number) / times for number, (name, times) in enumerate(repeats.items(), 1)}


def _tell(folder: str, pid: int, what: str) -> None:
    command = ["vgdb", f"--vgdb-prefix={folder}/v", f"--pid={pid}", *what.split()]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30)


def _instructions(folder: Path, number: int) -> int:
    for line in (folder / f"out.{number}").read_text(errors="replace").splitlines():
        if line.startswith(("summary:", "totals:")):
            return int(line.split()[1])
    raise RuntimeError("callgrind wrote no totals")


async def watched(work: dict[str, Work], repeats: Mapping[str, int] = REPEATS) -> None:
    """The child under valgrind: says when a case begins and ends, and waits each time until the counter has been told."""
    await _warm(work, repeats)
    _say("ready")
    await reference(1)
    for name, times in repeats.items():
        _say("begins")
        await work[name](times)
        _say("ends")


async def _watched() -> None:
    await watched(await cases())


def _say(line: str) -> None:
    print(line, flush=True)
    sys.stdin.readline()


# ---------------------------------------------------------------- the check


def main() -> None:
    if "--watched" in sys.argv:
        asyncio.run(_watched())
        return
    key, ratios = measure()
    if "--accept" in sys.argv:
        known = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
        BASELINE.write_text(json.dumps(known | {key: ratios}, indent=2, sort_keys=True) + "\n")
    before = baseline(key)
    print(f"micro-benchmarks ({key}){'' if before else ': no baseline for this, so nothing to compare with'}")
    print(table(ratios, before))
    sys.exit(1 if dearer(ratios, before) else 0)


def measure() -> tuple[str, dict[str, float]]:
    """What a baseline holds for, and each case as a multiple of the reference."""
    method = "instructions" if shutil.which("valgrind") and shutil.which("vgdb") else "cpu"
    measured = counted() if method == "instructions" else asyncio.run(spent())
    ratios = {name: round(value / measured["reference"], 4) for name, value in measured.items() if name != "reference"}
    major, minor, _ = platform.python_version_tuple()
    return f"{method}, Python {major}.{minor}, {platform.machine()}", ratios


def baseline(key: str) -> dict[str, float]:
    """Empty: there is none for this method, interpreter and machine."""
    known: dict[str, dict[str, float]] = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    return known.get(key, {})


def dearer(ratios: Mapping[str, float], before: Mapping[str, float]) -> list[str]:
    return [name for name, ratio in ratios.items() if ratio > ALLOWED * before.get(name, ratio)]


def table(ratios: Mapping[str, float], before: Mapping[str, float]) -> str:
    dear = dearer(ratios, before)
    lines = []
    for name, ratio in ratios.items():
        change = f"{ratio / before[name] - 1:+8.1%}" if name in before else "     new"
        verdict = "   TOO DEAR: more than 10 % above the baseline" if name in dear else ""
        lines.append(f"  {name:6} {ratio:9.4f} x reference {change}{verdict}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
