"""Which media type an answer takes, and whether a body's media type can be read. Pure, and remembered per header value."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from gateway.engine import Form
from gateway.errors import NotAcceptable, UnsupportedMediaType

REMEMBERED = 256
LONGEST = 1024
"""Bytes of an `Accept` field that are looked at."""


class Media(Enum):
    """What goes back; the value is its `Content-Type`."""

    JSON = b"application/json; charset=utf-8"
    GRAPHQL = b"application/graphql-response+json; charset=utf-8"
    PAGE = b"text/html; charset=utf-8"
    STREAM = b"text/event-stream"


class Frame(Enum):
    """How several payloads stand in one answer; the value is its `Content-Type`."""

    EVENTS = b"text/event-stream; charset=utf-8"
    PARTS = b'multipart/mixed; boundary="-"'
    SUBSCRIPTION = b'multipart/mixed; boundary="graphql"; subscriptionSpec=1.0'


class Streamed(NamedTuple):
    """What a client takes payloads in. `form`: of an answer in parts."""

    frame: Frame
    form: Form


OFFERS = (
    ("multipart/mixed", Media.STREAM),
    ("text/event-stream", Media.STREAM),
    ("application/json", Media.JSON),
    ("application/graphql-response+json", Media.GRAPHQL),
    ("text/html", Media.PAGE),
)
"""Between types named with equal weight, the last wins; under a wildcard, JSON."""


def response_media(accept: bytes | None, *, page: bool) -> Media:
    """The media type of the answer; `page` where GraphiQL is on offer (GET). Raises `NotAcceptable`.

    Without a preference it is `application/json`, as the GraphQL-over-HTTP specification asks.
    """
    media = Media.JSON if not accept else _chosen(accept[:LONGEST], page)
    if media is None:
        raise NotAcceptable(
            "This endpoint answers application/graphql-response+json or application/json (text/event-stream for streams); "
            "the Accept header allows none of them."
        )
    return media


@lru_cache(REMEMBERED)
def _chosen(accept: bytes, page: bool) -> Media | None:
    ranges = _ranges(accept.decode("latin-1").lower())
    ranked = [
        (_rank(name, place, ranges), media) for place, (name, media) in enumerate(OFFERS) if page or media is not Media.PAGE
    ]
    rank, media = max(ranked, key=lambda entry: entry[0])
    return media if rank[0] > 0.0 else None


@lru_cache(REMEMBERED)
def streamed(accept: bytes | None) -> Streamed | None:
    """In what a client takes several payloads: of those it names, what it likes best, or names first. None: in nothing."""
    best: tuple[float, Streamed | None] = (0.0, None)
    for item in (accept or b"")[:LONGEST].decode("latin-1").lower().split(","):
        name, _, rest = item.partition(";")
        parameters = _parameters(rest)
        if (kind := _stream(name.strip(), parameters)) and (weight := _weight(parameters.get("q", "1"))) > best[0]:
            best = (weight, kind)
    return best[1]


def _stream(name: str, parameters: Mapping[str, str]) -> Streamed | None:
    form = Form.APOLLO if parameters.get("deferspec") == Form.APOLLO.value else Form.CURRENT
    if name == "text/event-stream":
        return Streamed(Frame.EVENTS, form)
    if name == "multipart/mixed":
        return Streamed(Frame.SUBSCRIPTION if "subscriptionspec" in parameters else Frame.PARTS, form)
    return None


def _ranges(accept: str) -> dict[str, float]:
    """Media range → weight."""
    ranges: dict[str, float] = {}
    for item in accept.split(","):
        name, _, rest = item.partition(";")
        ranges[name.strip()] = _weight(_parameters(rest).get("q", "1"))
    return ranges


def _rank(name: str, place: int, ranges: dict[str, float]) -> tuple[float, int, int]:
    """Weight, then how exactly the type is named, then our order. Only the two JSON types hide behind a wildcard."""
    if name in ranges:
        return (ranges[name], 2, place)
    if name.startswith("application/"):
        for exactness, wildcard in ((1, "application/*"), (0, "*/*")):
            if wildcard in ranges:
                return (ranges[wildcard], exactness, -place)
    return (0.0, 0, 0)


def _parameters(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip(): value.strip().strip('"') for name, _, value in pairs}


def _weight(text: str) -> float:
    """RFC 9110 section 12.4.2. What is not a weight counts as 1, the weight of a type without one."""
    try:
        weight = float(text)
    except ValueError:
        return 1.0
    return weight if 0.0 <= weight <= 1.0 else 1.0


def check_request_media(content_type: bytes | None, content_encoding: bytes | None) -> None:
    """Raises `UnsupportedMediaType` for a body that is not plain JSON in UTF-8."""
    if content_encoding not in (None, b"", b"identity"):
        raise UnsupportedMediaType("Send the body without a Content-Encoding: this endpoint does not decompress requests.")
    if content_type is None:
        raise UnsupportedMediaType("Send a Content-Type header: this endpoint reads application/json.")
    if fault := _fault(content_type[:LONGEST]):
        raise UnsupportedMediaType(fault)


@lru_cache(REMEMBERED)
def _fault(content_type: bytes) -> str | None:
    name, _, rest = content_type.decode("latin-1").lower().partition(";")
    if name.strip() != "application/json":
        return "This endpoint reads application/json; the Content-Type header says otherwise."
    if _parameters(rest).get("charset", "utf-8") not in ("utf-8", "utf8"):
        return "This endpoint reads application/json in UTF-8; the Content-Type header names another charset."
    return None
