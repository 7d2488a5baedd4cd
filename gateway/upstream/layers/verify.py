"""Is this the answer that was promised? Breaker, retry and cache see this verdict, not the status line.

Also what source kinds use to judge a reply. Sentences are ours; the upstream's own words travel beside them, never in them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

import msgspec

from gateway.errors import (
    UpstreamBadContent,
    UpstreamError,
    UpstreamFailed,
    UpstreamForbidden,
    UpstreamNotFound,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamUnauthenticated,
)
from gateway.upstream.call import Call, Layer, Reply, Send

REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-amzn-requestid", "x-correlation-id")
REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
PROBLEM = "application/problem+json"
PROBLEM_LIMIT = 64 * 1024
"""Bytes of a problem document that are read."""
LONGEST_RETRY_AFTER = 86400.0
OFFSET = re.compile(r"\(byte (\d+)\)")
"""msgspec tells the byte: `JSON is malformed: invalid character (byte 17)`."""
JSON = re.compile(r"\s*(?:application/json|text/json|[\w.+-]+/[\w.+-]+\+json)\s*(?:;|$)", re.IGNORECASE)

BY_STATUS: Mapping[int, tuple[type[UpstreamError], str]] = {
    401: (UpstreamUnauthenticated, "does not know who is asking (it answered 401)"),
    403: (UpstreamForbidden, "does not allow this caller to read this (it answered 403)"),
    404: (UpstreamNotFound, "has nothing under this address (it answered 404)"),
    410: (UpstreamNotFound, "no longer has anything under this address (it answered 410)"),
    429: (UpstreamRateLimited, "is limiting how often it may be called (it answered 429)"),
}


def verify() -> Layer:
    def layer(send: Send) -> Send:
        async def verified(call: Call) -> Reply:
            return call.verify(await send(call))

        return verified

    return layer


def status_error(reply: Reply) -> UpstreamError | None:
    """The error a status outside 2xx means, with what the upstream said about it; None for a success."""
    status = reply.status
    if 200 <= status < 300:
        return None
    error = _of(status)
    error.status = status
    error.error_type = str(status)
    error.retry_after = retry_after(reply.headers.get("retry-after"), time.time())
    error.problem = problem(reply)
    return quoted(error, reply)


def _of(status: int) -> UpstreamError:
    if status in BY_STATUS:
        kind, sentence = BY_STATUS[status]
        return kind(sentence)
    if status >= 500:
        return UpstreamFailed(f"answered {status}")
    if status >= 400:
        return UpstreamRejected(f"rejected the call (it answered {status})")
    return UpstreamBadContent(f"answered {status}, which is no answer to a read")


def quoted(error: UpstreamError, reply: Reply) -> UpstreamError:
    """The id under which the source's owner finds this call in their own logs."""
    for name in REQUEST_ID_HEADERS:
        value = reply.headers.get(name)
        if value is not None and REQUEST_ID.fullmatch(value):
            error.upstream_request_id = value
            break
    return error


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds, from either form of `Retry-After` (RFC 9110, 10.2.3). What is neither is ignored."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), LONGEST_RETRY_AFTER)
    moment = http_date(text)
    return None if moment is None else min(max(moment - now, 0.0), LONGEST_RETRY_AFTER)


def http_date(value: str | None) -> float | None:
    """An HTTP date (RFC 9110, 5.6.7) on the `time.time` clock; None where it is not one."""
    if value is None:
        return None
    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None


def problem(reply: Reply) -> Mapping[str, Any] | None:
    """The RFC 9457 document, verbatim, where the upstream sent one."""
    if not reply.headers.get("content-type", "").lower().startswith(PROBLEM) or len(reply.body) > PROBLEM_LIMIT:
        return None
    try:
        document = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def json_content(reply: Reply) -> None:
    """Raise `UpstreamBadContent` unless the reply says it is JSON (`application/json`, `text/json`, `+json`).

    A reply that does not say what it is passes: its decoder tells. Compressed data passes nowhere: nobody asked for it.
    """
    encoding = reply.headers.get("content-encoding")
    if encoding is not None and encoding.strip().lower() not in ("identity", ""):
        raise bad_content(reply, "answered with compressed data, which was not asked for")
    content_type = reply.headers.get("content-type")
    if content_type is not None and not is_json(content_type):
        raise bad_content(reply, "answered with something other than JSON")


@lru_cache(maxsize=256)
def is_json(content_type: str) -> bool:
    """A source says the same few things over and over."""
    return JSON.match(content_type) is not None


def bad_content(reply: Reply, sentence: str, offset: int | None = None) -> UpstreamError:
    """For kinds that find the body wrong: it keeps what the reply said of itself. `offset` in bytes."""
    details: dict[str, Any] = {"content_type": (reply.headers.get("content-type") or "")[:100] or None}
    if offset is not None:
        details["offset"] = offset
    error = UpstreamBadContent(sentence, **details)
    error.status = reply.status
    return quoted(error, reply)


def bad_json(reply: Reply) -> UpstreamError:
    """For a body that is no JSON: whether it ends too early, or from which byte on it is wrong."""
    try:
        msgspec.json.decode(reply.body)
        words = ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        words = str(fault)
    if "truncated" in words:
        error = bad_content(reply, "answered with JSON that ends too early", len(reply.body))
        error.error_type = "http_response_incomplete"
        return error
    place = OFFSET.search(words)
    return bad_content(reply, "answered with something that is not JSON", int(place[1]) if place else None)
