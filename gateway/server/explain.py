"""`/explain/ID` on the admin address: the story of one of the latest failing requests, by its id or that of one of its errors."""

from __future__ import annotations

import msgspec
from starlette.types import Receive, Scope, Send

from gateway.server.house import House
from gateway.server.reply import NO_STORE, reply


class Explain:
    """404 with the latest failures to choose from, where nothing is known of the id: by any worker, or `alone` by this one."""

    def __init__(self, house: House, *, alone: bool = False) -> None:
        self._house = house
        self._alone = alone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  what an ASGI application takes
        wanted = scope["path_params"]["wanted"]
        story = self._house.story(wanted)
        if story is None and not self._alone:
            story = await self._house.story_elsewhere(wanted)
        body = msgspec.json.encode({"story": story} if story else {"story": None, "recent": self._house.recent_failures()})
        await reply(send, 200 if story else 404, b"application/json", body, (NO_STORE,))
