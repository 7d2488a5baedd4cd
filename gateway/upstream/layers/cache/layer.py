"""Answer from a copy where one may be used; keep a copy where one may be kept.

Copies are bytes: each operation reads them itself, through its own `Call.verify`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from math import inf

from msgspec.structs import replace

from gateway.config.model import CachePolicy
from gateway.errors import (
    DeadlineExceeded,
    SourceError,
    SourceSaturated,
    SourceUnavailable,
    UpstreamBadContent,
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
from gateway.upstream.clock import Clock
from gateway.upstream.layers.cache.freshness import Copy, copy_of
from gateway.upstream.layers.cache.store import Store

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


class Cache:
    """What one source keeps in a store, and the copies it is fetching anew meanwhile."""

    def __init__(self, source: str, policy: CachePolicy, store: Store, clock: Clock) -> None:
        self._source = source
        self._policy = policy
        self._store = store
        self._clock = clock
        self._refreshes: dict[Hashable, asyncio.Task[None]] = {}

    def key(self, call: Call) -> Hashable:
        return (self._source, *call.key)

    def find(self, key: Hashable) -> Copy | None:
        return self._store.peek(key)

    def keep(self, key: Hashable, call: Call, reply: Reply) -> Reply:
        """The reply with its freshness; a copy of it is kept, or the older one dropped where none may be."""
        now = self._clock.wall()
        copy = copy_of(call, reply, self._policy, now)
        if reply.served == "network":
            if copy is None:
                self._store.drop(key)
            else:
                self._store.put(key, copy)
        return replace(reply, freshness=copy.freshness(now)) if copy is not None and copy.fresh > now else reply

    def drop(self, key: Hashable) -> None:
        self._store.drop(key)

    def served(self, call: Call, copy: Copy, cause: str | None = None, status: int | None = None) -> Reply:
        call.request.tally.cached += 1
        freshness = copy.freshness(self._clock.wall())
        how = "hit" if cause is None else "stale"
        return call.verify(
            replace(copy.reply, served=how, stale_cause=cause, stale_status=status, freshness=freshness, attempts=0)
        )

    def refresh(self, key: Hashable, call: Call, send: Send) -> None:
        """Fetch it anew on nobody's time; one fetch for one key."""
        if key not in self._refreshes:
            request = Request(id=call.request.id, correlation_id=call.request.correlation_id)
            own = replace(call, request=request, deadline=inf)
            self._refreshes[key] = asyncio.get_running_loop().create_task(self._refresh(key, own, send))

    async def _refresh(self, key: Hashable, call: Call, send: Send) -> None:
        try:
            self.keep(key, call, await send(call))
        except VERDICTS:
            self.drop(key)
        except SourceError:
            pass  # the copy remains, for as long as it may be served on errors
        finally:
            del self._refreshes[key]

    async def close(self) -> None:
        """End the refreshes under way."""
        tasks = list(self._refreshes.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def cache(state: Cache, clock: Clock) -> Layer:
    def layer(send: Send) -> Send:
        async def cached(call: Call) -> Reply:
            key = state.key(call)
            copy = state.find(key)
            if copy is not None:
                now = clock.wall()
                if now < copy.fresh:
                    return state.served(call, copy)
                if now < copy.while_revalidated:
                    state.refresh(key, call, send)
                    return state.served(call, copy, REVALIDATING)
            try:
                reply = await send(call)
            except VERDICTS:
                state.drop(key)
                raise
            except FAILURES as error:
                if copy is None or clock.wall() >= copy.on_error:
                    raise
                return state.served(call, copy, error.code, getattr(error, "status", None))
            return state.keep(key, call, reply)

        return cached

    return layer
