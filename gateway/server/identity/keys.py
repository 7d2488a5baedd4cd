"""An issuer's public keys (RFC 7517): read when they are first needed, read again by age or for a key nobody knows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from math import inf
from time import monotonic
from typing import Generic, TypeVar

from gateway.errors import GatewayError, KeysMissing

log = logging.getLogger("gateway.server")
K = TypeVar("K")

PAUSE = 10.0
"""Seconds between two reads that unknown keys may cause: tokens are written by strangers."""


class KeySet(Generic[K]):
    """`read` gives the document, `parse` makes keys of it (ValueError: it cannot). `version` counts the sets that differed."""

    def __init__(
        self,
        name: str,
        read: Callable[[], Awaitable[bytes]],
        parse: Callable[[bytes], tuple[K, ...]],
        refresh: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._name = name
        self._read = read
        self._parse = parse
        self._refresh = refresh
        self._clock = clock
        self._tried = -inf
        self._raw = b""
        self._reading: asyncio.Task[None] | None = None
        self.keys: tuple[K, ...] = ()
        self.version = 0

    async def current(self) -> tuple[K, ...]:
        """The keys as last read. Old ones serve while they are read again, and for as long as that fails.

        Raises `KeysMissing` while none could be read yet.
        """
        if not self.keys:
            await self._again()
        else:
            self.age()
        if not self.keys:
            raise KeysMissing("This token cannot be judged for the moment, because its issuer's keys could not be read.")
        return self.keys

    def age(self) -> None:
        """They are in use: if they are old, they are read again, beside whoever uses them."""
        if self._clock() - self._tried > self._refresh:
            self._start()

    async def newer(self) -> tuple[K, ...]:
        """The keys after another look, unless one was taken just now."""
        await self._again()
        return self.keys

    async def _again(self) -> None:
        """Together: whoever needs them waits for the same read."""
        if self._reading is None and self._clock() - self._tried < PAUSE:
            return
        await asyncio.shield(self._start())

    def _start(self) -> asyncio.Task[None]:
        if self._reading is None:
            self._tried = self._clock()
            self._reading = asyncio.create_task(self._take())
        return self._reading

    async def _take(self) -> None:
        try:
            raw = await self._read()
            if raw != self._raw:
                self.keys, self._raw = self._parse(raw), raw
                self.version += 1
        except (GatewayError, OSError, ValueError) as error:
            log.warning("the keys of %s could not be read: %s", self._name, error)
        finally:
            self._reading = None
