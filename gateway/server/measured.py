"""Around the GraphQL endpoint where somebody watches: what came in, what went out, how long it took."""

from __future__ import annotations

from collections.abc import Awaitable, MutableMapping
from time import monotonic
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.server.graphql import REQUEST_KEY
from gateway.server.house import Watch


class Measured:
    """Pure ASGI. An answer is over when its last byte was handed on."""

    def __init__(self, watch: Watch, inside: ASGIApp) -> None:
        self._watch = watch
        self._inside = inside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, status = monotonic(), 0
        self._watch.came()

        def noted(message: MutableMapping[str, Any]) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            return send(message)

        try:
            await self._inside(scope, receive, noted)
        finally:
            self._watch.answered(scope, scope.get(REQUEST_KEY), status, began)
