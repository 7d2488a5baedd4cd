"""The house, wired.

settings → one line per source (client, onion, headers) → sources loaded, all at once → composed → Engine → ready.
A source that is down never takes the gateway down: its copy is used, or it is waited for or left out, and tried again in
the background; when it is back a new Engine takes the place of the old one. `serve` is what the command calls.
"""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from socket import socket

from gateway.app.dev import Development
from gateway.app.engines import engine_of
from gateway.app.house import House
from gateway.app.loading import load_all, options, supergraph
from gateway.app.mocking import Mocking
from gateway.app.run import Sockets, begin_counting, bind_admin, bind_control, bind_shared_admin, leave, run
from gateway.app.workers import SPAWN, Workers
from gateway.config.load import load
from gateway.config.model import Settings
from gateway.config.problem import ConfigError
from gateway.server.listen import bind

__all__ = [
    "Development",
    "House",
    "Mocking",
    "develop",
    "engine_of",
    "leave",
    "load_all",
    "options",
    "serve",
    "settings_of",
    "supergraph",
]

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
CONFIG_WRONG = 1
log = logging.getLogger("gateway.app")
Read = Callable[[], Settings]
"""Reads the configuration, again and again: from the same place, with the same profile. It has to survive being pickled."""


def settings_of(config: Path, profile: str | None = None) -> Settings:
    """The configuration, with every kind's options checked. Raises `ConfigError` with all problems."""
    return load(config, options(), profile=profile)


def serve(
    read: Read, host: str | None = None, port: int | None = None, workers: int = 1, *, announce: Callable[[str], None] = print
) -> int:
    """Serve what `read` says until told to stop; the exit code. `announce` is told the address once it can be asked.

    Raises `ConfigError`, and OSError when an address cannot be listened on.
    """
    configure_logging()
    settings = read()
    listen = settings.gateway.listen
    sock = bind(host or listen.host, listen.port if port is None else port)
    address = _url(sock)
    if workers > 1:
        announce(f"{workers} workers listen on {address}")
        begin_counting(settings)
        start = partial(_start_worker, read, sock, bind_shared_admin(settings))
        return Workers(workers, start, sock.close).run()  # whom no worker lets in any more is not to wait for this process
    run(settings, Sockets(sock, bind_admin(settings)), read, lambda house: announce(f"{_state(house)} on {address}"))
    return 0


def develop(read: Read, port: int | None, development: Development, *, announce: Callable[[str], None] = print) -> int:
    """Serve to this machine alone, as a developer wants it; otherwise like `serve`."""
    configure_logging()

    def developed() -> Settings:
        return development.settings(read())

    settings = developed()
    sock = bind("127.0.0.1", settings.gateway.listen.port if port is None else port)
    sockets, wire, address = Sockets(sock, bind_admin(settings)), development.wire(settings), _url(sock)
    run(settings, sockets, developed, lambda house: announce(f"{_state(house)} on {address}"), wire=wire)
    return 0


def _state(house: House) -> str:
    return "ready" if house.ready() else f"waiting for {', '.join(refused.service for refused in house.waiting())}"


def configure_logging() -> None:
    """To standard error. uvicorn reports what clients do wrong, which they are told themselves, as warnings: left out."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    for name, level in (("uvicorn", logging.ERROR), ("websockets", logging.ERROR), ("httpx", logging.WARNING)):
        logging.getLogger(name).setLevel(level)


def _url(sock: socket) -> str:
    host, port = sock.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104  only shown
    return f"http://{shown}:{port}/graphql"


def _start_worker(read: Read, sock: socket, admin: socket | None, number: int) -> BaseProcess:
    process = SPAWN.Process(target=_work, args=(read, sock, admin, number), name=f"gateway-{number}", daemon=False)
    process.start()
    return process


def _work(read: Read, sock: socket, admin: socket | None, number: int) -> None:
    """The whole life of a worker. Its parent tells it to stop; should the parent die, it stops by itself."""
    configure_logging()
    parent = multiprocessing.parent_process()
    try:
        settings = read()
        ready = partial(log.info, "worker %d is ready", number)
        sockets = Sockets(sock, admin, bind_control(settings, number), number)
        run(settings, sockets, read, lambda _: ready(), parent.sentinel if parent else None)
    except ConfigError as error:
        log.error("the configuration has problems:\n%s", error)
        leave(CONFIG_WRONG)
    leave(0)
