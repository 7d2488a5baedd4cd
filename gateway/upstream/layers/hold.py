"""A source that an operator has taken out of use: nothing is sent to it until it is released, or the time is over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from gateway.errors import SourceHeld
from gateway.upstream.call import Call, Layer, Reply, Send


class Held(msgspec.Struct, frozen=True):
    """`since` and `until` on the `time.time` clock; None: until it is released."""

    reason: str
    since: float
    until: float | None = None


class Hold:
    """Open unless held."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._held: Held | None = None
        self._wall = wall

    @property
    def held(self) -> Held | None:
        held = self._held
        if held is not None and held.until is not None and held.until <= self._wall():
            held = self._held = None
        return held

    def hold(self, held: Held | None) -> None:
        """None releases."""
        self._held = held

    def refuse(self, held: Held) -> SourceHeld:
        until = held.until and datetime.fromtimestamp(held.until, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        error = SourceHeld(f"is held by an operator ({held.reason})", reason=held.reason, until=until)
        error.retry_after = None if held.until is None else held.until - self._wall()
        return error


def hold(state: Hold) -> Layer:
    def layer(send: Send) -> Send:
        async def unless_held(call: Call) -> Reply:
            if (held := state.held) is not None:
                raise state.refuse(held)
            return await send(call)

        return unless_held

    return layer
