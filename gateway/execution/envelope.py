"""From the body of a reply to what a fetch asked for: through the protocol's envelope, on the fast path or the exact one.

GraphQL (spec, section 7.1): an object with `data` and perhaps `errors`. The fast path takes a reply without errors only. On the
exact path each upstream error is put where its path points, so that the readers find it in the place of the value it cost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

import msgspec

from gateway.errors import GatewayError, UpstreamBadContent, UpstreamGraphQLError
from gateway.execution.reading import ABSENT, Reading, Sink
from gateway.sources.base import Prepared
from gateway.upstream.json import parse

UPSTREAM_CODE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


class Body(msgspec.Struct, frozen=True):
    """`decode` None: only the exact path can read it."""

    decode: Callable[[bytes], Any] | None
    fast_value: Callable[[Any], Any]
    """From what `decode` gave to the value under the path."""
    exact_value: Callable[[bytes, Sink], Any]
    """The value, or the error that stands in its place. Raises `UpstreamBadContent` when it is not JSON after all."""


def body(prepared: Prepared, reading: Reading, graphql: bool, aliases: bool) -> Body:
    """The two ways into a body. `aliases`: under the path is an object of values, one per key."""
    exact = _exact(prepared, reading, graphql, aliases)
    if reading.fast is None:
        return Body(None, _same, exact)
    fast = dict[str, reading.fast] if aliases else reading.fast  # type: ignore[name-defined]  # made from data
    decoder = msgspec.json.Decoder(envelope(prepared.path, fast, graphql))
    return Body(decoder.decode, _fast_value(prepared.path, reading, aliases), exact)


def envelope(path: tuple[str, ...], inner: Any, graphql: bool) -> Any:
    """The type of a body that has `inner` under this path."""
    for depth, name in enumerate(reversed(path), 1):
        errors = [("errors", None, None)] if graphql and depth == len(path) else []
        inner = msgspec.defstruct("Envelope", [("inner", inner), *errors], rename={"inner": name}, kw_only=True, gc=False)
    return inner


def _fast_value(path: tuple[str, ...], reading: Reading, aliases: bool) -> Callable[[Any], Any]:
    inside = attrgetter(".".join(["inner"] * len(path))) if path else _same
    convert = reading.convert
    if convert is None:
        return inside
    if aliases:
        return lambda decoded: {alias: convert(value) for alias, value in inside(decoded).items()}
    return lambda decoded: convert(inside(decoded))


def _same(value: Any) -> Any:
    return value


# ---------------------------------------------------------------- exact


def _exact(prepared: Prepared, reading: Reading, graphql: bool, aliases: bool) -> Callable[[bytes, Sink], Any]:
    def exact(raw: bytes, sink: Sink) -> Any:
        value = parse_json(raw)
        if graphql:
            value = _with_errors(value, sink)
        for name in prepared.path:
            if value.__class__ is not dict:
                break
            value = value.get(name, ABSENT)
        if isinstance(value, GatewayError):
            sink.faulty = True
            return value
        if aliases:
            return _aliased(value, reading, sink)
        return reading.exact(value, sink)

    return exact


def _aliased(value: Any, reading: Reading, sink: Sink) -> Any:
    if value.__class__ is not dict:
        return sink.drift("data", "an object", value)
    return {alias: reading.exact(item, sink) for alias, item in value.items()}


def parse_json(raw: bytes) -> Any:
    """Any JSON, exactly. What it is not is the source's error."""
    try:
        return parse(raw)
    except RecursionError:
        raise UpstreamBadContent("answered with JSON nested too deeply") from None
    except ValueError:
        raise UpstreamBadContent("answered with something that is not JSON") from None


# ---------------------------------------------------------------- an upstream's own errors


def _with_errors(value: Any, sink: Sink) -> Any:
    """Puts each upstream error where its path points, or at the null nearest above; one without a path costs what is null."""
    if value.__class__ is not dict or not isinstance(errors := value.get("errors"), list) or not errors:
        return value
    known: dict[tuple[str, str], UpstreamGraphQLError] = {}
    for entry in errors:
        error = _error(entry, sink, known)
        if not _put(value, ("data", *_path(entry)), error) and not _put_everywhere(value, error):
            sink.loose[id(error)] = error
    sink.faulty = True
    return value


def _path(entry: Any) -> tuple[Any, ...]:
    path = entry.get("path") if isinstance(entry, dict) else None
    return tuple(path) if isinstance(path, list) else ()


def _error(entry: Any, sink: Sink, known: dict[tuple[str, str], UpstreamGraphQLError]) -> UpstreamGraphQLError:
    """Entries that say the same are one error."""
    details: Mapping[str, Any] = entry if isinstance(entry, dict) else {"message": str(entry)}
    code = upstream_code(details)
    identity = (str(details.get("message")), code or "")
    if (error := known.get(identity)) is None:
        error = known[identity] = UpstreamGraphQLError()
        error.service, error.operation, error.status = sink.service, sink.operation, sink.status
        error.upstream_code, error.errors = code, (details,)
    return error


def upstream_code(entry: Mapping[str, Any]) -> str | None:
    """The upstream's own `extensions.code`, when it looks like one."""
    extensions = entry.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return code if isinstance(code, str) and 0 < len(code) <= 64 and UPSTREAM_CODE.issuperset(code) else None


def _put(value: Any, path: tuple[Any, ...], error: GatewayError) -> bool:
    """Walk down as far as there are values; the null found there is this error's doing."""
    for index, step in enumerate(path):
        below = _member(value, step)
        if below is None:
            return _replace(value, step, error)
        if isinstance(below, GatewayError):
            return True
        if index == len(path) - 1:
            return False
        value = below
    return False


def _member(value: Any, step: Any) -> Any:
    if value.__class__ is dict and isinstance(step, str):
        return value.get(step, ABSENT)
    if value.__class__ is list and step.__class__ is int and 0 <= step < len(value):
        return value[step]
    return ABSENT


def _replace(value: Any, step: Any, error: GatewayError) -> bool:
    value[step] = error
    return True


def _put_everywhere(value: dict[str, Any], error: GatewayError) -> bool:
    data = value.get("data")
    if data is None:
        value["data"] = error
        return True
    nulls = [key for key, item in data.items() if item is None] if isinstance(data, dict) else []
    for key in nulls:
        data[key] = error
    return bool(nulls)
