"""What the sources did for an answer, as HTTP says it: `Cache-Status` (RFC 9211), `Proxy-Status` (RFC 9209), `Server-Timing`.

All three are lists with parameters in the grammar of structured fields (RFC 9651): at most one member per source, and never more
than 2 KiB. Where a source was called several times, `Cache-Status` tells of the call that did worst.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import msgspec

from gateway.errors import SourceError
from gateway.execution.exchange import Exchange
from gateway.upstream.call import Reply

RawHeaders = tuple[tuple[bytes, bytes], ...]

PROXY = "signpost"
LONGEST = 2048
"""Bytes of one field's value."""
FEW = 10
RANKS = {"none": 0, "hit": 1, "collapsed": 2, "network": 3, "error": 4, "stale": 5}
PROXY_ERRORS = frozenset(
    {
        *("dns_timeout", "dns_error", "destination_not_found", "destination_unavailable", "destination_ip_prohibited"),
        *("destination_ip_unroutable", "connection_refused", "connection_terminated", "connection_timeout"),
        *("connection_read_timeout", "connection_write_timeout", "connection_limit_reached", "tls_protocol_error"),
        *("tls_certificate_error", "tls_alert_received", "http_request_error", "http_request_denied", "http_protocol_error"),
        *("http_response_incomplete", "http_response_header_section_size", "http_response_header_size"),
        *("http_response_body_size", "http_response_trailer_section_size", "http_response_trailer_size"),
        *("http_response_transfer_coding", "http_response_content_coding", "http_response_timeout", "http_upgrade_failed"),
        *("proxy_internal_response", "proxy_internal_error", "proxy_configuration_error", "proxy_loop_detected"),
    }
)
"""RFC 9209, section 2.3: the registered types. Anything else is told by the status that was received."""


class Told(msgspec.Struct, frozen=True):
    """An error that is in the answer, and the id it has there."""

    error: SourceError
    error_id: str


def of_sources(exchanges: Sequence[Exchange], now: float, queued: float) -> RawHeaders:
    """The fields of an answer its sources were asked for. `now` on the `time.time` clock, `queued` in seconds."""
    if not exchanges:
        return ()
    if len(exchanges) <= FEW and not queued and (plain := _plain(exchanges)):
        return plain
    worst, spans = _by_source(exchanges)
    statuses = [_cache_member(source, each, now) for source, each in worst.items()]
    timings = [_timing(source, spans.get(source), each) for source, each in worst.items()]
    if queued:
        timings.append(f"queue;dur={queued * 1000:.1f}")
    timing = (b"server-timing", _joined(timings))
    return ((b"cache-status", joined), timing) if (joined := _joined(statuses)) else (timing,)


def _plain(exchanges: Sequence[Exchange]) -> RawHeaders | None:
    """What nearly every answer has: a few calls over the network, nothing kept. Costs a third."""
    spans: dict[str, tuple[float, float]] = {}
    for each in exchanges:
        came = each.came
        if came.__class__ is not Reply or came.served != "network" or came.freshness.expires:
            return None
        if len(exchanges) == 1:
            status, timed = _alone(each.step.subgraph.name)
            return (status, (b"server-timing", timed % ((each.ended - each.began) * 1000)))
        name, began, ended = each.step.subgraph.name, each.began, each.ended
        if name in spans:
            before, after = spans[name]
            began, ended = min(began, before), max(ended, after)
        spans[name] = (began, ended)
    timing = b", ".join([_timed(name) % ((ended - began) * 1000) for name, (began, ended) in spans.items()])
    return ((b"cache-status", _missed(tuple(spans))), (b"server-timing", timing)) if len(timing) <= LONGEST else None


@lru_cache(maxsize=1024)
def _missed(sources: tuple[str, ...]) -> bytes:
    return _joined([f"{_cache(source)};fwd=miss" for source in sources])


@lru_cache(maxsize=1024)
def _alone(source: str) -> tuple[tuple[bytes, bytes], bytes]:
    return (b"cache-status", _missed((source,))), _timed(source)


@lru_cache(maxsize=1024)
def _timed(source: str) -> bytes:
    return f"{_token(source)};dur=%.1f".encode()


def _by_source(exchanges: Sequence[Exchange]) -> tuple[dict[str, Exchange], dict[str, tuple[float, float]]]:
    """The call of each source that did worst, and from when to when it was busy, where it was called more than once."""
    worst: dict[str, Exchange] = {}
    spans: dict[str, tuple[float, float]] = {}
    for each in exchanges:
        source = each.step.subgraph.name
        before = worst.setdefault(source, each)
        if before is not each:
            began, ended = spans.get(source, (before.began, before.ended))
            spans[source] = (min(began, each.began), max(ended, each.ended))
            if RANKS[each.served] > RANKS[before.served]:
                worst[source] = each
    return worst, spans


def of_failures(told: Iterable[Told]) -> RawHeaders:
    """One member per source whose failure is in the answer; `details` is the id it has there."""
    failures = {each.error.service: each for each in reversed(list(told))}
    return ((b"proxy-status", _joined(list(map(_proxy_member, reversed(failures.values()))))),) if failures else ()


def of_store(ttl: float) -> RawHeaders:
    """The whole answer was ready: no source had to be asked."""
    return ((b"cache-status", f"{PROXY};hit;ttl={max(int(ttl), 0)}".encode()),)


def of_flight() -> RawHeaders:
    """The answer was made for somebody who asked for the same at the same time."""
    return ((b"cache-status", f"{PROXY};fwd=miss;collapsed".encode()),)


# ---------------------------------------------------------------- members


def _cache_member(source: str, each: Exchange, now: float) -> str:
    """`hit` and `fwd` exclude each other; a copy that is served while it is fetched anew is a hit past its time."""
    came = each.came
    if isinstance(came, SourceError):
        return "" if each.served == "none" else f"{_cache(source)};fwd=miss{_fwd_status(each.status)}"
    expires = came.freshness.expires
    ttl = f";ttl={int(expires - now)}" if expires else ""
    if came.served == "hit" or came.stale_cause == "REVALIDATING":
        return f"{_cache(source)};hit{ttl}"
    if came.served == "stale":
        return f"{_cache(source)};fwd=stale{_fwd_status(came.stale_status)}{ttl};detail=stale-if-error"
    collapsed = ";collapsed" if came.served == "collapsed" else ""
    stored = f";stored{ttl}" if expires else ""
    return f"{_cache(source)};fwd=miss{stored}{collapsed}"


def _fwd_status(status: int | None) -> str:
    return f";fwd-status={status}" if status else ""


def _timing(source: str, span: tuple[float, float] | None, each: Exchange) -> str:
    """From the first call's begin to the last one's end, in milliseconds."""
    began, ended = span or (each.began, each.ended)
    came = each.came
    said = _short(came.code) if isinstance(came, SourceError) else came.served
    described = "" if said == "network" else f";desc={_quoted(said)}"
    return f"{_token(source)};dur={(ended - began) * 1000:.1f}{described}"


def _proxy_member(told: Told) -> str:
    error = told.error
    status = getattr(error, "status", None)
    what = f";error={error.error_type}" if error.error_type in PROXY_ERRORS else ""
    received = f";received-status={status}" if status else ""
    return f"{PROXY}{what}{received};next-hop={_quoted(error.service)};details={_quoted(told.error_id)}"


# ---------------------------------------------------------------- spelling


@lru_cache(maxsize=1024)
def _cache(source: str) -> str:
    """The name of what is between the gateway and one source."""
    return _quoted(f"{PROXY}:{source}")


@lru_cache(maxsize=1024)
def _quoted(text: str) -> str:
    """A String of RFC 9651, 3.3.3: printable ASCII; what is not becomes a question mark."""
    plain = "".join(c if " " <= c <= "~" else "?" for c in text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


@lru_cache(maxsize=1024)
def _token(text: str) -> str:
    """A Token of RFC 9651, 3.3.4."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in text)
    return plain if plain[:1].isalpha() else f"s-{plain}"


def _short(code: str) -> str:
    return code.removeprefix("UPSTREAM_").removeprefix("SOURCE_").lower()


def _joined(members: Sequence[str]) -> bytes:
    """The members that fit, in their order."""
    value = ", ".join(filter(None, members))
    while len(value) > LONGEST:
        members = members[:-1]
        value = ", ".join(filter(None, members))
    return value.encode("ascii")
