"""What every client has in common: its limits, the time one call may take, and the calls that outlive their caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from gateway.errors import (
    DeadlineExceeded,
    SourceError,
    UpstreamBadContent,
    UpstreamBlocked,
    UpstreamTimeout,
    UpstreamTooLarge,
    UpstreamUnreachable,
)
from gateway.upstream.call import Call

MIB = 1024 * 1024

Meaning = tuple[type[SourceError], str | None, str | None]
"""What a library's exception means: our class, its sentence and its `error_type` (None: the class's own)."""

UNSENDABLE = "has an address or header that cannot be sent"
"""The values are not told, for they may be the caller's secrets."""
WANTS_CREDENTIALS = 407
CREDENTIALS = "was not reached: the proxy in between wants other credentials"
REFUSED = "was not reached: the proxy in between refused to connect to it"
LET_GO = "is no longer called, because the gateway is letting it go"


class Trust(msgspec.Struct, frozen=True):
    """Whom a client trusts beside the machine's own authorities, and what it shows of itself. PEM."""

    authorities: bytes = b""
    identity: bytes = b""
    """Certificate, those between it and its authority, and key."""


class Limits(msgspec.Struct, frozen=True):
    """What the client of one source may use: seconds per try, connections, bytes of a body."""

    per_try: float = 2.0
    max_connections: int = 64
    max_response: int = 16 * MIB
    max_age: float = 30.0
    """Seconds until the host's name is looked up again."""
    tls: Trust | None = None
    proxy: str | None = None
    """The URL of a proxy, which may hold a password, or `environment`; None: there is none."""
    http2: str = "off"
    """off, negotiated (where the service offers it in the TLS handshake) or always."""


class Orphans:
    """Calls still on the wire whose caller has gone; the bulkhead counts each as a slot that is taken.

    A cancelled caller leaves at once. pyreqwest's call ends by its answer or its own timeout, so an orphan lives at most per_try.
    """

    __slots__ = ("count", "freed")

    def __init__(self) -> None:
        self.count = 0
        self.freed: Callable[[], None] = lambda: None
        """Called when one has ended."""


class Budget(msgspec.Struct, frozen=True):
    """The seconds one call may take. `cut`: less than per_try; `by_request`: because the request's own deadline is near."""

    seconds: float
    cut: bool = False
    by_request: bool = False


def budget(call: Call, per_try: float, now: float) -> Budget:
    """The shorter of per_try and what is left until the deadline; a call without time is not made."""
    remaining = min(call.deadline, call.request.deadline) - now
    if remaining >= per_try:
        return Budget(per_try)
    if remaining <= 0:
        raise DeadlineExceeded(deadline_ms=0)
    return Budget(remaining, cut=True, by_request=call.request.deadline <= call.deadline)


def timed_out(spent: Budget, error_type: str = "http_response_timeout") -> SourceError:
    """A timeout is the source's, unless it was the request that had no more time to give."""
    ms = round(spent.seconds * 1000)
    if spent.by_request:
        return DeadlineExceeded(error_type=error_type, deadline_ms=ms)
    what = "accept a connection" if error_type == "connection_timeout" else "answer"
    return UpstreamTimeout(f"did not {what} in time (budget {ms} ms)", error_type=error_type, budget_ms=ms)


def refuse_by_proxy(status: int) -> None:
    """RFC 9110, 15.5.8: it was the proxy that spoke, not the source."""
    if status == WANTS_CREDENTIALS:
        raise UpstreamUnreachable(CREDENTIALS, error_type="proxy_configuration_error")


def too_large(limit: int) -> UpstreamTooLarge:
    return UpstreamTooLarge(f"answered with more than the {limit} bytes the gateway accepts", limit_bytes=limit)


def incomplete() -> UpstreamBadContent:
    return UpstreamBadContent("closed the connection before its answer was complete", error_type="http_response_incomplete")


def refuse_redirect(status: int, headers: Mapping[str, str]) -> None:
    """Following one would let a source choose what the gateway calls."""
    if 300 <= status < 400 and "location" in headers:
        raise UpstreamBlocked("redirects to another address, which the gateway does not follow")
