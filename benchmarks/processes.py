"""Processes under measurement: started, pinned, waited for, and read from /proc (Linux)."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from benchmarks.load import Load, Result

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PORTS = (12_000, 32_000)
MEASURED, REST = 0, 1
"""The contender has a core of its own where there are two; load generator and upstream share the other."""


def free_port() -> int:
    """One that stays free until it is listened on: not among those that the kernel gives to outgoing connections."""
    while True:
        port = random.randrange(*PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def server(arguments: Sequence[str], cpu: int, environ: Mapping[str, str] | None = None, *, quiet: bool = False) -> Iterator[int]:
    """`python <arguments>` as a child on that core; gives its pid, ends it at the close. `quiet`: its log is not shown."""
    log = subprocess.DEVNULL if quiet else None
    process = subprocess.Popen(
        [sys.executable, *arguments], env=os.environ | (environ or {}), stdout=subprocess.DEVNULL, stderr=log
    )
    pin(process.pid, cpu)
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def pin(pid: int, cpu: int) -> None:
    """Where the machine has one core only, or no such call, everything shares what there is."""
    if hasattr(os, "sched_setaffinity") and cpu in (cores := sorted(os.sched_getaffinity(0))) and len(cores) > 1:
        os.sched_setaffinity(pid, {cpu})


def wait_until_ok(url: str, patience: float = 30.0, pause: float = 0.01) -> float:
    """Seconds until the URL answers below 500."""
    began = time.monotonic()
    while time.monotonic() - began < patience:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return time.monotonic() - began
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500:
                return time.monotonic() - began
        except OSError:
            pass
        time.sleep(pause)
    raise TimeoutError(f"{url} did not answer within {patience} s")


def begin(load: Load) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.load", msgspec.json.encode(load).decode()], stdout=subprocess.PIPE
    )
    pin(process.pid, REST)
    return process


def finish(process: subprocess.Popen[bytes]) -> Result:
    """Raises `RuntimeError` when any answer was wrong."""
    output, _ = process.communicate()
    result = msgspec.json.decode(output, type=Result)
    if result.wrong:
        raise RuntimeError(f"{result.wrong} of {result.answered} answers were wrong, for example {result.sample!r}")
    return result


def cpu_seconds(pid: int) -> float:
    """User and system time of the process and all below it, threads included."""
    return sum(sum(map(int, _stat(each)[11:13])) for each in tree(pid)) / TICKS


def resident_mib(pid: int) -> float:
    return sum(int(_stat(each)[21]) for each in tree(pid)) * PAGE / 2**20


def tree(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    below = children.read_text().split() if children.exists() else []
    return [pid, *(each for child in below for each in tree(int(child)))]


def _stat(pid: int) -> list[str]:
    """The fields of proc(5) `stat` from the third on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
