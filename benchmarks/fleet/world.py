"""Replicas behind a real nginx, with a real Redis that they share, and the way to it, which may break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.chaos.world import CREDENTIAL, Caller, Proxy, configuration, proxies
from benchmarks.fleet.sizes import Size
from benchmarks.fleet.traffic import OWN, PUBLIC, Echo
from benchmarks.gateways import Gateway, kill, start
from benchmarks.processes import free_port
from benchmarks.servers import nginx, redis_server

KEPT = 16
"""Idle connections of callers: a moment's crowd is not to be seen in the gateway's files and memory for long."""
FRESH = 1
"""Seconds for which sources say that their answers are."""


Environ = Callable[[int], Mapping[str, str]]


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
    """`caller` asks through nginx, or the only replica where there is none."""

    def __init__(
        self,
        sources: Mapping[str, Proxy],
        config: Path,
        ports: Sequence[int],
        options: Sequence[str] = (),
        environ: Environ = lambda _: {},
    ) -> None:
        self.sources = sources
        self.config = config
        self.replicas: list[Gateway] = []
        self.caller = Caller(ports[-1], KEPT)
        self._folder = config.parent
        self._ports = ports
        self._options = options
        self._environ = environ

    async def start(self, number: int = 0) -> None:
        """Anew, in its place."""
        environ = {**self._environ(number), "FLEET_STATE": str(self._folder / f"state-{number}")}
        log, port = self._folder / f"log-{number}", self._ports[number]
        self.replicas[number : number + 1] = [await start(self.config, log, *self._options, port=port, environ=environ)]

    def port(self, number: int) -> int:
        return self._ports[number]

    async def status(self, number: int = 0) -> Mapping[str, Any]:
        """A replica's own view of itself."""
        caller = Caller(self._ports[number])
        answer = await caller.exchange(b"GET /status.json HTTP/1.1\r\nhost: gateway\r\n\r\n")
        caller.close()
        status: Mapping[str, Any] = answer.body
        return status

    @property
    def calls(self) -> int:
        """That reached the sources."""
        return sum(source.calls for source in self.sources.values())

    @property
    def tracebacks(self) -> int:
        """Faults of its own that any of them has logged."""
        return sum(log.read_bytes().count(b"Traceback") for log in self._folder.glob("log-*"))

    async def close(self) -> None:
        self.caller.close()
        for replica in self.replicas:
            await kill(replica)


@asynccontextmanager
async def alone(size: Size, *options: str, **more: Any) -> AsyncIterator[Fleet]:
    """One gateway, ready, with nothing before it. `more`: keys of the configuration."""
    async with _sources(size, more) as (sources, config):
        made = Fleet(sources, config, [free_port()], options)
        try:
            await made.start()
            yield made
        finally:
            await made.close()


@asynccontextmanager
async def fleet(size: Size, environ: Environ = lambda _: {}, **more: Any) -> AsyncIterator[Fleet]:
    """Two replicas, ready, behind nginx. `environ`: of each, by its number. Raises `Missing`."""
    async with _sources(size, more) as (sources, config):
        first, second, front = free_port(), free_port(), free_port()
        changes = {
            "listen 8000;": f"listen 127.0.0.1:{front};",
            "server 127.0.0.1:8081 ": f"server 127.0.0.1:{first} ",
            "server 127.0.0.1:8082 ": f"server 127.0.0.1:{second} ",
        }
        made = Fleet(sources, config, [first, second, front], environ=environ)
        with nginx(config.parent, "replicas.conf", changes, front):
            try:
                await made.start(0)
                await made.start(1)
                yield made
            finally:
                await made.close()


@asynccontextmanager
async def _sources(size: Size, more: Mapping[str, Any]) -> AsyncIterator[tuple[Mapping[str, Proxy], Path]]:
    """And a file that configures a gateway before them."""
    sources = {name: Echo(name) for name in (PUBLIC, OWN)}
    for source in sources.values():
        source.headers = f"cache-control: max-age={FRESH}\r\n"
    gateway = {"state": "${env:FLEET_STATE}", "limits": size.limits()} | more.get("gateway", {})
    room = {"concurrency": {"queue": 10_000, "max_wait": f"{size.patience:g}s"}}  # callers and sources are one busy process
    hints = {"circuit_breaker": {"hint": "shared"}}
    others = {key: value for key, value in more.items() if key != "gateway"}
    with TemporaryDirectory() as folder:
        async with proxies(sources) as behind:
            yield (
                behind,
                configuration(Path(folder), behind, size.patient() | room | hints | {OWN: CREDENTIAL}, gateway, **others),
            )
