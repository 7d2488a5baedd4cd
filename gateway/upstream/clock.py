"""Time as the layers see it: one noun to inject, so that no test waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec


class Timer(Protocol):
    def cancel(self) -> None: ...


def _call_later(delay: float, callback: Callable[[], None]) -> Timer:
    return asyncio.get_running_loop().call_later(delay, callback)


def steady(wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> Callable[[], float]:
    """The wall's time, read once and carried on from there: when the clock is set, nothing expires and nothing lives on."""
    offset = wall() - monotonic()
    return lambda: monotonic() + offset


WALL = steady()
"""The one of this process. Times made by it can be compared with each other; a date for people is `time.time`'s."""


class Clock(msgspec.Struct, frozen=True):
    """`monotonic` for durations and deadlines, `wall` for what HTTP says in dates. Seconds."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = WALL
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    call_later: Callable[[float, Callable[[], None]], Timer] = _call_later


REAL = Clock()
