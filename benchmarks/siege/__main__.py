from __future__ import annotations

import sys

from benchmarks.rows import named, run
from benchmarks.siege.rows import ROWS
from benchmarks.siege.sizes import SHORT, Size

if __name__ == "__main__":
    sys.exit(run("siege", ROWS, SHORT if "--short" in sys.argv else Size(), named(sys.argv[1:])))
