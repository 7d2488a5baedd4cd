"""What the other workers of the same gateway have counted."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from gateway.app import siblings
from gateway.telemetry.metrics import Family

log = logging.getLogger("gateway.app")
PATH = "/metrics.json"


class Snapshot(msgspec.Struct, frozen=True):
    """What one process has counted. `process` tells it from its successor."""

    process: str
    families: tuple[Family, ...]


_decode = msgspec.json.Decoder(Snapshot)


async def ask_all(where: Sequence[Path]) -> list[Snapshot]:
    """One that does not answer in time is left out; what it counted until now is not (`telemetry.merge`)."""
    return list(_decoded(await siblings.ask_all(where, PATH)))


def _decoded(answers: Sequence[bytes]) -> Iterator[Snapshot]:
    for answer in answers:
        try:
            yield _decode.decode(answer)
        except msgspec.MsgspecError as error:
            log.warning("a worker tells metrics that cannot be read: %s", error)
