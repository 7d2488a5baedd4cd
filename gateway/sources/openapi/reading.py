"""Bytes become a document: JSON or YAML 1.2, any depth and size bounded, duplicate keys told (rules L1, L2)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import msgspec

from gateway.config.problem import ConfigError
from gateway.config.yaml import read_yaml
from gateway.sources.openapi.fidelity import Fidelity
from gateway.sources.openapi.names import token

MAX_DEPTH = 2_000
MAX_NODES = 5_000_000
PLACED = 4 * 1024 * 1024
"""Bytes of a JSON document up to which a key that stands twice is told with its place: it has to be read a second time."""


class Unusable(Exception):
    """Not a document we can read anything from. The message says what and where."""


class Version(msgspec.Struct, frozen=True):
    """Which text the document follows, as far as its meaning differs."""

    major: int
    minor: int

    @property
    def swagger(self) -> bool:
        return self.major == 2

    @property
    def references_have_siblings(self) -> bool:
        return (self.major, self.minor) >= (3, 1)


_SWAGGER = {"2.0.": Version(2, 0)}
_OPENAPI = {"3.0.": Version(3, 0), "3.1.": Version(3, 1), "3.2.": Version(3, 2)}
"""How a version begins, with a dot at its end → what is read."""


def read(text: bytes, name: str, report: Fidelity) -> Any:
    """The value of a document's text. Raises `Unusable`."""
    text = text.removeprefix(b"\xef\xbb\xbf")
    if not text.strip():
        raise Unusable(f"{name} is empty.")
    if text.lstrip()[:1] in (b"{", b"["):
        try:
            return _read_json(text, name, report)
        except (ValueError, RecursionError):
            pass  # flow-style YAML looks the same from outside, and is read to any depth that has a meaning
    return _read_yaml(text, name, report)


def _read_json(text: bytes, name: str, report: Fidelity) -> Any:
    again: dict[str, None] = {}

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    again[key] = None
                seen.add(key)
        return found

    value = json.loads(text, object_pairs_hook=members)
    if again:
        _tell_duplicates(text, name, report, again)
    return value


def _tell_duplicates(text: bytes, name: str, report: Fidelity, keys: Iterable[str]) -> None:
    """With their places, which the JSON reader does not know and the YAML reader does; of a large text, by name alone."""
    if len(text) <= PLACED:
        with suppress(Unusable):
            _read_yaml(text, name, report)
            return
    for key in keys:
        report.deviation("DUPLICATE_KEY", key, f"The key {key!r} stands twice in one object; the last one counts.")


def _read_yaml(text: bytes, name: str, report: Fidelity) -> Any:
    try:
        value, marks = read_yaml(text, name, depth=MAX_DEPTH, nodes=MAX_NODES, duplicates="last", marks=False)
    except ConfigError as error:
        raise Unusable(str(error)) from None
    for again in marks.duplicates:
        pointer = "#" + "".join(f"/{token(str(key))}" for key in again.path)
        report.deviation("DUPLICATE_KEY", pointer, f"The key stands twice in one object ({again.again}); the last one counts.")
    return value


def version_of(document: Any, name: str, report: Fidelity) -> Version:
    """Only what has a `paths` object can be used; a version that is not known is told, and read as the nearest (L2)."""
    if not isinstance(document, dict):
        raise Unusable(f"{name} is not an OpenAPI document: it is {_kind(document)}, not an object.")
    if not isinstance(document.get("paths"), dict):
        raise Unusable(f"{name} has no `paths` object, so there is nothing to read from it.")
    keyword, known = ("swagger", _SWAGGER) if "swagger" in document else ("openapi", _OPENAPI)
    said = document.get(keyword)
    for start, version in known.items():
        if said is not None and f"{said}.".startswith(start):
            return version
    version = next(reversed(known.values())) if said is not None else _OPENAPI["3.0."]
    what = f"`{keyword}: {said}` is no version that is known" if said is not None else "The document does not say its version"
    report.deviation("VERSION_UNKNOWN", f"#/{keyword}", f"{what}; it is read as {version.major}.{version.minor}.")
    return version


def _kind(value: Any) -> str:
    names = {type(None): "null", bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list"}
    return names.get(type(value), "something else")
