"""What one source could not give though it was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.errors.source import SourceError


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
