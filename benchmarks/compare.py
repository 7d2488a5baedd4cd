"""CPU per request: the gateway with one worker next to a hand-written server, in the same run, in interleaved rounds.

Every request asks for another page, and every page has other authors: no two requests in flight share an upstream call, so
neither coalescing nor the answer store can help anyone. What may help is what helps in life: the document is always the same,
only its variable changes.
"""

from __future__ import annotations

import json
import statistics
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from benchmarks.load import Load
from benchmarks.posts import QUERY, answer
from benchmarks.processes import MEASURED, REST, begin, cpu_seconds, finish, free_port, resident_mib, server, wait_until_ok

CONFIG = Path(__file__).with_name("posts.yaml")
CHECKED = (0, 1, 17, 499, 500, 123_456)
"""Pages whose answers are compared, whole, with the data before anything is timed."""


class Contender(msgspec.Struct, frozen=True):
    name: str
    port: int
    pid: int


class Round(msgspec.Struct, frozen=True):
    contender: str
    requests: int
    cpu_ms: float
    """Per request, user and system time of the whole process tree."""
    per_second: float
    p50_ms: float
    p99_ms: float
    rss_mib: float


def compare(seconds: float, rounds: int, connections: int) -> list[Round]:
    with ExitStack() as stack:
        upstream = stack.enter_context(posts_upstream())
        contenders = [stack.enter_context(gateway(upstream)), stack.enter_context(baseline(upstream))]
        for contender in contenders:
            check(contender)
            finish(begin(Load(contender.port, connections, seconds=1.0)))
        measured, first = [], 1000
        for number in range(rounds):
            for contender in contenders[number % 2 :] + contenders[: number % 2]:
                measured.append(measure(contender, Load(contender.port, connections, seconds=seconds, first=first)))
                first += measured[-1].requests
        return measured


@contextmanager
def posts_upstream() -> Iterator[str]:
    port = free_port()
    with server(["-m", "benchmarks.upstream", str(port)], REST):
        wait_until_ok(f"http://127.0.0.1:{port}/users/1")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def gateway(upstream: str) -> Iterator[Contender]:
    port = free_port()
    command = ["-m", "gateway", "serve", str(CONFIG), "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with server(command, MEASURED, {"BENCH_UPSTREAM": upstream}) as pid:
        wait_until_ok(f"http://127.0.0.1:{port}/readyz")
        yield Contender("gateway", port, pid)


@contextmanager
def baseline(upstream: str) -> Iterator[Contender]:
    port = free_port()
    with server(["-m", "benchmarks.baseline", str(port), upstream], MEASURED) as pid:
        wait_until_ok(f"http://127.0.0.1:{port}/graphql")
        yield Contender("strawberry + dataloader + httpx", port, pid)


def check(contender: Contender) -> None:
    """Raises `RuntimeError` unless the answers are exactly those the data gives."""
    for page in CHECKED:
        body = json.dumps({"query": QUERY, "variables": {"page": page}}).encode()
        headers = {"content-type": "application/json", "accept": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{contender.port}/graphql", body, headers)
        with urllib.request.urlopen(request, timeout=10) as reply:
            got = json.loads(reply.read())
        if got != answer(page):
            raise RuntimeError(f"{contender.name} answers page {page} wrongly: {json.dumps(got)[:500]}")


def measure(contender: Contender, load: Load) -> Round:
    before = cpu_seconds(contender.pid)
    result = finish(begin(load))
    spent = 1000 * (cpu_seconds(contender.pid) - before) / result.answered
    rate = result.answered / result.seconds
    return Round(contender.name, result.answered, spent, rate, result.p50_ms, result.p99_ms, resident_mib(contender.pid))


def table(rounds: list[Round]) -> str:
    lines = [f"{'':34}{'CPU ms/request':>16}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'RSS MiB':>9}"]
    for name in dict.fromkeys(each.contender for each in rounds):
        own = [each for each in rounds if each.contender == name]
        middle = [
            statistics.median(getattr(each, key) for each in own)
            for key in ("cpu_ms", "per_second", "p50_ms", "p99_ms", "rss_mib")
        ]
        lines.append(f"{name:34}{middle[0]:>16.3f}{middle[1]:>12.0f}{middle[2]:>9.1f}{middle[3]:>9.1f}{middle[4]:>9.0f}")
    lines.append(f"{'times cheaper':34}{ratio(rounds):>15.1f}x")
    return "\n".join(lines)


def ratio(rounds: list[Round]) -> float:
    """How many times the baseline's CPU per request is the gateway's: medians over all rounds."""
    ours, theirs = (
        statistics.median(each.cpu_ms for each in rounds if (each.contender == "gateway") is wanted) for wanted in (True, False)
    )
    return theirs / ours
