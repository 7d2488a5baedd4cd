"""`kind: graphql`: any GraphQL service, by its SDL (file or URL) or by introspection.

document  →  parse (valid, or every fault)  →  schema (roots, expose, pruning)  →  lookups, prefix  →  Subgraph
fetch     →  operation (one minimal text)   →  prepare (bodies, chunks)         →  verify (rows, errors, garbage)
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from gateway.config.model.part import Part
from gateway.config.problem import ConfigError
from gateway.errors import UpstreamBadContent
from gateway.sources.base import Subgraph
from gateway.sources.document import INTROSPECT, Document, read_document, read_or_recall
from gateway.sources.graphql.contact import with_contact
from gateway.sources.graphql.introspection import introspect
from gateway.sources.graphql.operation import Terms
from gateway.sources.graphql.parse import parse_schema
from gateway.sources.graphql.prepare import Post, preparer
from gateway.sources.graphql.schema import schema_of
from gateway.sources.lookups import read_lookups
from gateway.sources.prefix import prefixed
from gateway.sources.reach import possible_types
from gateway.sources.report import fault
from gateway.upstream.call import Send, Sends, Stream

if TYPE_CHECKING:
    from gateway.config.model import Source

SDL = re.compile(rb"\b(?:type|schema)\b")


class Options(Part):
    """A GraphQL source has no options of its own."""


async def load(source: Source, sends: Sends) -> tuple[Subgraph, ...]:
    """The service as one subgraph. Raises `ConfigError` with all that is wrong, `SchemaMissing` when there is no document."""
    if not source.url:
        raise ConfigError([fault(source, "SOURCE_URL_MISSING", "a GraphQL source needs a url to send its queries to", ())])
    document = await _document(source, sends)
    return (await asyncio.to_thread(subgraph, source, document, Post(source.url, sends.headers), sends.data, sends.stream),)


async def _document(source: Source, sends: Sends) -> Document:
    if source.schema_.from_ != INTROSPECT:
        return await read_document(source, sends, _is_a_schema)
    return await read_or_recall(source, sends, source.url or "", lambda: introspect(source, sends))


def _is_a_schema(text: bytes) -> None:
    """Cheap, and enough to keep an error page in JSON or words from becoming the last good copy."""
    told = b'"__schema"' in text if text.lstrip().startswith(b"{") else b"{" in text and SDL.search(text)
    if not told:
        raise UpstreamBadContent("answered with something that is not a GraphQL schema")


def subgraph(source: Source, document: Document, post: Post, send: Send, stream: Stream | None = None) -> Subgraph:
    """The document as a subgraph; parsing and checking a large one takes seconds, so not on the event loop."""
    parsed = parse_schema(source, document)
    schema = schema_of(source, parsed.document)
    lookups, problems = read_lookups(source, schema.whole, schema.query)
    if problems:
        raise ConfigError(problems)
    whole = Subgraph(
        name=source.name,
        kind=source.kind,
        url=post.url,
        owner=with_contact(source.owner, parsed.applied),
        types=schema.types,
        query=schema.query,
        directives=schema.directives,
        prepare=preparer(Terms(schema.whole, schema.query, possible_types(schema.types), schema.subscription), post),
        send=send,
        stream=stream,
        lookups=lookups,
        refused=schema.mutations,
        unexposed=schema.unexposed,
        subscriptions=schema.subscriptions,
        diagnostics=parsed.diagnostics,
        available=document.available,
        per_operation=source.policy.concurrency.per_operation,
    )
    return prefixed(source, whole)
