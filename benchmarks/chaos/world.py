"""Sources, the fault proxies in front of them, the gateway in a process of its own, and callers: all on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import msgspec

from benchmarks.gateways import Gateway, serving

MIB = 1024 * 1024
CREDENTIAL: Mapping[str, Any] = {"headers": {"request": [{"propagate": {"named": "Authorization"}}]}}
"""Of a source that sees who asks."""
OFF: Mapping[str, Any] = {"cache": "off", "retry": "off", "circuit_breaker": "off"}
MEDIA = "application/graphql-response+json"


Question = tuple[str, int]
"""A document, and its variable `id`: few documents, many questions, as it is with real clients."""


def of(fields: str, number: int) -> Question:
    """`text` of each of these root fields, which are the sources' names (or `alias: name`)."""
    selections = " ".join(f"{field}(id: $id) {{ id text }}" for field in fields.split())
    return f"query($id: Int!) {{ {selections} }}", number


class Connection:
    """One connection of a proxy, as a fault sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def until_closed(self) -> None:
        while await self.reader.read(65536):
            pass


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Fault = Callable[[Connection], Awaitable[None]]
"""What happens in place of an answer; the connection ends with it."""
Decide = Callable[[str], Fault | None]
"""By the path that is asked for; None: the source answers."""


class Source:
    """A REST service: `GET /NAME/{id}` answers after `delay` seconds, with `headers`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.delay = 0.002
        self.headers = ""
        self.version = 0
        self.slow: Callable[[], float] = lambda: 0.0
        self.gate = asyncio.Event()
        """Closed, no answer goes out."""
        self.gate.set()

    def text(self, number: str, head: bytes) -> str:  # noqa: ARG002 - some sources look at who asks
        return f"{self.name}{number} v{self.version}"

    async def answer(self, path: str, head: bytes) -> bytes:
        await self.gate.wait()
        if delay := self.delay + self.slow():
            await asyncio.sleep(delay)
        number = path.rpartition("/")[2]
        body = json.dumps({"id": int(number), "text": self.text(number, head)})
        opening = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{self.headers}\r\n"
        return (opening + body).encode()

    def document(self, url: str) -> dict[str, Any]:
        fields = {"id": {"type": "integer", "format": "int32"}, "text": {"type": "string"}}
        thing = {"type": "object", "required": ["id"], "properties": fields}
        answer = {
            "description": "one",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/T" + self.name}}},
        }
        by_id = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "format": "int32"}}
        operation = {"operationId": self.name, "parameters": [by_id], "responses": {"200": answer}}
        return {
            "openapi": "3.0.3",
            "info": {"title": self.name, "version": "1"},
            "servers": [{"url": url}],
            "paths": {f"/{self.name}/{{id}}": {"get": operation}},
            "components": {"schemas": {"T" + self.name: thing}},
        }


def credential(head: bytes) -> str:
    """That a call was made with; empty: with none."""
    fields = (line.partition(b":") for line in head.split(b"\r\n"))
    return next((value.strip().decode() for name, _, value in fields if name.lower() == b"authorization"), "")


class Proxy:
    """Stands in front of a source, counts what is asked, and misbehaves as it is told."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.decide: Decide = lambda _path: None
        self.times: list[float] = []
        self.good: list[float] = []
        self.open = 0
        self.most_at_once = 0
        """Calls that were under way together."""
        self._under_way = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def calls(self) -> int:
        return len(self.times)

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=4096)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.open += 1
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._converse(Connection(reader, writer))
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.close()

    async def _converse(self, connection: Connection) -> None:
        while True:
            head = await connection.reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            self.times.append(monotonic())
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
            try:
                if not await self._answered(connection, path, head):
                    return
            finally:
                self._under_way -= 1

    async def _answered(self, connection: Connection, path: str, head: bytes) -> bool:
        """False: the connection is over."""
        if (fault := self.decide(path)) is not None:
            await fault(connection)
            return False
        answer = await self.source.answer(path, head)
        self.good.append(monotonic())
        await connection.say(answer)
        return True

    async def stop(self) -> None:
        self.server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Answer(msgspec.Struct):
    status: int
    headers: Mapping[str, str]
    body: Any
    at: float
    """When it had come, on the `time.monotonic` clock."""
    seconds: float

    @property
    def complete(self) -> bool:
        return not self.body.get("errors") and all(self.body.get("data", {}).values())

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.body.get("errors", ())]

    @property
    def asked(self) -> float:
        return self.at - self.seconds

    @property
    def stale(self) -> bool:
        return any(w["code"] == "STALE_DATA" for w in self.body.get("extensions", {}).get("warnings", ()))

    @property
    def is_explained(self) -> bool:
        """Every null is at the path of an error, or below one."""
        nulls = [name for name, value in (self.body.get("data") or {}).items() if value is None]
        told = {error.get("path", [None])[0] for error in self.body.get("errors", ())}
        return told.issuperset(nulls)


def explained(answers: Sequence[Answer]) -> bool:
    return all(answer.is_explained for answer in answers)


class Caller:
    """Asks the gateway over kept connections, as many at once as there are questions; idle ones beyond `keeps` are closed."""

    def __init__(self, port: int, keeps: float = inf) -> None:
        self.port = port
        self.keeps = keeps
        self._idle: list[Streams] = []

    async def connect(self) -> Streams:
        return await asyncio.open_connection("127.0.0.1", self.port)

    def request(self, asked: Question, headers: str = "") -> bytes:
        query, number = asked
        body = json.dumps({"query": query, "variables": {"id": number}})
        head = f"POST /graphql HTTP/1.1\r\nhost: gateway\r\naccept: {MEDIA}\r\ncontent-type: application/json\r\n"
        return f"{head}{headers}content-length: {len(body)}\r\n\r\n{body}".encode()

    async def ask(self, asked: Question, headers: str = "") -> Answer:
        return await self.exchange(self.request(asked, headers))

    async def exchange(self, request: bytes) -> Answer:
        began = monotonic()
        (reader, writer), head = await self._opened(request)
        status, *lines = head.decode().split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(fields.get("content-length", 0)))
        if fields.get("connection") == "close" or len(self._idle) >= self.keeps:
            writer.close()
        else:
            self._idle.append((reader, writer))
        now = monotonic()
        return Answer(int(status.split(" ")[1]), fields, msgspec.json.decode(body), now, now - began)

    async def _opened(self, request: bytes) -> tuple[Streams, bytes]:
        """The head of an answer. A kept connection that was closed before a byte of it came is replaced, as every client does."""
        while True:
            kept = bool(self._idle)
            reader, writer = self._idle.pop() if kept else await self.connect()
            try:
                writer.write(request)
                return (reader, writer), await reader.readuntil(b"\r\n\r\n")
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                writer.close()
                if not kept or (isinstance(error, asyncio.IncompleteReadError) and error.partial):
                    raise
            except asyncio.CancelledError:
                writer.transport.abort()
                raise

    async def leave(self, asked: Question, after: float, headers: str = "") -> None:
        """Ask, and be gone so many seconds later, whatever has come."""
        _, writer = await self.connect()
        writer.write(self.request(asked, headers))
        await asyncio.sleep(after)
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()

    async def status(self) -> Mapping[str, Any]:
        """The gateway's own view of each source, by name."""
        answer = await self.exchange(b"GET /status.json HTTP/1.1\r\nhost: gateway\r\n\r\n")
        return {source["name"]: source for source in answer.body["sources"]}

    def close(self) -> None:
        while self._idle:
            self._idle.pop()[1].close()


async def steady(caller: Caller, rate: float, seconds: float, asked: Callable[[int], Question]) -> list[Answer]:
    """So many questions per second, whatever becomes of those before (an open loop)."""
    began, tasks = monotonic(), []
    for number in range(int(rate * seconds)):
        if (pause := began + number / rate - monotonic()) > 0:
            await asyncio.sleep(pause)
        tasks.append(asyncio.create_task(caller.ask(asked(number))))
    return list(await asyncio.gather(*tasks))


async def until(seen: Callable[[], Awaitable[bool]], seconds: float = 120.0) -> bool:
    """Look again and again, for a time that no machine needs; False: it never came."""
    began = monotonic()
    while not await seen():
        if monotonic() - began > seconds:
            return False
        await asyncio.sleep(0.02)
    return True


def quantile(answers: Sequence[Answer], share: float) -> float:
    return quantile_of([answer.seconds for answer in answers], share)


def quantile_of(times: Sequence[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


class World:
    """A gateway and what is before and behind it."""

    def __init__(self, proxies: Mapping[str, Proxy], caller: Caller, gateway: Gateway) -> None:
        self.proxies = proxies
        self.caller = caller
        self.gateway = gateway

    def __getitem__(self, name: str) -> Proxy:
        return self.proxies[name]

    @property
    def memory(self) -> int:
        return self.gateway.memory

    @property
    def descriptors(self) -> int:
        return self.gateway.descriptors

    async def tasks(self) -> int:
        return await self.gateway.tasks()

    async def quiet(self) -> bool:
        """No call is open, and no caller's connection but those that are kept for the next question."""
        status = await self.caller.status()
        return not any(each["open_calls"] or each["orphans"] or each["queued"] for each in status.values())


@asynccontextmanager
async def world(
    sources: str | Mapping[str, Source] = "a",
    policy: Mapping[str, Any] | None = None,
    links: Sequence[Mapping[str, Any]] = (),
    **gateway: Any,
) -> AsyncIterator[World]:
    """These sources, or a plain one for each letter, all with this policy, and a gateway that is ready."""
    named = {name: Source(name) for name in sources} if isinstance(sources, str) else sources
    with TemporaryDirectory() as folder:
        async with proxies(named) as behind:
            config = configuration(Path(folder), behind, policy or {}, gateway, links=links)
            async with serving(config, Path(folder) / "log") as process:
                caller = Caller(process.port)
                yield World(behind, caller, process)
                caller.close()


@asynccontextmanager
async def proxies(sources: Mapping[str, Source]) -> AsyncIterator[dict[str, Proxy]]:
    """One in front of each source."""
    made = {name: Proxy(source) for name, source in sources.items()}
    try:
        for proxy in made.values():
            await proxy.start()
        yield made
    finally:
        for proxy in made.values():
            await proxy.stop()


def configuration(
    folder: Path, proxies: Mapping[str, Proxy], policy: Mapping[str, Any], gateway: Mapping[str, Any], **more: Any
) -> Path:
    """A file in the folder: these sources, each with its keys in `policy`; what is no source's there is a default."""
    sources = []
    for name, proxy in proxies.items():
        document = folder / f"{name}.json"
        document.write_text(json.dumps(proxy.source.document(proxy.url)))
        keys = {"name": name, "kind": "openapi", "url": proxy.url, "schema": str(document), "owner": "team"}
        sources.append(keys | policy.get(name, {}))
    defaults = {key: value for key, value in policy.items() if key not in proxies}
    keys = {"listen": "127.0.0.1:0", "state": str(folder / "state"), "admin": {"public": ["status"]}} | gateway
    whole = {"version": 1, "gateway": keys, "owners": {"team": {"team": "Team"}}, "defaults": defaults, "sources": sources}
    config = folder / "gateway.yaml"
    config.write_text(json.dumps(whole | more))
    return config
