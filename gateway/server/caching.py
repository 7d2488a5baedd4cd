"""What an answer may be used for beyond this request: `Cache-Control`, `Vary`, `ETag` (RFC 9110, RFC 9111)."""

from __future__ import annotations

from hashlib import blake2b

from gateway.engine import Answer
from gateway.server.reply import NO_STORE, RawHeaders


def storable(answer: Answer, now: float) -> int:
    """For how many whole seconds from `now` (`time.time` clock) the answer may be stored. Errors are never."""
    return 0 if answer.has_errors else max(0, int(answer.expires - now))


def cache_control(seconds: int, *, private: bool) -> tuple[bytes, bytes]:
    if not seconds:
        return NO_STORE
    return (b"cache-control", b"max-age=%d, %s" % (seconds, b"private" if private else b"public"))


def validators(answer: Answer, known_by: tuple[bytes, ...], *, private: bool) -> RawHeaders:
    """For GET: the validator, and what a stored copy depends on: for one caller, what of it was sent on or told who it is.

    The tag is weak: it is the same in any coding.
    """
    tag = b'W/"%s"' % blake2b(answer.body, digest_size=12).hexdigest().encode("ascii")
    names = (b"accept", *(name.encode("latin-1") for name in answer.propagates), *known_by) if private else (b"accept",)
    return ((b"etag", tag), (b"vary", b", ".join(dict.fromkeys(names))))


def tags(answer: Answer, headers: tuple[bytes, ...]) -> RawHeaders:
    """What the answer is made of. `Cache-Tag` has commas between names, `Surrogate-Key` blanks."""
    return tuple((name, (b"," if name == b"cache-tag" else b" ").join(answer.tags)) for name in headers) if answer.tags else ()


def still_valid(if_none_match: bytes | None, headers: RawHeaders) -> bool:
    """RFC 9110 section 13.1.2, by weak comparison."""
    if if_none_match is None:
        return False
    opaque = dict(headers)[b"etag"].removeprefix(b"W/")
    return any(tag.strip().removeprefix(b"W/") in (opaque, b"*") for tag in if_none_match.split(b","))
