"""What the street door needs of the house behind it, and nothing more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from gateway.engine import Answer, Asked
from gateway.engine.recalled import Landings, Recalled
from gateway.errors import Disclosure, GatewayError, Owner
from gateway.execution.run import Outcome
from gateway.server.cors import CorsRules
from gateway.server.params import Params
from gateway.upstream.call import Request
from gateway.upstream.caller import Caller

Fields = Mapping[bytes, bytes]
"""Header fields by lower-case name."""


class Engine(Protocol):
    """The request path: never raises for what a caller or a source did."""

    async def answer(self, asked: Asked) -> Answer: ...

    def recalled(self, asked: Asked) -> Recalled | None:
        """What was looked up for a question that may be asked again in the same bytes."""
        ...

    def is_kept(self, recalled: Recalled) -> bool: ...

    def kept(self, recalled: Recalled, asked: Asked) -> Answer | None: ...

    def landing(self, recalled: Recalled) -> Landings | None: ...

    def landed(self, recalled: Recalled, outcome: Outcome, asked: Asked) -> Answer: ...


class DoorLimits(msgspec.Struct, frozen=True):
    """What one request may cost before the engine sees it. Bytes, and seconds from its first byte to its answer."""

    body: int = 256 * 1024
    headers: int = 32 * 1024
    connections: int = 10_000
    deadline: float = 10.0
    upstream_calls_total: int = 2000
    variables: int = 64 * 1024


class Allowance(msgspec.Struct, frozen=True):
    """What is left to one caller. Times in seconds from now."""

    allowed: bool
    remaining: int
    reset: float
    """When all of it is there again."""
    retry_after: float = 0.0


class Rate(Protocol):
    """How often one caller may ask."""

    requests: int
    per: float
    header: bytes | None
    """Whose value tells callers apart that are not known otherwise; None: their address."""

    async def take(self, key: str, count: int = 1) -> Allowance: ...


class Documents(Protocol):
    """Operations by their id."""

    fixed: bool
    """What a request means by its document never changes."""

    def text(self, params: Params) -> str: ...


class LiveRules(msgspec.Struct, frozen=True):
    """What a websocket may cost. Times in seconds."""

    per_connection: int = 100
    """Operations open at once."""
    init_timeout: float = 10.0
    """Until it has to say who it is."""
    idle: float = 300.0
    """Without an operation."""


class Watch(Protocol):
    """Sees every request to `/graphql` come and go."""

    def came(self) -> None: ...

    def begin(self, request: Request, *, held: bool) -> Request:
        """The request as it goes on, perhaps with a trace. `held`: `answered` will be told of it."""
        ...

    def answered(self, scope: Mapping[str, Any], request: Request | None, status: int, began: float) -> None:
        """`status` 0: its caller had gone. `began` on the `time.monotonic` clock."""
        ...


class Front(msgspec.Struct, frozen=True):
    """How the street door is set up. What is None is not there."""

    identify: Callable[[Fields], Awaitable[Caller | None]] | None = None
    rate: Rate | None = None
    known_only: bool = False
    """Nobody else is answered, so no answer is everyone's."""
    documents: Documents | None = None
    cors: CorsRules | None = None
    compress: int = 0
    """Bytes of an answer from which it is compressed; 0: it never is."""
    page: bool = True
    """GraphiQL for browsers."""
    tag_headers: tuple[bytes, ...] = ()
    """Header fields that name what an answer is made of, for caches that forget by name."""
    known_by: tuple[bytes, ...] = ()
    """Header fields that tell who a caller is, in lower case."""
    csrf: bool = False
    """A request that a page of anyone's could send without being asked needs a header that shows it was not."""
    live: LiveRules | None = LiveRules()
    """Websockets; None: there are none."""
    batch: int = 0
    """Operations one body may hold."""
    partial_success: int = 200
    """Status of an answer with data and errors, as `application/graphql-response+json`."""
    watch: Watch | None = None


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
    """Shutting down: requests that have come are answered, subscriptions end."""
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

    def hold(self, name: str, reason: str | None, seconds: float | None) -> bool:
        """Call that source no more, for so many seconds or until it is released (`reason` None). False: there is none."""
        ...

    def source_names(self) -> Sequence[str]: ...

    def status(self) -> dict[str, Any]:
        """How it is with this process."""
        ...

    async def whole_status(self) -> dict[str, Any]:
        """How it is with all workers together: the body of `/status.json`."""
        ...

    def story(self, wanted: str) -> dict[str, Any] | None:
        """What is known of one of the latest failing requests, by its id or by that of one of its errors. Redacted."""
        ...

    async def story_elsewhere(self, wanted: str) -> dict[str, Any] | None:
        """What another worker knows of it."""
        ...

    def joins(self) -> dict[str, Any]:
        """Which sources this process joined, and how often."""
        ...

    async def whole_joins(self) -> dict[str, Any]:
        """All workers together."""
        ...

    def recent_failures(self) -> Sequence[dict[str, Any]]:
        """The latest of them, newest first."""
        ...
