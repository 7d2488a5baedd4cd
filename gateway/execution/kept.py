"""The rows of one fetch in the store of items: found before a batch is asked for, kept when it has come, and served again as a
reply of their own, so that they are read and joined like any other.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from graphql import print_ast

from gateway.errors import GatewayError
from gateway.execution.envelope import envelope
from gateway.planning.plan import Step
from gateway.sources.base import Argument, Entry, Prepared, Selection, Subgraph
from gateway.upstream.call import Call, Freshness, Reply, Request
from gateway.upstream.headers import identity_of
from gateway.upstream.layers.cache.items import Item, Items
from gateway.upstream.layers.cache.layer import FAILURES, VERDICTS

encode = msgspec.json.Encoder(order="deterministic").encode
MATCHES = frozenset({"key", "alias", "order"})
JSON = {"content-type": "application/json"}
NAMES = re.compile(r"\$\w+")
"""Variables in a printed value; what a string holds only makes for one name too many."""

Keys = list[Any]
RowKey = Callable[[Any], Any]
Scope = tuple[Any, ...]


class Kept:
    """Made once per fetch of a compiled operation."""

    __slots__ = ("_decode", "_identity", "_items", "_match", "_operation", "_path", "_shelf", "_variables")

    def __init__(self, items: Items, prepared: Prepared, step: Step, source: str, entry: Entry) -> None:
        self._items = items
        self._match = prepared.match
        self._path = prepared.path
        self._identity = identity_of(prepared.propagates)
        self._operation = entry.via
        used: set[str] = set()
        batch = entry.batch and (entry.batch.via, entry.batch.arg, entry.batch.key)
        signed = tuple(_signed(step.fetch.selection, used))
        self._shelf = items.shelf((source, entry.via, batch, _arguments(entry.arguments, used), signed))
        self._variables = tuple(sorted(used))
        inner = dict[str, msgspec.Raw] if prepared.match == "alias" else list[msgspec.Raw]
        self._decode = msgspec.json.Decoder(envelope(prepared.path, inner, graphql=False)).decode

    @property
    def empty(self) -> bool:
        """Nothing of this fetch is kept, for no one."""
        return not self._shelf.count

    @property
    def shares(self) -> bool:
        """A row that another batch is fetching will be there to be used: the latest reply could be kept."""
        return self._shelf.keeps

    def coming(self, scope: Scope, keys: Keys) -> dict[Any, asyncio.Future[None]]:
        """The keys another batch is asking for right now, and until when to wait for each."""
        coming = self._shelf.coming
        return {key: arrival for key in keys if (arrival := coming.get((key, scope))) is not None} if coming else {}

    def expect(self, scope: Scope, keys: Keys) -> Callable[[], None]:
        """Others may wait for these; what is returned says that they have come, or will not."""
        return self._shelf.expect([(key, scope) for key in keys])

    def scope(self, variables: Mapping[str, Any], request: Request) -> Scope:
        """What, beside the fetch and the key, a row depends on: the variables used in it, and who asks."""
        used = {name: variables[name] for name in self._variables if name in variables}
        return encode(used), *self._identity(request.headers)

    def found(self, scope: Scope, keys: Keys, error: GatewayError | None = None) -> tuple[Keys, Reply] | None:
        """The keys whose rows are there, and a reply that holds them. `error`: why only older ones can be had."""
        if error is not None and not isinstance(error, FAILURES):
            if isinstance(error, VERDICTS):
                self._forget(scope, keys)
            return None
        find, shelf, stale = self._items.find, self._shelf, error is not None
        items = [(key, item) for key in keys if (item := find(shelf, (key, scope), stale=stale)) is not None]
        if not items:
            return None
        reply = Reply(200, JSON, self._body([item for _, item in items]), served="hit", attempts=0)
        oldest = min(item.born for _, item in items)
        freshness = Freshness(
            expires=min(item.freshness.expires for _, item in items),
            private=any(item.freshness.private for _, item in items),
            age=max(self._items.wall() - oldest, 0.0),
        )
        if error is None:
            return [key for key, _ in items], msgspec.structs.replace(reply, freshness=freshness)
        told = {"served": "stale", "stale_cause": error.code, "stale_status": getattr(error, "status", None)}
        return [key for key, _ in items], msgspec.structs.replace(reply, freshness=freshness, **told)

    def call(self, request: Request) -> Call:
        """What stands in the records for rows that nobody had to be asked for."""
        return Call("GET", "", (), None, f"kept rows of {self._operation}", request, lambda reply: reply)

    def keep(self, scope: Scope, keys: Keys, rows: Any, key_of: RowKey, many: bool, reply: Reply) -> None:
        """The rows of a reply that was fresh, complete and fitted; `rows` are as they were read, in the reply's order."""
        freshness, now = reply.freshness, self._items.wall()
        self._shelf.keeps = freshness.expires > now
        if not self._shelf.keeps or reply.served not in ("network", "hit"):
            return
        try:
            raw = self._inside(self._decode(reply.body))
        except msgspec.MsgspecError:
            return
        for key, found in self._by_key(keys, rows, raw, key_of, many):
            self._items.put(self._shelf, (key, scope), Item(tuple(found), freshness, now - freshness.age))

    def _by_key(self, keys: Keys, rows: Any, raw: Any, key_of: RowKey, many: bool) -> Iterator[tuple[Any, list[bytes]]]:
        if self._match == "alias":
            pairs = [(key, raw.get(f"_{i}")) for i, key in enumerate(keys)]
        elif self._match == "order":
            pairs = list(zip(keys, raw, strict=False)) if len(raw) == len(keys) else []
        else:
            yield from _grouped(keys, rows, raw, key_of, many)
            return
        yield from ((key, [bytes(one)]) for key, one in pairs if one is not None and bytes(one) != b"null")

    def _body(self, items: Sequence[Item]) -> bytes:
        rows = [row for item in items for row in item.rows]
        if self._match == "alias":
            body = b"{" + b",".join(b'"_%d":' % i + row for i, row in enumerate(rows)) + b"}"
        else:
            body = b"[" + b",".join(rows) + b"]"
        for name in reversed(self._path):
            body = b"{" + json.dumps(name).encode() + b":" + body + b"}"
        return body

    def _inside(self, decoded: Any) -> Any:
        for _ in self._path:
            decoded = decoded.inner
        return decoded

    def _forget(self, scope: Scope, keys: Keys) -> None:
        for key in keys:
            self._items.drop(self._shelf, (key, scope))


def _grouped(keys: Keys, rows: Any, raw: Any, key_of: RowKey, many: bool) -> Iterator[tuple[Any, list[bytes]]]:
    if rows.__class__ is not list or len(rows) != len(raw):
        return
    by: dict[str, list[bytes]] = {}
    for row, one in zip(rows, raw, strict=True):
        if row is None or isinstance(row, GatewayError):
            return
        by.setdefault(str(key_of(row)), []).append(bytes(one))
    for key in keys:
        found = by.get(str(key), [])
        if many or len(found) == 1:
            yield key, found


def _signed(selection: Selection, used: set[str]) -> Iterator[Hashable]:
    """What of a selection changes the bytes that come. Adds the names of its variables to `used`."""
    for case in selection.cases:
        fields = tuple(
            (
                field.key,
                field.alias,
                field.name,
                _arguments(field.arguments, used),
                tuple(_signed(field.selection, used)) if field.selection else (),
            )
            for field in case.fields
            if not field.withheld
        )
        yield (case.types, case.on, fields)


def _arguments(arguments: Sequence[Argument], used: set[str]) -> Hashable:
    for argument in arguments:
        if argument.value is not None:
            used |= {name.lstrip("$") for name in NAMES.findall(print_ast(argument.value))}
    return tuple((a.name, print_ast(a.value) if a.value else a.input) for a in arguments)


def kept(step: Step, prepared: Prepared, subgraph: Subgraph) -> Kept | None:
    """None: its source keeps nothing, or its replies do not hold the rows of several keys, whole, each by itself."""
    entry, items = step.fetch.entry, subgraph.items
    if items is None or entry is None or prepared.match not in MATCHES or prepared.following is not None:
        return None
    return Kept(items, prepared, step, subgraph.name, entry)
