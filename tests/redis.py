"""A real Redis (or Valkey) of a test's own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def redis_server(*options: str, port: int | None = None) -> Iterator[int]:
    """Its port. The test is skipped where there is none to start."""
    server = shutil.which("redis-server") or shutil.which("valkey-server")
    if server is None:
        pytest.skip("there is no redis-server on this machine")
    port = port or free_port()
    command = [server, *options, "--port", str(port), "--save", "", "--bind", "127.0.0.1", "--appendonly", "no"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _until_listening(port)
        yield port
    finally:
        process.kill()
        process.wait(10)


def _until_listening(port: int) -> None:
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("redis does not listen")
