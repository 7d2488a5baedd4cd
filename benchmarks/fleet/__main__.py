from __future__ import annotations

import argparse
import sys

from msgspec.structs import replace

from benchmarks.fleet.rows import ROWS
from benchmarks.fleet.sizes import SHORT, Size
from benchmarks.rows import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description="The gateway as it stands in production.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"all of them, or some of: {', '.join(ROWS)}")
    parser.add_argument("--short", action="store_true", help="each of them brief")
    parser.add_argument("--minutes", type=float, help=f"of the soak ({Size().minutes:g})")
    asked = parser.parse_args()
    size = SHORT if asked.short else Size()
    size = replace(size, minutes=asked.minutes) if asked.minutes else size
    return run("fleet", ROWS, size, asked.rows, timed=not asked.short)


if __name__ == "__main__":
    sys.exit(main())
