"""Sources that are played from their schemas instead of being called: `gateway mock`, and `gateway dev --mock SOURCE`.

All of the gateway is real; only where a call would leave for the service, `gateway/mock/` answers it.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from gateway.app.line import lines
from gateway.app.loading import Loaded, load
from gateway.config.model import Link, Settings, Source
from gateway.config.problem import ConfigError, Problem
from gateway.config.structure import nearest
from gateway.mock.graphql import Body, GraphQLMock, kinds_of, schema_of
from gateway.mock.openapi import OpenApiMock
from gateway.mock.world import World, field_of
from gateway.sources.document import INTROSPECT, Document, copy_of
from gateway.sources.openapi.fidelity import Fidelity
from gateway.sources.openapi.load import options_of, value_of
from gateway.sources.openapi.reading import version_of
from gateway.sources.openapi.references import References
from gateway.upstream.call import Call, Reply, Send
from gateway.upstream.tape import Wire

FIX = (
    "start the service once, or give `schema: {snapshot: FILE}` (made by `gateway schema pull`): what it says is played from that"
)
PACE = 3.0
"""Seconds between two events of a subscription."""
SUBSCRIPTION = "subscription"
"""How the operation of its call begins."""
log = logging.getLogger("gateway.app")
JSON = {"content-type": "application/json"}

Meant = dict[str, dict[str, str]]
"""root field → argument → the field of its rows that it names."""
Mock = GraphQLMock | OpenApiMock
Service = Callable[[Call], Reply]


class Mocking:
    """`only`: names of sources; None: all that are called. The services are made anew with every configuration."""

    def __init__(self, only: Sequence[str] | None, seed: int) -> None:
        self._only = only
        self._seed = seed
        self._services: Mapping[str, Service] = {}

    def settings(self, settings: Settings) -> Settings:
        """The configuration with these sources played: nothing of it needs a service any more. Raises `ConfigError`."""
        chosen = _chosen(settings, self._only)
        whole = _settled(settings, chosen)
        self._services = services(whole, chosen, self._seed)
        log.info("played from their schemas, with seed %d: %s", self._seed, ", ".join(self._services))
        return whole

    def wire(self, otherwise: Wire | None) -> Wire:
        def over(source: str, send: Send) -> Send:
            real = otherwise(source, send) if otherwise is not None else send

            async def playing(call: Call) -> Reply:
                service = self._services.get(source)
                return await real(call) if service is None else service(call)

            return playing

        return over


def _chosen(settings: Settings, only: Sequence[str] | None) -> frozenset[str]:
    played = {source.name for source in settings.sources if source.kind in PLAYERS}
    if only is None:
        return frozenset(played)
    known = [source.name for source in settings.sources]
    problems = [_unplayed(name, known) for name in only if name not in played]
    if problems:
        raise ConfigError(settings.located(problems))
    return frozenset(only)


def _unplayed(name: str, known: Sequence[str]) -> Problem:
    if name in known:
        message = f"{name} is in this very process: there is nothing to be played in its place"
        return Problem("CONFIG_VALUE", message, ("sources",), sources=(name,))
    fix = nearest(name, known) or f"known sources: {', '.join(known)}"
    return Problem("CONFIG_UNKNOWN_SOURCE", f"there is no source called {name}", ("sources",), fix=fix)


# ---------------------------------------------------------------- their documents


def _settled(settings: Settings, chosen: frozenset[str]) -> Settings:
    """With every document a file: the one that is named, else the snapshot, else the last good copy, which is made if need be."""
    absent = [each for each in settings.sources if each.name in chosen and _copy(settings, each) is None]
    if absent:
        found = _read(msgspec.structs.replace(settings, sources=tuple(absent)))
        problems = [problem for each in found.values() for problem in _problems(each)]
        if problems:
            raise ConfigError(settings.located(problems))
    sources = tuple(_played(settings, each) if each.name in chosen else each for each in settings.sources)
    return msgspec.structs.replace(settings, sources=sources)


def _copy(settings: Settings, source: Source) -> Path | None:
    place, snapshot = source.schema_.from_, source.schema_.snapshot
    if "://" not in place and place != INTROSPECT:
        return Path(place)
    copies = (snapshot, copy_of(settings.gateway.state, source.name))
    return next((copy for copy in copies if copy is not None and copy.is_file()), None)


def _played(settings: Settings, source: Source) -> Source:
    """Without what only a service needs: nobody is asked for a token."""
    schema = source.schema_.model_copy(update={"from_": str(_copy(settings, source)), "refresh": None})
    return msgspec.structs.replace(source, schema_=schema, auth=None)


def _problems(loaded: Loaded) -> Iterator[Problem]:
    yield from loaded.problems
    if loaded.missing is not None:
        yield msgspec.structs.replace(loaded.missing.problem, fix=FIX)


def _read(settings: Settings) -> dict[str, Loaded]:
    async def reading() -> dict[str, Loaded]:
        made = lines(settings)
        try:
            found = await asyncio.gather(*map(load, made))
        finally:
            await asyncio.gather(*(line.close() for line in made))
        return dict(zip((line.source.name for line in made), found, strict=True))

    return asyncio.run(reading())


# ---------------------------------------------------------------- the services


def services(settings: Settings, chosen: frozenset[str], seed: int) -> dict[str, Service]:
    """One per source. They share one world: what one refers to, the others have."""
    world, mocks, made = World(seed), {}, {}
    for source in settings.sources:
        if source.name in chosen:
            mocks[source.name], made[source.name] = PLAYERS[source.kind](settings, source, world)
    for link in settings.links:
        if link.source in mocks:
            parent = _unprefixed(settings, link.field.partition(".")[0])
            world.references |= dict(_references(link, parent, mocks[link.source], world, _meant(settings, link.source)))
    return made


def _graphql(settings: Settings, source: Source, world: World) -> tuple[Sequence[Mock], Service]:
    """Also each graph of a composed supergraph, by its address."""
    whole = msgspec.structs.replace(source, prefix=None, expose=None)
    loaded = _read(msgspec.structs.replace(settings, sources=(whole,)))[source.name]
    if problems := list(_problems(loaded)):
        raise ConfigError(settings.located(problems))
    meant, mocks = _meant(settings, source.name), {}
    for subgraph in loaded.subgraphs:
        schema, keys = schema_of(subgraph), _keys(source)
        for lookup in subgraph.lookups:
            keys.setdefault(lookup.type, set()).update(re.findall(r"\w+", lookup.key))
        for kind in kinds_of(schema, keys):
            world.learn(kind)
        mocks[subgraph.url] = GraphQLMock(schema, world, meant)

    def play(call: Call) -> Reply:
        body = msgspec.json.decode(call.body or b"{}", type=Body)
        if call.operation.startswith(SUBSCRIPTION):
            return Reply(200, JSON, b"", rows=_events(mocks[call.url], body))
        return Reply(200, JSON, msgspec.json.encode(mocks[call.url].answer(body)))

    return list(mocks.values()), play


async def _events(mock: GraphQLMock, body: Body) -> AsyncGenerator[Reply]:
    """As long as somebody listens."""
    for event in count(1):
        yield Reply(200, JSON, msgspec.json.encode(mock.answer(body, event)))
        await asyncio.sleep(PACE)


def _openapi(settings: Settings, source: Source, world: World) -> tuple[Sequence[Mock], Service]:
    path = Path(source.schema_.from_)
    try:
        document = Document(path.read_bytes(), str(path), path.parent)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}"
        problem = Problem("SCHEMA_UNREADABLE", message, ("sources", source.name, "schema"), sources=(source.name,))
        raise ConfigError(settings.located([problem])) from None
    quiet = Fidelity()
    value = value_of(source, document, quiet)
    references = References(value, version_of(value, document.name, quiet), quiet, document.base)
    mock = OpenApiMock(references, options_of(source), world, _meant(settings, source.name))
    for kind in mock.kinds(_keys(source)):
        world.learn(kind)

    def play(call: Call) -> Reply:
        status, media, body = mock.answer(call.method, call.url, call.body)
        return Reply(status, {"content-type": media}, body)

    return [mock], play


PLAYERS: Mapping[str, Callable[[Settings, Source, World], tuple[Sequence[Mock], Service]]] = {
    "openapi": _openapi,
    "graphql": _graphql,
    "federation": _graphql,
    "supergraph": _graphql,
}
"""Kinds that are called."""


# ---------------------------------------------------------------- what the configuration says of keys


def _keys(source: Source) -> dict[str, set[str]]:
    keys: dict[str, set[str]] = {}
    for lookup in source.lookups:
        keys.setdefault(lookup.type, set()).add(lookup.key)
    return keys


def _meant(settings: Settings, name: str) -> Meant:
    meant: Meant = {}
    for source in settings.sources:
        for lookup in source.lookups if source.name == name else ():
            meant.setdefault(lookup.via, {})[lookup.arg] = lookup.key
            if lookup.batch is not None and lookup.batch.arg is not None:
                meant.setdefault(lookup.batch.via, {})[lookup.batch.arg] = lookup.batch.key
    for link in settings.links:
        if link.source == name and link.batch is not None and link.batch.arg is not None:
            meant.setdefault(link.batch.via, {})[link.batch.arg] = link.batch.key
            bound = [argument for argument, value in link.with_.items() if _parents(value)]
            if len(bound) == 1:
                meant.setdefault(link.to.partition(".")[2], {})[bound[0]] = link.batch.key
    return meant


def _parents(value: Any) -> str | None:
    """The field of the parent that `$field` names."""
    return value[1:] if isinstance(value, str) and re.fullmatch(r"\$\w+", value) else None


def _unprefixed(settings: Settings, type: str) -> str:
    """What the type's own source calls it."""
    prefixes = (source.prefix.types for source in settings.sources if source.prefix is not None)
    return next((type.removeprefix(prefix) for prefix in prefixes if type.startswith(prefix)), type)


def _references(
    link: Link, parent: str, mocks: Sequence[Mock], world: World, meant: Meant
) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """A link says whose key a field holds: that of its target, or the target's field holds one of its parent's."""
    target = link.to.partition(".")[2]
    rows = next((found for mock in mocks if (found := mock.rows_of(target)) is not None), None)
    if rows is None:
        return
    kind = world.kind(rows)
    for argument, value in link.with_.items():
        field = meant.get(target, {}).get(argument) or field_of(kind, argument)
        if (own := _parents(value)) is None or field not in kind.leaves:
            continue
        if field in kind.keys and own not in world.kind(parent).keys:
            yield (parent, own), (rows, field)
        else:
            yield (rows, field), (parent, own)
