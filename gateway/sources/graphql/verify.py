"""Judges a GraphQL reply, over HTTP or in process: rows, errors to report, or no GraphQL at all.

2xx, decodes                    the rows
2xx, `errors` beside data       passed on without rows: the exact reader takes what is there; never stored
`errors` and no data            `UpstreamGraphQLError`: the service works and says no, so it does not count for the breaker
429, 401, 403, 5xx              the status is the verdict, whatever the body: `errors` travel with it. A server that answers 5xx
                                is in trouble even when it says so in GraphQL, and retry and breaker must see that
anything else                   by status, else `UpstreamBadContent`
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from gateway.errors import UpstreamError, UpstreamGraphQLError
from gateway.upstream.call import Reply
from gateway.upstream.json import parse
from gateway.upstream.layers.verify import bad_content, bad_json, json_content, quoted, status_error

ACCEPT = "application/graphql-response+json, application/json;q=0.9"
CODE = re.compile(r"[A-Z0-9_]{1,64}")
TRANSIENT = frozenset({"SERVICE_UNAVAILABLE", "TIMEOUT", "RATE_LIMITED", "TOO_MANY_REQUESTS"})
"""Codes by which servers say that the same question may be answered later."""
BY_STATUS = frozenset({401, 403, 429})
CARRIED = 100
"""Errors of one reply that are kept."""


def verifier(decode: Callable[[bytes], Any]) -> Callable[[Reply], Reply]:
    """The verdict with `decode` as first reader: no byte is scanned twice unless the rows do not fit."""

    def verify(reply: Reply) -> Reply:
        if not 200 <= reply.status < 300:
            return _unhappy(reply)
        json_content(reply)
        try:
            rows = decode(reply.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _scanned(reply)
        return msgspec.structs.replace(reply, rows=rows)

    return verify


def _unhappy(reply: Reply) -> Reply:
    """A GraphQL response under another status (GraphQL over HTTP, `application/graphql-response+json`), or a plain failure."""
    envelope = _envelope(reply)
    failure = status_error(reply)
    errors = _errors(envelope)
    if failure is not None and (not errors or reply.status in BY_STATUS or reply.status >= 500):
        raise _telling(failure, errors)
    return _scanned(reply)


def _scanned(reply: Reply) -> Reply:
    """The reply without rows, when it is GraphQL at all: values that do not fit are drift, which is for the exact reader.

    So are values that nothing can represent (1e400, half a surrogate pair): they cost themselves, never the whole reply.
    """
    envelope = _envelope(reply)
    errors = _errors(envelope)
    if envelope is None or not isinstance(envelope.get("data"), dict | None):
        raise _garbage(reply)
    if envelope.get("data") is not None:
        return msgspec.structs.replace(reply, complete=not errors)
    if not errors:
        raise _garbage(reply)
    refusal = UpstreamGraphQLError()
    refusal.status = reply.status
    raise _telling(quoted(refusal, reply), errors)


def _envelope(reply: Reply) -> Mapping[str, Any] | None:
    try:
        body = parse(reply.body)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _errors(envelope: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
    """The envelope's errors, as far as they are GraphQL errors."""
    errors = envelope.get("errors") if envelope else None
    if not isinstance(errors, list):
        return ()
    return [error for error in errors if isinstance(error, dict) and isinstance(error.get("message"), str)][:CARRIED]


def _telling(failure: UpstreamError, errors: Sequence[Mapping[str, Any]]) -> UpstreamError:
    """The failure with what the service itself said of it."""
    if errors:
        failure.errors = errors
        failure.upstream_code = next((code for error in errors if (code := _code(error))), None)
        if isinstance(failure, UpstreamGraphQLError):
            failure.retryable = failure.upstream_code in TRANSIENT
    return failure


def _code(error: Mapping[str, Any]) -> str | None:
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return code if isinstance(code, str) and CODE.fullmatch(code) else None


def _garbage(reply: Reply) -> UpstreamError:
    """Not JSON at all, or JSON that is no answer to a query."""
    try:
        parse(reply.body)
    except (ValueError, RecursionError):
        return bad_json(reply)
    return bad_content(reply, "answered with something that is not a GraphQL response")
