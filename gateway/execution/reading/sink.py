"""Where the exact readers of a reply report what does not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.errors import GatewayError, SchemaDrift
from gateway.upstream.json import Unreadable

ABSENT = object()
"""The exact path's value for a member that is not there."""


class Sink:
    """What the exact readers of one reply report to. The same misfit at the same coordinate is one error."""

    __slots__ = ("drifts", "faulty", "loose", "operation", "service", "status")

    def __init__(self, service: str, operation: str | None, status: int | None = None) -> None:
        self.status = status
        self.service = service
        self.operation = operation
        self.drifts: dict[tuple[str, str], SchemaDrift] = {}
        self.faulty = False
        self.loose: dict[int, GatewayError] = {}
        """Errors of the upstream that explain no null."""

    def drift(self, coordinate: str, expected: str, value: Any) -> GatewayError:
        """The error to put where the value should be. An upstream's own error found in its place stands as it is."""
        self.faulty = True
        if isinstance(value, GatewayError):
            return value
        actual = describe(value)
        sentence = f"sent {actual} for {coordinate}, which is declared as {expected}"
        return self.once(coordinate, actual, SchemaDrift(sentence, coordinate=coordinate, expected=expected, actual=actual))

    def once(self, coordinate: str, actual: str, error: SchemaDrift) -> SchemaDrift:
        """The error, or the one that has already said this."""
        if (known := self.drifts.get((coordinate, actual))) is None:
            error.service, error.operation, error.status = self.service, self.operation, self.status
            known = self.drifts[coordinate, actual] = error
        return known


def describe(value: Any) -> str:
    """What a misfit is, in words of JSON; never its content."""
    if value is ABSENT:
        return "nothing"
    if value is None:
        return "null"
    if isinstance(value, Unreadable):
        return value.said
    if value.__class__ is int and not -(2**31) <= value < 2**31:
        return "an integer beyond 32 bits"
    names = {bool: "a boolean", int: "an integer", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return names.get(value.__class__, "something else")


Exact = Callable[[Any, Sink], Any]
