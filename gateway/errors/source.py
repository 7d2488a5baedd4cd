"""What one source could not give, because it was never asked."""

from __future__ import annotations

from typing import Any, ClassVar

from gateway.errors.base import GatewayError


class SourceError(GatewayError):
    """One source could not give what was asked of it.

    `sentence` continues the source's name ("Inventory did not answer in time"). `service` and `operation` are told by
    the layer that knows them, on the way out; whoever raises says only what it saw.
    """

    sentence: ClassVar[str] = "failed"
    error_type: str = "proxy_internal_error"
    """An RFC 9209 token, or the status as a string."""
    service: str = ""
    operation: str | None = None
    url: str | None = None
    retry_after: float | None = None
    """Seconds."""

    def __init__(self, sentence: str | None = None, *, error_type: str | None = None, **details: Any) -> None:
        self.said = sentence or self.sentence
        if error_type is not None:
            self.error_type = error_type
        super().__init__(self.said, **details)


class NotSent(SourceError):
    """The gateway decided not to make the call."""


class SourceUnavailable(NotSent):
    """Circuit open, or the source has not been loaded. `details`: open_since, opened_by."""

    code = "SOURCE_UNAVAILABLE"
    retryable = True
    sentence = "is unavailable and is not being called for the moment"
    error_type = "destination_unavailable"


class CallerUnknown(NotSent):
    """What was asked for is only for callers that are known, and this one is not."""

    code = "UNAUTHENTICATED"
    sentence = "gives this only to callers it knows"
    error_type = "http_request_denied"


class CallerForbidden(NotSent):
    """The caller is known and lacks a scope or policy that this needs."""

    code = "FORBIDDEN"
    sentence = "does not give this to a caller with these rights"
    error_type = "http_request_denied"


def not_allowed(*, known: bool) -> NotSent:
    """Why a caller was not given something."""
    return CallerForbidden() if known else CallerUnknown()


class SourceSaturated(NotSent):
    code = "SOURCE_SATURATED"
    retryable = True
    sentence = "has as many calls open as it may have, and its queue is full"
    error_type = "connection_limit_reached"


class SourceHeld(NotSent):
    code = "SOURCE_HELD"
    sentence = "is held by an operator"
    error_type = "destination_unavailable"


class UpstreamBlocked(NotSent):
    code = "UPSTREAM_BLOCKED"
    sentence = "points to an address that may not be called"
    error_type = "destination_ip_prohibited"


class UpstreamCallsExhausted(NotSent):
    """The real calls of one request reached `limits.upstream_calls_total`; costs only the rows that remain."""

    code = "TOO_MANY_UPSTREAM_CALLS"
    sentence = "was not asked for the remaining rows, because this request has used up its upstream calls"
    error_type = "proxy_internal_error"
