"""`gateway ...` with an eye on what is alive in it: for each line on standard input, a line on standard output."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading

TOLD = "alive "


def watch() -> None:
    for _ in sys.stdin:
        alive = sum(isinstance(each, asyncio.Task) and not each.done() for each in gc.get_objects())
        print(f"{TOLD}{alive}", flush=True)


if __name__ == "__main__":
    from gateway.__main__ import main

    threading.Thread(target=watch, daemon=True).start()
    main()
