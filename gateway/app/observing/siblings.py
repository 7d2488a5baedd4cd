"""The other workers of the same gateway, asked over the control socket that each of them has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path

import msgspec

from gateway.app.control import UnixConnection
from gateway.telemetry.metrics import Family

log = logging.getLogger("gateway.app")
PATIENCE = 2.0
"""Seconds."""
PATH = "/metrics.json"
LARGEST = 64 * 1024 * 1024


class Snapshot(msgspec.Struct, frozen=True):
    """What one process has counted. `process` tells it from its successor."""

    process: str
    families: tuple[Family, ...]


_decode = msgspec.json.Decoder(Snapshot)


def sockets(own: Path) -> Sequence[Path]:
    """Those of all workers but this one: `admin-0.sock`, `admin-1.sock`, ..."""
    stem = own.stem.rpartition("-")[0]
    return [path for path in sorted(own.parent.glob(f"{stem}-*{own.suffix}")) if path != own and path.is_socket()]


async def ask_all(where: Sequence[Path]) -> list[Snapshot]:
    """One that does not answer in time is left out; what it counted until now is not (`telemetry.merge`)."""
    answers = await asyncio.gather(*(asyncio.to_thread(_ask, path) for path in where))
    return [answer for answer in answers if answer is not None]


def _ask(path: Path) -> Snapshot | None:
    connection = UnixConnection(str(path), PATIENCE)
    try:
        connection.request("GET", PATH)
        return _decode.decode(connection.getresponse().read(LARGEST))
    except (OSError, HTTPException, msgspec.MsgspecError) as error:
        log.warning("the worker at %s does not tell its metrics: %s", path, error or "it does not answer")
        return None
    finally:
        connection.close()
