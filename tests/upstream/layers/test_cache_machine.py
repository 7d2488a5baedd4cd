"""The cache, in any order of questions, pauses, failures and verdicts, held against what the source has said and when."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from msgspec import Struct

from gateway.config.model import CachePolicy
from gateway.errors import SourceError, UpstreamFailed, UpstreamForbidden
from gateway.upstream.call import Call, Reply
from gateway.upstream.layers.cache import Cache, Store, cache
from tests.upstream.conftest import call
from tests.upstream.world import Time, settle

POLICY = CachePolicy(stale_if_error=30.0)


class Word(Struct, frozen=True):
    """A `Cache-Control`, and what it means: seconds."""

    header: str | None
    fresh: float = 0.0
    refreshing: float = 0.0
    failing: float = 30.0
    kept: bool = True


WORDS = (
    Word("max-age=10", 10),
    Word("max-age=5, stale-while-revalidate=20", 5, refreshing=20),
    Word("max-age=5, stale-if-error=3", 5, failing=3),
    Word("max-age=5, must-revalidate", 5, failing=0),
    Word("no-cache", failing=0),
    Word("no-store", failing=0, kept=False),
    Word(None),
)


class Said(Struct, frozen=True):
    """The latest answer of the source to one question; `at`: when it was last given, or confirmed."""

    version: int
    word: Word
    at: float

    def until(self, more: float = 0.0) -> float:
        return self.at + self.word.fresh + more if self.word.kept else 0.0


class CacheModel(RuleBasedStateMachine):
    """What is served is the source's latest answer, as fresh as it claims; a copy that may help is never withheld."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.time = Time()
        self.store = Store(1 << 24)
        self.cache = Cache("s", POLICY, self.store, self.time.clock)
        self.send = cache(self.cache, self.time.clock)(self.source)
        self.version, self.word, self.fails = 1, WORDS[0], None
        self.said: dict[str, Said] = {}
        self.calls = 0

    async def source(self, call: Call) -> Reply:
        self.calls += 1
        url, sent = call.url, dict(call.headers)
        if self.fails is not None:
            if self.fails is UpstreamForbidden:
                self.said.pop(url, None)
            raise self.fails()
        headers = {"etag": f'"{self.version}"'} | ({"cache-control": self.word.header} if self.word.header else {})
        unchanged = sent.get("if-none-match") == f'"{self.version}"'
        silent = unchanged and self.word.header is None  # then what it said before stands (RFC 9111, 3.2)
        self.said[url] = Said(self.version, self.said[url].word if silent else self.word, self.time.now)
        return call.verify(Reply(304, headers, b"") if unchanged else Reply(200, headers, b"%d" % self.version))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    @rule(version=st.integers(1, 3), word=st.sampled_from(WORDS))
    def well(self, version: int, word: Word) -> None:
        """The source is well from now on; what it says may have changed, or not."""
        self.version, self.word, self.fails = version, word, None

    @rule(how=st.sampled_from([UpstreamFailed, UpstreamForbidden]))
    def ill(self, how: type[SourceError]) -> None:
        self.fails = how

    async def wait(self, seconds: float) -> None:
        self.time.advance(seconds)
        await settle()

    @rule(what=st.sampled_from("xy"), after=st.sampled_from([0.0, 0.5, 4.0, 9.0, 40.0]))
    def ask(self, what: str, after: float) -> None:
        self.run(self.wait(after))
        url = f"http://s/{what}"
        known, calls, now = self.said.get(url), self.calls, self.time.now
        came = self.run(self.outcome(url))
        if isinstance(came, Reply):
            self.judge(came, known, now, asked=self.calls - calls)
        else:
            assert self.fails is not None
            assert came.code == self.fails.code
            assert self.fails is UpstreamForbidden or known is None or now >= known.until(known.word.failing)
        self.run(settle())

    async def outcome(self, url: str) -> Reply | SourceError:
        try:
            return await self.send(call(url))
        except SourceError as error:
            return error

    def judge(self, reply: Reply, known: Said | None, now: float, asked: int) -> None:
        if reply.served == "network":
            assert self.fails is None
            assert asked == 1
            assert reply.body == b"%d" % self.version
            return
        assert known is not None, "what nobody said, or said no longer"
        assert reply.body == b"%d" % known.version
        if reply.served == "hit":
            assert now < known.until()
            return
        assert reply.served == "stale"
        past = known.word.refreshing if reply.stale_cause == "REVALIDATING" else known.word.failing
        assert known.until() <= now < known.until(past)
        assert reply.stale_cause == "REVALIDATING" or asked == 1

    def teardown(self) -> None:
        self.run(self.cache.close())
        self.loop.close()


TestTheCacheIsAsTheModel = CacheModel.TestCase
TestTheCacheIsAsTheModel.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
