"""What is served at this moment, and how another configuration takes its place: as one assignment, or not at all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
from starlette.types import ASGIApp

from gateway.app import memory
from gateway.app.events import Emitter, webhooks
from gateway.app.front import Street, street_of
from gateway.app.house import House
from gateway.app.line import lines, shared_of
from gateway.app.observing import Observatory
from gateway.config.model import Settings
from gateway.config.problem import ConfigError, Problem
from gateway.server.metrics import Metrics
from gateway.server.street import backyard, street
from gateway.upstream.onion import Shared
from gateway.upstream.tape import Wire

log = logging.getLogger("gateway.app")
GRACE = 1.0
"""Seconds beside the deadline of a request that what is in may take to finish."""


class Reloaded(msgspec.Struct, frozen=True):
    """What came of it. With `problems` everything is as it was."""

    generation: int
    problems: tuple[Problem, ...] = ()
    at_restart: tuple[str, ...] = ()
    """Settings that have changed and are read only when a process starts."""

    def told(self) -> str:
        if self.problems:
            return f"the configuration has problems, and the one before stays:\n{ConfigError(self.problems)}"
        later = f"; {', '.join(self.at_restart)} will be read at the next start" if self.at_restart else ""
        return f"the configuration was read anew and is served as generation {self.generation}{later}"


class Tenant(msgspec.Struct, frozen=True):
    """A house and what it shows to the street and to its operators."""

    settings: Settings
    shared: Shared
    house: House
    street: Street
    public: ASGIApp
    admin: ASGIApp

    @property
    def watched(self) -> frozenset[Path]:
        """Every file on this machine whose content matters to what is served."""
        return self.settings.watched | self.house.files


class Telling(msgspec.Struct, frozen=True):
    """To whom houses tell what they do. It outlives them."""

    observatory: Observatory | None = None
    metrics: Metrics | None = None
    socket: Path | None = None
    """The control socket of this process, where it is one of several workers."""


UNHEARD = Telling()


class Serving:
    """One tenant at a time. `taken` is called with each that has moved in; `busy` gives the tasks that answer requests now."""

    def __init__(
        self,
        settings: Settings,
        read: Callable[[], Settings],
        *,
        taken: Callable[[Tenant], None] = lambda _: None,
        busy: Callable[[], Iterable[asyncio.Task[None]]] = lambda: (),
        telling: Telling = UNHEARD,
        wire: Wire | None = None,
    ) -> None:
        self._read = read
        self._taken = taken
        self._busy = busy
        self._changing = asyncio.Lock()
        self._leaving: set[asyncio.Task[None]] = set()
        self._telling = telling
        self._wire = wire
        self.now = self._tenant(settings)
        if telling.observatory is not None:
            telling.observatory.add(lambda: self.now.house.families())

    async def reload(self) -> Reloaded:
        """Read everything again. Requests that are in finish where they began. One at a time."""
        async with self._changing:
            before, settings = self.now, self.now.settings
            try:
                settings = await asyncio.to_thread(self._read)
                after = await self._moved_in(msgspec.structs.replace(settings, telemetry=before.settings.telemetry), before)
            except ConfigError as error:
                outcome = Reloaded(before.house.generation, settings.located(error.problems))
                self._tell(refused=True)
                log.error("%s", outcome.told())
                return outcome
            self.now = after
            self._taken(after)
            self._let_go(before, after)
            self._tell(refused=False)
            outcome = Reloaded(after.house.generation, at_restart=tuple(_at_restart(before.settings, settings)))
            log.info("%s", outcome.told())
            return outcome

    def _tell(self, *, refused: bool) -> None:
        if self._telling.observatory is not None:
            self._telling.observatory.refused = refused

    async def close(self) -> None:
        await asyncio.gather(*self._leaving)
        await asyncio.gather(self.now.house.close(), self.now.street.close())
        await self.now.shared.close()

    def _tenant(self, settings: Settings, before: Tenant | None = None) -> Tenant:
        keeps = before is not None and before.settings.cache == settings.cache
        shared, known = (before.shared, before.house.lines) if before and keeps else (shared_of(settings, self._wire), {})
        made = lines(settings, shared, known)
        house_before, emitter = before.house if before else None, Emitter(webhooks(settings.events))
        seen, metrics = self._telling.observatory, self._telling.metrics
        account, watch = (seen.keep, seen.watch) if seen is not None else (None, None)
        told: dict[str, Any] = {"emitter": emitter, "account": account, "socket": self._telling.socket}
        house = House(settings, made, composed=memory.settle, before=house_before, shared=shared, **told)
        front = street_of(settings, watch)
        public = street(house, front.front, public=frozenset(settings.gateway.admin.public), metrics=metrics)
        return Tenant(settings, shared, house, front, public, backyard(house, self.reload, metrics))

    async def _moved_in(self, settings: Settings, before: Tenant) -> Tenant:
        """Ready to answer, or nothing is left of it."""
        after = self._tenant(settings, before)
        try:
            await after.house.open()
        except BaseException:
            await asyncio.gather(after.house.close(before.house), after.street.close())
            raise
        return after

    def _let_go(self, before: Tenant, after: Tenant) -> None:
        """In the background: what is in may take as long as a request may."""
        if self._telling.observatory is not None:
            self._telling.observatory.gone.add(before.house.replaced_by(after.house))
        task = asyncio.get_running_loop().create_task(self._left(before, after, set(self._busy())))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _left(self, before: Tenant, after: Tenant, busy: set[asyncio.Task[None]]) -> None:
        before.house.draining = True
        await before.house.leave()
        if busy:
            await asyncio.wait(busy, timeout=before.house.limits.deadline + GRACE)
        await asyncio.gather(before.house.close(after.house), before.street.close())
        if before.shared is not after.shared:
            await before.shared.close()
        if self._telling.observatory is not None:
            self._telling.observatory.gone.fold(before.house.replaced_by(after.house))


def _at_restart(before: Settings, after: Settings) -> Iterable[str]:
    old, new = before.gateway, after.gateway
    if old.listen != new.listen:
        yield "gateway.listen"
    if old.admin_listen != new.admin_listen:
        yield "gateway.admin.listen"
    if old.state != new.state:
        yield "gateway.state"
    if before.telemetry != after.telemetry:
        yield "telemetry"
