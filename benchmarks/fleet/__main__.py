from __future__ import annotations

import sys

from benchmarks.fleet.rows import ROWS
from benchmarks.fleet.sizes import SHORT, Size
from benchmarks.rows import run

if __name__ == "__main__":
    sys.exit(run("fleet", ROWS, SHORT if "--short" in sys.argv else Size(), sys.argv[1:]))
