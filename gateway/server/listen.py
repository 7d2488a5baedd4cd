"""Listening: sockets, and uvicorn as this gateway runs it."""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
import select
import socket
from collections.abc import Awaitable, Iterable, Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.server.house import House
from gateway.server.socket import Socket
from gateway.server.socket import socket as socket_of
from gateway.server.wire import Wire, make_room, wire

log = logging.getLogger("gateway.server")
BACKLOG = 2048
BESIDE = 1024
"""Files kept back for sources, stores and the gateway's own."""
KEEP_ALIVE = 75
"""Seconds an idle connection stays open: longer than common load balancers keep theirs, so that they close first."""
TICKS_PER_SECOND = 10


def bind(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one. Raises OSError that names the address."""
    with _named(f"{host}:{port}"):
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return _listening(sock, address)


def bind_unix(path: Path) -> socket.socket:
    """A listening Unix socket for this user alone. One that nobody listens on any more is replaced. Raises OSError."""
    with _named(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_socket() and not _answers(path):
            path.unlink()
        sock = _listening(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), str(path))
        path.chmod(0o600)
        return sock


def _listening(sock: socket.socket, address: Any) -> socket.socket:
    try:
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


@contextmanager
def _named(address: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(error.errno or errno.EINVAL, error.strerror or str(error), address) from None


def _has_waiting(sock: socket.socket) -> bool:
    """Connections that were made and that nobody has taken yet."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


class Doorway:
    """The application of the moment: connections outlive it."""

    __slots__ = ("inside",)

    def __init__(self, inside: ASGIApp) -> None:
        self.inside = inside

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self.inside(scope, receive, send)


class Listener(uvicorn.Server):
    """uvicorn without its own signals, and with an eye on connections that take too long, or do nothing while others wait."""

    def __init__(self, app: ASGIApp, house: House) -> None:
        self._doorway = Doorway(app)
        self._most = room_for(house.limits.connections)
        self._wire = wire(house, self._most)
        super().__init__(_config(self._doorway, self._wire, house))

    def take_in(self, app: ASGIApp, house: House) -> None:
        """From now on requests go there, on whatever connection they come."""
        self._doorway.inside = app
        self._wire.house = house

    @property
    def tasks(self) -> Iterable[asyncio.Task[None]]:
        """Those that answer a request now."""
        return self.server_state.tasks

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Who has connected by now is let in: those who wait at a socket that closes would be cut off."""
        for _ in range(BACKLOG):  # a turn of the loop lets in one
            await asyncio.sleep(0)
            if not any(map(_has_waiting, sockets or ())):
                break
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_PER_SECOND == 0:
            for connection in list(self.server_state.connections):
                if isinstance(connection, Wire | Socket):
                    connection.tick()
            make_room(self.server_state.connections, self._most)
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to `app`, which ends more than this listener."""
        yield


def _config(app: Doorway, wire: type[Wire], house: House) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        interface="asgi3",
        http=wire,
        ws=socket_of(house),
        ws_max_size=house.limits.body,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=ceil(house.limits.deadline) + 1,
        backlog=BACKLOG,
    )


def room_for(connections: int) -> int:
    """How many of so many connections there may be, by what this process may open; it takes what it is allowed to take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + BESIDE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    room = max(soft - BESIDE, soft // 2)
    log.warning("limits.connections is %d, but this process may open %d files: it takes %d connections", connections, soft, room)
    return room
