"""Response headers of sources that reach the caller: handed on as headers, each merged over the calls of one request as its
rule says, or shown beside the data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from gateway.errors import GatewayError
from gateway.execution.exchange import Exchange

RawHeaders = tuple[tuple[bytes, bytes], ...]
LONGEST = 8 * 1024
"""Bytes of one merged field."""
EXPOSED = 20
"""Calls of one answer whose headers are shown."""


class Returned(msgspec.Struct, frozen=True):
    """One rule of a source: its header `name` goes back as `to`. Lower case."""

    name: str
    to: str
    merge: str = "first"


def returned(exchanges: Sequence[Exchange], rules: Mapping[str, Sequence[Returned]]) -> RawHeaders:
    """In the order in which the calls ended. A reply that failed gives nothing."""
    values: dict[str, list[str]] = {}
    merges: dict[str, str] = {}
    for each in exchanges:
        if isinstance(each.came, GatewayError):
            continue
        for rule in rules.get(each.step.subgraph.name, ()):
            if (value := each.came.headers.get(rule.name)) is not None and not _breaks(value):
                values.setdefault(rule.to, []).append(value)
                merges.setdefault(rule.to, rule.merge)
    merged = ((name, MERGES[merges[name]](given)) for name, given in values.items())
    return tuple((name.encode("ascii"), value.encode("latin-1", "replace")[:LONGEST]) for name, value in merged)


def exposed(exchanges: Sequence[Exchange], wanted: Mapping[str, Sequence[str]]) -> tuple[dict[str, Any], ...]:
    """For `extensions.upstream.headers`: one entry per call whose reply has a header that its source exposes."""
    found: list[dict[str, Any]] = []
    for each in exchanges:
        if isinstance(each.came, GatewayError) or len(found) == EXPOSED:
            continue
        headers = each.came.headers
        values = {name: headers[name][:LONGEST] for name in wanted.get(each.source, ()) if name in headers}
        if values:
            found.append({"service": each.source, "operation": each.call.operation, "headers": values})
    return tuple(found)


def _breaks(value: str) -> bool:
    return any(c in value for c in "\r\n\0")


def _least(values: Sequence[str]) -> str:
    """By number; what is none never wins over one that is."""
    return min(values, key=lambda value: (0, float(value)) if _is_number(value) else (1, 0.0))


def _is_number(value: str) -> bool:
    try:
        return float(value) == float(value)
    except ValueError:
        return False


def _strictest(values: Sequence[str]) -> str:
    """Of cache directives (RFC 9111, section 5.2.2): all that forbid, and of each number the smallest."""
    numbers: dict[str, int] = {}
    words: dict[str, None] = {}
    for item in _directives(values):
        name, _, argument = item.partition("=")
        if argument.strip('"').isdigit():
            numbers[name] = min(numbers.get(name, int(argument.strip('"'))), int(argument.strip('"')))
        else:
            words[name] = None
    for name in list(words):
        if (name == "public" and "private" in words) or (name in WIDENING and not _in_all(values, name)):
            del words[name]
    if "no-store" in words:
        return "no-store"
    return ", ".join([*(f"{name}={number}" for name, number in numbers.items()), *words])


WIDENING = frozenset({"public", "immutable"})


def _in_all(values: Iterable[str], name: str) -> bool:
    return all(name in _directives([value]) for value in values)


def _directives(values: Iterable[str]) -> list[str]:
    return [item.strip().lower() for value in values for item in value.split(",") if item.strip()]


MERGES: Mapping[str, Callable[[Sequence[str]], str]] = {
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "append": ", ".join,
    "min": _least,
    "strictest": _strictest,
}
