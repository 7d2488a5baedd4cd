"""Run the benchmarks: print tables, write benchmarks/results/<time>.json."""

from __future__ import annotations

import json
import os
import platform
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import compare, memory, startup

RESULTS = Path(__file__).with_name("results")


def main() -> None:
    arguments = _arguments()
    if not Path("/proc/self/stat").exists():
        sys.exit("The benchmarks read CPU and memory from /proc: they need Linux.")
    measured: dict[str, Any] = {}
    for name in arguments.what or list(RUNS):
        print(f"\n{name}", flush=True)
        measured[name] = RUNS[name](arguments)
    print(f"\nwritten to {_write(arguments, measured)}")


def _compare(arguments: Namespace) -> Any:
    rounds = compare.compare(arguments.seconds, arguments.rounds, arguments.connections)
    print(compare.table(rounds))
    return {"times_cheaper": compare.ratio(rounds), "rounds": rounds}


def _memory(arguments: Namespace) -> Any:
    measured = memory.memory(arguments.requests, arguments.connections)
    print(memory.table(measured))
    return {"measured": measured, "flat": measured.flat, "small": measured.small}


def _startup(arguments: Namespace) -> Any:
    seconds = startup.startup(arguments.starts)
    print(startup.table(seconds))
    return {"seconds": seconds}


RUNS: dict[str, Callable[[Namespace], Any]] = {"compare": _compare, "memory": _memory, "startup": _startup}


def _arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="*", choices=[*RUNS, []], help="all, unless named")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one round of the comparison")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds of the comparison")
    parser.add_argument("--connections", type=int, default=16, help="requests in flight")
    parser.add_argument("--requests", type=int, default=100_000, help="length of the memory run")
    parser.add_argument("--starts", type=int, default=5, help="starts of the start-up run")
    return parser.parse_args()


def _write(arguments: Namespace, measured: dict[str, Any]) -> Path:
    now = datetime.now(UTC)
    machine = {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{now:%Y-%m-%dT%H%M%S}.json"
    result = {"at": now.isoformat(timespec="seconds"), "machine": machine, "arguments": vars(arguments)} | measured
    file.write_text(json.dumps(msgspec.to_builtins(result), indent=2) + "\n", encoding="utf-8")
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file


if __name__ == "__main__":
    main()
