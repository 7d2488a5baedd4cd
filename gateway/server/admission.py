"""Whether a request is let in, before its body is read: no page's trick, by a caller that is known, not too often."""

from __future__ import annotations

from math import ceil
from typing import Any

from msgspec.structs import replace

from gateway.errors import CsrfBlocked, RateLimited
from gateway.server.house import Allowance, Fields, Front, Rate
from gateway.server.reply import RawHeaders
from gateway.upstream.call import Request

PREFLIGHTED = (b"apollo-require-preflight", b"x-apollo-operation-name", b"graphql-require-preflight")
"""Header fields that make a browser ask first (Fetch standard, CORS-preflight request): those that clients send already."""


class Admission:
    """Only made where there is something to look at."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def __call__(self, scope: Any, headers: Fields, request: Request) -> tuple[Request, RawHeaders]:
        """The request with its caller, and what to tell it with whatever comes. Raises `RequestError`."""
        front = self._front
        if front.csrf:
            check_origin(scope["method"], headers)
        if front.identify is not None:
            request = replace(request, caller=await front.identify(headers))
        return request, await charge(front.rate, key_of(scope, headers, request, front.rate)) if front.rate else ()


def admission(front: Front) -> Admission | None:
    return Admission(front) if front.csrf or front.identify is not None or front.rate is not None else None


def check_origin(method: str, headers: Fields) -> None:
    """A POST with a JSON body is never sent without a preflight; a GET is. Raises `CsrfBlocked`."""
    if method != "POST" and not any(name in headers for name in PREFLIGHTED):
        raise CsrfBlocked("This request could come from any page a browser shows: send Apollo-Require-Preflight: true, or POST.")


def key_of(scope: Any, headers: Fields, request: Request, rate: Rate) -> str:
    """Whose bucket it is: the caller's own, else that of the header that tells callers apart, else that of its address."""
    if request.caller is not None:
        return request.caller.name
    if rate.header is not None and (value := headers.get(rate.header)):
        return "header:" + value.decode("latin-1")
    client = scope.get("client")
    return "address:" + (client[0] if client else "")


async def charge(rate: Rate, key: str, count: int = 1) -> RawHeaders:
    """The header fields that say what is left. Raises `RateLimited`."""
    allowance = await rate.take(key, count)
    told = fields_of(rate, allowance)
    if not allowance.allowed:
        after = round(allowance.retry_after, 3)
        error = RateLimited(f"This caller may send {rate.requests} requests in {rate.per:g} s.", retry_after_s=after)
        error.fields = told
        raise error
    return told


def fields_of(rate: Rate, allowance: Allowance) -> RawHeaders:
    """`RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10)."""
    policy = b'"default";q=%d;w=%d' % (rate.requests, max(1, ceil(rate.per)))
    return ((b"ratelimit-policy", policy), (b"ratelimit", b'"default";r=%d;t=%d' % (allowance.remaining, ceil(allowance.reset))))
