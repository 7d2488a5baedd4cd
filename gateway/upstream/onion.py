"""The layers around one source's transport, in their order, and what can be seen of them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from gateway.config.model import Policy
from gateway.errors import UpstreamError
from gateway.upstream.call import Layer, Send
from gateway.upstream.clock import REAL, Clock
from gateway.upstream.layers.attempt import attempt
from gateway.upstream.layers.breaker import Circuits, Opened, breaker
from gateway.upstream.layers.bulkhead import Slots, bulkhead
from gateway.upstream.layers.cache import Cache, Store, cache
from gateway.upstream.layers.cache.items import Items
from gateway.upstream.layers.cache.shared import SharedCopies
from gateway.upstream.layers.deadline import deadline
from gateway.upstream.layers.fetch_span import fetch_span
from gateway.upstream.layers.hedge import Hedges, hedge
from gateway.upstream.layers.hold import Held, Hold, hold
from gateway.upstream.layers.retry import RetryBudget, retry
from gateway.upstream.layers.single_flight import single_flight
from gateway.upstream.layers.timeout import timeout
from gateway.upstream.layers.verify import verify
from gateway.upstream.meter import Meter, Traffic
from gateway.upstream.tape import Wire
from gateway.upstream.transport import Client, HttpxClient, Limits, Orphans
from gateway.upstream.trust import trust_of
from gateway.upstream.watch import Watch


class Shared(msgspec.Struct, frozen=True):
    """What the onions of all sources have in common."""

    store: Store | None = None
    items: Items | None = None
    copies: SharedCopies | None = None
    """Of all replicas."""
    wire: Wire | None = None
    """What stands between the layers and the services, in development."""
    traced: bool = False
    measured: bool = False
    clock: Clock = REAL
    random: Callable[[], float] = random.random

    def status(self) -> dict[str, Any]:
        """How full the cache is, and what has become of the copies that all replicas share."""
        own = {"used": self.store.used, "capacity": self.store.capacity, "copies": len(self.store)} if self.store else {}
        rows = {"rows": len(self.items), "rows_used": self.items.used} if self.items else {}
        return {**own, **rows, "shared": msgspec.to_builtins(self.copies.counts) if self.copies else None}

    async def close(self) -> None:
        if self.copies is not None:
            await self.copies.close()


class Failure(msgspec.Struct, frozen=True):
    """The latest attempt that went wrong. `at` on the `time.time` clock."""

    code: str
    said: str
    status: int | None
    at: float


class SourceView(msgspec.Struct, frozen=True):
    """One source at this moment, for status pages."""

    source: str
    breaker: str | None
    """closed, open or half-open; None: it has none."""
    opened: Opened | None
    open_calls: int
    orphans: int
    queued: int
    retry_tokens: float | None
    last_failure: Failure | None
    traffic: Traffic | None = None
    limit: int = 0
    """Calls that may be open at once, at this moment."""
    shed: int = 0
    """Calls turned away since the start because the queue was full or too slow."""
    held: Held | None = None
    hedge_after: float | None = None
    """Seconds; None: no second copies, or not yet known."""
    reruns: int = 0
    """Refreshes that failed and wait to be tried again."""


class SourceState:
    """What the layers of one source remember. It lives as long as the source's address and policy stay the same."""

    def __init__(self, source: str, policy: Policy, client: Client | HttpxClient | None, shared: Shared) -> None:
        clock = shared.clock
        self.source = source
        self.client = client
        self.slots = Slots(policy.concurrency, client.orphans if client else Orphans())
        self.hold = Hold(clock.wall)
        self.breaker = Circuits(policy.circuit_breaker, clock) if policy.circuit_breaker else None
        self.retry_budget = RetryBudget(policy.retry.budget, clock) if policy.retry else None
        self.hedges = Hedges(policy.hedge, self._may_hedge) if policy.hedge else None
        self.cache = _cache(source, policy, shared, self.retry_budget)
        self.transitions: Counter[str] = Counter()
        """Changes of its circuits so far, by the state that was entered."""
        if self.breaker:
            self.breaker.listen(self._changed)
        self.watch = Watch() if shared.measured else None
        self.slots.waits = self.watch.waits if self.watch else None
        self.store = shared.store
        self.last_failure: Failure | None = None
        self.meter = Meter(clock)
        self._wall = clock.wall

    def failed(self, error: UpstreamError) -> None:
        self.last_failure = Failure(code=error.code, said=error.said, status=error.status, at=self._wall())

    def _changed(self, _old: str, new: str) -> None:
        self.transitions[new] += 1
        if new == "closed" and self.cache:
            self.cache.recovered()

    def _may_hedge(self) -> bool:
        """Never more load on a source that is in trouble; a second copy also spends from the budget for repetitions."""
        circuit = self.breaker.worst() if self.breaker else None
        if circuit is not None and circuit.opened is not None:
            return False
        budget = self.retry_budget
        return budget is None or (not budget.is_low and budget.spend())

    def view(self) -> SourceView:
        circuit = self.breaker.worst() if self.breaker else None
        return SourceView(
            source=self.source,
            breaker=circuit.state if circuit else "closed" if self.breaker else None,
            opened=circuit.opened if circuit else None,
            open_calls=self.slots.open,
            orphans=self.client.orphans.count if self.client else 0,
            queued=len(self.slots.queue),
            retry_tokens=self.retry_budget.tokens if self.retry_budget else None,
            last_failure=self.last_failure,
            traffic=self.meter.traffic(),
            limit=self.slots.limit,
            shed=self.slots.shed,
            held=self.hold.held,
            hedge_after=self.hedges.after if self.hedges else None,
            reruns=len(self.cache.reruns) if self.cache else 0,
        )

    async def close(self) -> None:
        """End what runs on nobody's time, then wait until no call is on the wire."""
        if self.cache:
            await self.cache.close()
        if self.client:
            await self.client.close()


def _cache(source: str, policy: Policy, shared: Shared, budget: RetryBudget | None) -> Cache | None:
    if policy.cache is None or shared.store is None:
        return None
    may_repeat = budget.spend if budget else lambda: True
    return Cache(source, policy.cache, shared.store, shared.clock, shared.random, may_repeat, shared.copies)


def client_for(policy: Policy) -> Client | HttpxClient:
    """The source's own connections, within its policy."""
    limits = limits_of(policy)
    return HttpxClient(limits) if policy.transport == "httpx" else Client(limits)


def limits_of(policy: Policy) -> Limits:
    return Limits(
        policy.timeout.per_try,
        policy.concurrency.max,
        policy.max_response,
        policy.dns.max_age,
        trust_of(policy.tls),
        policy.proxy,
        policy.http2,
    )


def onion(policy: Policy, send: Send, state: SourceState, shared: Shared, own: Layer | None = None) -> Send:
    """`send` with every layer of the policy around it, outermost first; what is off is absent.

    `own`: the layer that puts the gateway's own credentials on a call (`layers/credentials.py`).

    A transport without a client of ours (a schema in this process) has no timeout of its own, so it gets the layer.
    """
    clock = shared.clock
    budget, per_try, total = state.retry_budget, policy.timeout.per_try, policy.timeout.total
    timed = bool(policy.circuit_breaker and policy.circuit_breaker.slow_call)
    layers: list[Layer | None] = [
        fetch_span(state.source, state.meter, clock, traced=shared.traced),
        cache(state.cache, clock) if state.cache else None,
        single_flight(total, budget.spend if budget else lambda: True, clock),
        deadline(total, clock),
        hold(state.hold),
        retry(policy.retry, budget, clock, shared.random) if policy.retry and budget else None,
        hedge(state.hedges, clock) if state.hedges else None,
        breaker(state.breaker) if state.breaker else None,
        bulkhead(state.slots, clock),
        own,
        attempt(per_try, clock, state.failed, state.watch, timed=timed),
        timeout(per_try, clock) if state.client is None else None,
        verify(),
    ]
    for layer in reversed(layers):
        send = layer(send) if layer else send
    return send
