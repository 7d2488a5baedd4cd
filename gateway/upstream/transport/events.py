"""Server-sent events (HTML standard, section 9.2), of which graphql-sse uses two: `next` and `complete`.

Read here and not by a library, because those take lines of any length.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator

import msgspec

from gateway.errors import UpstreamBadContent, UpstreamError
from gateway.upstream.call import Reply
from gateway.upstream.json import parse
from gateway.upstream.layers.verify import status_error
from gateway.upstream.transport.limits import too_large
from gateway.upstream.transport.streams import broken_off, event, refused

BLANK = re.compile(rb"\r?\n\r?\n")
"""The end of an event."""
AROUND = 1024
"""Bytes of an event beside its data."""


async def events(chunks: AsyncIterator[bytes], most: int) -> AsyncGenerator[Reply]:
    """What comes under `next`, until `complete`. `most`: bytes of the data of one event."""
    pending = bytearray()
    async for chunk in chunks:
        begun = max(len(pending) - 3, 0)
        pending += chunk
        if BLANK.search(pending, begun) is None:
            if len(pending) > most + AROUND:
                raise too_large(most)
            continue
        *blocks, rest = BLANK.split(bytes(pending))
        pending = bytearray(rest)
        for name, data in filter(None, map(_event, blocks)):
            if len(data) > most:
                raise too_large(most)
            if name == b"complete":
                return
            if name == b"next":
                yield event(data)
    raise broken_off()


def _event(block: bytes) -> tuple[bytes, bytes] | None:
    """(event, data); None: a comment, or nothing."""
    name, data = b"message", list[bytes]()
    for field, value in _fields(block):
        if field == b"event":
            name = value
        elif field == b"data":
            data.append(value)
    return (name, b"\n".join(data)) if data or name == b"complete" else None


def _fields(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    for line in block.replace(b"\r\n", b"\n").split(b"\n"):
        field, _, value = line.partition(b":")
        yield field, value.removeprefix(b" ")


def unopened(reply: Reply) -> UpstreamError:
    """What an answer that is no stream means: a status, or the service's own errors."""
    failure = status_error(reply)
    try:
        body = parse(reply.body)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict) and isinstance(body.get("errors"), list) and (failure is None or reply.status in (200, 400)):
        return refused(msgspec.json.encode(body["errors"]))
    return failure or UpstreamBadContent("answered a subscription with something that is no stream of events")
