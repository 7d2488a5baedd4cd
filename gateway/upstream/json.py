"""JSON as upstreams send it, read so that a value which cannot be represented costs that value only.

RFC 8259 lets a text hold numbers of any size and unpaired surrogates, and services send bytes that are no UTF-8. None of that
may take the whole reply along: such a value is read as an `Unreadable`, which fits no type.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isinf
from typing import Any

import msgspec


class Unreadable:
    """Stands for a value. `said` describes it, without its content."""

    __slots__ = ("said",)

    def __init__(self, said: str) -> None:
        self.said = said

    def __str__(self) -> str:
        return self.said


OUT_OF_RANGE = Unreadable("a number out of range")
NOT_UNICODE = Unreadable("a text that is not Unicode")


def parse(raw: bytes) -> Any:
    """Any JSON, integers exact. Raises `ValueError` when it is none, `RecursionError` when it is nested too deeply."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _patiently(bytes(raw))


def _patiently(raw: bytes) -> Any:
    text = raw.decode("utf-8", "surrogateescape")
    value = json.loads(text, parse_constant=_refuse, parse_float=_float, parse_int=_int)
    return _readable(value) if "\\u" in text or not raw.isascii() else value


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _float(digits: str) -> Any:
    value = float(digits)
    return OUT_OF_RANGE if isinf(value) else value


def _int(digits: str) -> Any:
    try:
        return int(digits)
    except ValueError:  # CPython bounds the digits it converts
        return OUT_OF_RANGE


def _readable(value: Any) -> Any:
    if value.__class__ is str:
        return value if _is_unicode(value) else NOT_UNICODE
    if value.__class__ is list:
        return [_readable(item) for item in value]
    if value.__class__ is dict:
        return dict(_members(value))
    return value


def _members(value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """A member whose name is unreadable is one whose value is, too."""
    for name, item in value.items():
        if _is_unicode(name):
            yield name, _readable(item)
        else:
            yield name.encode("utf-8", "replace").decode(), NOT_UNICODE


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
