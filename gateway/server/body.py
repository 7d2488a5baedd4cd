"""Reading a request's body: complete or not at all, and never more than is allowed."""

from __future__ import annotations

from starlette.types import Message, Receive

from gateway.errors import BodyTooLarge


class Disconnected(Exception):
    """The caller went away before its request was complete. Nobody is left to be told."""


async def read_body(receive: Receive, content_length: bytes | None, limit: int) -> bytes:
    """The whole body. Raises `BodyTooLarge` as soon as it is known to exceed `limit` bytes, and `Disconnected`.

    That it arrives in time is the connection's affair (`wire.py`).
    """
    if content_length is not None and content_length.isdigit():
        _check(int(content_length[:20]), limit)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        whole: bytes = message.get("body", b"")
        _check(len(whole), limit)
        return whole
    body = bytearray()
    while message["type"] == "http.request":
        body += message.get("body", b"")
        _check(len(body), limit)
        if not message.get("more_body", False):
            return bytes(body)
        message = await receive()
    raise Disconnected


def replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body that was read already, and then whatever comes (a disconnect)."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise BodyTooLarge(f"The request body is larger than {limit} bytes.", which="body", limit=limit, actual=size)
