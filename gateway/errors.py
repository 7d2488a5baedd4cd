"""Every failure the gateway knows, drawn as one tree; the class knows its code, nobody greps a message.

    GatewayError
    ├── RequestError               the caller's document, variables or form
    ├── InternalError              our own bug; carries the gateway's own owner
    └── SourceError                one source could not give what was asked
        ├── NotSent                the call was never made
        └── UpstreamError          the call was made and went wrong

`docs/errors.md` has a row for each code. `attribute` is the only place that puts an owner on an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

Path = tuple[str | int, ...]
AFFECTED_LISTED = 20
PROBLEM_SHOWN = ("type", "title", "status")
"""Members of an RFC 9457 document that are shown when its text is not."""


class Owner(msgspec.Struct, frozen=True):
    """Who answers for a source. Not secret: it survives every masking, except `internal`."""

    team: str
    url: str | None = None
    contact: Mapping[str, str] = {}
    docs: str | None = None
    status_page: str | None = None
    origin: str = "config"
    internal: Mapping[str, str] = {}

    def shown(self, audience: str = "public") -> dict[str, Any]:
        """The `owner` block of an error; `internal` joins only for the internal audience."""
        block: dict[str, Any] = {"team": self.team, "url": self.url, "contact": dict(self.contact)}
        block |= {"docs": self.docs, "status_page": self.status_page, "from": self.origin}
        if audience == "internal" and self.internal:
            block["internal"] = dict(self.internal)
        return {key: value for key, value in block.items() if value is not None}


class GatewayError(Exception):
    """Root of the tree. `details` are the extra members of `extensions` that this code promises."""

    code: ClassVar[str] = "INTERNAL_SERVER_ERROR"
    retryable: bool = False
    """By the class; a GraphQL error of an upstream says it by its own code."""

    def __init__(self, message: str = "", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class InternalError(GatewayError):
    """A bug of ours. Its text is a fixed sentence: the traceback goes to the log under the same error id."""

    def __init__(self, message: str = "The gateway failed to answer because of an error of its own.", **details: Any) -> None:
        super().__init__(message, **details)


def internal(bug: Exception) -> InternalError:
    """The answer's error for an exception nobody foresaw, which travels along for the log."""
    error = InternalError()
    error.__cause__ = bug
    return error


# ---------------------------------------------------------------- the caller's own


class RequestError(GatewayError):
    """The request as such is refused: no part of it was executed."""

    status: ClassVar[int] = 400
    locations: Sequence[Mapping[str, int]] = ()
    others: Sequence[RequestError] = ()
    """The rest, where a document has several faults."""


class ParseFailed(RequestError):
    code = "GRAPHQL_PARSE_FAILED"


class ValidationFailed(RequestError):
    code = "GRAPHQL_VALIDATION_FAILED"


class BadUserInput(RequestError):
    code = "BAD_USER_INPUT"


class OperationNotSupported(RequestError):
    """A write (or another operation the gateway never performs). Names the source that has it, when one does."""

    code = "OPERATION_NOT_SUPPORTED"
    service: str | None = None


class LimitExceeded(RequestError):
    """`which`, `limit` and `actual` are in `details`."""

    code = "LIMIT_EXCEEDED"


class TooManyUpstreamCalls(RequestError):
    code = "TOO_MANY_UPSTREAM_CALLS"


class PersistedQueryNotFound(RequestError):
    """The message is part of the protocol: clients then send the document itself."""

    code = "PERSISTED_QUERY_NOT_FOUND"


class PersistedQueryRequired(RequestError):
    code = "PERSISTED_QUERY_REQUIRED"


class IntrospectionDisabled(RequestError):
    code = "INTROSPECTION_DISABLED"


class RateLimited(RequestError):
    """`retry_after_s` is in `details`."""

    code = "RATE_LIMITED"
    status = 429
    retryable = True
    fields: Sequence[tuple[bytes, bytes]] = ()
    """Header fields that say what is left."""


class CsrfBlocked(RequestError):
    code = "CSRF_BLOCKED"
    status = 403


class UnsupportedMediaType(RequestError):
    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415


class NotAcceptable(RequestError):
    code = "NOT_ACCEPTABLE"
    status = 406


class MethodNotAllowed(RequestError):
    code = "METHOD_NOT_ALLOWED"
    status = 405


class PathNotFound(RequestError):
    code = "NOT_FOUND"
    status = 404


class BodyTooLarge(LimitExceeded):
    status = 413


class HeadersTooLarge(LimitExceeded):
    status = 431


class TooManyConnections(LimitExceeded):
    """Callers hold as many connections as there may be."""

    status = 503


class ReadTimedOut(RequestError):
    """The caller's request did not arrive in time."""

    code = "DEADLINE_EXCEEDED"
    status = 408
    retryable = True


class Unauthenticated(RequestError):
    """Who asks is not known, or what it says of itself does not hold."""

    code = "UNAUTHENTICATED"
    status = 401


class KeysMissing(RequestError):
    """A token cannot be judged, because its issuer's keys could not be read."""

    code = "SOURCE_UNAVAILABLE"
    status = 503
    retryable = True


class ShuttingDown(RequestError):
    code = "SHUTTING_DOWN"
    status = 503
    retryable = True


# ---------------------------------------------------------------- one source's


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


class UpstreamError(SourceError):
    """A call was made. What is known of it travels with the error; `attempt` and `retry` fill in the counts."""

    status: int | None = None
    attempts: int = 1
    elapsed: float = 0.0
    """Seconds."""
    upstream_code: str | None = None
    upstream_request_id: str | None = None
    problem: Mapping[str, Any] | None = None
    """An RFC 9457 body, verbatim."""
    body: Any = None
    """Another JSON body, of a failure that the source's document describes."""
    errors: Sequence[Any] | None = None
    """The upstream's own GraphQL errors."""


class UpstreamUnreachable(UpstreamError):
    code = "UPSTREAM_UNREACHABLE"
    retryable = True
    sentence = "could not be reached"
    error_type = "connection_refused"


class UpstreamTls(UpstreamError):
    code = "UPSTREAM_TLS"
    sentence = "could not be reached over a trusted TLS connection"
    error_type = "tls_certificate_error"


class UpstreamTimeout(UpstreamError):
    code = "UPSTREAM_TIMEOUT"
    retryable = True
    sentence = "did not answer in time"
    error_type = "http_response_timeout"


class DeadlineExceeded(UpstreamError):
    code = "DEADLINE_EXCEEDED"
    retryable = True
    sentence = "had not answered when the time for this request was over"
    error_type = "http_response_timeout"


class UpstreamFailed(UpstreamError):
    """5xx."""

    code = "UPSTREAM_ERROR"
    retryable = True
    sentence = "answered with an error"


class UpstreamRateLimited(UpstreamError):
    code = "UPSTREAM_RATE_LIMITED"
    retryable = True
    sentence = "is limiting how often it may be called"


class UpstreamUnauthenticated(UpstreamError):
    code = "UPSTREAM_UNAUTHENTICATED"
    sentence = "does not know who is asking"


class UpstreamForbidden(UpstreamError):
    code = "UPSTREAM_FORBIDDEN"
    sentence = "does not allow this caller to read this"


class UpstreamNotFound(UpstreamError):
    code = "NOT_FOUND"
    sentence = "has nothing under this address"


class UpstreamRejected(UpstreamError):
    """Another 4xx."""

    code = "UPSTREAM_REJECTED"
    sentence = "rejected the call"


class UpstreamBadContent(UpstreamError):
    """Not the protocol's envelope: wrong content type, invalid or truncated JSON. `details`: content_type, offset."""

    code = "UPSTREAM_BAD_CONTENT"
    retryable = True
    sentence = "answered with something that is not the data it promises"
    error_type = "http_protocol_error"


class SchemaDrift(UpstreamError):
    """A value that does not fit the declared type. `details`: coordinate, expected, actual."""

    code = "SCHEMA_DRIFT"
    sentence = "sent a value that does not fit its own schema"
    error_type = "schema_drift"


class UpstreamTooLarge(UpstreamError):
    code = "UPSTREAM_TOO_LARGE"
    sentence = "answered with more than the gateway accepts"
    error_type = "http_response_body_size"


class UpstreamGraphQLError(UpstreamError):
    code = "UPSTREAM_GRAPHQL_ERROR"
    sentence = "reported an error of its own"
    error_type = "graphql_error"


# ---------------------------------------------------------------- the one place that annotates


class Disclosure(msgspec.Struct, frozen=True):
    """How much of the *upstream's* text is shown, and to whom. Ownership is never subject to it."""

    upstream_detail: str = "safe"
    """none, safe or full."""
    audience: str = "public"
    """public or internal."""


class Ids(msgspec.Struct, frozen=True):
    """What a person quotes to find this answer in logs and traces."""

    request_id: str
    trace_id: str | None = None


class Affected(msgspec.Struct):
    """The response positions one error explains: up to `listed` in `paths`, all of them in `count`."""

    paths: list[Path] = []
    count: int = 0
    listed: int = AFFECTED_LISTED

    def add(self, path: Path) -> None:
        self.count += 1
        if self.count <= self.listed:
            self.paths.append(path)


def attribute(
    error: GatewayError,
    owner: Owner,
    affected: Affected | None,
    *,
    error_id: str,
    ids: Ids,
    service: str,
    disclosure: Disclosure = Disclosure(),
    locations: Sequence[Mapping[str, int]] = (),
) -> dict[str, Any]:
    """One entry of `errors`: what happened, whose it is and how to reach them (ERRORS contract, `docs/errors.md`)."""
    entry: dict[str, Any] = {"message": _message(error)}
    if affected is not None and affected.paths:
        entry["path"] = list(affected.paths[0])
    if locations := (getattr(error, "locations", None) or locations):
        entry["locations"] = list(locations)
    extensions: dict[str, Any] = {"code": error.code, "service": service, "owner": owner.shown(disclosure.audience)}
    extensions |= {"error_id": error_id, "request_id": ids.request_id}
    if ids.trace_id:
        extensions["trace_id"] = ids.trace_id
    extensions["retryable"] = error.retryable
    if isinstance(error, SourceError):
        if error.retry_after is not None:
            extensions["retry_after_s"] = round(error.retry_after, 3)
        if disclosure.upstream_detail != "none":
            extensions["upstream"] = _upstream(error, full=disclosure.upstream_detail == "full")
    extensions |= error.details
    if affected is not None and affected.count > 1:
        extensions["affected"] = {"count": affected.count, "paths": [list(path) for path in affected.paths]}
    entry["extensions"] = extensions
    return entry


def _message(error: GatewayError) -> str:
    if isinstance(error, SourceError):
        name = error.service or "The source"
        return f"{name[:1].upper()}{name[1:]} {error.said}."
    return error.message or "The request could not be answered."


def _upstream(error: SourceError, *, full: bool) -> dict[str, Any]:
    """The `upstream` block: a template and a status at `safe`; addresses and the upstream's own words only at `full`."""
    block: dict[str, Any] = {"operation": error.operation}
    if full and error.url:
        block["url"] = error.url
    if not isinstance(error, UpstreamError):
        return block | {"error_type": error.error_type}
    block["http"] = {"status": error.status}
    block["code"] = error.upstream_code
    block["attempts"] = error.attempts
    block["elapsed_ms"] = round(error.elapsed * 1000)
    block["request_id"] = error.upstream_request_id
    block["error_type"] = error.error_type
    problem = error.problem
    block["problem"] = problem if full or problem is None else {k: problem[k] for k in PROBLEM_SHOWN if k in problem}
    block["errors"] = error.errors if full else None
    if full and error.body is not None:
        block["body"] = error.body
    return block
