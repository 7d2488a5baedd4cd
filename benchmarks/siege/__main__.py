from __future__ import annotations

import sys

from benchmarks.rows import named, run
from benchmarks.siege.rows import ROWS
from benchmarks.siege.sizes import SHORT, Size

if __name__ == "__main__":
    short = "--short" in sys.argv
    sys.exit(run("siege", ROWS, SHORT if short else Size(), named(sys.argv[1:]), timed=not short))
