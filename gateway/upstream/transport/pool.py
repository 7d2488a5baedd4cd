"""The connections to one origin: pinned to an address that was looked up and checked, renewed when the name leads elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf

from pyreqwest import exceptions as wire
from pyreqwest.request import RequestBuilder

from gateway.errors import SourceError
from gateway.upstream.transport.addresses import Lookup, Origin, callable_addresses, literal, permitted

Make = Callable[["Pool", str | None], Callable[[str, str], RequestBuilder]]
"""(pool, address) → what begins a request over a new set of connections."""

AHEAD = 0.8
"""Part of `max_age` after which the name is looked up in the background, while calls go on."""
PAUSE = 1.0
"""Seconds between two look-ups that failed, or that a failed connection asked for."""


class Pool:
    """`request` begins a request. Times on the `time.monotonic` clock."""

    def __init__(self, origin: Origin, make: Make, max_age: float, look_up: Lookup, via: Origin | None = None) -> None:
        self.origin = origin
        self.via = via
        """The proxy that is connected to in its place."""
        self.request: Callable[[str, str], RequestBuilder] = _unopened
        self.due = 0.0
        """From then on the name is to be looked up again."""
        self._make = make
        self._max_age = max_age
        self._look_up = look_up
        self._addresses: tuple[str, ...] = ()
        self._expires = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def renew(self, now: float) -> None:
        """Look the name up: before the call where what is known is too old, beside it otherwise. An address that was known is
        better than none (RFC 8767): only where there is none, it raises what the look-up does."""
        if not self._addresses:
            await self._open(now)
        elif self._expires <= now:
            await self._beside(now)
        elif self._looking is None or self._looking.done():
            self.due = now + PAUSE
            self._looking = asyncio.get_running_loop().create_task(self._beside(now))

    def suspect(self, now: float) -> None:
        """A connection could not be made: perhaps the service has moved."""
        self.due = min(self.due, now + PAUSE)

    def turn(self) -> bool:
        """Go on with the next address of the name, for the one in use cannot be reached. False: there is no other."""
        if len(self._addresses) < 2:
            return False
        self._use((*self._addresses[1:], self._addresses[0]))
        return True

    async def _beside(self, now: float) -> None:
        """An address that still answers is better than none: it stays when the look-up fails."""
        try:
            await self._open(now)
        except SourceError:
            self.due = now + PAUSE

    async def _open(self, now: float) -> None:
        if literal(self.origin.host) is not None:
            permitted((self.origin.host,))
        next_hop = self.via or self.origin
        if literal(next_hop.host) is not None:
            permitted((next_hop.host,))
            self.request, self.due, self._expires = self._make(self, None), inf, inf
            return
        found = await callable_addresses(next_hop.host, next_hop.port, self._look_up)
        if not self._addresses or set(found) != set(self._addresses):
            self._use(found)
        self.due, self._expires = now + AHEAD * self._max_age, now + self._max_age

    def _use(self, addresses: tuple[str, ...]) -> None:
        """New connections go to the first of them; calls under way end where they are."""
        self._addresses = addresses
        self.request = self._make(self, addresses[0])

    def close(self) -> None:
        """Whoever still knows this pool keeps no connection open by that."""
        self.request, self.due = _unopened, inf
        if self._looking is not None:
            self._looking.cancel()


def _unopened(_method: str, _url: str) -> RequestBuilder:
    raise wire.ClientClosedError("closed", {"causes": None})
