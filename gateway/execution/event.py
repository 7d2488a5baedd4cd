"""One event of a subscription: an execution whose first fetch has been answered already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.errors import GatewayError, SourceError
from gateway.execution.compile import Ready, ReadyStep
from gateway.execution.run import Run
from gateway.sources.base import Chunk
from gateway.upstream.call import Reply, Request


class EventRun(Run):
    """`came`: what the source sent, verified, or what is wrong with it."""

    __slots__ = ("_came",)

    def __init__(
        self, ready: Ready, variables: Mapping[str, Any], request: Request, came: Reply | SourceError, listed: int
    ) -> None:
        super().__init__(ready, variables, request, listed)
        self._came = came

    async def _send(self, step: ReadyStep, chunk: Chunk) -> Reply | GatewayError:
        if step is not self.ready.steps[0]:
            return await super()._send(step, chunk)
        if isinstance(self._came, SourceError):
            return self._failed(self._came, step, chunk)
        return self._came
