"""A document on its way to a `Subgraph`: read, resolve, build, check against the configuration, freeze."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from graphql import ObjectTypeDefinitionNode, TypeDefinitionNode
from msgspec.structs import replace

from gateway.config.problem import ConfigError, Problem
from gateway.sources.base import Fetch, Prepared, Subgraph
from gateway.sources.document import Document, read_document
from gateway.sources.lookups import read_lookups
from gateway.sources.openapi.build import QUERY, Built, Setting, build
from gateway.sources.openapi.fidelity import Fidelity
from gateway.sources.openapi.links import stated_links
from gateway.sources.openapi.nodes import object_type
from gateway.sources.openapi.operations import writes
from gateway.sources.openapi.options import Options
from gateway.sources.openapi.owner import with_contact
from gateway.sources.openapi.prepare import Caller, prepare
from gateway.sources.openapi.reading import Unusable, read, version_of
from gateway.sources.openapi.references import References
from gateway.sources.openapi.remote import read_remote
from gateway.sources.openapi.servers import base_url
from gateway.sources.openapi.suggest import batches
from gateway.sources.openapi.values import Spelling
from gateway.sources.prefix import prefixed
from gateway.sources.reach import fields_of, pruned
from gateway.sources.report import fault, nearest
from gateway.upstream.call import Sends

if TYPE_CHECKING:
    from gateway.config.model import Source

STRICT_SHOWN = 100


async def load(source: Source, sends: Sends) -> tuple[Subgraph, ...]:
    """The service as one subgraph. Raises `ConfigError` with all that is wrong, `SchemaMissing` when there is no document."""
    document = await read_document(source, sends)
    fidelity = Fidelity()
    value = await asyncio.to_thread(value_of, source, document, fidelity)
    options = source.options if isinstance(source.options, Options) else Options()
    remote = await read_remote(source, sends, value, options.allow_remote_refs, fidelity) if options.allow_remote_refs else {}
    return (await asyncio.to_thread(subgraph, source, sends, document, value, remote, fidelity),)


def value_of(source: Source, document: Document, fidelity: Fidelity) -> Any:
    """What the document's text says; a problem of the source where it says nothing of use."""
    try:
        value = read(document.text, document.name, fidelity)
        version_of(value, document.name, fidelity)
    except Unusable as error:
        fix = "give an OpenAPI 2.0 or 3.x document, as JSON or YAML"
        raise ConfigError([fault(source, "SCHEMA_INVALID", str(error), fix=fix)]) from None
    return value


def subgraph(
    source: Source, sends: Sends, document: Document, value: Any, remote: dict[str, Any], fidelity: Fidelity
) -> Subgraph:
    """The document as a subgraph; a large one takes seconds, so not on the event loop."""
    try:
        with _no_garbage():
            whole = _subgraph(source, sends, document, value, remote, fidelity)
            return _with_links_of(source, prefixed(source, whole))
    except RecursionError:
        message = f"{document.name} refers to itself more deeply than it can be read"
        raise ConfigError([fault(source, "SCHEMA_INVALID", message)]) from None


def _with_links_of(source: Source, graph: Subgraph) -> Subgraph:
    """The links under the names that the prefix gave their types."""
    if source.prefix is None or not graph.links:
        return graph
    links = []
    for link in graph.links:
        name, _, field = link.field.partition(".")
        links.append(link if name in graph.types else link.model_copy(update={"field": f"{source.prefix.types}{name}.{field}"}))
    return replace(graph, links=tuple(links))


@contextmanager
def _no_garbage() -> Iterator[None]:
    """What is built stays: looking through it for garbage again and again would double the time of a large document."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _subgraph(
    source: Source, sends: Sends, document: Document, value: Any, remote: dict[str, Any], fidelity: Fidelity
) -> Subgraph:
    options = source.options if isinstance(source.options, Options) else Options()
    references = References(value, version_of(value, document.name, fidelity), fidelity, document.base, remote)
    place = source.schema_.from_
    named = frozenset(name for name in sends.headers.propagates if isinstance(name, str))
    inserted = named | frozenset(name for name, _ in sends.headers.build({}))
    setting = Setting(options, source.url, place if "://" in place else "", source.expose, _used(source), inserted)
    built = build(references, setting, fidelity)
    links = stated_links(source.name, built) if options.links == "on" else ()
    lookups, problems = read_lookups(source, _with_unexposed(built), QUERY, in_pages=True)
    if not built.endpoints:
        fidelity.deviation("NO_FIELDS", "#/paths", _no_fields(built))
    if found := [*_problems(source, built, fidelity), *problems]:
        raise ConfigError(found)
    draft, endpoints = built.draft, built.endpoints
    caller = Caller(sends.headers, Spelling(draft.types, draft.names, draft.sent), source.not_found, options.deep_arrays)

    def prepare_fetch(fetch: Fetch) -> Prepared:
        return prepare(fetch, endpoints, caller)

    return Subgraph(
        name=source.name,
        kind=source.kind,
        url=base_url(references, None, options, source.url, setting.document_url),
        owner=with_contact(source.owner, references.root),
        types=_shown(source, built),
        unexposed=built.unexposed,
        query=QUERY,
        prepare=prepare_fetch,
        send=sends.data,
        wire=draft.wire(),
        lookups=lookups,
        links=links,
        hints=batches(built, lookups),
        exposes=tuple(name.lower() for name in options.expose_headers),
        together=False,
        refused=writes(references, options),
        origins=fidelity.origins,
        diagnostics=fidelity.diagnostics,
        available=document.available,
        per_operation=source.policy.concurrency.per_operation,
    )


# ---------------------------------------------------------------- what lookups use


def _used(source: Source) -> frozenset[str]:
    """Root fields of lookups; clients need not see them."""
    batches = (lookup.batch.via for lookup in source.lookups if lookup.batch)
    return frozenset(lookup.via for lookup in source.lookups) | frozenset(batches)


def _with_unexposed(built: Built) -> dict[str, TypeDefinitionNode]:
    """All types, and a query root that has the fields of lookups, too."""
    types = built.draft.types
    return {**types, QUERY: object_type(QUERY, (*fields_of(types[QUERY]), *built.unexposed.values()))}


def _shown(source: Source, built: Built) -> dict[str, TypeDefinitionNode]:
    """Without the types that only unexposed fields reach."""
    types, root = built.draft.types, built.draft.types[QUERY]
    if not built.unexposed or not isinstance(root, ObjectTypeDefinitionNode):
        return types
    return pruned(types, root, (lookup.type for lookup in source.lookups))


# ---------------------------------------------------------------- against the configuration


def _problems(source: Source, built: Built, fidelity: Fidelity) -> list[Problem]:
    return [
        *_unknown_fields(source, built),
        *_unknown_options(source, built),
        *_without_address(source, built),
        *_strictly(source, fidelity),
    ]


def _unknown_fields(source: Source, built: Built) -> list[Problem]:
    """Exposed fields that the document cannot give, and why."""
    problems = []
    for index, name in enumerate(source.expose or ()):
        if name in built.unusable:
            problems.append(
                fault(source, "EXPOSE_UNUSABLE", f"{name} cannot be exposed: it {built.unusable[name]}", ("expose", index))
            )
        elif name not in built.known:
            message = f"the document has no operation that becomes the root field {name}"
            problems.append(fault(source, "EXPOSE_UNKNOWN", message, ("expose", index), fix=nearest(name, built.known)))
    return problems


def _no_fields(built: Built) -> str:
    """Why a document gives nothing to ask for."""
    if not built.operations:
        return "The document describes no GET: there is nothing in it that could be read, and the source has no field."
    count = len(built.operations)
    return f"Of the {count} operations of the document that read, none is left that answers data: the source has no field."


def _unknown_options(source: Source, built: Built) -> list[Problem]:
    """Operations and security schemes that are configured but not in the document."""
    options = built.draft.options
    problems = []
    templates = {each.template for each in built.operations.values()}
    for key in options.operations:
        if key not in templates:
            message = f"the document has no operation {key}"
            problems.append(fault(source, "OPTION_UNKNOWN", message, ("options", "operations", key), fix=nearest(key, templates)))
    for name in options.credentials:
        if name not in built.schemes:
            message = f"the document has no security scheme {name}"
            problems.append(
                fault(source, "OPTION_UNKNOWN", message, ("options", "credentials", name), fix=nearest(name, built.schemes))
            )
    return problems


def _without_address(source: Source, built: Built) -> list[Problem]:
    if all("://" in endpoint.base for endpoint in built.endpoints.values()):
        return []
    message = "neither the configuration nor the document says where the service is"
    return [fault(source, "SOURCE_URL_MISSING", message, (), fix="add a `url` to the source")]


def _strictly(source: Source, fidelity: Fidelity) -> list[Problem]:
    """Every deviation as a problem, where the configuration asks for it."""
    if not (isinstance(source.options, Options) and source.options.strict):
        return []
    told = fidelity.diagnostics
    found = [fault(source, each.code, f"{each.pointer}: {each.message}") for each in told[:STRICT_SHOWN]]
    if len(told) > STRICT_SHOWN:
        found.append(fault(source, "MORE_DEVIATIONS", f"{len(told) - STRICT_SHOWN} more; without `strict` they are hints"))
    return found
