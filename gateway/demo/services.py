"""The demo's three services as child processes that cannot outlive their starter."""

from __future__ import annotations

import select
import subprocess
import sys
from collections.abc import Sequence

import msgspec

from gateway.demo.upstreams.faults import MODES

NAMES = ("catalog", "accounts", "reviews")
PATIENCE = 20.0
"""Seconds a service may take to say where it listens."""


class Broken(msgspec.Struct, frozen=True):
    """Which service is broken on purpose, and how."""

    service: str
    mode: str

    @classmethod
    def parse(cls, text: str) -> Broken:
        """`SERVICE[:MODE]`, as in `reviews:slow`. Raises `ValueError` with the choices."""
        service, _, mode = text.partition(":")
        if service not in NAMES:
            raise ValueError(f"there is no demo service {service!r}: choose one of {', '.join(NAMES)}")
        if (mode := mode or "down") not in MODES:
            raise ValueError(f"{mode!r} is no way to break: choose one of {', '.join(MODES)}")
        return cls(service, mode)


class Service(msgspec.Struct, frozen=True):
    name: str
    url: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Close the pipe the service reads: it ends by itself, as it would if we died."""
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class ServiceFailed(Exception):
    """A demo service did not come up; what it printed is on standard error."""


def start(broken: Broken | None = None, names: Sequence[str] = NAMES) -> tuple[Service, ...]:
    """All services, each listening on a port of its own (a `down` one holds its port without listening)."""
    processes = {name: _launch(name, broken.mode if broken and broken.service == name else None) for name in names}
    try:
        return tuple(Service(name, _address(name, process), process) for name, process in processes.items())
    except BaseException:
        for process in processes.values():
            process.kill()
            process.wait()
        raise


def _launch(name: str, fault: str | None) -> subprocess.Popen[bytes]:
    """In a session of its own, so that Ctrl-C reaches the gateway first, which still has requests to finish."""
    command = [sys.executable, "-m", f"gateway.demo.upstreams.{name}", "--with-starter"]
    if fault:
        command += ["--fault", fault]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)


def _address(name: str, process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], PATIENCE)
    line = process.stdout.readline().decode().strip() if readable else ""
    process.stdout.close()
    if not line:
        raise ServiceFailed(f"the demo's {name} service did not start")
    return line
