"""Memory of one worker: warm-up, then many requests that go round 500 different documents. It has to stay flat."""

from __future__ import annotations

import subprocess

import msgspec

from benchmarks.compare import check, gateway, posts_upstream
from benchmarks.load import Load
from benchmarks.processes import begin, finish, resident_mib

WARM_UP = 5_000
DOCUMENTS = 500
ALLOWED_MIB = 150.0
ALLOWED_DRIFT = 0.10


class Memory(msgspec.Struct, frozen=True):
    """Resident MiB of the process tree."""

    requests: int
    start: float
    end: float
    peak: float
    seconds: float

    @property
    def flat(self) -> bool:
        return abs(self.end - self.start) <= ALLOWED_DRIFT * self.start and self.peak <= (1 + ALLOWED_DRIFT) * self.start

    @property
    def small(self) -> bool:
        return self.peak < ALLOWED_MIB


def memory(requests: int, connections: int) -> Memory:
    with posts_upstream() as upstream, gateway(upstream) as contender:
        check(contender)
        finish(begin(Load(contender.port, connections, requests=WARM_UP, documents=DOCUMENTS)))
        start = peak = resident_mib(contender.pid)
        process = begin(Load(contender.port, connections, requests=requests, documents=DOCUMENTS, first=WARM_UP))
        while running(process):
            peak = max(peak, resident_mib(contender.pid))
        result = finish(process)
        return Memory(result.answered, start, resident_mib(contender.pid), peak, result.seconds)


def running(process: subprocess.Popen[bytes], pause: float = 0.25) -> bool:
    try:
        process.wait(pause)
    except subprocess.TimeoutExpired:
        return True
    return False


def table(measured: Memory) -> str:
    verdict = f"flat within 10 %: {_yes(measured.flat)}, under {ALLOWED_MIB:.0f} MiB: {_yes(measured.small)}"
    ran = f"{measured.requests} requests of {DOCUMENTS} documents after {WARM_UP} of warm-up, {measured.seconds:.0f} s"
    numbers = f"RSS MiB: start {measured.start:.1f}, end {measured.end:.1f}, peak {measured.peak:.1f}"
    return f"{ran}\n{numbers}; {verdict}"


def _yes(fact: bool) -> str:
    return "yes" if fact else "NO"
