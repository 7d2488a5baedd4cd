"""The caller as far as the gateway must know it: header fields, ids and trace context, read from the ASGI scope."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import getrandbits

from gateway.server.house import Fields
from gateway.upstream.call import Request, Tally

REQUEST_ID = re.compile(rb"[A-Za-z0-9_.:\-]{8,128}")
CORRELATION_ID = re.compile(rb"[\x21-\x7e]{1,256}")
TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
PRINTABLE = re.compile(rb"[\t\x20-\x7e]+")
MILLISECONDS = re.compile(rb"[0-9]{1,9}")
TIME_LEFT = b"x-envoy-expected-rq-timeout-ms"
ANSWERING = 0.1
"""Seconds, and part of a shorter time, that are kept for putting the answer together and sending it."""
TRACESTATE = re.compile(rb"[a-z0-9][a-z0-9_*/@\-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
"""One member (Trace Context level 2, section 3.3.1.3)."""
TRACESTATE_MEMBERS = 32
TRACESTATE_MAX = 512
BAGGAGE_MAX = 8192


def new_request_id() -> str:
    """96 random bits: unique over all workers and gateways whose logs may meet."""
    return f"req_{getrandbits(96):024x}"


def fields(raw: Sequence[tuple[bytes, bytes]]) -> Fields:
    """Fields by name. Lines of a repeated field are joined as RFC 9110 section 5.3 says, cookies as RFC 6265 does."""
    single = dict(raw)
    if len(single) == len(raw):
        return single
    lines: dict[bytes, list[bytes]] = {}
    for name, value in raw:
        lines.setdefault(name, []).append(value)
    return {name: (b"; " if name == b"cookie" else b", ").join(values) for name, values in lines.items()}


def time_for_sources(fields: Fields, longest: float) -> float:
    """Seconds that the sources have together: what the caller will wait, at most `longest`, less what it takes to answer.

    A caller says it in the header that the gateway sends to sources too. So a partial answer is there before it gives up.
    """
    given = fields.get(TIME_LEFT)
    if given is not None and MILLISECONDS.fullmatch(given):
        longest = min(longest, int(given) / 1000)
    return longest - min(ANSWERING, longest * ANSWERING)


class CallerHeaders(Mapping[str, str]):
    """The caller's headers as text, decoded one at a time: most requests never have one of them read."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> str:
        return self._fields[name.encode("latin-1")].decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self._fields)

    def __len__(self) -> int:
        return len(self._fields)


def request_of(fields: Fields, *, deadline: float, calls_total: int, new_id: Callable[[], str] = new_request_id) -> Request:
    """The caller's request for everything behind the door. An id that does not look sane is replaced, a trace is dropped."""
    wanted = fields.get(b"x-request-id")
    request_id = wanted.decode("ascii") if wanted is not None and REQUEST_ID.fullmatch(wanted) else new_id()
    traceparent, tracestate, baggage = _trace(fields)
    return Request(
        request_id,
        CallerHeaders(fields),
        deadline,
        _text(fields.get(b"x-correlation-id"), CORRELATION_ID),
        traceparent,
        tracestate,
        baggage,
        Tally(limit=calls_total),
    )


def _trace(fields: Fields) -> tuple[str | None, str | None, str | None]:
    """W3C Trace Context and Baggage. A tracestate without a valid traceparent means nothing, so it is dropped with it."""
    baggage = _text(fields.get(b"baggage"), PRINTABLE, BAGGAGE_MAX)
    traceparent = fields.get(b"traceparent")
    if traceparent is None:
        return None, None, baggage
    traceparent = traceparent.strip(b" \t")
    if not TRACEPARENT.fullmatch(traceparent) or not _known_version_has_its_length(traceparent):
        return None, None, baggage
    return traceparent.decode("ascii"), _state(fields.get(b"tracestate")), baggage


def _state(value: bytes | None) -> str | None:
    """All of it or, where a member is none or there are too many, nothing: as the specification has it. Empty members go."""
    members = [member for part in value.split(b",") if (member := part.strip(b" \t"))] if value else []
    if not members or len(members) > TRACESTATE_MEMBERS or not all(map(TRACESTATE.fullmatch, members)):
        return None
    state = b",".join(members)
    return state.decode("ascii") if len(state) <= TRACESTATE_MAX else None


def _known_version_has_its_length(traceparent: bytes) -> bool:
    return not traceparent.startswith(b"00") or len(traceparent) == 55


def _text(value: bytes | None, allowed: re.Pattern[bytes], longest: int = 256) -> str | None:
    if value is None or len(value) > longest or not allowed.fullmatch(value):
        return None
    return value.decode("ascii")
