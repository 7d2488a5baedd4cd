"""A text that fits a regular expression, as far as that can be had without trying for ever."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from importlib import import_module
from random import Random
from typing import Any

_parser: Any = import_module("re._parser")
"""How the standard library reads an expression. Not for the public, so that `text_of` survives whatever becomes of it."""
MORE = 3
"""Repetitions beyond the least, where there is no end to them."""
LONGEST = 256
CLASSES = {"DIGIT": string.digits, "WORD": string.ascii_lowercase + string.digits, "SPACE": " "}
PRINTABLE = string.ascii_letters + string.digits + " -_.,:;!?/"


class _Strange(Exception):
    """Something that is not understood: look-arounds, references."""


def text_of(pattern: str, rng: Random) -> str | None:
    """None: the expression is none, or asks for more than is understood here."""
    try:
        found = "".join(_texts(_parser.parse(pattern), rng))
        return found if len(found) <= LONGEST and re.search(pattern, found) else None
    except (_Strange, re.error, RecursionError, AttributeError, OverflowError):
        return None


def _texts(steps: Sequence[tuple[Any, Any]], rng: Random) -> Iterator[str]:
    for operation, value in steps:
        yield from _text(str(operation), value, rng)


def _text(operation: str, value: Any, rng: Random) -> Iterator[str]:
    match operation:
        case "LITERAL":
            yield chr(value)
        case "IN":
            yield rng.choice(_characters(value))
        case "ANY":
            yield rng.choice(string.ascii_lowercase)
        case "NOT_LITERAL":
            yield rng.choice([each for each in PRINTABLE if each != chr(value)])
        case "AT":
            return
        case "SUBPATTERN":
            yield from _texts(value[-1], rng)
        case "BRANCH":
            yield from _texts(rng.choice(value[1]), rng)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, steps = value
            if int(least) > LONGEST:
                raise _Strange
            for _ in range(rng.randint(int(least), min(int(most), int(least) + MORE))):
                yield from _texts(steps, rng)
        case _:
            raise _Strange


def _characters(items: Sequence[tuple[Any, Any]]) -> str:
    operations = [str(operation) for operation, _ in items]
    found = "".join(map(_of_item, items))
    if operations[0] == "NEGATE":
        return "".join(each for each in PRINTABLE if each not in found)
    return found


def _of_item(item: tuple[Any, Any]) -> str:
    operation, value = str(item[0]), item[1]
    if operation == "LITERAL":
        return chr(value)
    if operation == "RANGE":
        return "".join(map(chr, range(value[0], min(value[1], value[0] + LONGEST) + 1)))
    if operation == "NEGATE":
        return ""
    name = str(value).removeprefix("CATEGORY_")
    if name.startswith("NOT_"):
        return "".join(each for each in PRINTABLE if each not in CLASSES[name.removeprefix("NOT_")])
    if name not in CLASSES:
        raise _Strange
    return CLASSES[name]
