"""Puts what a fetch found into the rows that asked for it: a row under a link's key, or a row's fields into the parent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from operator import attrgetter
from typing import Any

from msgspec import UNSET

from gateway.errors import GatewayError, SchemaDrift
from gateway.execution.gather import Gathered

Found = dict[Any, Any]
"""Key → what was found: a row, a list, null or an error. Has every key that was gathered."""
Place = Callable[[Gathered, Found], bool]
"""True: something was left that may not be null."""


def under(attribute: str) -> Place:
    """For links: the value itself."""

    def place(gathered: Gathered, found: Found) -> bool:
        _set_all(gathered.parents, attribute, map(found.__getitem__, gathered.keys))
        return False

    return place


def into(attributes: Sequence[str], required: Mapping[str, str], service: str) -> Place:
    """For lookups: each field on its own. `required` are the non-null ones, by coordinate: a missing entity is drift there."""
    getters = [(attribute, attrgetter(attribute)) for attribute in attributes]
    missing = _Stand(attributes)
    for attribute in attributes:
        setattr(missing, attribute, _missing(required[attribute], service) if attribute in required else None)

    def place(gathered: Gathered, found: Found) -> bool:
        rows = {key: _row(value, missing, attributes) for key, value in found.items()}
        found_rows = [rows[key] for key in gathered.keys]
        for attribute, get in getters:
            _set_all(gathered.parents, attribute, map(get, found_rows))
        return bool(required) and None in found.values()

    return place


class _Stand:
    """Stands for a row that is not there."""

    def __init__(self, attributes: Sequence[str], value: Any = None) -> None:
        for attribute in attributes:
            setattr(self, attribute, value)


def _row(value: Any, missing: _Stand, attributes: Sequence[str]) -> Any:
    if value is None:
        return missing
    return _Stand(attributes, value) if isinstance(value, GatewayError) else value


def _missing(coordinate: str, service: str) -> SchemaDrift:
    drift = SchemaDrift(
        f"has no such entity, although {coordinate} may not be null", coordinate=coordinate, expected="a value", actual="nothing"
    )
    drift.service = service
    return drift


def _set_all(rows: Sequence[Any], attribute: str, values: Any) -> None:
    deque(map(setattr, rows, repeat(attribute), values), maxlen=0)


def hide(rows: Sequence[Any], attribute: str) -> None:
    """Leave a slot that only joins needed out of the answer."""
    deque(map(setattr, rows, repeat(attribute), repeat(UNSET)), maxlen=0)


# ---------------------------------------------------------------- finding by the rows' own key


def by_key(rows: Sequence[Any], key_of: Callable[[Any], Any], many: bool) -> tuple[Found, GatewayError | None]:
    """Rows by their own key, the first of equal keys (all of them, for `many`); and an error that stood among them, if any."""
    found: Found = {}
    fault: GatewayError | None = None
    for row in rows:
        if row is None:
            continue
        key = row if isinstance(row, GatewayError) else key_of(row)
        if isinstance(key, GatewayError):
            fault = fault or key
        elif many:
            found.setdefault(key, []).append(row)
        else:
            found.setdefault(key, row)
    return found, fault
