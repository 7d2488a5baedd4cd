"""A document on its way to a `Subgraph`: recalled from an earlier start, or read, resolved, built, checked; then frozen."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.config.problem import ConfigError
from gateway.sources.base import Subgraph
from gateway.sources.document import Document, read_document
from gateway.sources.garbage import no_garbage
from gateway.sources.lookups import read_lookups
from gateway.sources.openapi.assembly import Parts, assembled, root_with
from gateway.sources.openapi.build import QUERY, Setting, build
from gateway.sources.openapi.earlier import is_worth, key_of, place, recall
from gateway.sources.openapi.fidelity import Fidelity
from gateway.sources.openapi.judge import problems_of
from gateway.sources.openapi.keeper import Keeper, parts_of
from gateway.sources.openapi.links import stated_links
from gateway.sources.openapi.operations import writes
from gateway.sources.openapi.options import Options
from gateway.sources.openapi.reading import Unusable, read, version_of
from gateway.sources.openapi.references import References
from gateway.sources.openapi.remote import read_remote
from gateway.sources.openapi.suggest import batches
from gateway.sources.report import fault
from gateway.upstream.call import Sends

if TYPE_CHECKING:
    from gateway.config.model import Source


async def load(source: Source, sends: Sends) -> tuple[Subgraph, ...]:
    """The service as one subgraph. Raises `ConfigError` with all that is wrong, `SchemaMissing` when there is no document."""
    document = await read_document(source, sends)
    if (known := await asyncio.to_thread(recalled, source, sends, document)) is not None:
        return (known,)
    fidelity = Fidelity()
    value = await asyncio.to_thread(value_of, source, document, fidelity)
    remote = await _remote(source, sends, document, value, fidelity)
    return (await asyncio.to_thread(subgraph, source, sends, document, value, remote, fidelity),)


async def _remote(source: Source, sends: Sends, document: Document, value: Any, fidelity: Fidelity) -> dict[str, Any]:
    """The documents of other hosts that the configuration allows to be read."""
    prefixes = options_of(source).allow_remote_refs
    if not prefixes:
        return {}
    local = References(value, version_of(value, document.name, fidelity), Fidelity(), document.base)
    return await read_remote(source, sends, await asyncio.to_thread(local.files), prefixes, fidelity)


def value_of(source: Source, document: Document, fidelity: Fidelity) -> Any:
    """What the document's text says; a problem of the source where it says nothing of use."""
    try:
        with no_garbage():
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
        with no_garbage():
            return _built(source, sends, document, value, remote, fidelity)
    except RecursionError:
        message = f"{document.name} refers to itself more deeply than it can be read"
        raise ConfigError([fault(source, "SCHEMA_INVALID", message)]) from None


def _built(source: Source, sends: Sends, document: Document, value: Any, remote: dict[str, Any], fidelity: Fidelity) -> Subgraph:
    references = References(value, version_of(value, document.name, fidelity), fidelity, document.base, remote)
    setting = setting_of(source, sends)
    built = build(references, setting, fidelity)
    types = built.draft.types
    links = stated_links(source.name, built) if setting.options.links == "on" else ()
    lookups, problems = read_lookups(source, root_with(types, built.unexposed), QUERY, in_pages=True)
    if found := [*problems_of(source, built, fidelity), *problems]:
        raise ConfigError(found)
    parts = Parts(
        types=types,
        unexposed=built.unexposed,
        endpoints={name: each.bare() for name, each in built.endpoints.items()},
        wire=built.draft.wire(),
        sent=built.draft.sent,
        root=references,
        refused=writes(references, setting.options),
        origins=fidelity.origins,
        diagnostics=fidelity.diagnostics,
        lookups=lookups,
        links=links,
        hints=batches(built, lookups),
        files=frozenset(references.tried),
    )
    keeper = None
    if (at := _place(source, sends, document)) is not None:
        keeper = Keeper(at, key_of(document, setting), built, parts, document.base)
    return assembled(source, sends, document, setting, parts, keeper)


def recalled(source: Source, sends: Sends, document: Document) -> Subgraph | None:
    """What an earlier start made of the same document, if it left something to be believed."""
    if (at := _place(source, sends, document)) is None:
        return None
    with no_garbage():
        setting = setting_of(source, sends)
        kept = recall(at, key_of(document, setting), document.base)
        parts = None if kept is None else parts_of(kept, source, setting)
        return None if parts is None else assembled(source, sends, document, setting, parts)


def _place(source: Source, sends: Sends, document: Document) -> Path | None:
    """Where its build is kept; None where that is not worth it, or would have to ask other hosts first."""
    if sends.built is None or not is_worth(document) or options_of(source).allow_remote_refs:
        return None
    return place(sends.built, source.name)


def options_of(source: Source) -> Options:
    return source.options if isinstance(source.options, Options) else Options()


def setting_of(source: Source, sends: Sends) -> Setting:
    at = source.schema_.from_
    named = frozenset(name for name in sends.headers.propagates if isinstance(name, str))
    inserted = named | frozenset(name for name, _ in sends.headers.build({}))
    return Setting(options_of(source), source.url, at if "://" in at else "", source.expose, used(source), inserted)


def used(source: Source) -> frozenset[str]:
    """Root fields of lookups; clients need not see them."""
    via = (lookup.batch.via for lookup in source.lookups if lookup.batch)
    return frozenset(lookup.via for lookup in source.lookups) | frozenset(via)
