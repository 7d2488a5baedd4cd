"""The gateway, whole: on a socket in a thread of this process, or as a process of its own."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvloop

from gateway.app import House, settings_of
from gateway.app.front import street_of
from gateway.app.line import lines
from gateway.server.listen import Listener, bind
from gateway.server.street import street

GRAPHQL = "application/graphql-response+json"


class Client:
    """Asks one gateway."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(trust_env=False, verify=False, timeout=30)

    def post(self, query: str, variables: Any = None, *, accept: str = GRAPHQL, **headers: str) -> httpx.Response:
        named = {"accept": accept} | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(self.url, json={"query": query, "variables": variables}, headers=named)

    def ask(self, query: str, variables: Any = None, **headers: str) -> Any:
        return self.post(query, variables, **headers).json()

    def get(self, query: str, *, accept: str = GRAPHQL, **params: str) -> httpx.Response:
        return self.http.get(self.url, params={"query": query, **params}, headers={"accept": accept})


class Inside(Client):
    """A gateway in a thread, its house within reach."""

    def __init__(self, url: str, house: House) -> None:
        super().__init__(url)
        self.house = house


@contextmanager
def served(config: Path) -> Iterator[Inside]:
    """Listens from the start, as `gateway serve` does; a source that has no schema keeps it from being ready."""
    settings = settings_of(config)
    sock = bind("127.0.0.1", 0)
    house = House(settings, lines(settings), sleep=_soon)
    made = street_of(settings)
    server = Listener(street(house, made.front, public=frozenset(settings.gateway.admin.public)), house)
    started = threading.Event()
    failures: list[BaseException] = []

    async def live() -> None:
        serving = asyncio.create_task(server.serve(sockets=[sock]))
        try:
            await house.open()
            started.set()
            await serving
        finally:
            server.should_exit = True
            await serving
            await asyncio.gather(house.close(), made.close())

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(live())
        except BaseException as error:
            failures.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(30)
    if failures:
        raise failures[0]
    client = Inside(f"http://127.0.0.1:{sock.getsockname()[1]}/graphql", house)
    try:
        yield client
    finally:
        client.http.close()
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


async def _soon(_seconds: float) -> None:
    """Sources that are down are asked again at once, but not in a busy loop."""
    await asyncio.sleep(0.05)


class Process(Client):
    """`gateway serve CONFIG ...`. With `port`, without waiting until it says that it is ready."""

    def __init__(self, config: Path, *options: str, port: int | None = None) -> None:
        given = ["--port", str(port)] if port else []
        command = [sys.executable, "-m", "gateway", "serve", str(config), *options, *given]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        super().__init__(f"http://127.0.0.1:{port}/graphql" if port else self._said())

    def _said(self) -> str:
        assert self.process.stdout is not None
        said = ""
        while not (found := re.search(r"http://\S+", said)):
            line = self.process.stdout.readline()
            assert line, self.process.stderr and self.process.stderr.read()
            said += line
        return found[0]

    def told_to_stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def ended(self) -> tuple[int, str]:
        """Its exit code, and what it wrote to standard error."""
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors


@contextmanager
def process(config: Path, *options: str, port: int | None = None) -> Iterator[Process]:
    gateway = Process(config, *options, port=port)
    try:
        yield gateway
    finally:
        gateway.http.close()
        gateway.process.kill()
        gateway.process.communicate()


def command(*arguments: str | Path, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """One command, in a process of its own, piped."""
    line = [sys.executable, "-m", "gateway", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, env=environ)
