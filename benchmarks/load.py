"""A closed-loop load generator on raw sockets: each connection asks, waits for the whole answer, asks again.

python -m benchmarks.load '{"port": 8080, "connections": 16, "seconds": 5, ...}'     (see `Load`), prints a `Result` as JSON

Every answer is counted and checked for errors; when time is over, requests in flight are finished, so that CPU time divided by
answers is exact.
"""

from __future__ import annotations

import asyncio
import sys
import time
from functools import reduce
from itertools import count
from typing import cast

import msgspec
import uvloop

from benchmarks.posts import QUERY

HEAD = (
    "POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    "accept: application/json\r\ncontent-length: {}\r\n\r\n"
)
GOOD = b'{"data":{"posts":[{'


class Load(msgspec.Struct, frozen=True):
    port: int
    connections: int = 16
    seconds: float = 1e9
    requests: int = sys.maxsize
    first: int = 0
    """The first request's page; each request has the next one."""
    documents: int = 1
    """How many different documents the requests go round: same work, other aliases."""


class Result(msgspec.Struct):
    answered: int = 0
    wrong: int = 0
    seconds: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    last: int = 0
    sample: str = ""
    """The beginning of a wrong answer."""


class Generator:
    def __init__(self, load: Load) -> None:
        self.load = load
        self.pages = count(load.first)
        self.asked = 0
        self.wrong = 0
        self.sample = b""
        self.latencies: list[float] = []
        self.ends = time.monotonic() + load.seconds
        self.documents = [_document(number) for number in range(load.documents)]

    def next(self) -> bytes | None:
        """The next request, or None when enough were asked."""
        if self.asked >= self.load.requests or time.monotonic() >= self.ends:
            return None
        self.asked += 1
        page = next(self.pages)
        body = f'{{"query":"{self.documents[page % len(self.documents)]}","variables":{{"page":{page}}}}}'
        return (HEAD.format(len(body)) + body).encode()

    def answered(self, started: float, body: bytes) -> None:
        self.latencies.append(time.monotonic() - started)
        if not body.startswith(GOOD) or b'"errors"' in body[-2000:]:
            self.wrong += 1
            self.sample = body[:500]


class Connection(asyncio.Protocol):
    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.buffer = bytearray()
        self.body_at = self.ends_at = 0
        self.started = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.ask()

    def ask(self) -> None:
        request = self.generator.next()
        if request is None:
            self.transport.close()
            return
        self.ends_at, self.started = 0, time.monotonic()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.ends_at and (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.buffer[:end]).lower()
            self.body_at = end + 4
            self.ends_at = self.body_at + int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if self.ends_at and len(self.buffer) >= self.ends_at:
            self.generator.answered(self.started, bytes(self.buffer[self.body_at : self.ends_at]))
            self.buffer.clear()
            self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc or self.buffer:
            self.generator.wrong += 1
        if not self.done.done():
            self.done.set_result(None)


async def run(load: Load) -> Result:
    generator, loop, began = Generator(load), asyncio.get_running_loop(), time.monotonic()
    pairs = [await loop.create_connection(lambda: Connection(generator), "127.0.0.1", load.port) for _ in range(load.connections)]
    await asyncio.gather(*(connection.done for _, connection in pairs))
    spent, latencies = time.monotonic() - began, sorted(generator.latencies) or [0.0]
    p50, p99 = (1000 * latencies[int(len(latencies) * share)] for share in (0.5, 0.99))
    answered = len(generator.latencies)
    return Result(
        answered, generator.wrong, spent, p50, p99, load.first + generator.asked, generator.sample.decode(errors="replace")
    )


def _document(number: int) -> str:
    if number == 0:
        return QUERY
    aliases = (("Posts(", f"Posts{number}("), ("title", f"title{number}: title"), ("email", f"email{number}: email"))
    return reduce(lambda document, alias: document.replace(*alias), aliases, QUERY)


def main() -> None:
    result = uvloop.run(run(msgspec.json.decode(sys.argv[1], type=Load)))
    print(msgspec.json.encode(result).decode())


if __name__ == "__main__":
    main()
