"""The GraphQL request out of a body or a query string (GraphQL over HTTP, section "Request Parameters")."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from gateway.errors import BadUserInput

MOST_PARAMETERS = 32
EXPECTED = {
    "query": "a string",
    "operationName": "a string or null",
    "variables": "an object or null",
    "extensions": "an object or null",
}
"""Parameter → what it may be."""


class Params(msgspec.Struct, frozen=True):
    """The parameters as sent. Members beyond these are ignored, as the specification asks."""

    query: str = ""
    operation_name: str | None = msgspec.field(default=None, name="operationName")
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


_body = msgspec.json.Decoder(Params)
_object = msgspec.json.Decoder(dict[str, Any] | None)
_at = re.compile(r"\$\.(\w+)")
_position = re.compile(r"byte (\d+)")


def from_body(body: bytes | bytearray) -> Params:
    """Raises `BadUserInput` unless the body is a JSON object whose parameters have their types and that has a query."""
    try:
        params = _body.decode(body)
    except msgspec.ValidationError as fault:
        raise BadUserInput(_misfit(str(fault))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise BadUserInput(_not_json("The request body", fault)) from None
    return _with_query(params)


def from_query_string(query_string: bytes) -> Params:
    """Raises `BadUserInput` unless the query string is UTF-8, names nothing twice and has a query."""
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except UnicodeError:
        raise BadUserInput("The query string is not UTF-8 in percent-encoding.") from None
    except ValueError:
        raise BadUserInput(f"The query string has more than {MOST_PARAMETERS} parameters.") from None
    given = dict(pairs)
    for name in EXPECTED:
        if sum(key == name for key, _ in pairs) > 1:
            raise BadUserInput(f"The parameter `{name}` is given twice in the query string.")
    variables, extensions = (_json_object(name, given.get(name)) for name in ("variables", "extensions"))
    return _with_query(Params(given.get("query", ""), given.get("operationName") or None, variables, extensions))


def from_given(query: Any, operation_name: Any, variables: Any) -> Params:
    """Parameters another protocol has read already, of whatever type it left them. Raises `BadUserInput`."""
    try:
        given = {"query": query, "operationName": operation_name, "variables": variables}
        return _with_query(msgspec.convert(given, Params))
    except msgspec.ValidationError as fault:
        raise BadUserInput(_misfit(str(fault))) from None


def _with_query(params: Params) -> Params:
    if not params.query:
        raise BadUserInput("The request has no `query`: send the GraphQL document as a string.")
    return params


def _json_object(name: str, text: str | None) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        decoded: dict[str, Any] | None = _object.decode(text)
    except msgspec.ValidationError:
        raise BadUserInput(f"The parameter `{name}` must be {EXPECTED[name]}, written as JSON.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise BadUserInput(_not_json(f"The parameter `{name}`", fault)) from None
    return decoded


def _misfit(text: str) -> str:
    """Our sentence for what the decoder found first."""
    found = _at.search(text)
    if found is None:
        return "The request body must be one JSON object with a `query` (several operations in one request are not supported)."
    return f"The parameter `{found[1]}` must be {EXPECTED[found[1]]}."


def _not_json(what: str, fault: Exception) -> str:
    if isinstance(fault, RecursionError):
        return f"{what} is nested too deeply."
    if isinstance(fault, UnicodeDecodeError):
        return f"{what} is not UTF-8."
    position = _position.search(str(fault))
    return f"{what} is not valid JSON{f' (at byte {position[1]})' if position else ''}."
