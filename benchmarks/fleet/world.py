"""Replicas behind a real nginx, with a real Redis that they share, and the way to it, which may break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.chaos.world import Caller, Proxy, configuration, proxies
from benchmarks.fleet.sizes import Size
from benchmarks.fleet.traffic import OWN, PUBLIC, Echo
from benchmarks.gateways import Gateway, kill, start
from benchmarks.processes import free_port
from benchmarks.servers import nginx, redis_server

FRESH = 1
"""Seconds for which sources say that their answers are."""
CREDENTIAL: Mapping[str, Any] = {"headers": {"request": [{"propagate": {"named": "Authorization"}}]}}


class Way:
    """To Redis, through here. `swallows`: what is sent is taken, and nothing ever comes back."""

    def __init__(self, port: int) -> None:
        self.swallows = False
        self._to = port
        self._open: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Way:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):
                there = await asyncio.open_connection("127.0.0.1", self._to)
                await asyncio.gather(self._carry(reader, there[1]), self._carry(there[0], writer))
        finally:
            self._open.discard(task)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if not self.swallows:
                    writer.write(data)
        finally:
            writer.close()


class Redis:
    """A server that can be killed, and come back empty on the same port."""

    def __init__(self) -> None:
        self.port = free_port()
        self._running: Any = None

    def start(self) -> None:
        self._running = redis_server(port=self.port)
        self._running.__enter__()

    def kill(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.__exit__(None, None, None)


@contextmanager
def redis() -> Iterator[Redis]:
    server = Redis()
    server.start()
    try:
        yield server
    finally:
        server.kill()


class Fleet:
    """`caller` asks through nginx."""

    def __init__(self, folder: Path, config: Path, sources: Mapping[str, Proxy], ports: tuple[int, ...], front: int) -> None:
        self.sources = sources
        self.replicas: list[Gateway] = []
        self.caller = Caller(front)
        self._folder = folder
        self._config = config
        self._ports = ports

    async def start(self, number: int) -> None:
        """Anew, in its place."""
        made = await start(self._config, self._folder / f"log-{number}", port=self._ports[number], environ=self._own(number))
        self.replicas[number : number + 1] = [made]

    async def started(self) -> None:
        for number in range(len(self._ports)):
            await self.start(number)

    def _own(self, number: int) -> dict[str, str]:
        return {"FLEET_STATE": str(self._folder / f"state-{number}")}

    async def status(self, number: int) -> Mapping[str, Any]:
        """A replica's own view of itself."""
        caller = Caller(self._ports[number])
        answer = await caller.exchange(b"GET /status.json HTTP/1.1\r\nhost: gateway\r\n\r\n")
        caller.close()
        status: Mapping[str, Any] = answer.body
        return status

    @property
    def tracebacks(self) -> int:
        return sum(log.read_bytes().count(b"Traceback") for log in self._folder.glob("log-*"))

    async def close(self) -> None:
        self.caller.close()
        for replica in self.replicas:
            await kill(replica)


@asynccontextmanager
async def fleet(size: Size, replicas: int = 2, **more: Any) -> AsyncIterator[Fleet]:
    """All of them ready, behind nginx. `more`: keys of the configuration. Raises `Missing`."""
    sources = {name: Echo(name) for name in (PUBLIC, OWN)}
    for source in sources.values():
        source.headers = f"cache-control: max-age={FRESH}\r\n"
    with TemporaryDirectory() as name:
        folder = Path(name)
        async with proxies(sources) as behind:
            policy = size.patient() | {OWN: CREDENTIAL}
            gateway = {"state": "${env:FLEET_STATE}", "limits": size.limits()}
            config = configuration(folder, behind, policy, gateway, **more)
            ports, front = tuple(free_port() for _ in range(replicas)), free_port()
            changes = {"listen 8000;": f"listen 127.0.0.1:{front};"} | _places(ports)
            made = Fleet(folder, config, behind, ports, front)
            with nginx(folder, "replicas.conf", changes, front):
                try:
                    await made.started()
                    yield made
                finally:
                    await made.close()


def _places(ports: tuple[int, ...]) -> dict[str, str]:
    return {f"server 127.0.0.1:{8081 + number} ": f"server 127.0.0.1:{port} " for number, port in enumerate(ports)}
