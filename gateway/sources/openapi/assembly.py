"""A `Subgraph` from the parts of a document, built now or kept from an earlier start."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from graphql import FieldDefinitionNode, ObjectTypeDefinitionNode, TypeDefinitionNode
from msgspec.structs import replace

from gateway.config.model import Link
from gateway.sources.base import Diagnostic, Fetch, Lookup, Prepared, Subgraph, Wire
from gateway.sources.document import Document
from gateway.sources.openapi.build import QUERY, Setting
from gateway.sources.openapi.endpoint import Endpoint
from gateway.sources.openapi.nodes import object_type
from gateway.sources.openapi.owner import with_contact
from gateway.sources.openapi.prepare import Caller, prepare
from gateway.sources.openapi.references import References
from gateway.sources.openapi.servers import base_url
from gateway.sources.openapi.values import Spelling
from gateway.sources.packed import Packed
from gateway.sources.prefix import prefixed
from gateway.sources.reach import Types, fields_of, reachable_types
from gateway.upstream.call import Sends

if TYPE_CHECKING:
    from gateway.config.model import Source


class Parts(msgspec.Struct, frozen=True):
    """All that a document came to."""

    types: Types
    """With those that only lookups need."""
    unexposed: Mapping[str, FieldDefinitionNode]
    endpoints: Mapping[str, Endpoint]
    wire: Wire
    sent: Mapping[str, Mapping[str, Any]]
    root: References
    """The document, as far as servers, security and contact go."""
    refused: Mapping[str, FieldDefinitionNode]
    origins: Mapping[str, str]
    diagnostics: tuple[Diagnostic, ...]
    lookups: tuple[Lookup, ...]
    links: tuple[Link, ...] = ()
    hints: tuple[Diagnostic, ...] = ()
    files: frozenset[str] = frozenset()
    """Beside the document: those it refers to, there or not."""


def assembled(
    source: Source,
    sends: Sends,
    document: Document,
    setting: Setting,
    parts: Parts,
    keep: Callable[[], None] | None = None,
) -> Subgraph:
    """The subgraph, under the names that the source's prefix asks for."""
    options, endpoints = setting.options, parts.endpoints
    caller = Caller(sends.headers, Spelling(parts.types, parts.wire.names, parts.sent), source.not_found, options.deep_arrays)

    def prepare_fetch(fetch: Fetch) -> Prepared:
        return prepare(fetch, endpoints, caller)

    whole = Subgraph(
        name=source.name,
        kind=source.kind,
        url=base_url(parts.root, None, options, source.url, setting.document_url),
        owner=with_contact(source.owner, parts.root.root),
        types=_visible(source, parts),
        unexposed=parts.unexposed,
        query=QUERY,
        prepare=prepare_fetch,
        send=sends.data,
        wire=parts.wire,
        lookups=parts.lookups,
        links=parts.links,
        hints=parts.hints,
        exposes=tuple(name.lower() for name in options.expose_headers),
        together=False,
        refused=parts.refused,
        origins=parts.origins,
        diagnostics=parts.diagnostics,
        available=document.available,
        per_operation=source.policy.concurrency.per_operation,
        files=frozenset(document.base / name for name in parts.files) if document.base is not None else frozenset(),
        keep=keep,
    )
    return _with_links_of(source, prefixed(source, whole))


def root_with(types: Types, unexposed: Mapping[str, FieldDefinitionNode]) -> Types:
    """All types, and a query root that has the fields of lookups, too."""
    if not unexposed:
        return types
    root = object_type(QUERY, (*fields_of(types[QUERY]), *unexposed.values()))
    return ChainMap[str, TypeDefinitionNode]({QUERY: root}, types)  # type: ignore[arg-type]  # it is only read


def _visible(source: Source, parts: Parts) -> Types:
    """Without the types that only unexposed fields reach."""
    if not parts.unexposed or not isinstance(parts.types[QUERY], ObjectTypeDefinitionNode):
        return parts.types
    shown = reachable_types(parts.types, [QUERY, *(lookup.type for lookup in source.lookups)])
    if isinstance(parts.types, Packed):
        return parts.types.only(name for name in parts.types if name in shown)
    return {name: node for name, node in parts.types.items() if name in shown}


def _with_links_of(source: Source, graph: Subgraph) -> Subgraph:
    """The links under the names that the prefix gave their types."""
    if source.prefix is None or not graph.links:
        return graph
    links = []
    for link in graph.links:
        name, _, field = link.field.partition(".")
        links.append(link if name in graph.types else link.model_copy(update={"field": f"{source.prefix.types}{name}.{field}"}))
    return replace(graph, links=tuple(links))
