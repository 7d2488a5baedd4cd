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

from gateway.errors.attribute import AFFECTED_LISTED, Affected, Disclosure, Ids, Path, attribute
from gateway.errors.base import GatewayError, InternalError, internal, settled
from gateway.errors.owner import Owner
from gateway.errors.request import (
    BadUserInput,
    BodyTooLarge,
    CsrfBlocked,
    HeadersTooLarge,
    IntrospectionDisabled,
    KeysMissing,
    LimitExceeded,
    MethodNotAllowed,
    NotAcceptable,
    OperationNotSupported,
    ParseFailed,
    PathNotFound,
    PersistedQueryNotFound,
    PersistedQueryRequired,
    RateLimited,
    ReadTimedOut,
    RequestError,
    ShuttingDown,
    TooManyConnections,
    TooManyUpstreamCalls,
    Unauthenticated,
    UnsupportedMediaType,
    ValidationFailed,
)
from gateway.errors.source import (
    CallerForbidden,
    CallerUnknown,
    NotSent,
    SourceError,
    SourceHeld,
    SourceSaturated,
    SourceUnavailable,
    UpstreamBlocked,
    UpstreamCallsExhausted,
    not_allowed,
)
from gateway.errors.upstream import (
    DeadlineExceeded,
    SchemaDrift,
    UpstreamBadContent,
    UpstreamError,
    UpstreamFailed,
    UpstreamForbidden,
    UpstreamGraphQLError,
    UpstreamNotFound,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamTls,
    UpstreamTooLarge,
    UpstreamUnauthenticated,
    UpstreamUnreachable,
)

__all__ = [
    "AFFECTED_LISTED",
    "Affected",
    "BadUserInput",
    "BodyTooLarge",
    "CallerForbidden",
    "CallerUnknown",
    "CsrfBlocked",
    "DeadlineExceeded",
    "Disclosure",
    "GatewayError",
    "HeadersTooLarge",
    "Ids",
    "InternalError",
    "IntrospectionDisabled",
    "KeysMissing",
    "LimitExceeded",
    "MethodNotAllowed",
    "NotAcceptable",
    "NotSent",
    "OperationNotSupported",
    "Owner",
    "ParseFailed",
    "Path",
    "PathNotFound",
    "PersistedQueryNotFound",
    "PersistedQueryRequired",
    "RateLimited",
    "ReadTimedOut",
    "RequestError",
    "SchemaDrift",
    "ShuttingDown",
    "SourceError",
    "SourceHeld",
    "SourceSaturated",
    "SourceUnavailable",
    "TooManyConnections",
    "TooManyUpstreamCalls",
    "Unauthenticated",
    "UnsupportedMediaType",
    "UpstreamBadContent",
    "UpstreamBlocked",
    "UpstreamCallsExhausted",
    "UpstreamError",
    "UpstreamFailed",
    "UpstreamForbidden",
    "UpstreamGraphQLError",
    "UpstreamNotFound",
    "UpstreamRateLimited",
    "UpstreamRejected",
    "UpstreamTimeout",
    "UpstreamTls",
    "UpstreamTooLarge",
    "UpstreamUnauthenticated",
    "UpstreamUnreachable",
    "ValidationFailed",
    "attribute",
    "internal",
    "not_allowed",
    "settled",
]
