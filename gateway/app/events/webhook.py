"""Events posted to an address, one after another, signed as Standard Webhooks 1.0 has it.

The queue is bounded: an address that takes nothing loses the oldest events, never the gateway's memory. What may pass (a timeout,
429, 5xx) is tried again, ever more rarely; what will not (another 4xx, a redirect, a refused address) is given up.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from random import random
from typing import Any, Protocol

import msgspec

from gateway.app.events.event import MEDIA_TYPE, Event
from gateway.config import model as config
from gateway.errors import SourceError, UpstreamRejected
from gateway.upstream.call import Call, Headers, Reply, Request
from gateway.upstream.layers.verify import status_error
from gateway.upstream.transport import HttpxClient, Limits
from gateway.upstream.transport.addresses import origin

QUEUE = 256
"""Events that may wait for one address."""
ATTEMPTS = 10
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 300.0
"""Seconds between two attempts; with all of them an event is given about a quarter of an hour."""
LIMITS = Limits(per_try=10.0, max_connections=2, max_response=64 * 1024)
KEY = "whsec_"

log = logging.getLogger("gateway.app")


class Client(Protocol):
    async def send(self, call: Call) -> Reply: ...

    async def close(self) -> None: ...


class Wanted(msgspec.Struct, frozen=True):
    """Which events an address is sent; None: all."""

    owners: Collection[str] | None = None
    types: Collection[str] | None = None

    def has(self, event: Event) -> bool:
        by_owner = self.owners is None or event.owned_by in self.owners
        return by_owner and (self.types is None or event.type in self.types)


EVERYTHING = Wanted()


class Webhook:
    """A `Channel`. Nothing of its address but the host is ever told: the rest may be a secret."""

    def __init__(
        self,
        url: str,
        client: Client,
        secret: str | None = None,
        wanted: Wanted = EVERYTHING,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.name = origin(url).prefix.partition("://")[2].rpartition("@")[2].rstrip("/")
        self._url = url
        self._client = client
        self._key = key_of(secret) if secret else None
        self._wanted = wanted
        self._clock = clock
        self._sleep = sleep
        self._waiting: deque[Event] = deque()
        self._came = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._counts = {"delivered": 0, "failed": 0, "dropped": 0}
        self._last: dict[str, Any] | None = None

    # ------------------------------------------------------------ a channel

    def offer(self, event: Event) -> None:
        if not self._wanted.has(event):
            return
        if len(self._waiting) >= QUEUE:
            lost = self._waiting.popleft()
            self._counts["dropped"] += 1
            log.warning("event %s (%s of %s) is dropped: %s takes none", lost.id, lost.type, lost.service, self.name)
        self._waiting.append(event)
        self._idle.clear()
        self._came.set()

    async def run(self) -> None:
        while True:
            await self._came.wait()
            while self._waiting:
                await self._deliver(self._waiting.popleft())
            self._came.clear()
            self._idle.set()

    async def idle(self) -> None:
        await self._idle.wait()

    async def close(self) -> None:
        await self._client.close()

    def status(self) -> Mapping[str, Any]:
        return {"to": self.name, "waiting": len(self._waiting), **self._counts, "last_failure": self._last}

    # ------------------------------------------------------------ one event

    async def _deliver(self, event: Event) -> None:
        body = event.encoded()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._post(event, body)
            except SourceError as error:
                self._last = {"at": self._clock(), "code": error.code, "said": error.said}
                if not error.retryable or attempt == ATTEMPTS:
                    break
                await self._sleep(pause(attempt, error.retry_after))
            else:
                self._counts["delivered"] += 1
                return
        self._counts["failed"] += 1
        said = self._last["said"] if self._last else ""
        log.warning("event %s (%s of %s) is given up: %s %s", event.id, event.type, event.service, self.name, said)

    async def _post(self, event: Event, body: bytes) -> None:
        """The same id and body each time, so that a receiver can tell a repetition. The signature's time is the attempt's."""
        headers: Headers = (("content-type", MEDIA_TYPE), ("accept", "*/*"))
        if self._key is not None:
            headers += signed(self._key, event.id, int(self._clock()), body)
        request = Request(f"req_{secrets.token_hex(12)}")
        call = Call("POST", self._url, headers, body, f"POST {self.name}", request, _taken)
        call.verify(await self._client.send(call))


def webhooks(events: config.Events) -> tuple[Webhook, ...]:
    """The configured ones, each with connections of its own."""
    return tuple(_webhook(each) for each in events.webhooks)


def _webhook(written: config.Webhook) -> Webhook:
    secret = written.secret.get_secret_value() if written.secret else None
    return Webhook(written.url, HttpxClient(LIMITS), secret, Wanted(written.owners, written.types))


def _taken(reply: Reply) -> Reply:
    if error := status_error(reply):
        raise error
    if not 200 <= reply.status < 300:
        raise UpstreamRejected(f"answered {reply.status}")
    return reply


def pause(attempt: int, retry_after: float | None) -> float:
    """Seconds before the next attempt: doubling, with jitter, and never sooner than the receiver asks for (within reason)."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (attempt - 1))
    return max(longest * (0.5 + random() / 2), min(retry_after or 0.0, LONGEST_PAUSE))


def key_of(secret: str) -> bytes:
    """The bytes of a secret: those in Base64 after `whsec_`, else its text."""
    if secret.startswith(KEY):
        try:
            return base64.b64decode(secret.removeprefix(KEY), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def signed(key: bytes, event_id: str, at: int, body: bytes) -> Headers:
    """`webhook-id`, `webhook-timestamp` and `webhook-signature`: HMAC-SHA256 of id, time and body, with dots between."""
    mac = hmac.new(key, b"%s.%d.%s" % (event_id.encode(), at, body), hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(mac).decode()}"
    return (("webhook-id", event_id), ("webhook-timestamp", str(at)), ("webhook-signature", signature))
