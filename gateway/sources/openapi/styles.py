"""How a value is written in a URL or header: the styles of the OpenAPI text, which are RFC 6570's, exactly (A4)."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from gateway.errors import UpstreamBlocked
from gateway.sources.openapi.parameters import BODY, Parameter

Write = Callable[[Any], str]
"""A value, never None, as text: a path segment, `name=value&...`, a header's value, `name=value; ...`. Empty: nothing is sent."""

UNRESERVED = "-._~"
RESERVED = "-._~:/?@!$'(),;*%"
"""What stays as it is under `allowReserved`; not what would end the value or the query."""
_HEADER = "".join(map(chr, range(0x20, 0x7F)))
_DELIMITERS = {"form": ",", "simple": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C", "tabDelimited": "%09"}


def primitive(value: Any) -> str:
    """A scalar as text; what is nested deeper than a style can say is JSON."""
    if isinstance(value, str):
        return value
    if value is True:
        return "true"
    if value is False:
        return "false"
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        return _json(value)
    return str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def writer(parameter: Parameter, deep_arrays: str = "repeat") -> Write:
    """The function that writes this parameter, made once."""
    if parameter.place == BODY:
        return _json
    encode = _encoder(parameter)
    if parameter.content:
        json_text = parameter.content.partition(";")[0].strip().lower()
        as_text = _json if json_text.endswith("json") else primitive
        return _named(parameter, lambda value: encode(as_text(value)))
    if parameter.place == "path":
        return _checked(_path_writer(parameter, encode))
    if parameter.place == "header":
        return lambda value: _flat(value, parameter.explode, ",", encode)
    if parameter.style == "deepObject":
        return _deep_writer(parameter.name, encode, deep_arrays)
    return _form_writer(parameter, encode)


def _encoder(parameter: Parameter) -> Callable[[str], str]:
    safe = {"header": _HEADER, "query": RESERVED if parameter.reserved else UNRESERVED}.get(parameter.place, UNRESERVED)

    def encode(text: str) -> str:
        return text if text.isalnum() and text.isascii() else quote(text, safe=safe, errors="replace")

    return encode


def _encode_primitive(value: Any, encode: Callable[[str], str]) -> str:
    if value.__class__ is int:  # a number has no character that would have to be written otherwise
        return str(value)
    return encode(value if value.__class__ is str else primitive(value))


def _encoded(values: list[Any], encode: Callable[[str], str]) -> list[str]:
    """Of a list, which in a batch is of keys, and mostly of numbers."""
    if set(map(type, values)) == {int}:
        return list(map(str, values))
    return [_encode_primitive(value, encode) for value in values]


@lru_cache(maxsize=1_024)
def _key(name: str) -> str:
    """The name of an object's member, which is mostly one of few."""
    return quote(name, safe=UNRESERVED, errors="replace")


def _named(parameter: Parameter, write: Write) -> Write:
    if parameter.place in ("path", "header"):
        return _checked(write) if parameter.place == "path" else write
    name = quote(parameter.name, safe=UNRESERVED)
    return lambda value: f"{name}={write(value)}"


def _pairs(value: dict[str, Any]) -> list[tuple[str, Any]]:
    """The members of an object that are sent: an absent value and null are the same."""
    return [(name, item) for name, item in value.items() if item is not None]


def _flat(value: Any, explode: bool, delimiter: str, encode: Callable[[str], str]) -> str:
    """`a,b` and `k,v,k,v`; with explode `k=v,k=v`."""
    if value.__class__ is str or value.__class__ is int:
        return _encode_primitive(value, encode)
    if isinstance(value, list):
        return delimiter.join(_encoded(value, encode))
    if isinstance(value, dict):
        inner = "=" if explode else delimiter
        return delimiter.join(f"{encode(name)}{inner}{_encode_primitive(item, encode)}" for name, item in _pairs(value))
    return _encode_primitive(value, encode)


# ---------------------------------------------------------------- path


def _checked(write: Write) -> Write:
    """Never an empty segment or one of dots: these would be another path."""

    def checked(value: Any) -> str:
        text = write(value)
        if text in ("", ".", ".."):
            raise UpstreamBlocked("cannot be asked with an empty path value, or one that is `.` or `..`")
        return text

    return checked


def _path_writer(parameter: Parameter, encode: Callable[[str], str]) -> Write:
    explode = parameter.explode
    if parameter.style == "label":
        return lambda value: f".{_flat(value, explode, '.' if explode else ',', encode)}"
    if parameter.style == "matrix":
        return lambda value: _matrix(parameter.name, value, explode, encode)
    return lambda value: _flat(value, explode, ",", encode)


def _matrix(name: str, value: Any, explode: bool, encode: Callable[[str], str]) -> str:
    if isinstance(value, list) and explode:
        return "".join(f";{encode(name)}={_encode_primitive(item, encode)}" for item in value)
    if isinstance(value, dict) and explode:
        return "".join(f";{encode(key)}={_encode_primitive(item, encode)}" for key, item in _pairs(value))
    text = _flat(value, False, ",", encode)
    return f";{encode(name)}={text}" if text else f";{encode(name)}"


# ---------------------------------------------------------------- query, cookie


def _form_writer(parameter: Parameter, encode: Callable[[str], str]) -> Write:
    """`form` and the delimited styles; a cookie's pairs are separated as cookies are."""
    name = quote(parameter.name, safe=UNRESERVED)
    delimiter = _DELIMITERS.get(parameter.style, ",")
    separator = "; " if parameter.place == "cookie" else "&"
    between = f"{separator}{name}="

    def write(value: Any) -> str:
        if value.__class__ is str or value.__class__ is int:
            return f"{name}={_encode_primitive(value, encode)}"
        if isinstance(value, list):
            if parameter.explode:
                return between.join(("", *_encoded(value, encode)))[len(separator) :] if value else ""
            return f"{name}={_flat(value, False, delimiter, encode)}" if value else ""
        if isinstance(value, dict):
            if parameter.explode:
                return separator.join(f"{_key(key)}={_encode_primitive(item, encode)}" for key, item in _pairs(value))
            return f"{name}={_flat(value, False, delimiter, encode)}" if _pairs(value) else ""
        return f"{name}={_encode_primitive(value, encode)}"

    return write


def _deep_writer(name: str, encode: Callable[[str], str], arrays: str) -> Write:
    """`a[b][c]=v`. Lists inside are not in the text: repeated, with `[]`, or with their index, as configured."""

    def spell(at: str, value: Any) -> list[str]:
        if isinstance(value, dict):
            return [pair for key, item in _pairs(value) for pair in spell(f"{at}%5B{_key(key)}%5D", item)]
        if isinstance(value, list):
            marks = {"repeat": "", "brackets": "%5B%5D"}
            return [
                pair for index, item in enumerate(value) for pair in spell(f"{at}{marks.get(arrays, f'%5B{index}%5D')}", item)
            ]
        return [f"{at}={_encode_primitive(value, encode)}"]

    root = quote(name, safe=UNRESERVED)
    return lambda value: "&".join(spell(root, value))
