"""`POST /sources/NAME/hold` and `/release` on the admin address: take one source out of use by hand, and back."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from gateway.server.body import Disconnected, read_body
from gateway.server.house import House
from gateway.server.reply import NO_STORE, reply

LONGEST = 4096
"""Bytes of a body."""


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`seconds`: None until it is released."""

    reason: str = "no reason given"
    seconds: float | None = None


class Hold:
    """404 for a source that is not configured, 400 for a body that is not a wish, 405 for anything but POST."""

    def __init__(self, house: House, *, release: bool) -> None:
        self._house = house
        self._release = release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            status, told = await self._done(scope, receive)
        except Disconnected:
            return
        await reply(send, status, b"application/json", msgspec.json.encode(told), (NO_STORE,))

    async def _done(self, scope: Scope, receive: Receive) -> tuple[int, dict[str, Any]]:
        name = scope["path_params"]["name"]
        if scope["method"] != "POST":
            return 405, {"error": "send this with POST"}
        body = await read_body(receive, None, LONGEST)
        try:
            wish = None if self._release else msgspec.json.decode(body or b"{}", type=Wish)
        except msgspec.MsgspecError as error:
            return 400, {"error": f"the body is not what it should be: {error}"}
        if not self._house.hold(name, wish.reason if wish else None, wish.seconds if wish else None):
            return 404, {"error": f"there is no source {name}", "sources": self._house.source_names()}
        return 200, {"source": name, "held": wish is not None}
