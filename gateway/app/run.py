"""One process of the gateway, from its sockets to its last byte.

start:  listen (so that health can be asked) → load, compose → ready
stop:   not ready → stop accepting → finish requests → no wire call open → connections closed → the process ends
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import uvloop

from gateway.app.hints import EVERY, exchange
from gateway.app.house import House
from gateway.app.observing import Observatory
from gateway.app.observing.scrape import COUNTED, Scrape
from gateway.app.serving import Serving, Telling, Tenant
from gateway.app.supervisor import Supervisor
from gateway.app.systemd import ALIVE, READY, STOPPING, alive_every, notify, reloading
from gateway.app.watch import Watch
from gateway.config.model import Settings, Socket
from gateway.server.listen import Listener, bind, bind_unix
from gateway.upstream.tape import Wire

log = logging.getLogger("gateway.app")
UNWATCHED = 5.0
"""Seconds between two looks at whether files are to be watched at all."""


class Sockets(msgspec.Struct, frozen=True):
    """What this process listens on, bound already."""

    public: socket.socket
    admin: socket.socket | None = None
    control: socket.socket | None = None
    """A worker's own: the same as `admin`, but of this very process."""
    worker: int | None = None


def bind_admin(settings: Settings) -> socket.socket | None:
    """The admin address. The default one, a socket in `state`, may fail: then there is no admin address. Raises OSError."""
    where = settings.gateway.admin_listen
    if not isinstance(where, Socket):
        return bind(where.host, where.port)
    return _bind_file(settings, where.path)


def bind_shared_admin(settings: Settings) -> socket.socket | None:
    """An address that all workers answer together; a socket each has for itself (`bind_control`)."""
    return None if isinstance(settings.gateway.admin_listen, Socket) else bind_admin(settings)


def bind_control(settings: Settings, worker: int) -> socket.socket | None:
    path = _control(settings)
    return _bind_file(settings, path.with_stem(f"{path.stem}-{worker}"))


def begin_counting(settings: Settings) -> None:
    """What workers counted when this gateway ran before is not theirs any more."""
    with suppress(OSError):
        _control(settings).with_name(COUNTED).unlink(missing_ok=True)


def _control(settings: Settings) -> Path:
    where = settings.gateway.admin_listen
    return where.path if isinstance(where, Socket) else settings.gateway.state / "admin.sock"


def _bind_file(settings: Settings, path: Path) -> socket.socket | None:
    try:
        return bind_unix(path)
    except OSError as error:
        if isinstance(settings.gateway.admin.listen, Socket):
            raise
        log.warning("there is no admin address: %s cannot be used: %s", path, error.strerror or error)
        return None


def _file_of(sock: socket.socket | None) -> Path | None:
    """What a Unix socket leaves behind when nobody answers it any more."""
    return Path(sock.getsockname()) if sock is not None and sock.family is socket.AF_UNIX else None


class Process:
    """The house, its listeners, and the signals that end them."""

    def __init__(
        self,
        settings: Settings,
        sockets: Sockets,
        read: Callable[[], Settings],
        parent: int | None = None,
        wire: Wire | None = None,
    ) -> None:
        self._parent = parent
        self._observatory = Observatory(settings)
        self._file = _file_of(sockets.control or sockets.admin)
        metrics = Scrape(self._observatory.families, self._file, sockets.worker) if settings.telemetry.metrics else None
        telling = Telling(self._observatory, metrics, self._file if sockets.worker is not None else None)
        self._serving_now = Serving(settings, read, taken=self._taken, busy=self._busy, telling=telling, wire=wire)
        tenant = self._serving_now.now
        self._public = Listener(tenant.public, tenant.house)
        backs = [sock for sock in (sockets.admin, sockets.control) if sock is not None]
        self._admin = [(Listener(tenant.admin, tenant.house), sock) for sock in backs]
        self._listeners = [(self._public, sockets.public), *self._admin]
        self._supervisor = Supervisor()
        self._stop = asyncio.Event()
        self._serving: list[asyncio.Task[None]] = []

    async def run(self, ready: Callable[[House], None]) -> None:
        """Until a signal says to stop. Raises `ConfigError` when the sources cannot be composed."""
        self._observatory.start()
        self._listen_to_signals()
        if self._parent is None:
            self._listen()
        try:
            await self._until_stopped(self._open(ready))
        finally:
            notify(STOPPING)
            await self._supervisor.stop()
            self._serving_now.now.house.draining = True
            for each, _ in self._listeners:
                each.should_exit = True
            await asyncio.gather(*self._serving)
            await self._serving_now.close()
            if self._file is not None:
                self._file.unlink(missing_ok=True)
            await asyncio.to_thread(self._observatory.close)

    async def _open(self, ready: Callable[[House], None]) -> None:
        """A worker takes connections only now: until then its siblings do. Alone, it tells from the start how it is."""
        house = self._serving_now.now.house
        await house.open()
        if self._parent is not None:
            self._listen()
        ready(house)
        notify(READY)
        self._look_after()
        await self._stop.wait()

    def _look_after(self) -> None:
        self._supervisor.start("watch", self._watched())
        self._supervisor.start("hints of other replicas", self._hinted())
        if (pause := alive_every()) is not None:
            self._supervisor.start("signs of life", _alive(pause))

    # ------------------------------------------------------------ another configuration

    async def reload(self) -> None:
        notify(reloading())
        await self._serving_now.reload()
        notify(READY)

    def _reload_soon(self) -> None:
        self._supervisor.start("reload", self.reload())

    async def _watched(self) -> None:
        """As long as this process lives: whether it is wanted may change with the configuration, too."""
        watch = Watch(lambda: self._serving_now.now.watched, asyncio.sleep)
        while True:
            every = self._serving_now.now.settings.gateway.watch
            if every is None:
                await asyncio.sleep(UNWATCHED)
                watch.settled()
                continue
            await watch.changed(every)
            await self.reload()
            watch.settled()

    async def _hinted(self) -> None:
        """Like the watch: who gives hints, and where, may change."""
        while True:
            tenant = self._serving_now.now
            if tenant.shared.copies is not None:
                await exchange(tenant.shared.copies, tenant.house.lines.values())
            await asyncio.sleep(EVERY)

    def _taken(self, tenant: Tenant) -> None:
        self._public.take_in(tenant.public, tenant.house)
        for each, _ in self._admin:
            each.take_in(tenant.admin, tenant.house)

    def _busy(self) -> set[asyncio.Task[None]]:
        """But the one that asks for this: a reload is a request, too."""
        return {task for each, _ in self._listeners for task in each.tasks} - {asyncio.current_task()}

    # ------------------------------------------------------------ listening, and ending

    def _listen(self) -> None:
        self._serving = [asyncio.create_task(each.serve(sockets=[sock])) for each, sock in self._listeners]
        for task in self._serving:
            task.add_done_callback(lambda _: self._stop.set())

    async def _until_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """A signal ends even a start that is still waiting for a source."""
        working, stopped = asyncio.create_task(work), asyncio.create_task(self._stop.wait())
        done, pending = await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if working in done:
            working.result()

    def stop(self) -> None:
        """Once: finish what is in. Twice: now, whatever clients still wait for."""
        if self._stop.is_set():
            for each, _ in self._listeners:
                each.force_exit = True
        self._stop.set()

    def _listen_to_signals(self) -> None:
        """A worker leaves Ctrl-C, which reaches the whole group, to its parent, and stops when that is gone."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload_soon)
        if self._parent is None:
            loop.add_signal_handler(signal.SIGINT, self.stop)
            return
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        loop.add_reader(self._parent, self._orphaned, loop)

    def _orphaned(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.remove_reader(self._parent or 0)
        self.stop()


async def _alive(pause: float) -> None:
    while True:
        notify(ALIVE)
        await asyncio.sleep(pause)


def run(
    settings: Settings,
    sockets: Sockets,
    read: Callable[[], Settings],
    ready: Callable[[House], None],
    parent: int | None = None,
    wire: Wire | None = None,
) -> None:
    """Serve until told to stop. `read` reads the configuration again. `parent`: a file that becomes readable when the parent
    has ended. `wire`: what is used in place of the way to the services. Raises `ConfigError`."""

    async def process() -> None:
        await Process(settings, sockets, read, parent, wire).run(ready)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(process())


def leave(code: int) -> NoReturn:
    """End the process without finalising the interpreter, which the HTTP client's own threads may not survive."""
    logging.shutdown()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
