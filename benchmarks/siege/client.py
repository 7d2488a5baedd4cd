"""Clients over bare sockets: those that behave, and those that do not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from random import Random
from typing import Any

import msgspec

PATIENCE = 60.0
"""Seconds after which a client that still waits counts as forgotten."""
HEAD = b"POST /graphql HTTP/1.1\r\nhost: gateway\r\n"


class Came(msgspec.Struct, frozen=True):
    """status 0: the connection was closed, and nothing came."""

    status: int
    body: bytes = b""

    @property
    def code(self) -> str | None:
        """Of its first error; None where it is not of our shape."""
        try:
            told: Any = json.loads(self.body)
            return str((told[0] if isinstance(told, list) else told)["errors"][0]["extensions"]["code"])
        except (ValueError, LookupError, TypeError):
            return None


class Connection:
    """Kept alive until the server closes it; then the next request has a new one."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, data: bytes) -> Came:
        async with asyncio.timeout(PATIENCE):
            with suppress(OSError, asyncio.IncompleteReadError):
                return await self._exchange(data)
            self.close()
            return Came(0)

    async def say(self, data: bytes) -> None:
        """And wait for nothing."""
        _, writer = await self._open()
        writer.write(data)
        with suppress(OSError):
            await writer.drain()

    async def come(self) -> Came:
        """What the server says of its own accord."""
        with suppress(OSError, asyncio.IncompleteReadError):
            return await self._read()
        return Came(0)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None or self._streams[0].at_eof():
            self.close()
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        return self._streams

    async def _exchange(self, data: bytes) -> Came:
        _, writer = await self._open()
        writer.write(data)
        return await self._read()

    async def _read(self) -> Came:
        reader, _ = await self._open()
        head = await reader.readuntil(b"\r\n\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])}
        body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
        if fields.get(b"connection") == b"close":
            self.close()
        return Came(int(head.split()[1]), body)


def post(body: bytes, kind: bytes = b"application/json") -> bytes:
    return HEAD + b"content-type: %s\r\ncontent-length: %d\r\n\r\n" % (kind, len(body)) + body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: gateway\r\n\r\n".encode()


def query(text: str, **variables: Any) -> bytes:
    return post(json.dumps({"query": text, "variables": variables}).encode())


def good(random: Random) -> bytes:
    page = random.randrange(500)
    return random.choice(
        (
            query("query ($page: Int) { posts(page: $page) { id title } }", page=page),
            query(f"{{ posts(page: {page}) {{ id userId }} }}"),
            query("query ($id: Int!) { user(id: $id) { name email } }", id=page + 1),
            query('{ __type(name: "Post") { fields { name } } }'),
            get(f"/graphql?query=%7Bposts(page:{page})%7Bid%7D%7D"),
            post(json.dumps([{"query": f"{{ posts(page: {page}) {{ id }} }}"}] * 2).encode()),
        )
    )


BAD: Mapping[str, Callable[[Random], bytes]] = {
    "not HTTP": lambda random: random.randbytes(200) + b"\r\n\r\n",
    "TLS to a plain port": lambda _: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "wrong method": lambda _: b"DELETE /graphql HTTP/1.1\r\nhost: g\r\n\r\n",
    "unknown path": lambda _: get("/admin/../../etc/passwd"),
    "wrong media type": lambda _: post(b"query=%7Bposts%7D", b"application/x-www-form-urlencoded"),
    "wrong charset": lambda _: post(b'{"query":"{ __typename }"}', b"application/json; charset=utf-16"),
    "no JSON": lambda random: post(random.randbytes(300)),
    "JSON of another shape": lambda random: post(
        random.choice((b"null", b"7", b'"x"', b"[]", b'{"query":7}', b'[{"query":[]}]'))
    ),
    "deep JSON": lambda _: post(b"[" * 100_000),
    "no GraphQL": lambda random: query("".join(map(chr, random.choices(range(32, 0x2FFF), k=400)))),
    "unknown fields": lambda random: query(f"{{ f{random.random()} g{random.getrandbits(64)} }}"),
    "deep GraphQL": lambda random: query("{ a" * random.randrange(100, 20_000)),
    "wrong variables": lambda _: query("query ($page: Int) { posts(page: $page) { id } }", page={"a": ["b"]}),
    "a write": lambda _: query("mutation { createPost { id } }"),
    "body too large": lambda _: post(b" " * 300_000),
    "head too large": lambda _: b"GET /graphql HTTP/1.1\r\nhost: g\r\nx: " + b"a" * 100_000 + b"\r\n\r\n",
    "wrong length": lambda _: HEAD + b"content-type: application/json\r\ncontent-length: x\r\n\r\n{}",
    "two lengths": lambda _: HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
}
"""Malformed in every way that can be told to who sent it."""
