"""Cross-origin requests (Fetch standard, CORS protocol): which pages may read answers. Only there when it is configured."""

from __future__ import annotations

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.server.reply import RawHeaders

EXPOSED = b"cache-status, proxy-status, ratelimit, ratelimit-policy, retry-after, server-timing, x-request-id, x-upstream-calls"
METHODS = b"GET, HEAD, POST"


class CorsRules(msgspec.Struct, frozen=True):
    """`origins`: `*` is any page; it may then not send cookies. `max_age` in seconds."""

    origins: frozenset[bytes]
    headers: bytes
    credentials: bool = False
    max_age: int = 600

    def of(self, origin: bytes) -> RawHeaders:
        """What is said of this origin; nothing but `Vary` when it may not read."""
        if b"*" in self.origins and not self.credentials:
            return ((b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", EXPOSED))
        vary = ((b"vary", b"origin"),)
        if origin not in self.origins:
            return vary
        about = ((b"access-control-allow-origin", origin), (b"access-control-expose-headers", EXPOSED), *vary)
        return (*about, (b"access-control-allow-credentials", b"true")) if self.credentials else about


class Cors:
    def __init__(self, rules: CorsRules, inside: ASGIApp) -> None:
        self._rules = rules
        self._inside = inside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"")
        if scope["type"] != "http":
            await self._inside(scope, receive, send)
        elif scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await send({"type": "http.response.start", "status": 204, "headers": self._preflight(origin)})
            await send({"type": "http.response.body", "body": b""})
        else:
            await self._inside(scope, receive, self._saying(send, self._rules.of(origin)))

    def _preflight(self, origin: bytes) -> RawHeaders:
        """A page that may not ask is told so by what is missing."""
        said = self._rules.of(origin)
        if said[0][0] != b"access-control-allow-origin":
            return said
        may = ((b"access-control-allow-methods", METHODS), (b"access-control-allow-headers", self._rules.headers))
        return (*said, *may, (b"access-control-max-age", b"%d" % self._rules.max_age))

    def _saying(self, send: Send, about: RawHeaders) -> Send:
        async def saying(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *about]}
            await send(message)

        return saying
