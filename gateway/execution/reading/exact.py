"""What wraps the exact reader of a value: null, absence, lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.execution.reading.sink import ABSENT, Exact, Sink
from gateway.execution.scalars import MISFIT, Check, check_any, foreign


def never(_value: Any, _sink: Sink) -> Any:
    raise AssertionError("the class of these rows was never made")


def leaf(check: Check, coordinate: str, declared: str) -> Exact:
    """A scalar or an enum value. One of a custom scalar may hold an error deep inside: it stands for the whole."""

    def exact(value: Any, sink: Sink) -> Any:
        checked = check(value)
        if checked is not MISFIT:
            return checked
        return sink.drift(coordinate, declared, foreign(value) or value if check is check_any else value)

    return exact


def required(read: Exact, coordinate: str, declared: str) -> Exact:
    def exact(value: Any, sink: Sink) -> Any:
        return sink.drift(coordinate, declared, value) if value is None or value is ABSENT else read(value, sink)

    return exact


def optional(read: Exact, coordinate: str, declared: str, absent_is_null: bool) -> Exact:
    def exact(value: Any, sink: Sink) -> Any:
        if value is None:
            return None
        if value is ABSENT:
            return None if absent_is_null else sink.drift(coordinate, declared, value)
        return read(value, sink)

    return exact


def listed(read: Exact, coordinate: str, declared: str, single: bool = False) -> Exact:
    """`single`: a value that is no list is taken as a list of it."""

    def exact(value: Any, sink: Sink) -> Any:
        if value.__class__ is not list:
            return [read(value, sink)] if single else sink.drift(coordinate, declared, value)
        return [read(item, sink) for item in value]

    return exact


def entries(read: Exact, coordinate: str, declared: str) -> Exact:
    """A JSON map, spelled as a list of its members."""

    def exact(value: Any, sink: Sink) -> Any:
        if value.__class__ is not dict:
            return sink.drift(coordinate, declared, value)
        return [read({"key": key, "value": item}, sink) for key, item in value.items()]

    return exact


def unless_null(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else convert(value)


def each(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda values: [convert(value) for value in values]
