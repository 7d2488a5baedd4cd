"""Answer from a copy where one may be used; keep a copy where one may be kept.

Copies are bytes: each operation reads them itself, through its own `Call.verify`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from math import inf

from msgspec.structs import replace

from gateway.config.model import CachePolicy
from gateway.errors import (
    DeadlineExceeded,
    SourceError,
    SourceSaturated,
    SourceUnavailable,
    UpstreamBadContent,
    UpstreamError,
    UpstreamFailed,
    UpstreamForbidden,
    UpstreamNotFound,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamTls,
    UpstreamTooLarge,
    UpstreamUnauthenticated,
    UpstreamUnreachable,
)
from gateway.upstream.call import Call, Layer, Reply, Request, Send
from gateway.upstream.clock import Clock, Timer
from gateway.upstream.layers.cache.freshness import Copy, copy_of, is_silent, silent_copy, unsaid
from gateway.upstream.layers.cache.reruns import Reruns
from gateway.upstream.layers.cache.shared import SharedCopies, is_shareable
from gateway.upstream.layers.cache.store import Store
from gateway.upstream.layers.cache.validation import NOT_MODIFIED, conditional, renewed

FAILURES = (
    UpstreamUnreachable,
    UpstreamTimeout,
    DeadlineExceeded,
    UpstreamTls,
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamBadContent,
    UpstreamTooLarge,
    SourceUnavailable,
    SourceSaturated,
)
"""Failures during which a copy past its freshness may be served (RFC 5861, 4)."""
VERDICTS = (UpstreamUnauthenticated, UpstreamForbidden, UpstreamNotFound)
"""The source has spoken: what was kept is not to be shown any more."""
REVALIDATING = "REVALIDATING"
OPERATIONS = 1000


class Cache:
    """What one source keeps in a store, and the copies it is fetching anew meanwhile."""

    def __init__(
        self,
        source: str,
        policy: CachePolicy,
        store: Store,
        clock: Clock,
        random: Callable[[], float] = lambda: 1.0,
        may_repeat: Callable[[], bool] = lambda: True,
        shared: SharedCopies | None = None,
    ) -> None:
        """`may_repeat` spends from the budget for repetitions: a rerun is one. `shared`: a level that all replicas have."""
        self.reruns = Reruns()
        self.shared = shared
        self._not_kept: set[str] = set()
        """Operations whose latest reply could not be kept: nobody looks for them further away."""
        self._source = source
        self._policy = policy
        self._unsaid = {private: unsaid(policy, private=private) for private in (False, True)}
        self._store = store
        self._clock = clock
        self._random = random
        self._may_repeat = may_repeat
        self._refreshes: dict[Hashable, asyncio.Task[None]] = {}
        self._send: Send | None = None
        self._timer: Timer | None = None

    def key(self, call: Call) -> Hashable:
        return (self._source, *call.key)

    def find(self, key: Hashable) -> Copy | None:
        return self._store.peek(key)

    async def further(self, key: Hashable, call: Call, copy: Copy | None) -> Copy | None:
        """What another replica has kept, where that is newer than ours."""
        if self.shared is None or call.operation in self._not_kept or not is_shareable(call, self._policy.scope):
            return copy
        found = await self.shared.find(key)
        if found is None or (copy is not None and copy.fresh >= found.fresh):
            return copy
        self._store.put(key, found)
        return found

    def is_due(self, copy: Copy, now: float) -> bool:
        """A fresh copy that should be fetched anew all the same, because it soon will not be and is in demand."""
        return now + 8 * copy.lead >= copy.fresh and copy.is_worth_refreshing(now, self._random())

    async def fetch(self, key: Hashable, call: Call, copy: Copy | None, send: Send) -> Reply:
        """Ask the source, only for what is newer where there is a copy with a validator. What comes is kept."""
        began = self._clock.monotonic()
        asked = conditional(call, copy.reply) if copy is not None else None
        reply = await send(asked or call)
        if asked is not None and copy is not None and reply.status == NOT_MODIFIED:
            reply = call.verify(renewed(copy.reply, reply))
        return self._keep(key, call, reply, self._clock.monotonic() - began)

    def _keep(self, key: Hashable, call: Call, reply: Reply, took: float) -> Reply:
        """The reply with its freshness; a copy of it is kept, or the older one dropped where none may be."""
        now = self._clock.wall()
        if is_silent(reply):
            copy = silent_copy(call, reply, self._unsaid[call.private], now, took)
        else:
            copy = copy_of(call, reply, self._policy, now, took)
        if reply.served == "network":
            if copy is None:
                self._store.drop(key)
            else:
                self._store.put(key, copy)
            if self.shared is not None:
                self._share(self.shared, key, call, copy)
            if self.reruns:
                self.reruns.forget(key)
        return replace(reply, freshness=copy.freshness(now)) if copy is not None and copy.fresh > now else reply

    def _share(self, shared: SharedCopies, key: Hashable, call: Call, copy: Copy | None) -> None:
        if copy is not None:
            self._not_kept.discard(call.operation)
            shared.keep(key, copy)
        elif is_shareable(call, self._policy.scope) and call.operation not in self._not_kept:
            shared.drop(key)
            shared.free(key)
            if len(self._not_kept) < OPERATIONS:
                self._not_kept.add(call.operation)

    def gave_up(self, key: Hashable, call: Call) -> None:
        """It could not be fetched: other replicas need not wait for it."""
        if self.shared is not None and is_shareable(call, self._policy.scope):
            self.shared.free(key)

    def condemn(self, key: Hashable, call: Call, verdict: UpstreamError) -> None:
        """The source has spoken. That nothing is there may itself be remembered, where the policy says so."""
        self._store.drop(key)
        if self.shared is not None:
            self.shared.drop(key)
            self.shared.free(key)
        self.reruns.forget(key)
        if isinstance(verdict, UpstreamNotFound) and verdict.status is not None:
            self._keep(key, call, Reply(status=verdict.status, headers={}, body=b""), 0.0)

    def served(self, call: Call, copy: Copy, cause: str | None = None, status: int | None = None) -> Reply:
        call.request.tally.cached += 1
        freshness = copy.freshness(self._clock.wall())
        how = "hit" if cause is None else "stale"
        return call.verify(
            replace(copy.reply, served=how, stale_cause=cause, stale_status=status, freshness=freshness, attempts=0)
        )

    # ------------------------------------------------------------ on nobody's time

    def refresh(self, key: Hashable, call: Call, send: Send, tries: int = 0) -> None:
        """Fetch it anew in the background; one fetch for one key."""
        if key not in self._refreshes:
            self._send = send
            request = Request(id=call.request.id, correlation_id=call.request.correlation_id)
            own = replace(call, request=request, deadline=inf, fetch=None)
            self._refreshes[key] = asyncio.get_running_loop().create_task(self._refresh(key, own, send, tries))

    async def _refresh(self, key: Hashable, call: Call, send: Send, tries: int) -> None:
        try:
            await self.fetch(key, call, self.find(key), send)
        except VERDICTS as verdict:
            self.condemn(key, call, verdict)
        except SourceError:
            self.try_later(key, call, send, tries + 1)
        finally:
            del self._refreshes[key]

    def try_later(self, key: Hashable, call: Call, send: Send, tries: int = 1) -> None:
        """A copy was wanted and could not be fetched: it remains, for as long as it may be served, and is fetched later."""
        request = Request(id=call.request.id, correlation_id=call.request.correlation_id)
        self._send = send
        self.reruns.add(key, replace(call, request=request, deadline=inf, fetch=None), self._clock.monotonic(), tries)
        self._wake_later()

    def recovered(self) -> None:
        """The source is back: what could not be fetched is fetched now."""
        self.reruns.recovered(self._clock.monotonic())
        self._rerun(lambda: True)

    def _due(self) -> None:
        self._rerun(self._may_repeat)

    def _rerun(self, may: Callable[[], bool]) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for key, rerun in self.reruns.due(self._clock.monotonic()):
            copy = self.find(key)
            if copy is None or self._send is None or copy.on_error <= self._clock.wall():
                continue
            if may():
                self.refresh(key, rerun.call, self._send, rerun.tries)
            else:
                self.reruns.add(key, rerun.call, self._clock.monotonic(), rerun.tries + 1)
        self._wake_later()

    def _wake_later(self) -> None:
        due = self.reruns.next_due()
        if self._timer is None and due is not None:
            self._timer = self._clock.call_later(max(due - self._clock.monotonic(), 0.0), self._due)

    async def close(self) -> None:
        """End the refreshes under way."""
        if self._timer is not None:
            self._timer.cancel()
        tasks = list(self._refreshes.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def cache(state: Cache, clock: Clock) -> Layer:
    def layer(send: Send) -> Send:
        async def cached(call: Call) -> Reply:
            key = state.key(call)
            copy = state.find(key)
            if state.shared is not None and (copy is None or clock.wall() >= copy.fresh):
                copy = await state.further(key, call, copy)
            if copy is not None:
                now = clock.wall()
                if now < copy.fresh:
                    if state.is_due(copy, now):
                        state.refresh(key, call, send)
                    return state.served(call, copy)
                if now < copy.while_revalidated:
                    state.refresh(key, call, send)
                    return state.served(call, copy, REVALIDATING)
            try:
                return await state.fetch(key, call, copy, send)
            except VERDICTS as verdict:
                state.condemn(key, call, verdict)
                raise
            except FAILURES as error:
                state.gave_up(key, call)
                if copy is None or clock.wall() >= copy.on_error:
                    raise
                state.try_later(key, call, send)
                return state.served(call, copy, error.code, getattr(error, "status", None))

        return cached

    return layer
