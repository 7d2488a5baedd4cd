"""The house: sources loaded, composed and served by one engine, which is replaced as a whole when a source comes back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import random
from typing import Any

from msgspec.structs import replace

from gateway import __version__
from gateway.app.changes import APPLIED, REJECTED, SAFE, SEEN, compare, standing, verdict
from gateway.app.engines import engine_of
from gateway.app.events import SILENT, Emitter
from gateway.app.history import History
from gateway.app.joined import joined
from gateway.app.line import Line
from gateway.app.loading import Loaded, load, load_all, supergraph
from gateway.app.news import News
from gateway.app.observing.sources import Named, labels_of, of_caches, of_engine, of_process, of_sources
from gateway.app.supervisor import Supervisor
from gateway.app.together import Together
from gateway.composition import Supergraph
from gateway.config.model import Settings, Source
from gateway.config.problem import ConfigError
from gateway.engine import Engine
from gateway.engine.channels import Open
from gateway.engine.stories import Stories
from gateway.engine.warnings import Drifting
from gateway.engine.watched import Keep
from gateway.errors import Disclosure, Owner
from gateway.server.house import DoorLimits, Refused
from gateway.sources.document import keep
from gateway.sources.report import shown_url
from gateway.telemetry.metrics import Family
from gateway.upstream.clock import WALL
from gateway.upstream.layers.hold import Held
from gateway.upstream.onion import Shared

log = logging.getLogger("gateway.app")
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds between two attempts to read a source that was down."""
CHANGES_TOLD = 100
WARNED_EVERY = 60.0
"""Seconds."""


class House:
    """Implements what the door asks of it (`server/house.py`)."""

    def __init__(
        self,
        settings: Settings,
        lines: Sequence[Line],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        composed: Callable[[], None] = lambda: None,
        before: House | None = None,
        emitter: Emitter = SILENT,
        shared: Shared | None = None,
        account: Keep | None = None,
        socket: Path | None = None,
    ) -> None:
        """`composed` is called when a new engine has taken its place. `before`: whose place it is to take. `emitter` is told what
        is new about the sources, `account` of every operation. `socket`: the control socket of a worker that has siblings."""
        gateway = settings.gateway
        self.engine: Engine | None = None
        self._draining = False
        live = gateway.subscriptions
        self._open = Open(live.per_process, live.queue) if live is not None else Open(0)
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
        self._lines = {line.source.name: replace(line, sends=replace(line.sends, fresh={})) for line in lines}
        self._loaded: dict[str, Loaded] = {}
        self._before = before
        """Until this one is open."""
        self._generation: int = before._generation if before else 0
        self._needed: frozenset[str] = frozenset()
        """Sources that may be left out, but without which the others do not fit together."""
        self._composing = asyncio.Lock()
        self._supervisor = Supervisor()
        self._emitter = emitter
        self._shared = shared
        self.history: History = before.history if before else History(gateway.state)
        self._news = News(self.history, emitter, self._whose, self._supervisor.start, self._warn)
        self.stories: Stories = before.stories if before else Stories(drifted=self._news.drifted)
        self._sleep = sleep
        self._after_composing = composed
        self._account = account
        self._together = Together(self.status, socket)

    # ------------------------------------------------------------ opening and closing

    @property
    def draining(self) -> bool:
        return self._draining

    @draining.setter
    def draining(self, draining: bool) -> None:
        """What would never end by itself is ended."""
        self._draining = draining
        if draining:
            self._open.end()

    async def open(self) -> None:
        """Load every source and begin to answer, as far as they allow. Raises `ConfigError` with all problems."""
        self._loaded = self._or_as_before(await load_all(self._lines.values()))
        await self._compose(self._loaded)
        self._before = None
        self.stories.drifted = self._news.drifted
        self._emitter.start(self._supervisor.start)
        await self._served_at_last()
        self._supervisor.start("warnings of drift", self._warned())
        await asyncio.gather(*map(self._keep, self._lines.values()))
        self._supervisor.start("keeping what was built", self.keep_builds())
        for name, loaded in self._loaded.items():
            if not loaded.settled:
                self._supervisor.start(f"source {name}", self._until_read(self._lines[name]))
            if (every := self._lines[name].source.schema_.refresh) is not None:
                self._supervisor.start(f"refresh of {name}", self._refreshed(self._lines[name], every))

    def _or_as_before(self, loaded: Mapping[str, Loaded]) -> dict[str, Loaded]:
        """A source that cannot be read just now, and that nobody changed, stays what it was."""
        if self._before is None:
            return dict(loaded)
        known, lines = self._before._loaded, self._before._lines
        same = {name for name in known.keys() & loaded.keys() if _same(self._lines[name], lines[name])}
        return {name: known[name] if name in same and not each.settled else each for name, each in loaded.items()}

    async def leave(self) -> None:
        """End what runs in the background: another house has taken the place of this one, which finishes what is in."""
        await self._emitter.flush()
        await self._supervisor.stop()

    async def close(self, successor: House | None = None) -> None:
        """Wait until no call is on the wire, and let every connection go but those that the successor goes on using."""
        await self.leave()
        await self._emitter.close()
        used = [line.data for line in successor._lines.values()] if successor else []
        await asyncio.gather(*(line.close() for line in self._lines.values() if line.data not in used))

    async def keep_builds(self) -> None:
        """What is being served, for the next start."""
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
            await self._keep(line)
            return
        state = verdict(changes, line.source.schema_.on_change)
        if state == APPLIED and not await self._take_in(line, loaded):
            state = REJECTED
        if line.sends.fresh:
            line.sends.fresh.clear()
        await self._news.changed(changes, state)

    async def _take_in(self, line: Line, loaded: Loaded) -> bool:
        """A source that does not fit what is served is left as it was: the others go on."""
        try:
            async with self._composing:
                await self._compose({**self._loaded, line.source.name: loaded})
        except ConfigError as error:
            log.error("what source %s says now cannot be composed: %s", line.source.name, error)
            return False
        await self._keep(line)
        return True

    async def _keep(self, line: Line) -> None:
        """What is served is the last good copy from now on: not what waits, was rejected or does not fit the others."""
        state, text = self._settings.gateway.state, (line.sends.fresh or {}).pop(line.source.name, None)
        if text is not None and state is not None:
            await asyncio.to_thread(keep, state, line.source.name, text)

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
            self._warn()

    async def _composed(self, loaded: Mapping[str, Loaded]) -> Engine | None:
        """None: the others do not fit together without what is left out, whose absence is no mistake of the configuration."""
        present = {name: each for name, each in loaded.items() if each.subgraphs}
        left_out = loaded.keys() - present.keys()
        try:
            return await asyncio.to_thread(self._warm, present)
        except ConfigError as error:
            if not left_out:
                raise
            log.error("without %s the other sources do not fit together: %s", ", ".join(sorted(left_out)), error)
            self._needed = frozenset(left_out)
            return None

    def _warm(self, present: Mapping[str, Loaded]) -> Engine:
        engine = self._engine(supergraph(self._settings, present, self))
        before = self.engine or (self._before.engine if self._before else None)
        if before is not None:
            engine.warm(before)
        return engine

    def _engine(self, supergraph: Supergraph) -> Engine:
        for hint in supergraph.hints:
            log.info("%s: %s", hint.code, hint.message)
        return engine_of(self._settings, supergraph, self.stories, self._account, self._open)

    @property
    def lines(self) -> Mapping[str, Line]:
        return self._lines

    @property
    def generation(self) -> int:
        """How many engines there have been."""
        return self._generation

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
        now = WALL()
        line.data.hold.hold(None if reason is None else Held(reason, now, None if seconds is None else now + seconds))
        log.warning("source %s is %s", name, "released" if reason is None else f"held by an operator ({reason})")
        return True

    def source_names(self) -> Sequence[str]:
        return tuple(self._lines)

    @property
    def files(self) -> frozenset[Path]:
        """What its sources were made of beside their documents."""
        return frozenset(path for each in self._loaded.values() for part in each.subgraphs for path in part.files)

    def status(self) -> dict[str, Any]:
        return {
            "version": __version__,
            "profile": self._settings.profile,
            "ready": self.ready(),
            "draining": self.draining,
            "generation": self._generation,
            "owner": self.owner.shown("internal"),
            "sources": [self._source_status(line) for line in self._lines.values()],
            "changes": self.history.told()[:CHANGES_TOLD],
            "events": self._emitter.status(),
            "cache": self._shared.status() if self._shared else {},
        }

    async def _served_at_last(self) -> None:
        """What was not served until this start is now, where it is what the service itself says."""
        read = {part.name for each in self._loaded.values() if each.settled for part in each.subgraphs}
        found = standing(self.history.latest(), self.history.clock())
        if waited := [each for each in found if each.state != SEEN and each.source in read]:
            await self._news.changed([replace(each, at=self.history.clock()) for each in waited], APPLIED)

    async def _warned(self) -> None:
        """What other processes have written down, or what is long past, changes the warnings, too."""
        while True:
            self._warn()
            await asyncio.sleep(WARNED_EVERY)

    def _warn(self) -> None:
        """Answers that make use of what has drifted say so from now on."""
        stands = (each for each in standing(self.history.latest(), self.history.clock()) if each.criticality != SAFE)
        found = tuple(Drifting(each.source, each.coordinate, each.message, each.state, each.at) for each in stands)
        if self.engine is not None and found != self.engine.drifting:
            self._supervisor.start("drift", self.engine.drift(found))

    def _whose(self, name: str) -> tuple[str | None, Mapping[str, Any]]:
        """By the name of one of its subgraphs: a supergraph has several."""
        for line in self._lines.values():
            loaded = self._loaded.get(line.source.name, Loaded())
            if name == line.source.name or any(name == each.name for each in loaded.subgraphs):
                return line.source.owned_by, _owner(line.source, loaded).shown()
        return None, self.owner.shown()

    def families(self) -> Iterator[Family]:
        """What there is to count of sources, caches and the engine, at this moment."""
        named = self._named()
        yield from of_sources(named)
        yield from of_engine(self.engine, self._generation, self.ready())
        yield from of_caches(self._kept([line for line, _ in named]))
        yield from of_process()

    def _named(self) -> Sequence[Named]:
        """Lines with what metrics call them."""
        teams = {name: _owner(line.source, self._loaded.get(name, Loaded())).team for name, line in self._lines.items()}
        return [(line, labels_of(name, teams[name])) for name, line in self._lines.items()]

    def replaced_by(self, after: House) -> Sequence[Named]:
        """Lines that did not live on."""
        kept = [line.data for line in after._lines.values()]
        return [(line, labels) for line, labels in self._named() if line.data not in kept]

    def _kept(self, lines: Sequence[Line]) -> Mapping[str, tuple[int, int]]:
        """What is in each cache: entries and bytes."""
        answers = self.engine.answers if self.engine is not None else None
        store = next((line.data.store for line in lines if line.data.store is not None), None)
        items = next((line.items for line in lines if line.items is not None), None)
        kept = {"answers": (len(answers), answers.size)} if answers is not None else {}
        kept |= {"replies": (len(store), store.used)} if store is not None else {}
        return kept | ({"rows": (len(items), items.used)} if items is not None else {})

    async def whole_status(self) -> dict[str, Any]:
        return await self._together.status()

    def story(self, wanted: str) -> dict[str, Any] | None:
        return self.stories.find(wanted)

    async def story_elsewhere(self, wanted: str) -> dict[str, Any] | None:
        return await self._together.story(wanted)

    def joins(self) -> dict[str, Any]:
        return joined(self.engine, self._settings, self._whose)

    async def whole_joins(self) -> dict[str, Any]:
        return await self._together.joins(self.joins())

    def recent_failures(self) -> Sequence[dict[str, Any]]:
        return self.stories.latest()

    def _source_status(self, line: Line) -> dict[str, Any]:
        source, loaded = line.source, self._loaded.get(line.source.name, Loaded())
        url = shown_url(source.url) if source.url else None
        about = {"name": source.name, "kind": source.kind, "url": url, "owner": _owner(source, loaded).shown("internal")}
        return about | {"schema": loaded.schema, "omitted": self._omitted(line, loaded)} | line.status()

    def _waits_for(self, loaded: Mapping[str, Loaded]) -> list[str]:
        return [name for name, each in loaded.items() if each.missing and not self._omitted(self._lines[name], each)]

    def _omitted(self, line: Line, loaded: Loaded) -> bool:
        may_be = line.source.schema_.on_missing == "omit" and line.source.name not in self._needed
        return loaded.missing is not None and may_be


def _same(line: Line, before: Line) -> bool:
    return line.data is before.data and line.source == before.source


def _owner(source: Source, loaded: Loaded) -> Owner:
    """With what the source's own document adds, once it has been read."""
    return loaded.subgraphs[0].owner if loaded.subgraphs else source.owner
