"""A fetch becomes calls. All that does not depend on the request is written once; per request only values are put in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from gateway.errors import UpstreamBlocked
from gateway.sources.base import Argument, Batch, Chunk, Entry, Fetch, Field, Prepared
from gateway.sources.openapi.endpoint import Endpoint
from gateway.sources.openapi.pages import follower
from gateway.sources.openapi.parameters import BODY, TEMPLATE, Parameter
from gateway.sources.openapi.styles import Write, writer
from gateway.sources.openapi.values import ABSENT, Convert, Read, Spelling, always, reader
from gateway.sources.openapi.verify import verifier
from gateway.upstream.call import Call, HeaderRules, Headers, Reply, Request

MAX_URL = 8_000
"""Bytes. A batch whose URL would be longer is asked in several calls."""
_PATH_SAFE = "/-._~!$&'()*+,;=:@%"
_TEXT = "text/plain, text/*;q=0.9, */*;q=0.1"

Keys = Sequence[tuple[Any, ...]]
Verify = Callable[[Reply], Reply]


class Caller(msgspec.Struct, frozen=True):
    """What all calls of a source share."""

    headers: HeaderRules
    spelling: Spelling
    not_found: str | None = None
    deep_arrays: str = "repeat"


class _Slot(msgspec.Struct, frozen=True):
    """One parameter of a fetch: where its value comes from and how it is written."""

    parameter: Parameter
    write: Write
    read: Read | None = None
    """From literals and variables; None: from a key."""
    key: int = 0
    convert: Convert | None = None
    constant: bool = False

    def text(self, key: Any, variables: Mapping[str, Any]) -> str:
        """The written value; empty where there is none to send."""
        if self.read is not None:
            value = self.read(variables)
        else:
            value = self.convert(key[self.key]) if self.convert is not None else key[self.key]
        return "" if value is ABSENT or value is None else self.write(value)


class _Writer:
    """The calls of one endpoint for one fetch."""

    def __init__(self, endpoint: Endpoint, slots: Sequence[_Slot], caller: Caller) -> None:
        self._endpoint = endpoint
        self._rules = caller.headers
        self._private = bool(caller.headers.propagates)
        self._path = _path_parts(endpoint, {slot.parameter.name: slot for slot in slots if slot.parameter.place == "path"})
        self._fixed_path = self._path[0] if len(self._path) == 1 and isinstance(self._path[0], str) else None
        self._fixed_query, self._query = _split([slot for slot in slots if slot.parameter.place == "query"])
        self._fixed_query = "&".join(filter(None, (_path_query(endpoint.path), self._fixed_query, endpoint.secrets.query)))
        self._header_slots = [slot for slot in slots if slot.parameter.place == "header"]
        self._cookie_slots = [slot for slot in slots if slot.parameter.place == "cookie"]
        self._body_slot = next((slot for slot in slots if slot.parameter.place == BODY), None)
        self._accept = _accept(endpoint)
        self._shared = None if self._private else self._base_headers({})

    def call(self, key: Any, variables: Mapping[str, Any], request: Request, verify: Verify) -> Call:
        return self._call(self.url(key, variables), key, variables, request, verify)

    def _call(self, url: str, key: Any, variables: Mapping[str, Any], request: Request, verify: Verify) -> Call:
        endpoint, headers = self._endpoint, self._headers(key, variables, request)
        body = self._body(key, variables) if self._body_slot is not None else None
        if body is not None:
            headers = (("content-type", "application/json"), *headers)
        return Call(endpoint.method, url, headers, body, endpoint.template, request, verify, self._private)

    def chunk(self, key: Any, variables: Mapping[str, Any], request: Request, verify: Verify, keys: range = range(0)) -> Chunk:
        """A value that no path can have costs its own keys, and is no fault of the gateway."""
        try:
            return Chunk(self.call(key, variables, request, verify), keys)
        except UpstreamBlocked as error:
            endpoint = self._endpoint
            never = Call(endpoint.method, endpoint.base, (), None, endpoint.template, request, verify, self._private)
            return Chunk(never, keys, error)

    def whole(self, key: Any, variables: Mapping[str, Any], request: Request, verify: Verify, keys: range) -> Chunk | None:
        """All keys in one call; None where its URL would be longer than servers take, or cannot be at all."""
        try:
            url = self.url(key, variables)
        except UpstreamBlocked:
            return None
        return Chunk(self._call(url, key, variables, request, verify), keys) if len(url) <= MAX_URL else None

    def fits(self, key: Any, variables: Mapping[str, Any]) -> bool:
        """Whether the URL is of a length that servers take; what is refused anyway fits."""
        try:
            return len(self.url(key, variables)) <= MAX_URL
        except UpstreamBlocked:
            return True

    def _body(self, key: Any, variables: Mapping[str, Any]) -> bytes | None:
        text = self._body_slot.text(key, variables) if self._body_slot is not None else ""
        return text.encode(errors="replace") if text else None

    def url(self, key: Any, variables: Mapping[str, Any]) -> str:
        path = self._fixed_path
        if path is None:
            path = "".join([part if isinstance(part, str) else part.text(key, variables) for part in self._path])
        if not self._query:
            query = self._fixed_query
        else:
            written = [slot.text(key, variables) for slot in self._query]
            query = "&".join(filter(None, (self._fixed_query, *written)))
        return f"{path}?{query}" if query else path

    def _headers(self, key: Any, variables: Mapping[str, Any], request: Request) -> Headers:
        base = self._shared if self._shared is not None else self._base_headers(request.headers)
        if not self._header_slots and not self._cookie_slots:
            return base
        own = [(slot.parameter.name.lower(), text) for slot in self._header_slots if (text := slot.text(key, variables))]
        cookies = [text for slot in self._cookie_slots if (text := slot.text(key, variables))]
        if not cookies:
            return (*base, *own)
        others = tuple(header for header in base if header[0] != "cookie")
        before = [value for name, value in base if name == "cookie"]
        return (*others, *own, ("cookie", "; ".join((*before, *cookies))))

    def _base_headers(self, incoming: Mapping[str, str]) -> Headers:
        """accept, then what the source's rules say, then the credentials that the rules leave open."""
        ruled = self._rules.build(incoming)
        names = {name for name, _ in ruled}
        secrets = tuple(header for header in self._endpoint.secrets.headers if header[0] not in names)
        accept = () if "accept" in names else (("accept", self._accept),)
        cookies = (("cookie", "; ".join(self._endpoint.secrets.cookies)),) if self._endpoint.secrets.cookies else ()
        return (*accept, *ruled, *secrets, *cookies)


# ---------------------------------------------------------------- the two ways to fetch


def prepare(fetch: Fetch, endpoints: Mapping[str, Endpoint], caller: Caller) -> Prepared:
    """One root field, or rows by key (with a batch endpoint, or one call per key)."""
    if fetch.entry is None:
        return _root(_only(fetch), endpoints, caller)
    if fetch.entry.batch is not None:
        return _batch(fetch, endpoints, caller)
    return _single(fetch, endpoints, caller)


def _only(fetch: Fetch) -> Field:
    """REST answers one root field per call: a fetch has one."""
    (case,) = fetch.selection.cases
    (field,) = case.fields
    return field


def _root(field: Field, endpoints: Mapping[str, Endpoint], caller: Caller) -> Prepared:
    endpoint = endpoints[field.name]
    write = _Writer(endpoint, _slots(endpoint, field.arguments, {}, caller), caller)
    absent_is_null = (endpoint.not_found or caller.not_found or "error") == "null"

    def calls(_: Keys, variables: Mapping[str, Any], request: Request, verify: Verify) -> Sequence[Chunk]:
        return (write.chunk((), variables, request, verify),)

    return Prepared(
        calls,
        verifier(endpoint.kind, absent_is_null, endpoint.failures, endpoint.answers),
        "value",
        propagates=caller.headers.propagates,
    )


def _single(fetch: Fetch, endpoints: Mapping[str, Endpoint], caller: Caller) -> Prepared:
    """One call per distinct key; what is not found is null unless the configuration says otherwise."""
    assert fetch.entry is not None
    entry, endpoint = fetch.entry, endpoints[fetch.entry.via]
    positions = {each.name: index for index, each in enumerate(entry.inputs)}
    write = _Writer(endpoint, _slots(endpoint, entry.arguments, positions, caller), caller)

    def calls(keys: Keys, variables: Mapping[str, Any], request: Request, verify: Verify) -> Sequence[Chunk]:
        return [write.chunk(key, variables, request, verify, range(i, i + 1)) for i, key in enumerate(keys)]

    return Prepared(
        calls,
        verifier(endpoint.kind, _null_by_key(endpoint, caller), endpoint.failures),
        "one",
        propagates=caller.headers.propagates,
    )


def _null_by_key(endpoint: Endpoint, caller: Caller) -> bool:
    return (endpoint.not_found or caller.not_found or "null") == "null"


def _batch(fetch: Fetch, endpoints: Mapping[str, Endpoint], caller: Caller) -> Prepared:
    """Many keys in one call, at most `batch.max` (or what the document allows) and within the length a URL may have."""
    assert fetch.entry is not None
    assert fetch.entry.batch is not None
    batch, page = fetch.entry.batch, fetch.entry.batch.page
    endpoint = endpoints[batch.via]
    write = _Writer(endpoint, _batch_slots(endpoint, fetch.entry, batch, caller), caller)
    size = min(batch.max, endpoint.limits.get(batch.arg, batch.max))
    path = caller.spelling.path(endpoint.result, batch.path)

    def calls(keys: Keys, variables: Mapping[str, Any], request: Request, verify: Verify) -> Sequence[Chunk]:
        values = [key[0] for key in keys]
        if not batch.arg:
            return [write.chunk((values, size), variables, request, verify, range(len(values)))]
        if len(values) <= size and (chunk := write.whole((values, len(values)), variables, request, verify, range(len(values)))):
            return [chunk]
        return [
            write.chunk((values[part.start : part.stop], len(part)), variables, request, verify, part)
            for part in _parts(values, size, lambda some: write.fits((some, len(some)), variables))
        ]

    return Prepared(
        calls,
        verifier(endpoint.kind, _null_by_key(endpoint, caller), endpoint.failures),
        "key",
        path,
        _key_field(fetch, batch.key),
        caller.headers.propagates,
        following=None if page is None else follower(endpoint, page, path, caller.spelling),
        pages=1 if page is None else page.max,
    )


def _batch_slots(endpoint: Endpoint, entry: Entry, batch: Batch, caller: Caller) -> list[_Slot]:
    """The keys are the first value of a call's key, their number the second."""
    given = [replace(each, name=batch.arg) if each.input is not None else each for each in entry.arguments]
    slots = _slots(endpoint, [each for each in given if each.name], {each.name: 0 for each in entry.inputs}, caller)
    limit = batch.page.limit if batch.page is not None else None
    wanted = [each for each in endpoint.parameters if each.argument == limit]
    return slots + [_Slot(each, writer(each, caller.deep_arrays), key=1) for each in wanted]


def _parts(values: Sequence[Any], size: int, fits: Callable[[Sequence[Any]], bool]) -> Iterator[range]:
    """Ranges of at most `size` values, halved until they fit; a single value is asked whatever its length."""
    pending = [range(start, min(start + size, len(values))) for start in range(0, len(values), size)]
    pending.reverse()
    while pending:
        part = pending.pop()
        if len(part) == 1 or fits(values[part.start : part.stop]):
            yield part
        else:
            middle = (part.start + part.stop) // 2
            pending += [range(middle, part.stop), range(part.start, middle)]


def _key_field(fetch: Fetch, name: str) -> str:
    """The response key under which a row has the field it is matched by; planning put it there."""
    return next(
        field.key for case in fetch.selection.cases for field in case.fields if field.name == name and not field.arguments
    )


# ---------------------------------------------------------------- parts of a call


def _slots(endpoint: Endpoint, arguments: Sequence[Argument], positions: Mapping[str, int], caller: Caller) -> list[_Slot]:
    """The parameters that have a value in this fetch, in the order of the document."""
    given = {argument.name: argument for argument in arguments}
    slots = []
    for parameter in endpoint.parameters:
        argument = given.get(parameter.argument)
        if argument is not None:
            slots.append(_slot(endpoint, parameter, argument, positions, caller))
        elif (default := endpoint.defaults.get(parameter.argument)) is not None:
            slots.append(_Slot(parameter, writer(parameter, caller.deep_arrays), always(default), constant=True))
    return slots


def _slot(endpoint: Endpoint, parameter: Parameter, argument: Argument, positions: Mapping[str, int], caller: Caller) -> _Slot:
    write = writer(parameter, caller.deep_arrays)
    convert = caller.spelling.converter(endpoint.types[parameter.argument])
    if argument.input is not None:
        return _Slot(parameter, write, None, positions[argument.input], convert)
    assert argument.value is not None
    read, constant = reader(argument.value, convert)
    default = endpoint.defaults.get(parameter.argument)
    if default is not None:
        read = _or_default(read, default)
    return _Slot(parameter, write, read, constant=constant)


def _or_default(read: Read, default: Any) -> Read:
    """A path cannot leave a value out: where the client gave none, the document's default is sent."""

    def read_or_default(variables: Mapping[str, Any]) -> Any:
        value = read(variables)
        return default if value is ABSENT or value is None else value

    return read_or_default


def _path_parts(endpoint: Endpoint, slots: Mapping[str, _Slot]) -> list[str | _Slot]:
    """The base and the path's template, cut where values go in; what never changes is written."""
    path = endpoint.path.partition("#")[0].partition("?")[0]
    parts: list[str | _Slot] = [endpoint.base]
    for index, piece in enumerate(TEMPLATE.split(path)):
        if index % 2 == 0:
            parts.append(quote(piece, safe=_PATH_SAFE))
        else:
            parts.append(slots[piece] if piece in slots else quote(f"{{{piece}}}"))
    return _merged([_written(part) if isinstance(part, _Slot) and part.constant else part for part in parts])


def _written(slot: _Slot) -> str | _Slot:
    """Its text; a value that no path can have is left to be refused when it is asked for."""
    try:
        return slot.write(slot.read({})) if slot.read else slot
    except UpstreamBlocked:
        return slot


def _merged(parts: Sequence[str | _Slot]) -> list[str | _Slot]:
    merged: list[str | _Slot] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    return merged


def _split(slots: Sequence[_Slot]) -> tuple[str, list[_Slot]]:
    """(what is the same for every request, written; the rest)."""
    fixed = [slot.text((), {}) for slot in slots if slot.constant]
    return "&".join(text for text in fixed if text), [slot for slot in slots if not slot.constant]


def _path_query(path: str) -> str:
    """A query string that the document wrote into the path itself (A5)."""
    return quote(path.partition("#")[0].partition("?")[2], safe="=&-._~%+")


def _accept(endpoint: Endpoint) -> str:
    if endpoint.kind == "json":
        media = endpoint.media.partition(";")[0].strip()
        plain = media in ("application/json", "") or "*" in media
        return "application/json" if plain else f"{media}, application/json;q=0.9"
    return _TEXT if endpoint.kind == "text" else "*/*"
