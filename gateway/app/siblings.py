"""The other workers of the same gateway, asked over the control socket that each of them has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path

from gateway.app.control import UnixConnection

log = logging.getLogger("gateway.app")
PATIENCE = 2.0
"""Seconds."""
LARGEST = 64 * 1024 * 1024


def sockets(own: Path) -> Sequence[Path]:
    """Those of all workers but this one: `admin-0.sock`, `admin-1.sock`, ..."""
    stem = own.stem.rpartition("-")[0]
    return [path for path in sorted(own.parent.glob(f"{stem}-*{own.suffix}")) if path != own and path.is_socket()]


async def ask_all(where: Sequence[Path], path: str) -> list[bytes]:
    """What each of them says at this path. One that does not answer in time is left out."""
    answers = await asyncio.gather(*(asyncio.to_thread(_ask, each, path) for each in where))
    return [answer for answer in answers if answer is not None]


def _ask(where: Path, path: str) -> bytes | None:
    connection = UnixConnection(str(where), PATIENCE)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.read(LARGEST) if response.status == 200 else None
    except (OSError, HTTPException) as error:
        log.warning("the worker at %s does not tell how it is: %s", where, error or "it does not answer")
        return None
    finally:
        connection.close()
