"""The house: sources loaded, composed and served by one engine, which is replaced as a whole when a source comes back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import random
from time import time
from typing import Any

from msgspec.structs import replace

from gateway import __version__
from gateway.app.changes import APPLIED, REJECTED, SEEN, Change, History, compare, verdict
from gateway.app.line import Line
from gateway.app.loading import Loaded, load, load_all, supergraph
from gateway.app.rights import rights
from gateway.app.supervisor import Supervisor
from gateway.composition import Supergraph
from gateway.config.model import Settings, Source
from gateway.config.problem import ConfigError
from gateway.engine import Engine, Limits
from gateway.engine.labels import Shares
from gateway.engine.returned import Returned
from gateway.engine.stories import Stories
from gateway.errors import Disclosure, Owner
from gateway.server.house import DoorLimits, Refused
from gateway.sources.report import shown_url
from gateway.upstream.layers.hold import Held

log = logging.getLogger("gateway.app")
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds between two attempts to read a source that was down."""
CHANGES_TOLD = 100


class House:
    """Implements what the door asks of it (`server/house.py`)."""

    def __init__(
        self,
        settings: Settings,
        lines: Sequence[Line],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        composed: Callable[[], None] = lambda: None,
    ) -> None:
        """`composed` is called when a new engine has taken its place."""
        gateway = settings.gateway
        self.engine: Engine | None = None
        self.draining = False
        self.owner: Owner = gateway.owner
        self.disclosure = Disclosure(gateway.errors.upstream_detail, gateway.errors.audience)
        self.limits = DoorLimits(
            gateway.limits.body,
            gateway.limits.headers,
            gateway.limits.connections,
            deadline=gateway.limits.deadline,
            upstream_calls_total=gateway.limits.upstream_calls_total,
            variables=gateway.limits.variables,
        )
        self._settings = settings
        self._lines = {line.source.name: line for line in lines}
        self._loaded: dict[str, Loaded] = {}
        self._generation = 0
        self._needed: frozenset[str] = frozenset()
        """Sources that may be left out, but without which the others do not fit together."""
        self.stories = Stories(drifted=self._drifted)
        self.history = History(gateway.state)
        self._composing = asyncio.Lock()
        self._supervisor = Supervisor()
        self._sleep = sleep
        self._after_composing = composed

    # ------------------------------------------------------------ opening and closing

    async def open(self) -> None:
        """Load every source and begin to answer, as far as they allow. Raises `ConfigError` with all problems."""
        self._loaded = await load_all(self._lines.values())
        await self._compose(self._loaded)
        self._supervisor.start("keeping what was built", self._kept())
        for name, loaded in self._loaded.items():
            if not loaded.settled:
                self._supervisor.start(f"source {name}", self._until_read(self._lines[name]))
            if (every := self._lines[name].source.schema_.refresh) is not None:
                self._supervisor.start(f"refresh of {name}", self._refreshed(self._lines[name], every))

    async def close(self) -> None:
        """Wait until no call is on the wire, and let every connection go."""
        await self._supervisor.stop()
        await asyncio.gather(*(line.close() for line in self._lines.values()))

    async def _kept(self) -> None:
        """For the next start, of what is being served."""
        for subgraph in [each for loaded in self._loaded.values() for each in loaded.subgraphs]:
            if subgraph.keep is not None:
                await asyncio.to_thread(subgraph.keep)

    async def _until_read(self, line: Line) -> None:
        """Try again, less and less often, until the service itself has been read and what it says is being served."""
        pause = FIRST_PAUSE
        while True:
            await self._sleep(pause * (0.5 + random() / 2))
            pause = min(LONGEST_PAUSE, pause * 2)
            loaded = await load(line)
            if loaded.settled and await self._take_in(line, loaded):
                log.info("source %s is back and is served from now on", line.source.name)
                return
            for problem in self._settings.located(loaded.problems):
                log.error("source %s cannot be used: %s: %s", line.source.name, problem.code, problem.message)

    async def _refreshed(self, line: Line, every: float) -> None:
        """Read the schema again and again; what has changed is recorded, and served as the source's `on_change` says."""
        while True:
            await self._sleep(every * (0.9 + random() / 5))
            loaded = await load(line)
            if loaded.settled and self._loaded[line.source.name].settled:
                await self._changed(line, loaded)
            for problem in self._settings.located(loaded.problems):
                log.error("the new schema of %s cannot be used: %s: %s", line.source.name, problem.code, problem.message)

    async def _changed(self, line: Line, loaded: Loaded) -> None:
        before = self._loaded[line.source.name].subgraphs
        changes = await asyncio.to_thread(compare, before, loaded.subgraphs, self.history.clock())
        if not changes:
            return
        state = verdict(changes, line.source.schema_.on_change)
        if state == APPLIED and not await self._take_in(line, loaded):
            state = REJECTED
        self.history.add([replace(change, state=state) for change in changes])

    async def _take_in(self, line: Line, loaded: Loaded) -> bool:
        """A source that does not fit what is served is left as it was: the others go on."""
        try:
            async with self._composing:
                await self._compose({**self._loaded, line.source.name: loaded})
        except ConfigError as error:
            log.error("what source %s says now cannot be composed: %s", line.source.name, error)
            return False
        return True

    async def _compose(self, loaded: Mapping[str, Loaded]) -> None:
        """The new engine is one assignment; requests in flight finish on the old one."""
        engine = None
        if not self._waits_for(loaded):
            engine = await self._composed(loaded)
        self._loaded = dict(loaded)
        self._generation += engine is not None
        self.engine = engine or self.engine
        if engine is not None:
            self._after_composing()

    async def _composed(self, loaded: Mapping[str, Loaded]) -> Engine | None:
        """None: the others do not fit together without what is left out, whose absence is no mistake of the configuration."""
        present = {name: each for name, each in loaded.items() if each.subgraphs}
        left_out = loaded.keys() - present.keys()
        try:
            return await asyncio.to_thread(lambda: self._engine(supergraph(self._settings, present, self)))
        except ConfigError as error:
            if not left_out:
                raise
            log.error("without %s the other sources do not fit together: %s", ", ".join(sorted(left_out)), error)
            self._needed = frozenset(left_out)
            return None

    def _engine(self, supergraph: Supergraph) -> Engine:
        for hint in supergraph.hints:
            log.info("%s: %s", hint.code, hint.message)
        return engine_of(self._settings, supergraph, self.stories)

    # ------------------------------------------------------------ what the door asks

    def waiting(self) -> Sequence[Refused]:
        return tuple(
            Refused(error, self._lines[name].source.owner, name)
            for name in self._waits_for(self._loaded)
            if (error := self._loaded[name].missing)
        )

    def ready(self) -> bool:
        return self.engine is not None

    def hold(self, name: str, reason: str | None, seconds: float | None) -> bool:
        line = self._lines.get(name)
        if line is None:
            return False
        now = time()
        line.data.hold.hold(None if reason is None else Held(reason, now, None if seconds is None else now + seconds))
        log.warning("source %s is %s", name, "released" if reason is None else f"held by an operator ({reason})")
        return True

    def source_names(self) -> Sequence[str]:
        return tuple(self._lines)

    def status(self) -> dict[str, Any]:
        return {
            "version": __version__,
            "ready": self.ready(),
            "draining": self.draining,
            "generation": self._generation,
            "owner": self.owner.shown("internal"),
            "sources": [self._source_status(line) for line in self._lines.values()],
            "changes": self.history.told()[:CHANGES_TOLD],
        }

    def _drifted(self, error: Mapping[str, Any]) -> None:
        """A value that did not fit is news like a schema that changed: somebody changed something without saying so."""
        coordinate, expected, actual = (str(error.get(name, "")) for name in ("coordinate", "expected", "actual"))
        message = f"{coordinate} should be {expected}, and was {actual}."
        self.history.add([Change(self.history.clock(), error["service"], "breaking", coordinate, message, SEEN)])

    def story(self, wanted: str) -> dict[str, Any] | None:
        return self.stories.find(wanted)

    def recent_failures(self) -> Sequence[dict[str, Any]]:
        return self.stories.latest()

    def _source_status(self, line: Line) -> dict[str, Any]:
        source, loaded = line.source, self._loaded.get(line.source.name, Loaded())
        url = shown_url(source.url) if source.url else None
        about = {"name": source.name, "kind": source.kind, "url": url, "owner": _owner(source, loaded).shown("internal")}
        return about | {"schema": _schema_status(loaded), "omitted": self._omitted(line, loaded)} | line.status()

    def _waits_for(self, loaded: Mapping[str, Loaded]) -> list[str]:
        return [name for name, each in loaded.items() if each.missing and not self._omitted(self._lines[name], each)]

    def _omitted(self, line: Line, loaded: Loaded) -> bool:
        may_be = line.source.schema_.on_missing == "omit" and line.source.name not in self._needed
        return loaded.missing is not None and may_be


def _owner(source: Source, loaded: Loaded) -> Owner:
    """With what the source's own document adds, once it has been read."""
    return loaded.subgraphs[0].owner if loaded.subgraphs else source.owner


def _schema_status(loaded: Loaded) -> str:
    """`read` from the service, a `copy` of what it once said, or `missing`."""
    return "read" if loaded.settled else "copy" if loaded.subgraphs else "missing"


def limits_of(settings: Settings) -> Limits:
    gateway = settings.gateway
    written = gateway.limits.model_dump()
    named = {name: written[name] for name in Limits.__struct_fields__ if name in written}
    return Limits(
        **(named | {"cost": gateway.limits.cost or 0}),
        weights={source.name: source.weight for source in settings.sources if source.weight != 1.0},
        introspection=gateway.introspection,
        suggestions=gateway.suggestions,
    )


def _returned(source: Source) -> tuple[Returned, ...]:
    rules = (rule.propagate for rule in source.headers.response)
    return tuple(Returned(rule.named.lower(), (rule.rename or rule.named).lower(), rule.merge) for rule in rules)


def engine_of(settings: Settings, supergraph: Supergraph, stories: Stories | None = None) -> Engine:
    """The supergraph's engine, within the configured limits."""
    gateway = settings.gateway
    return Engine(
        supergraph,
        limits=limits_of(settings),
        disclosure=Disclosure(gateway.errors.upstream_detail, gateway.errors.audience),
        owner=gateway.owner,
        on_error=gateway.errors.on_error,
        per_path=gateway.errors.per_path,
        debug=frozenset(gateway.debug),
        rights=rights(settings, supergraph),
        stories=stories,
        tagged=bool(gateway.http.cache_tags),
        shares=Shares(gateway.override.labels, gateway.override.hash_by and gateway.override.hash_by.lower()),
        returned={source.name: back for source in settings.sources if (back := _returned(source))},
    )
