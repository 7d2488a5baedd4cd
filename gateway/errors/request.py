"""What is wrong with a request as such."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from gateway.errors.base import GatewayError


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
