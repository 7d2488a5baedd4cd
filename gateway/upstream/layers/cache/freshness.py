"""How long a reply may be used: RFC 9111 by the origin's word, RFC 5861 past it. Pure.

The key of a copy holds every configured header, so a copy never reaches another identity, and what `Vary` names among those
headers is already told apart.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gateway.config.model import CachePolicy
from gateway.upstream.call import Call, Freshness, Reply
from gateway.upstream.layers.attempt import ADDED
from gateway.upstream.layers.verify import http_date

STORABLE = frozenset({200, 203})
NOT_STALE = frozenset({"must-revalidate", "proxy-revalidate", "no-cache", "s-maxage"})
"""With one of these a copy is not used past its freshness (RFC 9111, 4.2.4)."""
LONGEST = 2.0**31
PER_COPY, PER_FIELD = 600, 120
"""Bytes of Python objects that come with a copy and with each of its header fields, measured."""
FROM_UPSTREAM = "from_upstream"

Directives = Mapping[str, str]


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

    def freshness(self, now: float) -> Freshness:
        return Freshness(expires=self.fresh, private=self.private, age=max(now - self.born, 0.0))


def copy_of(call: Call, reply: Reply, policy: CachePolicy, now: float) -> Copy | None:
    """The copy to keep of a reply just received; None: it may not be stored."""
    said = directives(reply.headers.get("cache-control"))
    private = is_private(call, said, policy)
    if not _is_storable(call, reply, said, private):
        return None
    age = seconds(reply.headers.get("age")) or 0.0
    fresh = now + max(lifetime(reply, said, policy, private=call.private) - age, 0.0)
    strict = not NOT_STALE.isdisjoint(said)
    return Copy(
        reply=msgspec.structs.replace(reply, rows=None),
        born=now - age,
        fresh=fresh,
        while_revalidated=fresh + (0.0 if strict else _past(said, "stale-while-revalidate", policy.stale_while_revalidate)),
        on_error=fresh + (0.0 if strict else on_error(said, policy)),
        private=private,
        size=_size(call, reply),
    )


def _size(call: Call, reply: Reply) -> int:
    asked = len(call.url) + len(call.body or b"") + sum(len(name) + len(value) for name, value in call.headers)
    fields = sum(len(name) + len(value) + PER_FIELD for name, value in reply.headers.items())
    return len(reply.body) + fields + asked + PER_COPY


def is_private(call: Call, said: Directives, policy: CachePolicy) -> bool:
    """May only this identity be given it? The source's own `private` always counts."""
    if "private" in said or policy.scope == "private":
        return True
    return call.private and policy.scope == "auto"


def _is_storable(call: Call, reply: Reply, said: Directives, private: bool) -> bool:
    """What is private is kept only where the key tells callers apart."""
    if not reply.complete or reply.status not in STORABLE or "no-store" in said or (private and not call.private):
        return False
    vary = reply.headers.get("vary")
    return vary is None or not any(name == "*" or name in ADDED for name in vary.lower().replace(" ", "").split(","))


def lifetime(reply: Reply, said: Directives, policy: CachePolicy, *, private: bool) -> float:
    """Seconds from the origin's making. The origin's word goes first; the configured ttl speaks where it says nothing."""
    if "no-cache" in said:
        return 0.0
    if "s-maxage" in said and not private:
        return seconds(said["s-maxage"]) or 0.0
    if "max-age" in said:
        return seconds(said["max-age"]) or 0.0
    if (expires := reply.headers.get("expires")) is not None:
        end, start = http_date(expires), http_date(reply.headers.get("date"))
        return 0.0 if end is None or start is None else max(end - start, 0.0)
    return policy.ttl if isinstance(policy.ttl, int | float) else 0.0


def on_error(said: Directives, policy: CachePolicy) -> float:
    """Seconds past freshness, while the source fails; the origin's `stale-if-error` goes before the configured one."""
    if policy.stale_if_error is None:
        return 0.0
    told = seconds(said.get("stale-if-error"))
    return policy.stale_if_error if told is None else told


def _past(said: Directives, directive: str, configured: float | str) -> float:
    """Beyond the origin's word only by an explicit duration."""
    if isinstance(configured, int | float):
        return float(configured)
    return seconds(said.get(directive)) or 0.0


def directives(cache_control: str | None) -> Directives:
    """Names in lower case. A qualified `private="x"` or `no-cache="x"` counts as unqualified, which is stricter."""
    if not cache_control:
        return {}
    said: dict[str, str] = {}
    for part in cache_control.split(","):
        name, _, value = part.partition("=")
        said.setdefault(name.strip().lower(), value.strip().strip('"'))
    return said


def seconds(value: str | None) -> float | None:
    """delta-seconds (RFC 9111, 1.2.2); None where it is none."""
    if value is None or not value.isascii() or not value.isdigit():
        return None
    return min(float(value[:12]), LONGEST)
