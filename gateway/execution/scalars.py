"""What each scalar accepts: once as a msgspec type for the fast path, once as a check for the exact path. They agree.

Int takes an integral JSON number within 32 bits, Float any finite number, ID a string or an integer; String, Boolean and
enums only themselves. The fast types may refuse what the exact check takes (`1.0` for an Int), never the reverse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Annotated, Any, Literal

from msgspec import Meta
from msgspec.json import decode, encode

from gateway.errors import GatewayError
from gateway.upstream.json import Unreadable

INT_MIN, INT_MAX = -(2**31), 2**31 - 1

Check = Callable[[Any], Any]
"""The coerced value, or `MISFIT`."""


class Misfit:
    """The value does not fit."""


MISFIT = Misfit()

JsonValue = str | int | float | bool | list[Any] | dict[str, Any]
"""Anything but null."""

FAST: Mapping[str, Any] = {
    "Int": Annotated[int, Meta(ge=INT_MIN, le=INT_MAX)],
    "Float": int | float,
    "String": str,
    "Boolean": bool,
    "ID": str,
    "Int64": int,
    "Any": JsonValue,
}


def check_int(value: Any) -> Any:
    whole = check_int64(value)
    return whole if whole is MISFIT or INT_MIN <= whole <= INT_MAX else MISFIT


def check_int64(value: Any) -> Any:
    if value.__class__ is int:
        return value
    return int(value) if value.__class__ is float and value.is_integer() else MISFIT


def check_float(value: Any) -> Any:
    return value if value.__class__ is int or (value.__class__ is float and isfinite(value)) else MISFIT


def check_string(value: Any) -> Any:
    return value if value.__class__ is str else MISFIT


def check_boolean(value: Any) -> Any:
    return value if value.__class__ is bool else MISFIT


def check_id(value: Any) -> Any:
    if value.__class__ is str:
        return value
    return str(value) if value.__class__ is int else MISFIT


def check_any(value: Any) -> Any:
    return value if foreign(value) is None else MISFIT


def foreign(value: Any) -> Unreadable | GatewayError | None:
    """What is no JSON in a value of a custom scalar, however deep: it goes out as it came, or not at all."""
    if isinstance(value, Unreadable | GatewayError):
        return value
    if value.__class__ is list:
        return next((found for item in value if (found := foreign(item)) is not None), None)
    if value.__class__ is dict:
        return next((found for item in value.values() if (found := foreign(item)) is not None), None)
    return None


EXACT: Mapping[str, Check] = {
    "Int": check_int,
    "Float": check_float,
    "String": check_string,
    "Boolean": check_boolean,
    "ID": check_id,
    "Int64": check_int64,
    "Any": check_any,
}


NUMBER_FROM_STRING, STRING_FROM_NUMBER, SINGLE_TO_LIST = "number_from_string", "string_from_number", "single_to_list"


def coercing(kind: str, allowed: frozenset[str]) -> Check:
    """The check of a kind, and what is taken besides where a source's configuration says so."""
    check = EXACT[kind]
    if kind in ("Int", "Int64", "Float") and NUMBER_FROM_STRING in allowed:
        return lambda value: check(_number(value) if value.__class__ is str else value)
    if kind in ("String", "ID") and STRING_FROM_NUMBER in allowed:
        return lambda value: check(encode(value).decode() if value.__class__ in (int, float) else value)
    return check


def _number(text: str) -> Any:
    """A JSON number that stands in a text; anything else is itself."""
    try:
        value = decode(text)
    except ValueError:
        return text
    return value if value.__class__ in (int, float) else text


def open_enum(values: Mapping[Any, str]) -> Check:
    """As `exact_enum`, but a value of the enum's kind that is not known is null."""
    kinds = tuple({value.__class__ for value in values})

    def check(value: Any) -> Any:
        return values.get(value) if value.__class__ in kinds else MISFIT

    return check


def fast_enum(values: Iterable[str]) -> Any:
    return Literal[tuple(values)]


def exact_enum(values: Mapping[Any, str]) -> Check:
    """From JSON value to enum value; only strings by default, whatever JSON the source documents otherwise."""

    def check(value: Any) -> Any:
        return values.get(value, MISFIT) if isinstance(value, str | int | float) and not isinstance(value, bool) else MISFIT

    return check
