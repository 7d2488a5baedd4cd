from __future__ import annotations

import sys

from benchmarks.chaos.rows import ROWS
from benchmarks.chaos.sizes import SHORT, Size
from benchmarks.rows import named, run

if __name__ == "__main__":
    short = "--short" in sys.argv
    sys.exit(run("chaos", ROWS, SHORT if short else Size(), named(sys.argv[1:]), timed=not short))
