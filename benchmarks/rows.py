"""Runs that demand something: each row says what was measured, what was demanded, and whether it was so."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import uvloop

from benchmarks.servers import Missing

RESULTS = Path(__file__).parent / "results"
Size = TypeVar("Size")


class Patient(msgspec.Struct, frozen=True):
    """What the sizes of all runs before real sources have in common."""

    patience: float = 2.0
    """Seconds of a try that nothing but a fault may end."""

    def patient(self) -> dict[str, Any]:
        """A policy's timeouts; as the default has them where `patience` is its."""
        return {"timeout": {"per_try": f"{self.patience:g}s", "total": f"{self.patience * 2.5:g}s"}}

    def limits(self) -> dict[str, Any]:
        return {"deadline": f"{self.patience * 5:g}s"}


class Row(msgspec.Struct):
    """What was demanded → whether it was so. `holds` is counted: how busy the machine is changes nothing. `times` are times or
    sizes, and mean something only on a machine that does nothing else, and in a long run; the short form leaves them out.
    `table`: lines of figures that are more than a word each."""

    fault: str
    measured: dict[str, float | int | str]
    holds: dict[str, bool]
    times: dict[str, bool] = {}
    table: Sequence[str] = ()

    @property
    def demands(self) -> dict[str, bool]:
        return self.holds | self.times

    @property
    def held(self) -> bool:
        return all(self.demands.values())


def named(arguments: Sequence[str]) -> list[str]:
    """The rows that arguments of a command name."""
    return [each for each in arguments if not each.startswith("-")]


def show(row: Row, seconds: float) -> None:
    told = (f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.measured.values())
    figures = ", ".join(map(" ".join, zip(row.measured, told, strict=True)))
    print(f"\n{'held  ' if row.held else 'BROKEN'} {row.fault} ({seconds:.0f} s)\n       {figures}")
    for line in row.table:
        print(f"       {line}")
    for demand, holds in row.demands.items():
        print(f"       {'yes' if holds else 'NO '} {demand}", flush=True)


def run(
    name: str, rows: Mapping[str, Callable[[Size], Awaitable[Row]]], size: Size, chosen: Sequence[str], *, timed: bool = True
) -> int:
    """0 when everything held. Without a choice, all rows; not `timed`: only what is counted. JSON goes to `results/NAME.json`."""
    chosen = chosen or list(rows)
    if unknown := set(chosen) - set(rows):
        print(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(rows)}")
        return 2
    done = {}
    for each in chosen:
        began = time.monotonic()
        try:
            done[each] = uvloop.run(rows[each](size))  # type: ignore[arg-type]  # what is awaitable here is a coroutine
        except Missing as missing:
            print(f"\nLEFT OUT {each}: {missing}")
            continue
        if not timed:
            done[each].times = {}
        show(done[each], time.monotonic() - began)
    told = {each: {**msgspec.to_builtins(row), "held": row.held} for each, row in done.items()}
    results = RESULTS / f"{name}.json"
    results.parent.mkdir(exist_ok=True)
    results.write_bytes(msgspec.json.format(msgspec.json.encode(told)))
    held = sum(row.held for row in done.values())
    print(f"\n{held} of {len(chosen)} rows held; {results}")
    return 0 if held == len(chosen) else 1
