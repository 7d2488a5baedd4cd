"""The rows of a siege: each has a gateway of its own, in a process of its own, in front of a service that does nothing wrong."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

from benchmarks.compare import posts_upstream
from benchmarks.processes import MEASURED, free_port, resident_mib, server, wait_until_ok
from benchmarks.rows import Row
from benchmarks.siege.client import BAD, HEAD, PATIENCE, Came, Connection, get, good
from benchmarks.siege.sizes import Size

HERE = Path(__file__).parent
SPARE = 16
"""Files a process may have open more than before: connections to its source, mostly."""


class Besieged:
    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self.pid = pid

    def files(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    async def well(self) -> bool:
        """Does someone who has done nothing wrong get an answer? Who is told to come again in a second does."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while asyncio.get_running_loop().time() < deadline:
            connection = Connection(self.port)
            came = await connection.ask(get("/graphql?query=%7Bposts(page:1)%7Bid%7D%7D"))
            connection.close()
            if came.status == 200 and came.body.startswith(b'{"data":'):
                return True
            await asyncio.sleep(0.5)
        return False

    async def let_go(self, before: int) -> bool:
        """Are the files of all who have gone closed?"""
        for _ in range(int(PATIENCE)):
            if self.files() <= before + SPARE:
                return True
            await asyncio.sleep(1)
        return False


@contextmanager
def besieged(size: Size, deadline: str = "20s") -> Iterator[Besieged]:
    with tempfile.TemporaryDirectory() as state, posts_upstream() as upstream:
        port = free_port()
        environ = {
            "BENCH_UPSTREAM": upstream,
            "SIEGE_ADMIN": f"unix:{state}/admin.sock",
            "SIEGE_STATE": state,
            "SIEGE_DEADLINE": deadline,
            "SIEGE_CONNECTIONS": str(size.cap),
        }
        command = ["-m", "gateway", "serve", str(HERE / "siege.yaml"), "--port", str(port), "--workers", "1"]
        with server(command, MEASURED, environ, quiet=True) as pid:
            wait_until_ok(f"http://127.0.0.1:{port}/readyz")
            yield Besieged(port, pid)


# ---------------------------------------------------------------- malformed among good


async def soak(size: Size) -> Row:
    """Good traffic of several kinds with malformed requests in between: each is answered, and nothing stays behind."""
    with besieged(size) as gateway:
        await _traffic(gateway, size, size.warm_up, seed=1)
        files, start = gateway.files(), resident_mib(gateway.pid)
        wrong, bad = await _traffic(gateway, size, size.requests, seed=2)
        end = resident_mib(gateway.pid)
        holds = {
            "no answer is a 5xx": not any(status >= 500 for _, status, _ in wrong),
            "every good request is answered with data": not any(kind == "good" for kind, _, _ in wrong),
            "every malformed one is told why, in the shape of a GraphQL error with a code": not wrong,
            "it answers afterwards": await gateway.well(),
            "no connection stays open": await gateway.let_go(files),
        }
        flat = end <= start * (1 + size.drift)
        measured: dict[str, float | int | str] = {"requests": size.requests, "malformed": bad, "start_mib": start, "end_mib": end}
        if wrong:
            measured["wrong"] = str(wrong.most_common(3))
        return Row("malformed requests among good ones", measured, holds, {"memory is flat within 10 %": flat})


Wrong = Counter[tuple[str, int, str]]
"""(what was sent, status, what came)."""


async def _traffic(gateway: Besieged, size: Size, requests: int, seed: int) -> tuple[Wrong, int]:
    """What was not answered as it has to be, and how many malformed requests there were."""
    wrong: Wrong = Counter()
    sent = 0

    async def client(number: int) -> None:
        nonlocal sent
        random, connection = Random(seed * 1000 + number), Connection(gateway.port)
        for _ in range(requests // size.clients):
            bad = random.random() < size.malformed
            sent += bad
            kind = random.choice(list(BAD)) if bad else "good"
            came = await connection.ask(BAD[kind](random) if bad else good(random))
            if not (_told(came) if bad else came.status == 200 and b'"data":' in came.body[:10]):
                wrong[kind, came.status, came.body[:80].decode("latin-1")] += 1
            if bad:
                connection.close()
        connection.close()

    await asyncio.gather(*map(client, range(size.clients)))
    return wrong, sent


def _told(came: Came) -> bool:
    """Who is cut off while it is still sending may see a reset in place of what it was told."""
    return came.status == 0 or (came.status < 500 and came.code is not None)


# ---------------------------------------------------------------- those that only take up room


async def idle(size: Size) -> Row:
    """More connections than there may be, half of them after a first request, and none with anything more to say."""
    with besieged(size) as gateway:
        files = gateway.files()
        connections = [Connection(gateway.port) for _ in range(size.idle)]
        statuses: Counter[int] = Counter()
        for number, connection in enumerate(connections):
            with suppress(OSError):
                if number % 2:
                    statuses[(await connection.ask(get("/livez"))).status] += 1
                else:
                    await connection.say(b"")
        most, memory = gateway.files(), resident_mib(gateway.pid)
        holds = {
            "never more connections than there may be": most <= size.cap + files + SPARE,
            "a newcomer is answered": await gateway.well(),
        }
        for connection in connections:
            connection.close()
        holds["no connection stays open"] = await gateway.let_go(files)
        measured: dict[str, float | int | str] = {
            "opened": size.idle,
            "open_files": most,
            "told_503": statuses[503],
            "mib": memory,
        }
        return Row("idle connections beyond the limit", measured, holds)


async def slow(size: Size) -> Row:
    """Clients that send a byte of their head or body now and then (slow loris)."""
    with besieged(size, deadline="3s") as gateway:
        files = gateway.files()
        starts = (HEAD + b"x-slow: ", HEAD + b"content-type: application/json\r\ncontent-length: 9999\r\n\r\n{")
        dripping = [asyncio.create_task(_drip(gateway.port, starts[number % 2])) for number in range(size.slow)]
        well = await gateway.well()
        ended = await asyncio.gather(*dripping)
        holds = {
            "others are answered meanwhile": well,
            "each is told 408 and let go": set(ended) <= {408, 0} and ended.count(408) > 0,
            "no connection stays open": await gateway.let_go(files),
        }
        return Row("clients that never finish their request", {"clients": size.slow, "told_408": ended.count(408)}, holds)


async def _drip(port: int, start: bytes) -> int:
    connection = Connection(port)
    await connection.say(start)
    answer = asyncio.create_task(connection.come())
    while not answer.done():
        with suppress(OSError):
            await connection.say(b"x")
        await asyncio.wait((answer,), timeout=0.2)
    connection.close()
    return answer.result().status


async def heads(size: Size) -> Row:
    """Heads of a megabyte, in one field and in many."""
    with besieged(size) as gateway:
        await gateway.well()
        await _large(gateway.port, size.heads // 10)
        files, before = gateway.files(), resident_mib(gateway.pid)
        statuses = await _large(gateway.port, size.heads)
        holds = {
            "each is refused with 431, or cut off": set(statuses) <= {431, 0},
            "others are answered afterwards": await gateway.well(),
            "no connection stays open": await gateway.let_go(files),
        }
        after = resident_mib(gateway.pid)
        measured: dict[str, float | int | str] = {"told_431": statuses[431], "cut_off": statuses[0], "grown_mib": after - before}
        return Row("oversized heads", measured, holds, {"memory is flat": after <= before * (1 + size.drift)})


async def _large(port: int, count: int) -> Counter[int]:
    shapes = (b"x: " + b"a" * 2**20, b"x: a\r\n" * 170_000)
    statuses: Counter[int] = Counter()
    for number in range(count):
        connection = Connection(port)
        came = await connection.ask(b"GET /graphql HTTP/1.1\r\nhost: g\r\n" + shapes[number % 2] + b"\r\n\r\n")
        statuses[came.status] += 1
        connection.close()
    return statuses


# ---------------------------------------------------------------- what nobody would write


async def documents(size: Size) -> Row:
    """Valid documents that schemathesis makes of the schema."""
    return await _fuzzed("documents made of the schema", lambda port: f"http://127.0.0.1:{port}/graphql", size)


async def requests(size: Size) -> Row:
    """Requests of every shape, right and wrong, that schemathesis makes of a description of the endpoint."""
    return await _fuzzed("requests of every shape", lambda _port: str(HERE / "endpoint.openapi.json"), size)


async def _fuzzed(name: str, schema: Callable[[int], str], size: Size) -> Row:
    with besieged(size) as gateway, tempfile.TemporaryDirectory() as folder:
        place = schema(gateway.port)
        url = place if "://" in place else f"http://127.0.0.1:{gateway.port}"
        command = [sys.executable, "-m", "schemathesis.cli", "run", place, "--url", url, "--checks", "told_well", "--mode", "all"]
        command += ["--max-examples", str(size.examples), "--seed", "1", "--no-color"]
        environ = os.environ | {"SCHEMATHESIS_HOOKS": "benchmarks.siege.checks", "PYTHONPATH": str(HERE.parents[1])}
        run = await asyncio.to_thread(subprocess.run, command, env=environ, capture_output=True, text=True, cwd=folder)
        cases = [line.strip() for line in run.stdout.splitlines() if " generated, " in line]
        holds = {
            "every answer is data, or errors with a code and an owner": run.returncode == 0,
            "it answers afterwards": await gateway.well(),
        }
        told = run.stdout[-3000:] + run.stderr[-500:]
        return Row(name, {"cases": " ".join(cases)} | ({"output": told} if run.returncode else {}), holds)


ROWS: Mapping[str, Callable[[Size], Awaitable[Row]]] = {
    "soak": soak,
    "idle": idle,
    "slow": slow,
    "heads": heads,
    "documents": documents,
    "requests": requests,
}
