"""A fetch made ready: its operation is written once; per request only keys and variables are put in.

Four forms: the root fields of a root fetch · `via(arg: [keys])` where a batch field answers many keys · one aliased root field
per key where none does, many of them in one document · entities by their representations (`entities.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from graphql import TypeNode

from gateway.errors import InternalError
from gateway.sources.base import Batch, Chunk, Entry, Fetch, Prepare, Prepared, Selection
from gateway.sources.graphql.entities import represented
from gateway.sources.graphql.operation import Declared, Terms, Writer, argument_of, operation_text, stricter
from gateway.sources.graphql.prune import Pruner
from gateway.sources.graphql.verify import ACCEPT, verifier
from gateway.sources.reach import field_of
from gateway.upstream.call import Call, HeaderRules, Headers, Reply, Request

Keys = Sequence[tuple[Any, ...]]
Variables = Mapping[str, Any]
Verify = Callable[[Reply], Reply]

ROOT_FIELDS_SHOWN = 8
DOCUMENT_SIZES = 8
"""Texts of a keyed document that are kept: the full chunk, and the odd ends of recent requests."""
BASE: Headers = (("content-type", "application/json"), ("accept", ACCEPT))


class Post(msgspec.Struct, frozen=True):
    """How any operation of a source is sent: where to, and with which headers."""

    url: str
    rules: HeaderRules

    def headers(self) -> Callable[[Request], Headers]:
        """Built once when nothing of the caller goes into them. A rule's own `accept` takes the place of ours."""
        build = self.rules.build
        if not self.rules.propagates:
            fixed = _merged(build({}))
            return lambda _: fixed
        return lambda request: _merged(build(request.headers))

    def caller(self, operation: str) -> Callable[[bytes, Request, Verify], Call]:
        url, headers, private = self.url, self.headers(), bool(self.rules.propagates)

        def call(body: bytes, request: Request, verify: Verify) -> Call:
            return Call("POST", url, headers(request), body, operation, request, verify, private)

        return call


def preparer(terms: Terms, post: Post) -> Prepare:
    """`Subgraph.prepare` of a GraphQL source."""
    pruner = Pruner(terms)

    def prepare(fetch: Fetch) -> Prepared:
        prepared = msgspec.structs.replace(plain(fetch), pruner=pruner)
        return pruner.remembering(prepared) if pruner.gone() else prepared

    def plain(fetch: Fetch) -> Prepared:
        if fetch.entry is None:
            return _root(fetch, terms, post)
        if fetch.entry.representations:
            return represented(fetch, fetch.entry, terms, post, _free, _body)
        if fetch.entry.batch is not None and len(fetch.entry.inputs) == 1:
            return _batched(fetch, fetch.entry, fetch.entry.batch, terms, post)
        return _aliased(fetch, fetch.entry, terms, post)

    return prepare


# ---------------------------------------------------------------- root fields


def _root(fetch: Fetch, terms: Terms, post: Post) -> Prepared:
    writer = Writer(terms)
    block = writer.root(fetch.selection)
    body = _body(operation_text(writer.declared, block), tuple(writer.declared))
    fields = dict.fromkeys(field.name for case in fetch.selection.cases for field in case.fields)
    call = post.caller(_template(list(fields)))

    def calls(_: Keys, variables: Variables, request: Request, verify: Verify) -> Sequence[Chunk]:
        return (Chunk(call(body(variables, {}), request, verify)),)

    return Prepared(calls, verifier, "root", ("data",), propagates=post.rules.propagates)


# ---------------------------------------------------------------- many keys at once


def _batched(fetch: Fetch, entry: Entry, batch: Batch, terms: Terms, post: Post) -> Prepared:
    writer = Writer(terms)
    definition = field_of(terms.types.get(terms.query), batch.via)
    block = _nested(batch.path, writer.selection(fetch.selection))
    fixed = writer.arguments(entry.arguments, definition)
    keys_name = _free("_keys", writer.declared)
    expected = argument_of(definition, batch.arg)
    if expected is None:
        raise InternalError(f"{batch.via} has no argument {batch.arg}")
    arguments = _joined(f"{batch.arg}: ${keys_name}", fixed)
    declared = {keys_name: expected.type, **writer.declared}
    body = _body(operation_text(declared, f"{{ {batch.via}{arguments} {block} }}"), tuple(writer.declared))
    call = post.caller(_template([batch.via]))

    def calls(keys: Keys, variables: Variables, request: Request, verify: Verify) -> Sequence[Chunk]:
        chunks = []
        for part in _parts(len(keys), batch.max):
            asked = {keys_name: [keys[i][0] for i in part]}
            chunks.append(Chunk(call(body(variables, asked), request, verify), part))
        return chunks

    path = ("data", batch.via, *batch.path)
    return Prepared(calls, verifier, "key", path, _key_field(fetch.selection, batch.key), post.rules.propagates)


def _nested(path: Sequence[str], block: str) -> str:
    for step in reversed(path):
        block = f"{{ {step} {block} }}"
    return block


def _key_field(selection: Selection, key: str) -> str:
    """The response key under which a row of the batch says whose it is."""
    for case in selection.cases:
        for field in case.fields:
            if field.name == key and not field.arguments:
                return field.key
    raise InternalError(f"the rows of {selection.type} do not carry their key {key}")


# ---------------------------------------------------------------- one aliased field per key


def _aliased(fetch: Fetch, entry: Entry, terms: Terms, post: Post) -> Prepared:
    """The selection stands once, as a fragment, however many keys there are. A link to a leaf has none."""
    writer = Writer(terms)
    definition = field_of(terms.types.get(terms.query), entry.via)
    block, fragment = " { ...row }", f" fragment row on {fetch.selection.type} {writer.selection(fetch.selection)}"
    if not fetch.selection.cases:
        block = fragment = ""
    fixed = writer.arguments(entry.arguments, definition)
    client = dict(writer.declared)
    wanted = _inputs(entry, definition)
    used = [n for n, wanted_type in enumerate(wanted) if wanted_type is not None]

    @lru_cache(maxsize=DOCUMENT_SIZES)
    def body_of(count: int) -> Callable[[Variables, Variables], bytes]:
        declared: Declared = {_variable(i, n, client): t for i in range(count) for n, t in enumerate(wanted) if t is not None}
        fields = " ".join(f"_{i}: {entry.via}{_keyed(entry, i, fixed, client)}{block}" for i in range(count))
        return _body(f"{operation_text({**declared, **client}, f'{{ {fields} }}')}{fragment}", tuple(client))

    call = post.caller(_template([entry.via]))

    def calls(keys: Keys, variables: Variables, request: Request, verify: Verify) -> Sequence[Chunk]:
        chunks = []
        for part in _parts(len(keys), entry.chunk):
            asked = {_variable(i, n, client): keys[at][n] for i, at in enumerate(part) for n in used}
            chunks.append(Chunk(call(body_of(len(part))(variables, asked), request, verify), part))
        return chunks

    return Prepared(calls, verifier, "alias", ("data",), propagates=post.rules.propagates)


def _inputs(entry: Entry, definition: Any) -> list[TypeNode | None]:
    """The type each input is declared with: what the arguments that take it ask for."""
    types = []
    for given in entry.inputs:
        wanted: TypeNode | None = None
        for argument in entry.arguments:
            if argument.input == given.name:
                expected = argument_of(definition, argument.name)
                place = expected.type if expected else argument.type or given.type
                wanted = place if wanted is None else stricter(wanted, place)
        types.append(wanted)
    return types


def _keyed(entry: Entry, index: int, fixed: str, taken: Mapping[str, Any]) -> str:
    positions = {given.name: n for n, given in enumerate(entry.inputs)}
    keyed = [f"{a.name}: ${_variable(index, positions[a.input], taken)}" for a in entry.arguments if a.input is not None]
    return _joined(", ".join(keyed), fixed)


def _variable(index: int, position: int, taken: Mapping[str, Any]) -> str:
    """`_0k`: key of alias `_0`; a second input of the same key is `_0k1`."""
    return _free(f"_{index}k{position or ''}", taken)


# ---------------------------------------------------------------- shared


def _body(document: str, names: tuple[str, ...]) -> Callable[[Variables, Variables], bytes]:
    """The request body: all that does not change is encoded now. A variable the client left out is left out here."""
    head = b'{"query":' + msgspec.json.encode(document)
    encode = msgspec.json.encode

    def body(variables: Variables, keys: Variables) -> bytes:
        sent = {name: variables[name] for name in names if name in variables}
        sent.update(keys)
        return head + b',"variables":' + encode(sent) + b"}" if sent else head + b"}"

    return body


def _merged(built: Headers) -> Headers:
    own = {name for name, _ in built}
    return (*(pair for pair in BASE if pair[0] not in own), *built)


def _parts(count: int, size: int) -> Sequence[range]:
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def _joined(keyed: str, fixed: str) -> str:
    """`fixed` is an argument list in parentheses, or nothing."""
    return f"({keyed}, {fixed[1:]}" if fixed and keyed else fixed or f"({keyed})"


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """A variable of ours that no variable of the client has."""
    while name in taken:
        name = f"_{name}"
    return name


def _template(fields: Sequence[str]) -> str:
    """The operation for people and metrics: as few different ones as there are sets of root fields."""
    more = " …" if len(fields) > ROOT_FIELDS_SHOWN else ""
    return f"query {{ {' '.join(fields[:ROOT_FIELDS_SHOWN])}{more} }}"
