"""Is the reply what the document promises? Status, content type, JSON; then the rows, read by the operation's own decoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from gateway.upstream.call import Reply
from gateway.upstream.json import parse
from gateway.upstream.layers.verify import JSON, PROBLEM_LIMIT, bad_content, bad_json, json_content, status_error

Decode = Callable[[bytes], Any]
MISSING = frozenset({404, 410})
NULL = b"null"


def verifier(
    kind: str, absent_is_null: bool, failures: frozenset[str] = frozenset(), answers: frozenset[str] = frozenset()
) -> Callable[[Decode], Callable[[Reply], Reply]]:
    """The `Prepared.verifier` of one endpoint. `absent_is_null`: 404 and 410 are the answer null (`not_found`).

    `failures` are the statuses whose JSON bodies are documented, `answers` those that are data by configuration.
    """
    body = _BODIES[kind]

    def verifier_of(decode: Decode) -> Callable[[Reply], Reply]:
        def verify(reply: Reply) -> Reply:
            if absent_is_null and reply.status in MISSING:
                return msgspec.structs.replace(reply, body=NULL)
            if (error := status_error(reply)) and not (_among(reply.status, answers) and _json_of(reply) is not None):
                if error.problem is None and _among(reply.status, failures):
                    error.body = _json_of(reply)
                raise error
            return _read(body(reply), decode)

        return verify

    return verifier_of


def _among(status: int, codes: frozenset[str]) -> bool:
    return not codes.isdisjoint((str(status), f"{status // 100}XX", f"{status // 100}xx", "default"))


def _json_of(reply: Reply) -> Any:
    """A documented error body; None where it is something else, or larger than what is kept."""
    if len(reply.body) > PROBLEM_LIMIT or not JSON.match(_content_type(reply) or ""):
        return None
    try:
        return parse(reply.body)
    except (ValueError, RecursionError):
        return None


def _read(reply: Reply, decode: Decode) -> Reply:
    """With its rows; without, when a value misfits: that is drift, which the exact reader tells, and no failure of the call."""
    try:
        return msgspec.structs.replace(reply, rows=decode(reply.body))
    except (msgspec.DecodeError, UnicodeDecodeError):
        _check_json(reply)
        return reply
    except RecursionError:
        raise bad_content(reply, "answered with JSON that is nested too deeply") from None


def _check_json(reply: Reply) -> None:
    """A value misfits, or nothing can represent it, before the end was read: the rest must be JSON all the same."""
    try:
        parse(reply.body)
    except (ValueError, RecursionError):
        raise bad_json(reply) from None


def _content_type(reply: Reply) -> str | None:
    return reply.headers.get("content-type")


# ---------------------------------------------------------------- bodies that are no JSON become it


def _json_body(reply: Reply) -> Reply:
    """Nothing at all (204, or an empty 200) is null."""
    if not reply.body.strip():
        return msgspec.structs.replace(reply, body=NULL)
    json_content(reply)
    return reply


def _text_body(reply: Reply) -> Reply:
    """A text is the field's value: written as JSON, and marked so, that a stored copy is read the same way."""
    if _content_type(reply) == _CONVERTED:
        return reply
    return _converted(reply, _text(reply))


def _binary_body(reply: Reply) -> Reply:
    return reply if _content_type(reply) == _CONVERTED else _converted(reply, reply.body)


def _empty_body(reply: Reply) -> Reply:
    return reply if _content_type(reply) == _CONVERTED else _converted(reply, True)


_CONVERTED = "application/json; was=other"


def _converted(reply: Reply, value: Any) -> Reply:
    headers = {**reply.headers, "content-type": _CONVERTED}
    return msgspec.structs.replace(reply, body=msgspec.json.encode(value), headers=headers)


def _text(reply: Reply) -> str:
    """By the charset the reply names, else UTF-8."""
    said = (_content_type(reply) or "").lower().partition("charset=")[2].partition(";")[0].strip(" \"'")
    try:
        return reply.body.decode(said or "utf-8", "replace")
    except LookupError:
        return reply.body.decode("utf-8", "replace")


_BODIES: dict[str, Callable[[Reply], Reply]] = {
    "json": _json_body,
    "text": _text_body,
    "binary": _binary_body,
    "empty": _empty_body,
}
