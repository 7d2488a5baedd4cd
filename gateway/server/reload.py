"""`POST /reload` on the admin address: read the configuration again, and serve it if it is good."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import msgspec
from starlette.types import Receive, Scope, Send

from gateway.config.problem import Problem
from gateway.server.reply import NO_STORE, reply


class Reloaded(Protocol):
    """What came of it. With `problems` everything is as it was."""

    @property
    def generation(self) -> int: ...
    @property
    def problems(self) -> Sequence[Problem]: ...
    @property
    def at_restart(self) -> Sequence[str]: ...


class Reload:
    """200 with what is served now, 422 with every problem of a configuration that is not, 405 for anything but POST."""

    def __init__(self, reload: Callable[[], Awaitable[Reloaded]]) -> None:
        self._reload = reload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  what an ASGI application takes
        status, told = await self._done() if scope["method"] == "POST" else (405, {"error": "send this with POST"})
        await reply(send, status, b"application/json", msgspec.json.encode(told, enc_hook=str), (NO_STORE,))

    async def _done(self) -> tuple[int, dict[str, Any]]:
        outcome = await self._reload()
        told = {"generation": outcome.generation, "problems": [msgspec.to_builtins(p, enc_hook=str) for p in outcome.problems]}
        return (422 if outcome.problems else 200), told | {"at_restart": list(outcome.at_restart)}
