"""Answers no server should give, and the code each must be told with."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
from collections.abc import Mapping

from benchmarks.chaos.world import Connection, Fault

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
BODY = b'{"id": 1, "text": "true"}'
GOOD = HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY
BOMB = gzip.compress(bytes(10_000_000), 9) * 10
"""100 MB of zeros in some 100 kB."""
EVIL = HEAD + b'content-length: 23\r\n\r\n{"id":666,"text":"evil"}'[:23]


async def drip(connection: Connection) -> None:
    for byte in HEAD + b"content-length: 100000\r\n\r\n" + b" " * 1000:
        await connection.say(bytes([byte]))
        await asyncio.sleep(0.02)


async def gigabyte(connection: Connection) -> None:
    await connection.say(HEAD + b"content-length: 1073741824\r\n\r\n")
    for _ in range(16 * 1024):
        await connection.say(b" " * 65536)


async def endless(connection: Connection) -> None:
    await connection.say(HEAD + b"transfer-encoding: chunked\r\n\r\n")
    while True:
        await connection.say(b"10000\r\n" + b" " * 65536 + b"\r\n")


async def bomb(connection: Connection) -> None:
    await connection.say(HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(BOMB) + BOMB)


async def bad_chunks(connection: Connection) -> None:
    await connection.say(HEAD + b"transfer-encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n")


async def smuggled(connection: Connection) -> None:
    await connection.say(GOOD + EVIL)
    await asyncio.sleep(0.2)


async def cut(connection: Connection) -> None:
    await connection.say(HEAD + b'content-length: 500\r\n\r\n{"id": 1, ')


async def reset(connection: Connection) -> None:
    sock: socket.socket = connection.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.writer.transport.abort()


async def too_long(connection: Connection) -> None:
    """It says more than it sends, and stays silent."""
    await connection.say(HEAD + b"content-length: %d\r\n\r\n" % (len(BODY) + 10) + BODY)
    await connection.until_closed()


async def too_short(connection: Connection) -> None:
    """It says less than it sends."""
    await connection.say(HEAD + b"content-length: 5\r\n\r\n" + BODY)
    await asyncio.sleep(0.2)


async def two_lengths(connection: Connection) -> None:
    await connection.say(HEAD + b"content-length: 5\r\ncontent-length: 25\r\n\r\n" + BODY)


FAULTS: Mapping[str, tuple[Fault, tuple[str, ...]]] = {
    "drips bytes": (drip, ("UPSTREAM_TIMEOUT",)),
    "1 GB": (gigabyte, ("UPSTREAM_TOO_LARGE",)),
    "endless chunks": (endless, ("UPSTREAM_TOO_LARGE",)),
    "gzip bomb": (bomb, ("UPSTREAM_BAD_CONTENT",)),
    "bad chunking": (bad_chunks, ("UPSTREAM_BAD_CONTENT",)),
    "a second response": (smuggled, ("data",)),
    "closes mid-body": (cut, ("UPSTREAM_BAD_CONTENT",)),
    "resets": (reset, ("UPSTREAM_UNREACHABLE",)),
    "Content-Length too long": (too_long, ("UPSTREAM_TIMEOUT",)),
    "Content-Length too short": (too_short, ("UPSTREAM_BAD_CONTENT",)),
    "two Content-Lengths": (two_lengths, ("UPSTREAM_BAD_CONTENT", "UPSTREAM_UNREACHABLE")),
}
