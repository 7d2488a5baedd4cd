"""The nouns of one upstream exchange: `Request` (whose), `Call` (what), `Reply` (the answer), `Send` (the function)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from math import inf
from pathlib import Path
from typing import Any

import msgspec

from gateway.telemetry.trace import Fetch, Trace
from gateway.upstream.caller import Caller

Headers = tuple[tuple[str, str], ...]
"""Names in lower case, in the order they are sent."""


class Tally(msgspec.Struct):
    """What one request has cost so far; the only noun here that changes. `limit` bounds real calls (0: none)."""

    calls: int = 0
    batched: int = 0
    deduped: int = 0
    cached: int = 0
    retries: int = 0
    hedges: int = 0
    limit: int = 0
    queued: float = 0.0
    """Seconds its calls waited for a free slot, together."""


class Request(msgspec.Struct, frozen=True):
    """The caller's request as far as upstream calls are concerned. `deadline` is on the `time.monotonic` clock."""

    id: str
    headers: Mapping[str, str] = {}
    """The caller's headers, names in lower case. Only header rules read them."""
    deadline: float = inf
    correlation_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    baggage: str | None = None
    tally: Tally = msgspec.field(default_factory=Tally)
    caller: Caller | None = None
    """Who asks, where it proved it."""
    trace: Trace | None = None
    """What it does is kept, where traces are on; `traceparent` is then that of its own span."""


class Freshness(msgspec.Struct, frozen=True):
    """How long an answer may be used, by its source's word and its policy. Times on the `time.time` clock."""

    expires: float = 0.0
    """0: it may not be stored."""
    private: bool = False
    """It may only be stored for this very identity."""
    age: float = 0.0
    on_error: float = 0.0
    """Until then a copy may be used while the source fails."""


class Reply(msgspec.Struct, frozen=True):
    """An upstream's answer, complete and within limits. `headers` have lower-case names.

    `rows` are what the call's verifier decoded; they belong to that one operation and are never stored.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    rows: Any = None
    complete: bool = True
    """False: the protocol's envelope carries errors, so it must not be stored."""
    served: str = "network"
    """network, hit, stale or collapsed."""
    freshness: Freshness = Freshness()
    stale_cause: str | None = None
    """The code of the failure that made a stale copy be served, or REVALIDATING."""
    stale_status: int | None = None
    """What the source answered in that failure, where it answered."""
    attempts: int = 1
    elapsed: float = 0.0
    """Seconds on the wire, measured only where the policy asks for it (`slow_call`)."""


class Call(msgspec.Struct, frozen=True):
    """One read of one source.

    Cache and flight key: `method`, `url`, `headers`, `body` (the headers as configured, with what was propagated from the
    caller). What differs per attempt (trace context, request id, remaining deadline) is added by `attempt` and is no part of it.
    """

    method: str
    url: str
    headers: Headers
    body: bytes | None
    operation: str
    """A template of few values, for people and metrics: `GET /v2/stock/{sku}`, `query { products }`."""
    request: Request
    verify: Callable[[Reply], Reply]
    """Raises an `UpstreamError` when the reply is not the protocol's envelope; else the reply, with `rows` where it decoded."""
    private: bool = False
    """Carries something of the caller: nothing may be shared with another identity."""
    deadline: float = inf
    """When this call must be over (`time.monotonic` clock); set by the onion's deadline layer."""
    fetch: Fetch | None = None
    """Where its attempts are kept; set by the onion's outermost layer."""

    @property
    def key(self) -> tuple[str, str, Headers, bytes | None]:
        return (self.method, self.url, self.headers, self.body)


Send = Callable[[Call], Awaitable[Reply]]
"""Makes a call: the transport, or a layer around another `Send`. Raises only `SourceError`s (and `CancelledError`)."""

Layer = Callable[[Send], Send]


Propagated = str | re.Pattern[str]
"""A header of the caller, by its name in lower case, or all whose whole name a pattern fits."""


class HeaderRules(msgspec.Struct, frozen=True):
    """A source's `headers:` made ready. `build` gives the headers of a call for this caller, in the order they are sent."""

    build: Callable[[Mapping[str, str]], Headers] = lambda _incoming: ()
    propagates: frozenset[Propagated] = frozenset()
    """The caller's headers that end up in calls: the identity. Empty: the same call for everyone."""


class Sends(msgspec.Struct, frozen=True):
    """What a source kind is given to speak to its service."""

    schema: Send
    """For documents and introspection: own limits, no cache, and never a matter of the data breaker."""
    data: Send
    """Through the whole onion."""
    around: Callable[[Send], Send]
    """The same onion around another transport (a schema in this very process)."""
    headers: HeaderRules = HeaderRules()
    state: Path | None = None
    """Folder for the last good copies of schemas; None: none are kept."""
    built: Path | None = None
    """Folder for what is built of schemas, to begin with at the next start; None: all is built anew."""
    fresh: dict[str, bytes] | None = None
    """source → a document that was just read: it becomes the last good copy only once it is served. None: at once."""
