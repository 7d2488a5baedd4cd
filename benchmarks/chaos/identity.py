"""Callers with different credentials, in any interleaving: nobody is ever given what another one was given.

A state machine over the whole onion in virtual time: callers ask, leave, and ask again; the source answers late, fails, says that
nothing has changed; copies go stale, are served stale, are fetched anew in the background. Each answer names whom it is for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from itertools import count
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.config.model import CachePolicy, Hedge, Policy, Retry
from gateway.errors import SourceError, UpstreamFailed, UpstreamForbidden, UpstreamTimeout
from gateway.upstream.call import Call, Reply, Request
from gateway.upstream.clock import Clock
from gateway.upstream.layers.cache import Store
from gateway.upstream.onion import Shared, SourceState, onion

CALLERS = ("alice", "bob", "carol")
HEADERS = (
    {"cache-control": "max-age=5"},
    {"cache-control": "private, max-age=5", "etag": '"1"'},
    {"cache-control": "max-age=1, stale-while-revalidate=20, stale-if-error=60", "etag": '"1"'},
    {"cache-control": "no-cache", "etag": '"1"'},
    {},
)
POLICY = Policy(
    retry=Retry(max_attempts=2), hedge=Hedge(after=0.5, max_extra=1.0), cache=CachePolicy(stale_if_error=60.0, not_found=5.0)
)


class Alarm:
    def __init__(self, at: float, callback: Any) -> None:
        self.at, self.callback = at, callback

    def cancel(self) -> None:
        self.callback = None


class Identity(RuleBasedStateMachine):
    steps = 0
    served: dict[str, int] = {}  # noqa: RUF012 - counted over all examples
    policy = POLICY

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.now, self.alarms, self.numbers = 1000.0, list[Alarm](), count()
        clock = Clock(monotonic=lambda: self.now, wall=lambda: self.now, sleep=self._sleep, call_later=self._later)
        shared = Shared(store=Store(1 << 15), clock=clock, random=lambda: 0.5)
        self.state = SourceState("s", self.policy, None, shared)
        self.send = onion(self.policy, self._source, self.state, shared)
        self.wire: list[tuple[Call, asyncio.Future[Any]]] = []
        self.asked: list[tuple[str, str, asyncio.Task[Reply]]] = []

    async def _sleep(self, seconds: float) -> None:
        woken = self.loop.create_future()
        self._later(seconds, lambda: None if woken.done() else woken.set_result(None))
        await woken

    def _later(self, delay: float, callback: Any) -> Alarm:
        self.alarms.append(Alarm(self.now + delay, callback))
        return self.alarms[-1]

    async def _source(self, call: Call) -> Reply:
        future = self.loop.create_future()
        self.wire.append((call, future))
        reply = await future
        assert isinstance(reply, Reply)
        return call.verify(reply)

    def _run(self, work: Coroutine[Any, Any, None] | None = None) -> None:
        async def settle() -> None:
            for _ in range(12):
                await asyncio.sleep(0)

        self.loop.run_until_complete(work or settle())
        type(self).steps += 1

    @rule(who=st.sampled_from(CALLERS), what=st.sampled_from("xy"))
    def ask(self, who: str, what: str) -> None:
        request = Request(id="req_1", headers={"authorization": who}, deadline=self.now + 30)
        call = Call("GET", f"http://s/{what}", (("authorization", who),), None, "GET /", request, lambda r: r, private=True)
        self.asked.append((who, what, self.loop.create_task(self.send(call))))  # type: ignore[arg-type]  # it is a coroutine
        self._run()

    @precondition(lambda self: self.wire)
    @rule(which=st.integers(0), headers=st.sampled_from(HEADERS), same=st.booleans())
    def answered(self, which: int, headers: dict[str, str], same: bool) -> None:
        call, future = self.wire.pop(which % len(self.wire))
        if not future.done():
            sent = dict(call.headers)
            if same and "if-none-match" in sent:
                future.set_result(Reply(304, headers, b""))
            else:
                body = f"{sent['authorization']} {call.url[-1]} {next(self.numbers)}"
                future.set_result(Reply(200, headers, body.encode()))
        self._run()

    @rule(who=st.sampled_from(CALLERS), what=st.sampled_from("xy"), headers=st.sampled_from(HEADERS))
    def come_and_be_served(self, who: str, what: str, headers: dict[str, str]) -> None:
        """What callers mostly do; so that there are copies for others to be wrongly given."""
        calls = len(self.wire)
        self.ask(who, what)
        if len(self.wire) > calls:
            self.answered(calls, headers, same=True)

    @precondition(lambda self: self.wire)
    @rule(which=st.integers(0), error=st.sampled_from([UpstreamFailed, UpstreamTimeout, UpstreamForbidden]))
    def failed(self, which: int, error: type[SourceError]) -> None:
        _, future = self.wire.pop(which % len(self.wire))
        if not future.done():
            future.set_exception(error())
        self._run()

    @precondition(lambda self: self.asked)
    @rule(which=st.integers(0))
    def leave(self, which: int) -> None:
        self.asked[which % len(self.asked)][2].cancel()
        self._run()

    @rule(seconds=st.sampled_from([0.1, 0.6, 2.0, 7.0, 20.0]))
    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [alarm for alarm in self.alarms if alarm.callback and alarm.at <= until]:
            alarm = min(due, key=lambda each: each.at)
            self.now, callback = max(self.now, alarm.at), alarm.callback
            alarm.cancel()
            self.loop.call_soon(callback)
            self._run()
        self.alarms = [alarm for alarm in self.alarms if alarm.callback]
        self.now = until

    @invariant()
    def nobody_sees_what_is_another_s(self) -> None:
        waiting = []
        for who, what, task in self.asked:
            if not task.done():
                waiting.append((who, what, task))
            elif not task.cancelled() and task.exception() is None:
                reply = task.result()
                assert reply.body.split()[:2] == [who.encode(), what.encode()], (who, what, reply)
                self.served[reply.served] = self.served.get(reply.served, 0) + 1
            elif not task.cancelled():
                assert isinstance(task.exception(), SourceError), task.exception()
        self.asked = waiting

    def teardown(self) -> None:
        async def end() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.loop.run_until_complete(end())
        self.loop.close()
