"""What an execution comes to."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.execution.exchange import Exchange
from gateway.execution.shape import Entry


class Stale(msgspec.Struct, frozen=True):
    """A copy past its freshness was used."""

    service: str
    path: tuple[str, ...]
    age: float
    """Seconds since it was made."""
    expired: float
    """When its freshness ended, on the `time.time` clock."""
    cause: str
    status: int | None = None
    """What the source answered instead, where it answered."""


class Outcome(msgspec.Struct, frozen=True):
    """The answer's `data` as bytes, and what went wrong on the way to it."""

    data: bytes
    errors: tuple[Entry, ...] = ()
    stale: tuple[Stale, ...] = ()
    expires: float = 0.0
    """`time.time` clock; 0: not to be stored."""
    private: bool = False
    announced: bool = False
    """A source said that what it was asked is deprecated, or will end."""
    exchanges: tuple[Exchange, ...] = ()
    """The upstream calls, in the order they ended."""
    returned: tuple[tuple[bytes, bytes], ...] = ()
    """Header fields of the sources that are handed on. The engine's business."""
    unexplained: int = 0
    """Nulls the gateway made and no error explains: a bug of its own, counted so that somebody sees it."""
    exposed: tuple[dict[str, Any], ...] = ()
    """What calls came back with in the headers that their source exposes. The engine's business."""
