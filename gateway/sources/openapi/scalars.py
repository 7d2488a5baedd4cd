"""Formats that become scalars of their own. Values pass through unchanged: nothing is parsed, normalised or refused (T1, T2)."""

from __future__ import annotations

from graphql import ScalarTypeDefinitionNode

from gateway.sources.openapi.nodes import scalar_type
from gateway.sources.openapi.options import Options
from gateway.sources.openapi.shape import Shape

INT_MAX = 2**31 - 1
INT_MIN = -(2**31)
_LARGE = frozenset({"int64", "uint32", "uint64", "long", "bigint"})
_STRINGS = {"date": "Date", "date-time": "DateTime", "uuid": "UUID", "uri": "URI"}
_DEFINITIONS = {
    "JSON": ("Any JSON value.", "https://www.rfc-editor.org/rfc/rfc8259"),
    "Date": ("A full date, such as `2026-11-22`, as the service writes it.", "https://www.rfc-editor.org/rfc/rfc3339"),
    "DateTime": ("A date and time, as the service writes it.", "https://www.rfc-editor.org/rfc/rfc3339"),
    "UUID": ("A universally unique identifier, as the service writes it.", "https://www.rfc-editor.org/rfc/rfc9562"),
    "URI": ("A URI, as the service writes it.", "https://www.rfc-editor.org/rfc/rfc3986"),
    "Int64": ("A whole number that may be larger than 32 bits.", ""),
    "Base64": ("Bytes in base64.", "https://www.rfc-editor.org/rfc/rfc4648"),
}
CHECKS = dict.fromkeys(("Date", "DateTime", "UUID", "URI", "Base64"), "String") | {"Int64": "Int64"}
"""How the JSON of each is checked; `JSON` is not."""
NAMES = frozenset(_DEFINITIONS)


def definition(name: str) -> ScalarTypeDefinitionNode:
    return scalar_type(name, *_DEFINITIONS[name])


def string_scalar(shape: Shape, options: Options) -> str:
    return "String" if options.scalars == "plain" else _STRINGS.get(shape.format, "String")


def integer_scalar(shape: Shape, options: Options) -> str:
    """Int where the document says 32 bits or nothing, Int64 where it says more; a format of text or date says nothing."""
    if shape.format in _LARGE or _beyond(shape.maximum) or _beyond(shape.minimum):
        return "Int64"
    bounded = shape.minimum is not None and shape.maximum is not None
    return "Int" if shape.format in ("int32", "int16", "int8", "uint8", "uint16") or bounded else options.integer


def _beyond(bound: float | None) -> bool:
    return bound is not None and not INT_MIN <= bound <= INT_MAX
