"""Servers that others have written, started for a run: Redis (or Valkey) and nginx."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import free_port

NGINX = Path(__file__).parents[1] / "config" / "nginx"
MAIN = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  include {folder}/{name};
}}
"""


class Missing(Exception):
    """It is not on this machine."""


@contextmanager
def redis_server(*options: str, port: int | None = None) -> Iterator[int]:
    """Its port. Raises `Missing`."""
    server = shutil.which("redis-server") or shutil.which("valkey-server")
    if server is None:
        raise Missing("there is no redis-server on this machine")
    port = port or free_port()
    command = [server, *options, "--port", str(port), "--save", "", "--bind", "127.0.0.1", "--appendonly", "no"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _until_listening(port, process)
        yield port
    finally:
        process.kill()
        process.wait(10)


@contextmanager
def nginx(folder: Path, name: str, changes: Mapping[str, str], port: int) -> Iterator[None]:
    """One with the shipped file of that name and these texts of it changed, on that port. Raises `Missing`."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise Missing("nginx is not installed")
    text = (NGINX / name).read_text(encoding="utf-8")
    for shipped, here in changes.items():
        assert shipped in text, shipped
        text = text.replace(shipped, here)
    (folder / name).write_text(text, encoding="utf-8")
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, name=name), encoding="utf-8")
    errors = folder / "error.log"
    process = subprocess.Popen([program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(errors)])
    try:
        _until_listening(port, process, errors)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _until_listening(port: int, process: subprocess.Popen[bytes], log: Path | None = None) -> None:
    for _ in range(500):
        if process.poll() is not None:
            raise RuntimeError(log.read_text() if log else f"a server for port {port} did not start")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(f"nobody listens on {port}")
