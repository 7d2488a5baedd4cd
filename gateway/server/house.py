"""What the street door needs of the house behind it, and nothing more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from gateway.engine import Answer, Asked
from gateway.errors import Disclosure, GatewayError, Owner
from gateway.upstream.caller import Caller

Fields = Mapping[bytes, bytes]
"""Header fields by lower-case name."""


class Engine(Protocol):
    """The request path: never raises for what a caller or a source did."""

    async def answer(self, asked: Asked) -> Answer: ...


class DoorLimits(msgspec.Struct, frozen=True):
    """What one request may cost before the engine sees it. Bytes, and seconds from its first byte to its answer."""

    body: int = 256 * 1024
    headers: int = 32 * 1024
    deadline: float = 10.0
    upstream_calls_total: int = 2000


class Front(msgspec.Struct, frozen=True):
    """How the street door is set up. What is None is not there."""

    identify: Callable[[Fields], Awaitable[Caller | None]] | None = None


class Refused(msgspec.Struct, frozen=True):
    """Why there is no answer, and whose it is."""

    error: GatewayError
    owner: Owner
    service: str


class House(Protocol):
    """`engine` is replaced by one assignment; whoever took it finishes on what it took."""

    @property
    def engine(self) -> Engine | None:
        """None: nothing can be answered yet; `waiting` says whose fault that is."""

    draining: bool
    """Shutting down: requests that are in finish, new ones are refused."""
    owner: Owner
    """The gateway's own."""
    disclosure: Disclosure
    limits: DoorLimits

    def waiting(self) -> Sequence[Refused]:
        """One entry per source that keeps the gateway from answering."""
        ...

    def ready(self) -> bool:
        """Every source was loaded, is served from its copy or was left out by decision. Never turns back for one source."""
        ...

    def status(self) -> dict[str, Any]:
        """The body of `/status.json`."""
        ...

    def story(self, wanted: str) -> dict[str, Any] | None:
        """What is known of one of the latest failing requests, by its id or by that of one of its errors. Redacted."""
        ...

    def recent_failures(self) -> Sequence[dict[str, Any]]:
        """The latest of them, newest first."""
        ...
