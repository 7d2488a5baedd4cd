"""A gateway in a process of its own, with an eye on what it takes: memory, files, threads, tasks (Linux)."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from benchmarks.watched import TOLD

ROOT = Path(__file__).parents[1]
WATCHED = Path(__file__).with_name("watched.py")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Gateway:
    """It serves; `port` is where."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, log: Path) -> None:
        self.process = process
        self.pid = process.pid
        self.port = port
        self._log = log

    @property
    def memory(self) -> int:
        """Resident bytes."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE

    @property
    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    @property
    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/task"))

    @property
    def tracebacks(self) -> int:
        """Faults of its own that it has logged."""
        return self.log.count("Traceback")

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    async def tasks(self) -> int:
        """Its tasks that have not ended."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(b"\n")
        while not (line := await stdout.readline()).startswith(TOLD.encode()):
            assert line, "the gateway has ended"
        return int(line[len(TOLD) :])

    def told(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        """With which code."""
        return await self.process.wait()


async def start(
    config: Path, log: Path, *options: str, port: int = 0, environ: Mapping[str, str] | None = None, over: tuple[str, ...] = ()
) -> Gateway:
    """One that is ready. `over`: a program that it runs under."""
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *(*over, sys.executable, "-P", str(WATCHED), "serve", str(config), "--port", str(port), *options),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | (environ or {}),
        )
    return Gateway(process, await _port(process, log), log)


@asynccontextmanager
async def serving(config: Path, log: Path, *options: str, environ: Mapping[str, str] | None = None) -> AsyncIterator[Gateway]:
    gateway = await start(config, log, *options, environ=environ)
    try:
        yield gateway
    finally:
        await kill(gateway)


async def kill(gateway: Gateway) -> None:
    with suppress(ProcessLookupError):
        gateway.process.kill()
    await gateway.ended()


async def _port(process: asyncio.subprocess.Process, log: Path) -> int:
    assert process.stdout is not None
    said = b""
    while not (found := re.search(rb":(\d+)/graphql", said)):
        line = await process.stdout.readline()
        if not line:
            raise RuntimeError(f"the gateway did not start: {await asyncio.to_thread(log.read_text)}")
        said += line
    return int(found[1])
