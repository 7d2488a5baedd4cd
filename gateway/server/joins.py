"""`/joins.json` on the admin address: which sources are joined, and how often."""

from __future__ import annotations

import msgspec
from starlette.types import Receive, Scope, Send

from gateway.server.house import House
from gateway.server.reply import NO_STORE, reply


class Joins:
    """As all workers counted it, or `alone` this one."""

    def __init__(self, house: House, *, alone: bool = False) -> None:
        self._house = house
        self._alone = alone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  what an ASGI application takes
        found = self._house.joins() if self._alone else await self._house.whole_joins()
        await reply(send, 200, b"application/json", msgspec.json.encode(found), (NO_STORE,))
