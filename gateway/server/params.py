"""The GraphQL request out of a body or a query string (GraphQL over HTTP, section "Request Parameters")."""

from __future__ import annotations

import re
from typing import Any, Literal
from urllib.parse import parse_qsl

import msgspec

from gateway.errors import BadUserInput, LimitExceeded

MOST_PARAMETERS = 32
EXPECTED = {
    "query": "a string",
    "operationName": "a string or null",
    "variables": "an object or null",
    "extensions": "an object or null",
    "documentId": "a string or null",
    "onError": "PROPAGATE, NULL, HALT or null",
}
"""Parameter → what it may be."""


class Params(msgspec.Struct, frozen=True):
    """The parameters as sent. Members beyond these are ignored, as the specification asks."""

    query: str = ""
    operation_name: str | None = msgspec.field(default=None, name="operationName")
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None
    document_id: str | None = msgspec.field(default=None, name="documentId")
    """In place of a query (GraphQL over HTTP, appendix "Persisted Documents")."""
    on_error: Literal["PROPAGATE", "NULL", "HALT"] | None = msgspec.field(default=None, name="onError")
    """What an error does to a non-null field (GraphQL, proposal "onError")."""


_body = msgspec.json.Decoder(Params)
_array = msgspec.json.Decoder(list[msgspec.Raw])
_object = msgspec.json.Decoder(dict[str, Any] | None)
_at = re.compile(r"\$\.(\w+)")
_position = re.compile(r"byte (\d+)")


def from_body(body: bytes | bytearray, *, query: bool = True) -> Params:
    """Raises `BadUserInput` unless the body is a JSON object whose parameters have their types.

    `query`: it has to have one; otherwise `extensions` may name it.
    """
    try:
        params = _body.decode(body)
    except msgspec.ValidationError as fault:
        raise BadUserInput(_misfit(str(fault))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise BadUserInput(_not_json("The request body", fault)) from None
    return with_query(params) if query else params


def from_query_string(query_string: bytes, *, query: bool = True) -> Params:
    """Raises `BadUserInput` unless the query string is UTF-8 and names nothing twice. `query` as in `from_body`."""
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
    params = Params(
        given.get("query", ""), given.get("operationName") or None, variables, extensions, given.get("documentId") or None
    )
    return with_query(params) if query else params


def from_given(query: Any, operation_name: Any, variables: Any, extensions: Any = None) -> Params:
    """Parameters another protocol has read already, of whatever type it left them. Raises `BadUserInput`."""
    try:
        given = {"query": query or "", "operationName": operation_name, "variables": variables, "extensions": extensions}
        params = msgspec.convert(given, Params)
        return params if extensions else with_query(params)
    except msgspec.ValidationError as fault:
        raise BadUserInput(_misfit(str(fault))) from None


def with_query(params: Params) -> Params:
    if not params.query:
        raise BadUserInput("The request has no `query`: send the GraphQL document as a string.")
    return params


def batch_of(body: bytes, most: int) -> list[bytes] | None:
    """The bodies of a batch (an array of requests); None: it is none. Raises `LimitExceeded`, `BadUserInput`."""
    if body.lstrip()[:1] != b"[":
        return None
    try:
        items = [bytes(item) for item in _array.decode(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise BadUserInput(_not_json("The request body", fault)) from None
    if not items:
        raise BadUserInput("The batch is empty.")
    if len(items) > most:
        message = f"One request may hold {most} operations and holds {len(items)}."
        raise LimitExceeded(message, which="batch", limit=most, actual=len(items))
    return items


def check_variables(params: Params, limit: int) -> None:
    """Raises `LimitExceeded`. `limit` in bytes of JSON."""
    if params.variables and (size := len(msgspec.json.encode(params.variables))) > limit:
        message = f"The variables may be {limit} bytes at most and are {size}."
        raise LimitExceeded(message, which="variables", limit=limit, actual=size)


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
