"""How a demo service runs as a program: a port, a fault on request, and a life no longer than its starter's."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from signal import pause
from socket import SO_REUSEADDR, SOL_SOCKET, socket
from threading import Thread

import uvicorn
from starlette.applications import Starlette

from gateway.demo.upstreams.faults import MODES, Fault, fault


def run(name: str, app: Callable[[Fault], Starlette]) -> None:
    """Serve until a signal, or until the starter is gone. Prints the address once connections are accepted."""
    arguments = _arguments(name)
    if arguments.with_starter:
        Thread(target=_end_with_starter, daemon=True).start()
    door = socket()
    door.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    door.bind((arguments.host, arguments.port))
    server = uvicorn.Server(uvicorn.Config(app(fault(arguments.fault)), log_level="warning", access_log=False))
    if arguments.fault != "down":
        door.listen(256)
    print("http://{}:{}".format(*door.getsockname()), flush=True)
    if arguments.fault == "down":
        pause()
    server.run(sockets=[door])


def _arguments(name: str) -> Namespace:
    parser = ArgumentParser(prog=f"python -m gateway.demo.upstreams.{name}", description=f"The demo's {name} service.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine alone)")
    parser.add_argument("--port", type=int, default=0, help="port (default: any free one)")
    parser.add_argument("--fault", choices=MODES, help="break on purpose")
    parser.add_argument("--with-starter", action="store_true", help="end when standard input does, that is, with the starter")
    return parser.parse_args()


def _end_with_starter() -> None:
    """The starter holds the other end of this pipe; however it dies, even by SIGKILL, the read ends.

    Reads the descriptor itself: a thread that holds the buffered reader's lock makes the interpreter abort when it ends.
    """
    while os.read(0, 1024):
        pass
    os._exit(0)
