"""Sources walk in: every document is read at the same time, and what is wrong with any of them is told together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from types import ModuleType

import msgspec
from pydantic import BaseModel

from gateway.app.about import Told, about
from gateway.app.line import Line
from gateway.composition import Supergraph, compose
from gateway.config.model import Link, Settings
from gateway.config.problem import ConfigError, Problem
from gateway.errors import SourceUnavailable
from gateway.sources import KINDS
from gateway.sources.base import Subgraph
from gateway.sources.document import SchemaMissing
from gateway.sources.garbage import no_garbage
from gateway.upstream.call import Call, Reply

log = logging.getLogger("gateway.app")


class Loaded(msgspec.Struct, frozen=True):
    """What became of one source: its subgraphs, or why it has none."""

    subgraphs: tuple[Subgraph, ...] = ()
    missing: SchemaMissing | None = None
    """The service is down and left no copy of its schema."""
    problems: tuple[Problem, ...] = ()

    @property
    def settled(self) -> bool:
        """Nothing is left to be tried again: it was read from the service itself."""
        return bool(self.subgraphs) and all(subgraph.available for subgraph in self.subgraphs)

    @property
    def schema(self) -> str:
        """`read` from the service, a `copy` of what it once said, or `missing`."""
        return "read" if self.settled else "copy" if self.subgraphs else "missing"


def kinds() -> Mapping[str, ModuleType]:
    return {kind: import_module(module) for kind, module in KINDS.items()}


def options() -> Mapping[str, type[BaseModel]]:
    """Each kind's own settings, for `config.load` to check with all the others."""
    return {kind: module.Options for kind, module in kinds().items()}


async def load(line: Line) -> Loaded:
    """One source. Never raises for what is wrong with it, whoever's fault that is."""
    source = line.source
    try:
        subgraphs: Sequence[Subgraph] = await import_module(KINDS[source.kind]).load(source, line.sends)
    except SchemaMissing as missing:
        return Loaded(missing=missing)
    except ConfigError as error:
        return Loaded(problems=error.problems)
    except Exception:
        log.exception("loading source %s failed by a fault of the gateway", source.name)
        message = f"the gateway failed to load {source.name} by a fault of its own; its log has the details"
        return Loaded(problems=(Problem("SOURCE_LOAD_FAILED", message, ("sources", source.name), sources=(source.name,)),))
    subgraphs = [msgspec.structs.replace(subgraph, items=line.items) for subgraph in subgraphs]
    return Loaded(tuple(subgraph if subgraph.available else _unavailable(subgraph) for subgraph in subgraphs))


async def load_all(lines: Iterable[Line]) -> dict[str, Loaded]:
    """Every source at the same time, by name. Raises `ConfigError` with the problems of all of them."""
    lines = tuple(lines)
    loaded = dict(zip((line.source.name for line in lines), await asyncio.gather(*map(load, lines)), strict=True))
    if problems := [problem for each in loaded.values() for problem in each.problems]:
        raise ConfigError(problems)
    return loaded


def supergraph(settings: Settings, loaded: Mapping[str, Loaded], told: Told | None = None) -> Supergraph:
    """What is loaded, composed. Raises `ConfigError` with every problem and its place in the YAML. Slow: not on the loop.

    `told` answers for the gateway itself; without it, what is composed is only looked at.
    """
    subgraphs = [subgraph for each in loaded.values() for subgraph in each.subgraphs]
    if settings.gateway.ownership.in_schema:
        subgraphs.append(about(settings, told))
    try:
        with no_garbage():
            return compose(subgraphs, _links(settings, subgraphs, complete=len(loaded) == len(settings.sources)))
    except ConfigError as error:
        raise ConfigError(settings.located(error.problems)) from None


def _links(settings: Settings, subgraphs: Sequence[Subgraph], *, complete: bool) -> Sequence[Link]:
    """All links, or while a source is left out, those that do without it: its absence is no mistake of the configuration."""
    if complete:
        return settings.links
    names = {subgraph.name for subgraph in subgraphs}
    types = {name for subgraph in subgraphs for name in subgraph.types}
    kept = [link for link in settings.links if link.source in names and link.field.partition(".")[0] in types]
    for link in settings.links:
        if link not in kept:
            log.warning("the link %s is left out together with its source", link.field)
    return kept


def _unavailable(subgraph: Subgraph) -> Subgraph:
    """A subgraph known from a copy: its fields say that its service is unavailable until it has been read."""

    async def refuse(call: Call) -> Reply:
        error = SourceUnavailable("is unavailable: its schema could not be read since the gateway started")
        error.service, error.operation, error.url = subgraph.name, call.operation, call.url
        raise error

    return msgspec.structs.replace(subgraph, send=refuse)
