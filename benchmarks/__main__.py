"""Run the benchmarks: print tables, and write them, JSON, plots and a history to benchmarks/results/."""

from __future__ import annotations

import statistics
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from benchmarks import compare, growth, memory, micro, ownership, record, startup, telemetry
from benchmarks.record import Measured


def main() -> None:
    arguments = _arguments()
    if not Path("/proc/self/stat").exists():
        sys.exit("The benchmarks read CPU and memory from /proc: they need Linux.")
    measured: dict[str, Measured] = {}
    for name in arguments.what or list(RUNS):
        print(f"\n{name}", flush=True)
        measured[name] = RUNS[name](arguments)
        print(measured[name].table)
    file = record.write(measured, vars(arguments))
    print(f"\nwritten to {file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file}")


def _compare(arguments: Namespace) -> Measured:
    rounds = compare.compare(arguments.seconds, arguments.rounds, arguments.connections)
    names = dict.fromkeys(each.contender for each in rounds)
    values = {name: statistics.median(each.cpu_ms for each in rounds if each.contender == name) for name in names}
    result = {"times_cheaper": compare.ratio(rounds), "rounds": rounds}
    return Measured(result, compare.table(rounds), values, "CPU ms/request")


def _growth(_arguments: Namespace) -> Measured:
    rows = growth.measure()
    values = {f"{row.table} {row.size}": row.ratio for row in rows}
    return Measured(rows, growth.table(rows), values, "x the first")


def _micro(_arguments: Namespace) -> Measured:
    key, ratios = micro.measure()
    return Measured({"key": key, "ratios": ratios}, micro.table(ratios, micro.baseline(key)), ratios, "x reference")


def _ownership(_arguments: Namespace) -> Measured:
    rows = ownership.measure()
    return Measured(rows, ownership.table(rows), {row.case: (row.ratio - 1) * 100 for row in rows}, "% more")


def _telemetry(_arguments: Namespace) -> Measured:
    rows = telemetry.measure()
    return Measured(rows, telemetry.table(rows), {row.mode: row.executed / 1e3 for row in rows}, "k instructions")


def _memory(arguments: Namespace) -> Measured:
    measured = memory.memory(arguments.requests, arguments.connections)
    values = {"start": measured.start, "end": measured.end, "peak": measured.peak}
    result = {"measured": measured, "flat": measured.flat, "small": measured.small}
    return Measured(result, memory.table(measured), values, "MiB")


def _startup(arguments: Namespace) -> Measured:
    seconds = startup.startup(arguments.starts)
    return Measured({"seconds": seconds}, startup.table(seconds), {"median": statistics.median(seconds)}, "s")


RUNS: dict[str, Callable[[Namespace], Measured]] = {
    "compare": _compare,
    "growth": _growth,
    "micro": _micro,
    "ownership": _ownership,
    "telemetry": _telemetry,
    "memory": _memory,
    "startup": _startup,
}


def _arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="*", choices=[*RUNS, []], help="all, unless named")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one round of the comparison")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds of the comparison")
    parser.add_argument("--connections", type=int, default=16, help="requests in flight")
    parser.add_argument("--requests", type=int, default=100_000, help="length of the memory run")
    parser.add_argument("--starts", type=int, default=5, help="starts of the start-up run")
    return parser.parse_args()


if __name__ == "__main__":
    main()
