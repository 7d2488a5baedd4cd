"""Callers who go on asking whatever happens, for what is everybody's and for what is their own, and look at what they get."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from random import Random
from time import monotonic
from typing import Any

import msgspec

from benchmarks.chaos.world import Answer, Caller, Question, Source, credential, of

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
        return f"{super().text(number, head)} for {credential(head) or NOBODY}"

    def document(self, url: str) -> dict[str, Any]:
        """With a second field, `more_NAME`."""
        document = super().document(url)
        [path] = document["paths"].values()
        document["paths"][f"/more-{self.name}/{{id}}"] = {"get": path["get"] | {"operationId": f"more_{self.name}"}}
        return document


class Seen:
    """What has come so far."""

    def __init__(self) -> None:
        self.answers = 0
        self.left = 0
        """Callers who did not wait for theirs."""
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


class Kinds(msgspec.Struct, frozen=True):
    """What is asked: so many different questions to each source, in so many different documents."""

    keys: int
    documents: int = 1
    leaving: float = 0.0
    """Part of the callers who do not wait for the answer."""


class Traffic:
    """Questions at a steady rate, however long the answers take (an open loop)."""

    def __init__(self, caller: Caller, rate: float, kinds: Kinds) -> None:
        self.seen = Seen()
        self._caller = caller
        self._rate = rate
        self._kinds = kinds
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

    async def capacity(self, callers: int, seconds: float) -> float:
        """Answers per second, when so many callers ask one question after the other (a closed loop)."""
        began, before = monotonic(), self.seen.answers

        async def caller() -> None:
            while monotonic() - began < seconds:
                await self._one()

        await asyncio.gather(*(caller() for _ in range(callers)))
        return (self.seen.answers - before) / (monotonic() - began)

    async def _one(self) -> None:
        draw, kinds = self._draw, self._kinds
        names, who, document = draw.choice(KINDS).split(), draw.choice(CALLERS), draw.randrange(kinds.documents)
        alias = f"_{document}:" if document else ""
        question = of(" ".join(f"{name}{alias}{name if alias else ''}" for name in names), draw.randrange(kinds.keys))
        expected = {name + alias.rstrip(":"): who if name == OWN else NOBODY for name in names}
        self.seen.asked.update(names)
        try:
            async with asyncio.timeout(IMPATIENCE):
                await self._asked(question, f"authorization: {who}\r\n", expected)
        except ConnectionRefusedError:
            self.seen.refused += 1
        except (OSError, EOFError, TimeoutError) as error:
            self.seen.failed[type(error).__name__] += 1
        self.seen.answers += 1
        self._came.set()

    async def _asked(self, question: Question, headers: str, expected: dict[str, str]) -> None:
        if self._draw.random() < self._kinds.leaving:
            await self._caller.leave(question, self._draw.random() / 100, headers)
            self.seen.left += 1
        else:
            self.seen.take(await self._caller.ask(question, headers), expected)


@asynccontextmanager
async def traffic(caller: Caller, rate: float, kinds: Kinds) -> AsyncIterator[Traffic]:
    made = Traffic(caller, rate, kinds)
    going = asyncio.create_task(made.go_on())
    try:
        yield made
    finally:
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
        await made.end()
