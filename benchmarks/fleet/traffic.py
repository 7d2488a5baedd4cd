"""Callers who go on asking whatever happens, for what is everybody's and for what is their own, and look at what they get."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from random import Random
from time import monotonic

from benchmarks.chaos.world import Answer, Caller, Source, of

CALLERS = ("alice", "bob", "carol", "dora")
NOBODY = "nobody"
PUBLIC, OWN = "public", "own"
KINDS = (PUBLIC, OWN, PUBLIC, f"{PUBLIC} {OWN}")
"""Half of the questions are for what is everybody's alone, the others for what is the caller's, with or without."""
IMPATIENCE = 60.0
"""Seconds after which a caller counts as forgotten."""


class Echo(Source):
    """Says in each answer for whom it is, by the credential it was shown."""

    def text(self, number: str, head: bytes) -> str:
        fields = (line.partition(b":") for line in head.split(b"\r\n"))
        who = next((value.strip().decode() for name, _, value in fields if name.lower() == b"authorization"), NOBODY)
        return f"{super().text(number, head)} for {who}"


class Seen:
    """What has come so far."""

    def __init__(self) -> None:
        self.answers = 0
        self.refused = 0
        """Connections that nobody took: nothing was asked."""
        self.failed: Counter[str] = Counter()
        self.foreign: Counter[str] = Counter()
        """Answers with what is another caller's."""
        self.asked: Counter[str] = Counter()
        """By source."""
        self.times: list[float] = []

    def take(self, answer: Answer, expected: dict[str, str]) -> None:
        self.times.append(answer.seconds)
        data = answer.body.get("data") or {}
        if answer.status != 200 or not answer.complete or data.keys() != expected.keys():
            self.failed[f"{answer.status} {answer.body.get('errors', data)}"[:300]] += 1
            return
        for name, who in expected.items():
            if not data[name]["text"].endswith(f" for {who}"):
                self.foreign[f"{who}: {data[name]['text']}"] += 1


class Traffic:
    """Questions at a steady rate, however long the answers take (an open loop)."""

    def __init__(self, caller: Caller, rate: float, keys: int) -> None:
        self.seen = Seen()
        self._caller = caller
        self._rate = rate
        self._keys = keys
        self._draw = Random(1)
        self._open: set[asyncio.Task[None]] = set()
        self._came = asyncio.Event()

    async def more(self, answers: int) -> None:
        """Until there are so many more of them."""
        until = self.seen.answers + answers
        while self.seen.answers < until:
            self._came.clear()
            await self._came.wait()

    async def go_on(self) -> None:
        began = monotonic()
        for number in count():
            if (pause := began + number / self._rate - monotonic()) > 0:
                await asyncio.sleep(pause)
            task = asyncio.create_task(self._one())
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    async def end(self) -> None:
        """All that was asked is answered."""
        await asyncio.gather(*self._open)

    async def _one(self) -> None:
        fields, who, key = self._draw.choice(KINDS), self._draw.choice(CALLERS), self._draw.randrange(self._keys)
        expected = {name: who if name == OWN else NOBODY for name in fields.split()}
        self.seen.asked.update(expected.keys())
        try:
            async with asyncio.timeout(IMPATIENCE):
                self.seen.take(await self._caller.ask(of(fields, key), f"authorization: {who}\r\n"), expected)
        except ConnectionRefusedError:
            self.seen.refused += 1
        except (OSError, EOFError, TimeoutError) as error:
            self.seen.failed[type(error).__name__] += 1
        self.seen.answers += 1
        self._came.set()


@asynccontextmanager
async def traffic(caller: Caller, rate: float, keys: int) -> AsyncIterator[Traffic]:
    made = Traffic(caller, rate, keys)
    going = asyncio.create_task(made.go_on())
    try:
        yield made
    finally:
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
        await made.end()
