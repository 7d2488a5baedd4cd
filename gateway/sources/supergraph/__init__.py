"""`kind: supergraph`: a composed supergraph SDL (join specification), as existing tools produce it. Every join graph in it is a
subgraph of its own: in errors, in ownership, in plans.

document  →  spec versions  →  extract (types and facts, graph by graph)  →  one Subgraph per graph
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from graphql import OperationType
from msgspec.structs import replace

from gateway.config.model.gateway import OwnerSettings
from gateway.config.model.part import Part, setting
from gateway.config.model.scalars import Url
from gateway.config.problem import ConfigError
from gateway.sources.base import Subgraph
from gateway.sources.document import Document, read_document
from gateway.sources.federation import assemble, parsed_of
from gateway.sources.graphql.prepare import Post
from gateway.sources.report import fault
from gateway.sources.supergraph.extract import Extracted, extract
from gateway.sources.supergraph.spec import join_spec
from gateway.upstream.call import Sends

if TYPE_CHECKING:
    from gateway.config.model import Source


class Graph(Part):
    """What of one graph differs from what the supergraph says."""

    url: Url | None = setting(None, "Where it is called; absent: as the supergraph says.")
    owner: OwnerSettings | None = setting(None, "Who answers for it; absent: the owner of the source.")


class Options(Part):
    """What a supergraph cannot say about its graphs."""

    entities_per_call: int = setting(1000, "Entities asked for in one `_entities` call.", ge=1, le=100_000, strict=True)
    subgraphs: Mapping[str, Graph] = setting({}, "Per graph: its url and owner.")


async def load(source: Source, sends: Sends) -> tuple[Subgraph, ...]:
    """One subgraph per join graph. Raises `ConfigError` with all that is wrong, `SchemaMissing` when there is no document."""
    document = await read_document(source, sends)
    return await asyncio.to_thread(subgraphs, source, document, sends)


def subgraphs(source: Source, document: Document, sends: Sends) -> tuple[Subgraph, ...]:
    """The document's graphs. Slow for a large one: not on the event loop."""
    parsed = parsed_of(source, document)
    spec = join_spec(parsed)
    if spec.faults:
        raise ConfigError([fault(source, code, f"{document.name}: {message}") for code, message in spec.faults])
    graphs = extract(parsed, spec)
    options = source.options if isinstance(source.options, Options) else Options.model_validate({})
    problems = [
        fault(source, "UNKNOWN_SUBGRAPH", f"the supergraph has no graph {name}", ("options", "subgraphs", name))
        for name in options.subgraphs
        if name not in {graph.name for graph in graphs}
    ]
    if problems:
        raise ConfigError(problems)
    return tuple(_subgraph(source, document, graph, options, sends) for graph in graphs)


def _subgraph(source: Source, document: Document, graph: Extracted, options: Options, sends: Sends) -> Subgraph:
    told = options.subgraphs.get(graph.name) or Graph.model_construct(url=None, owner=None)
    url = told.url or graph.url or source.url
    if not url:
        message = f"the supergraph gives no url for its graph {graph.name}"
        at = ("options", "subgraphs", graph.name, "url")
        raise ConfigError([fault(source, "SOURCE_URL_MISSING", message, at)])
    roots = {OperationType.QUERY: "Query", OperationType.MUTATION: "Mutation", OperationType.SUBSCRIPTION: "Subscription"}
    made = assemble(source, document, graph.read, roots | dict(graph.roots), Post(url, sends.headers), sends.data, sends.stream)
    return replace(made, name=graph.name, owner=told.owner or source.owner)
