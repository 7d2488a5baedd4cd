"""`/metrics` for a scrape, and `/metrics.json` for the other workers of the same gateway."""

from __future__ import annotations

from typing import Protocol

from starlette.types import Receive, Scope, Send

from gateway.server.reply import Said, reply


class Metrics(Protocol):
    async def page(self, accept: str) -> Said: ...

    def snapshot(self) -> Said: ...


class MetricsPage:
    """Prometheus' text, or OpenMetrics for whoever asks for that."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  what an ASGI application takes
        accept = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
        said = await self._metrics.page(accept)
        await reply(send, said.status, said.media, said.body, said.headers)
