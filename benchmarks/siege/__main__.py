from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec
import uvloop

from benchmarks.chaos.sizes import Row
from benchmarks.siege.rows import ROWS
from benchmarks.siege.sizes import SHORT, Size

RESULTS = Path(__file__).parents[1] / "results" / "siege.json"


def show(row: Row, seconds: float) -> None:
    told = (f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.measured.values())
    figures = ", ".join(map(" ".join, zip(row.measured, told, strict=True)))
    print(f"\n{'held  ' if row.held else 'BROKEN'} {row.fault} ({seconds:.0f} s)\n       {figures}")
    for demand, holds in row.demands.items():
        print(f"       {'yes' if holds else 'NO '} {demand}", flush=True)


def main(arguments: list[str]) -> int:
    """0 when everything held. Names of rows choose some; `--short` makes each of them brief."""
    size = SHORT if "--short" in arguments else Size()
    chosen = [name for name in arguments if not name.startswith("-")] or list(ROWS)
    if unknown := set(chosen) - set(ROWS):
        print(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
        return 2
    rows = {}
    for name in chosen:
        began = time.monotonic()
        rows[name] = uvloop.run(ROWS[name](size))
        show(rows[name], time.monotonic() - began)
    told = {name: {**msgspec.to_builtins(row), "held": row.held} for name, row in rows.items()}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(told)))
    print(f"\n{sum(row.held for row in rows.values())} of {len(rows)} rows held; {RESULTS}")
    return 0 if all(row.held for row in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
