"""Upstream traffic on disk: recorded as it happens, or played back in place of the services.

A folder per source, a file per call, named by what was asked (method, address, body): who asked makes no difference, so that a
recording plays without anyone's credentials. The files are JSON without secrets, to be read, changed and committed.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from gateway.errors import UpstreamUnreachable
from gateway.telemetry.logs import redacted
from gateway.upstream.call import Call, Reply, Send

log = logging.getLogger("gateway.upstream")
FORM = 1
HIDDEN = frozenset({"set-cookie", "www-authenticate", "authorization", "cookie"})
"""Header fields that are not recorded at all."""
Wire = Callable[[str, Send], Send]
"""Source and the way to it → what is used in its stead."""


class Asked(msgspec.Struct, frozen=True):
    method: str
    url: str
    body: str | None
    headers: dict[str, str] = {}


class Answered(msgspec.Struct, frozen=True, omit_defaults=True):
    """`body` is text; `base64` instead, where it is none."""

    status: int
    headers: dict[str, str]
    body: str = ""
    base64: str | None = None


class Recording(msgspec.Struct, frozen=True):
    form: int
    operation: str
    asked: Asked
    answered: Answered


def recorder(folder: Path, mask: Callable[[str], str]) -> Wire:
    """What comes is kept, and passed on as it was; not so what subscriptions bring. `mask` takes the configuration's secrets out
    of a text."""

    def wire(source: str, send: Send) -> Send:
        async def recording(call: Call) -> Reply:
            reply = await send(call)
            if reply.rows is not None:
                return reply
            try:
                _write(folder / source / _name(call), _recording(call, reply, mask))
            except OSError as error:
                log.warning("the call %s of %s is not recorded: %s", call.operation, source, error.strerror or error)
            return reply

        return recording

    return wire


def player(folder: Path) -> Wire:
    """Nothing is called: each call is answered as it was recorded, or fails as if nobody were there."""

    def wire(source: str, _send: Send) -> Send:
        async def playing(call: Call) -> Reply:
            path = folder / source / _name(call)
            try:
                recording = msgspec.json.decode(path.read_bytes(), type=Recording)
            except OSError:
                raise UpstreamUnreachable(f"is played back, and {call.operation} was not recorded as it is asked now") from None
            except msgspec.MsgspecError as error:
                raise UpstreamUnreachable(f"is played back, and {path.name} is no recording: {error}") from None
            return _reply(recording.answered)

        return playing

    return wire


def _name(call: Call) -> str:
    asked = msgspec.msgpack.encode((call.method, call.url, call.body))
    return f"{sha256(asked).hexdigest()[:24]}.json"


def _recording(call: Call, reply: Reply, mask: Callable[[str], str]) -> Recording:
    def clean(headers: Any) -> dict[str, str]:
        return {name: redacted(value, mask) for name, value in headers if name.lower() not in HIDDEN}

    body = call.body.decode("utf-8", "replace") if call.body is not None else None
    asked = Asked(call.method, redacted(call.url, mask), redacted(body, mask) if body else body, clean(call.headers))
    try:
        text, raw = redacted(reply.body.decode(), mask), None
    except UnicodeDecodeError:
        text, raw = "", base64.b64encode(reply.body).decode()
    return Recording(FORM, call.operation, asked, Answered(reply.status, clean(reply.headers.items()), text, raw))


def _reply(answered: Answered) -> Reply:
    body = base64.b64decode(answered.base64) if answered.base64 is not None else answered.body.encode()
    return Reply(answered.status, answered.headers, body)


def _write(path: Path, recording: Recording) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(recording), indent=2) + b"\n")
    fresh.replace(path)
