"""What one request does, kept as plain facts. Spans are made of them (`spans.py`) only if somebody is to see them.

Thus a request that fails can still be shown whole though nobody had meant to look at it, and the others cost a few small objects.
Ids are hexadecimal text, as W3C Trace Context writes them; times are seconds on the `time.monotonic` clock.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from random import getrandbits
from typing import Any

import msgspec

TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
SAMPLED = 1
RANDOM = 2
"""Flags (Trace Context level 2, section 3.2.2.5); the others are not passed on, as the specification has it."""
FETCHES = 256
ATTEMPTS = 1024
"""Kept of one request; what is beyond is counted in `Trace.dropped`."""
TAIL = 1 << 64


def new_span_id() -> str:
    return f"{getrandbits(64):016x}"


class Link(msgspec.Struct, frozen=True):
    """Work of another request that this one used."""

    trace: str
    span: str


class Attempt(msgspec.Struct):
    """One call on the wire."""

    id: str
    began: float
    ended: float = 0.0
    """0: nobody waited for its end."""
    status: int | None = None
    error_type: str | None = None


class Fetch(msgspec.Struct):
    """One call as the plan has it: perhaps none on the wire, perhaps several."""

    source: str
    operation: str
    method: str
    url: str
    began: float
    ended: float = 0.0
    served: str = ""
    """network, hit, stale or collapsed; error, none."""
    code: str | None = None
    error_type: str | None = None
    link: Link | None = None
    """The call of another request whose answer it shared."""
    attempts: list[Attempt] = []

    def attempt(self, trace: Trace, now: float) -> Attempt:
        """The next one, with the id that the source is told."""
        made = Attempt(new_span_id(), now)
        if trace.room:
            trace.room -= 1
            self.attempts.append(made)
        else:
            trace.dropped += 1
        return made

    def linked(self, trace: Trace | None) -> Link | None:
        """What to point to for whoever shares its answer."""
        return Link(trace.id, self.attempts[-1].id) if trace is not None and self.attempts else None


class Trace(msgspec.Struct):
    """One request's part of a trace."""

    id: str
    span: str
    """Of its SERVER span."""
    flags: str
    began: float
    wall: float
    """`began` on the `time.time` clock."""
    parent: str | None = None
    """The caller's span."""
    state: str | None = None
    sampled: bool = False
    held: bool = False
    """It ends with the answer to an HTTP request, not with an operation."""
    fetches: list[Fetch] = []
    phases: list[tuple[str, float, float]] = []
    """Work of the gateway itself that is not done every time: name, began, ended."""
    links: list[Link] = []
    room: int = ATTEMPTS
    dropped: int = 0
    name: str = ""
    """Of its SERVER span: the kind of operation, once that is known."""
    attributes: Mapping[str, Any] = {}
    events: Sequence[tuple[str, Mapping[str, Any]]] = ()
    """What happened, by name; at its end."""
    failed: bool = False
    """It is exported though nobody had meant to."""

    @property
    def traceparent(self) -> str:
        return f"00-{self.id}-{self.span}-{self.flags}"

    def within(self, span: str) -> str:
        """The `traceparent` that makes what follows a child of that span."""
        return f"00-{self.id}-{span}-{self.flags}"

    def fetch(self, source: str, operation: str, method: str, url: str, now: float) -> Fetch | None:
        """None: this request has shown enough of them."""
        if len(self.fetches) >= FETCHES:
            self.dropped += 1
            return None
        made = Fetch(source, operation, method, url, now)
        self.fetches.append(made)
        return made

    @property
    def link(self) -> Link:
        return Link(self.id, self.span)


class Sampler:
    """Parent-based, by ratio at a root (OpenTelemetry's `ParentBased(TraceIdRatioBased)`)."""

    def __init__(
        self,
        ratio: float,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        new_bits: Callable[[int], int] = getrandbits,
    ) -> None:
        self._bound = round(ratio * TAIL)
        self._monotonic = monotonic
        self._wall = wall
        self._bits = new_bits

    def begin(self, traceparent: str | None, tracestate: str | None = None, *, held: bool = False) -> Trace:
        """The caller's trace goes on; without one, a new one begins. `traceparent` is valid or None."""
        span, began, wall = f"{self._bits(64) or 1:016x}", self._monotonic(), self._wall()
        if traceparent is not None:
            flags = int(traceparent[53:55], 16) & (SAMPLED | RANDOM)
            id_, parent = traceparent[3:35], traceparent[36:52]
            return Trace(id_, span, f"{flags:02x}", began, wall, parent, tracestate, bool(flags & SAMPLED), held)
        bits = self._bits(128) or 1
        sampled = bits % TAIL < self._bound
        return Trace(f"{bits:032x}", span, "03" if sampled else "02", began, wall, sampled=sampled, held=held)


def is_traceparent(text: str) -> bool:
    """W3C Trace Context, section 3.2. Where it is not one a new trace begins, as section 4.3 says."""
    match = TRACEPARENT.fullmatch(text)
    return match is not None and not (match[1] == "00" and match[5])
