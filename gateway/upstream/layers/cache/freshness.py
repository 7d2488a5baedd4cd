"""How long a reply may be used: RFC 9111 by the origin's word, RFC 5861 past it. Pure.

The key of a copy holds every configured header, so a copy never reaches another identity, and what `Vary` names among those
headers is already told apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import log

import msgspec
from msgspec.structs import replace

from gateway.config.model import CachePolicy
from gateway.upstream.call import Call, Freshness, Headers, Reply
from gateway.upstream.layers.attempt import ADDED
from gateway.upstream.layers.cache.validation import validators
from gateway.upstream.layers.verify import http_date

OK = 200
STORABLE = frozenset({OK, 203})
TELLING = frozenset({"cache-control", "age", "expires", "vary", "etag", "last-modified"})
"""What a source may say of freshness, and by what it tells versions apart."""
NOTHING_THERE = frozenset({404, 410})
"""Kept only where the policy says for how long."""
EARLY = 0.02
"""Part of its life by which a copy in use is fetched anew before it ends, about; more where fetching takes longer."""
NOT_STALE = frozenset({"must-revalidate", "proxy-revalidate", "no-cache", "s-maxage"})
"""With one of these a copy is not used past its freshness (RFC 9111, 4.2.4)."""
LONGEST = 2.0**31
PER_COPY, PER_FIELD = 830, 130
"""Bytes of Python objects that come with a copy, and with each header field (its name included); measured."""


class Terms(msgspec.Struct, frozen=True):
    """What a `Cache-Control` says to us. Seconds; None: not said."""

    no_store: bool = False
    no_cache: bool = False
    private: bool = False
    strict: bool = False
    """A copy is not to be used past its freshness."""
    max_age: float | None = None
    s_maxage: float | None = None
    stale_while_revalidate: float | None = None
    stale_if_error: float | None = None


SILENT = Terms()


class Copy(msgspec.Struct, frozen=True):
    """A reply that may be used again. Times on the `time.time` clock, each the end of what it names."""

    reply: Reply
    """With its headers, where the validators for a later revalidation are (`etag`, `last-modified`)."""
    born: float
    """When the origin made it: now, less the age it came with."""
    fresh: float
    while_revalidated: float
    on_error: float
    private: bool
    size: int
    """Bytes, about, with its key and what Python adds."""
    lead: float = 0.0
    """Seconds before the end of its freshness at which a hit is likely to fetch it anew."""

    def freshness(self, now: float) -> Freshness:
        return Freshness(self.fresh, self.private, max(now - self.born, 0.0), self.on_error)

    def is_worth_refreshing(self, now: float, random: float) -> bool:
        """Before it is stale, and the likelier the nearer that is: a copy that many ask for is renewed by one of them in time,
        one that few ask for is left to end (A. Vattani et al., "Optimal Probabilistic Cache Stampede Prevention", 2015)."""
        return now - self.lead * log(random or 1e-9) >= self.fresh


class Unsaid(msgspec.Struct, frozen=True):
    """What a policy makes of a good reply whose source says nothing of freshness, which is most of them. Seconds."""

    private: bool
    fresh: float
    while_revalidated: float
    on_error: float


def unsaid(policy: CachePolicy, *, private: bool) -> Unsaid | None:
    """`private`: of calls that carry something of their caller. None: nothing is kept of them."""
    scoped = policy.scope == "private" or (private and policy.scope == "auto")
    life = 0.0 if isinstance(policy.ttl, str) else policy.ttl
    revalidated, failing = while_revalidated(SILENT, policy), on_error(SILENT, policy)
    if (scoped and not private) or not (life or revalidated or failing):
        return None
    return Unsaid(scoped, life, life + revalidated, life + failing)


def silent_copy(call: Call, reply: Reply, kept: Unsaid | None, now: float, took: float) -> Copy | None:
    """`copy_of` for a reply that `is_silent`."""
    if kept is None:
        return None
    bare = reply if reply.rows is None else replace(reply, rows=None)
    lead = max(took, kept.fresh * EARLY)
    until = now + kept.fresh, now + kept.while_revalidated, now + kept.on_error
    return Copy(bare, now, *until, kept.private, _size(call, reply), lead)


def is_silent(reply: Reply) -> bool:
    return reply.status == OK and reply.complete and TELLING.isdisjoint(reply.headers)


def copy_of(call: Call, reply: Reply, policy: CachePolicy, now: float, took: float = 0.0) -> Copy | None:
    """The copy to keep of a reply just received; None: it may not be stored, or could never be used. `took`: seconds."""
    headers = reply.headers
    said = terms(headers.get("cache-control"))
    private = is_private(call, said, policy)
    missing = reply.status in NOTHING_THERE and policy.not_found is not None
    if not _is_storable(call, reply, said, private, missing):
        return None
    age = (seconds(headers["age"]) or 0.0) if "age" in headers else 0.0
    life = max(lifetime(reply, said, policy, private=call.private, missing=missing) - age, 0.0)
    fresh = now + life
    strict = said.strict or missing
    refreshed = fresh if strict else fresh + while_revalidated(said, policy)
    failing = fresh if strict else fresh + on_error(said, policy)
    if refreshed <= now and failing <= now and not (validators(reply) and call.method == "GET"):
        return None
    bare = reply if reply.rows is None else replace(reply, rows=None)
    return Copy(bare, now - age, fresh, refreshed, failing, private, _size(call, reply), max(took, life * EARLY))


def is_private(call: Call, said: Terms, policy: CachePolicy) -> bool:
    """May only this identity be given it? The source's own `private` always counts."""
    scope = policy.scope
    return said.private or scope == "private" or (call.private and scope == "auto")


def _is_storable(call: Call, reply: Reply, said: Terms, private: bool, missing: bool) -> bool:
    """What is private is kept only where the key tells callers apart."""
    kind = missing or reply.status in STORABLE
    if not kind or not reply.complete or said.no_store or (private and not call.private):
        return False
    vary = reply.headers.get("vary")
    return vary is None or not any(name == "*" or name in ADDED for name in vary.lower().replace(" ", "").split(","))


def _size(call: Call, reply: Reply) -> int:
    size = PER_COPY + len(reply.body) + len(call.url) + len(call.body or b"") + _weight(call.headers)
    return size + PER_FIELD * len(reply.headers) + sum(map(len, reply.headers.values()))


@lru_cache(maxsize=512)
def _weight(headers: Headers) -> int:
    """Of the headers of a call, which are mostly those of the call before."""
    return sum(len(value) + PER_FIELD for _, value in headers)


def lifetime(reply: Reply, said: Terms, policy: CachePolicy, *, private: bool, missing: bool = False) -> float:
    """Seconds from the origin's making. The origin's word goes first; the configured ttl speaks where it says nothing."""
    if said.no_cache:
        return 0.0
    if said.s_maxage is not None and not private:
        return said.s_maxage
    if said.max_age is not None:
        return said.max_age
    if (expires := reply.headers.get("expires")) is not None:
        end, start = http_date(expires), http_date(reply.headers.get("date"))
        return 0.0 if end is None or start is None else max(end - start, 0.0)
    ttl = policy.not_found if missing and policy.not_found is not None else policy.ttl
    return 0.0 if isinstance(ttl, str) else ttl


def on_error(said: Terms, policy: CachePolicy) -> float:
    """Seconds past freshness, while the source fails; the origin's `stale-if-error` goes before the configured one."""
    configured = policy.stale_if_error
    if configured is None or said.stale_if_error is None:
        return configured or 0.0
    return said.stale_if_error


def while_revalidated(said: Terms, policy: CachePolicy) -> float:
    """Seconds past freshness, while a new one is fetched: beyond the origin's word only by an explicit duration."""
    configured = policy.stale_while_revalidate
    if isinstance(configured, str):
        return said.stale_while_revalidate or 0.0
    return configured


@lru_cache(maxsize=512)
def terms(cache_control: str | None) -> Terms:
    """A source says the same few things over and over. A number that is none counts as 0, which is stricter."""
    said = directives(cache_control)

    def number(directive: str) -> float | None:
        return (seconds(said[directive]) or 0.0) if directive in said else None

    return Terms(
        no_store="no-store" in said,
        no_cache="no-cache" in said,
        private="private" in said,
        strict=not NOT_STALE.isdisjoint(said),
        max_age=number("max-age"),
        s_maxage=number("s-maxage"),
        stale_while_revalidate=number("stale-while-revalidate"),
        stale_if_error=number("stale-if-error"),
    )


def directives(cache_control: str | None) -> Mapping[str, str]:
    """Names in lower case. A qualified `private="x"` or `no-cache="x"` counts as unqualified, which is stricter."""
    said: dict[str, str] = {}
    for part in (cache_control or "").split(","):
        name, _, value = part.partition("=")
        said.setdefault(name.strip().lower(), value.strip().strip('"'))
    return said


def seconds(value: str | None) -> float | None:
    """delta-seconds (RFC 9111, 1.2.2); None where it is none."""
    if value is None or not value.isascii() or not value.isdigit():
        return None
    return min(float(value[:12]), LONGEST)
