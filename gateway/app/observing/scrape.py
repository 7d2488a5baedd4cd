"""`/metrics`: of this process, or of all workers together, whichever of them is asked."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from gateway.app.observing.siblings import Snapshot, ask_all
from gateway.app.siblings import sockets
from gateway.server.reply import NO_STORE, Said
from gateway.telemetry import prometheus
from gateway.telemetry.merge import Departed
from gateway.telemetry.metrics import Family

COUNTED = "workers.metrics"
"""The file beside the control sockets where workers keep what those before them counted."""


def alive(process: str) -> bool:
    """By its name, `NUMBER/PID`: workers are processes of one machine."""
    try:
        os.kill(int(process.rpartition("/")[2]), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


class Scrape:
    """Implements `Metrics` of the door."""

    def __init__(self, families: Callable[[], tuple[Family, ...]], socket: Path | None = None, worker: int | None = None) -> None:
        """`socket`: the control socket of this worker. `worker` None: this process is alone."""
        self._families = families
        self._socket = socket
        self._process = f"{worker or 0}/{os.getpid()}"
        self._departed = Departed(socket.with_name(COUNTED) if socket and worker is not None else None, alive)
        self._alone = worker is None

    async def page(self, accept: str) -> Said:
        body, media = prometheus.page(self._families() if self._alone else await self._of_all(), accept)
        return Said(200, media.encode("ascii"), body, (NO_STORE,))

    async def _of_all(self) -> tuple[Family, ...]:
        others = await ask_all(sockets(self._socket)) if self._socket is not None else []
        present = {each.process: each.families for each in others}
        return self._departed.with_those({self._process: self._families(), **present})

    def snapshot(self) -> Said:
        """This process alone, for its siblings."""
        body = msgspec.json.encode(Snapshot(self._process, self._families()))
        return Said(200, b"application/json", body, (NO_STORE,))
