"""A server that writes what it likes on the wire, one thread a connection: the good, and every kind of bad."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

PATIENCE = 20.0
"""Seconds after which a test that hangs fails instead."""


class Asked(msgspec.Struct, frozen=True):
    """A request as it arrived."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.query if key == name]

    def json(self) -> Any:
        return json.loads(self.body)


Wire = Callable[[socket.socket], None]
"""Writes an answer, or does worse."""
Answer = Callable[[Asked], Wire]


def reply(body: bytes | str, status: int = 200, content_type: str = "application/json", **headers: str) -> Wire:
    data = body.encode() if isinstance(body, str) else body
    named = {"content-type": content_type, "content-length": str(len(data))} | {
        k.replace("_", "-"): v for k, v in headers.items()
    }
    return raw(f"HTTP/1.1 {status} Some\r\n" + "".join(f"{name}: {value}\r\n" for name, value in named.items()) + "\r\n", data)


def say(value: Any, status: int = 200, **headers: str) -> Wire:
    return reply(json.dumps(value), status, **headers)


def raw(head: str, data: bytes = b"") -> Wire:
    return lambda connection: connection.sendall(head.encode("latin-1") + data)


def cut(head: str, data: bytes = b"") -> Wire:
    """Says so much, then hangs up."""

    def write(connection: socket.socket) -> None:
        connection.sendall(head.encode("latin-1") + data)
        raise ConnectionAbortedError

    return write


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise ConnectionAbortedError


def silent(connection: socket.socket) -> None:
    """Never answers; ends when the other side hangs up."""
    while connection.recv(65536):
        pass
    raise ConnectionAbortedError


def drip(connection: socket.socket) -> None:
    """Something is always coming, and it never comes to an end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.05)


def endless(connection: socket.socket) -> None:
    """A chunked body without an end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"2000\r\n" + b" " * 8192 + b"\r\n")


class Upstream:
    """Listens on a port of its own. Stopped, the port refuses; started again, it is at the same address."""

    def __init__(self, answer: Answer, context: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.port = 0
        self._context = context
        self._listening: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self.start()

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def stop(self) -> None:
        """Nothing listens here any more, and connections that are open are closed."""
        if self._listening is not None:
            self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._listening = None
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        self._open.add(connection)
        with suppress(OSError, ValueError):
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            reader = connection.makefile("rb")
            while asked := _read(reader):
                self.asked.append(asked)
                self.answer(asked)(connection)
            reader.close()
        self._open.discard(connection)
        connection.close()


def _read(reader: Any) -> Asked | None:
    line = reader.readline().decode("latin-1").split()
    if len(line) != 3 or not line[2].startswith("HTTP/"):  # a TLS handshake has random bytes, and so any number of words
        return None
    headers = {}
    while (field := reader.readline().decode("latin-1").strip()) != "":
        name, _, value = field.partition(":")
        headers[name.lower()] = value.strip()
    place = urlsplit(line[1])
    body = reader.read(int(headers.get("content-length", 0)))
    return Asked(line[0], unquote(place.path), tuple(parse_qsl(place.query)), headers, body)
