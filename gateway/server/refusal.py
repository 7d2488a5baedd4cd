"""What the door itself refuses, in the one shape that all errors of this gateway have."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from random import getrandbits
from typing import Any

import msgspec
from starlette.types import Send

from gateway.errors import (
    GatewayError,
    Ids,
    PersistedQueryNotFound,
    RateLimited,
    RequestError,
    ShuttingDown,
    SourceUnavailable,
    attribute,
)
from gateway.server.house import House, Refused
from gateway.server.negotiation import Media
from gateway.server.reply import CLOSE, NO_STORE, RawHeaders, identity, reply
from gateway.upstream.call import Request

GATEWAY = "gateway"
"""The `service` of errors that are no source's."""
RETRY_AFTER: tuple[bytes, bytes] = (b"retry-after", b"1")
ALLOW: tuple[bytes, bytes] = (b"allow", b"GET, HEAD, POST")
CHALLENGE: tuple[bytes, bytes] = (b"www-authenticate", b"Bearer")
MORE_HEADERS: dict[int, RawHeaders] = {
    401: (CHALLENGE,),
    405: (ALLOW,),
    503: (RETRY_AFTER,),
    **dict.fromkeys((408, 413, 431), (CLOSE,)),
}
"""Status → what else its specification asks for. A body that is not read to its end ends the connection."""

Entry = dict[str, Any]


async def refuse(
    send: Send, error: RequestError, request: Request, house: House, media: Media = Media.JSON, more: RawHeaders = ()
) -> None:
    """Answer with one error that is no source's."""
    if isinstance(error, RateLimited):
        more += ((b"retry-after", b"%d" % ceil(error.details["retry_after_s"])), *error.fields)
    status = 200 if isinstance(error, PersistedQueryNotFound) and media is Media.JSON else error.status
    await say(send, status, [entry(error, request, house)], request, media, more)


async def not_ready(send: Send, request: Request, house: House, media: Media) -> None:
    """Answer with one error per source that keeps the gateway from answering."""
    await say(send, 503, waiting(request, house), request, media)


def draining() -> ShuttingDown:
    return ShuttingDown("This gateway is shutting down; send the request again, and it will reach another one.")


def waiting(request: Request, house: House) -> list[Entry]:
    """One entry per source that is waited for; before the first load, which has found none yet, one for the gateway."""
    return [_entry(each, request, house) for each in house.waiting() or [_starting(house)]]


def _starting(house: House) -> Refused:
    error = SourceUnavailable("is starting and has not read its sources yet")
    error.service = GATEWAY
    return Refused(error, house.owner, GATEWAY)


def entry(error: GatewayError, request: Request, house: House) -> Entry:
    return _entry(Refused(error, house.owner, GATEWAY), request, house)


def body(entries: Sequence[Entry]) -> bytes:
    return msgspec.json.encode({"errors": entries})


def _entry(refused: Refused, request: Request, house: House) -> Entry:
    ids = Ids(request.id, request.traceparent[3:35] if request.traceparent else None)
    error_id = f"err_{getrandbits(96):024x}"
    return attribute(
        refused.error, refused.owner, None, error_id=error_id, ids=ids, service=refused.service, disclosure=house.disclosure
    )


async def say(
    send: Send, status: int, entries: Sequence[Entry], request: Request, media: Media = Media.JSON, more: RawHeaders = ()
) -> None:
    """Answer with these errors and nothing else. A page or a stream that is refused is refused in JSON."""
    kind = media if media is Media.GRAPHQL else Media.JSON
    about: RawHeaders = (*identity(request), NO_STORE, *MORE_HEADERS.get(status, ()), *more)
    await reply(send, status, kind.value, body(entries), about)
