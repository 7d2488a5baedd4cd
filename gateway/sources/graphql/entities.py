"""Entities by representation: `_entities(representations: [...])` (Apollo's subgraph specification), many types in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from graphql import parse_type

from gateway.sources.base import Chunk, Entry, Fetch, Prepared
from gateway.sources.graphql.operation import Terms, Writer, operation_text
from gateway.sources.graphql.verify import verifier
from gateway.upstream.call import Reply, Request

if TYPE_CHECKING:
    from gateway.sources.graphql.prepare import Post

REPRESENTATIONS = parse_type("[_Any!]!", no_location=True)
NAME = "representations"


def represented(
    fetch: Fetch, entry: Entry, terms: Terms, post: Post, free: Callable[..., str], body: Callable[..., Any]
) -> Prepared:
    """A key of this fetch is one representation; the rows come in the order of the representations."""
    writer = Writer(terms)
    block = writer.fragments(fetch.selection)
    variable = free(NAME, writer.declared)
    declared = {variable: REPRESENTATIONS, **writer.declared}
    text = operation_text(declared, f"{{ {entry.via}({NAME}: ${variable}) {block} }}")
    encoded = body(text, tuple(writer.declared))
    kinds = dict.fromkeys(representation.type for representation in entry.representations)
    call = post.caller(f"query {{ {entry.via} {' '.join(kinds)} }}")

    def calls(
        keys: Sequence[tuple[Any, ...]], variables: Mapping[str, Any], request: Request, verify: Callable[[Reply], Reply]
    ) -> Sequence[Chunk]:
        if entry.variables:
            return [
                Chunk(call(encoded(variables, {variable: [keys[i][0] for i in part], **given}), request, verify), part)
                for part, given in _by_value(keys, entry)
            ]
        chunks = []
        for start in range(0, len(keys), entry.chunk):
            part = range(start, min(start + entry.chunk, len(keys)))
            asked = {variable: [keys[i][0] for i in part]}
            chunks.append(Chunk(call(encoded(variables, asked), request, verify), part))
        return chunks

    return Prepared(calls, verifier, "order", ("data", entry.via), propagates=post.rules.propagates)


def _by_value(keys: Sequence[tuple[Any, ...]], entry: Entry) -> Iterator[tuple[Sequence[int], dict[str, Any]]]:
    """Keys that go in one call, and the values of the variables that it is made with."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i, key in enumerate(keys):
        groups.setdefault(key[1:], []).append(i)
    for values, members in groups.items():
        for start in range(0, len(members), entry.chunk):
            given = [msgspec.Raw(value) if value.__class__ is bytes else value for value in values]  # JSON, where it is no scalar
            yield members[start : start + entry.chunk], dict(zip(entry.variables, given, strict=True))
