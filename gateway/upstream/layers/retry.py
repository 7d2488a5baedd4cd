"""Ask again where that is safe and may help.

Every `Call` is a read (mutations never become calls), so repeating one is always safe; whether it may help, the error knows.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from gateway.config.model import Backoff, Retry
from gateway.errors import DeadlineExceeded, SourceError, UpstreamBadContent, UpstreamError
from gateway.upstream.call import Call, Layer, Reply, Send
from gateway.upstream.clock import Clock

RESERVE = 10.0
"""Retries a source may have at once, before its share of calls says no."""
FLOOR = 2.0
"""Seconds."""
LOW = 3.0
"""Tokens."""


class RetryBudget:
    """Spend from a shared budget: a storm of retries is worse than the fault.

    A token bucket: each call earns `ratio` of a token, each repetition (a retry, a hedge, a hand-over) spends one. A source
    that is seldom called still gets a token every `FLOOR` seconds.
    """

    def __init__(self, ratio: float, clock: Clock) -> None:
        self.ratio = ratio
        self.tokens = RESERVE
        self.retries = 0
        """Made so far."""
        self._monotonic = clock.monotonic
        self._floored = clock.monotonic()

    def earn(self) -> None:
        self.tokens = min(RESERVE, self.tokens + self.ratio)

    def spend(self) -> bool:
        if self.tokens < 1 and not self._floor():
            return False
        self.tokens = max(0.0, self.tokens - 1)
        return True

    @property
    def is_low(self) -> bool:
        """What is left is for calls that failed, not for calls that are merely slow."""
        return self.tokens < LOW

    def _floor(self) -> bool:
        """One token, when the last one given this way is `FLOOR` seconds old."""
        now = self._monotonic()
        if self.ratio == 0 or now < self._floored + FLOOR:
            return False
        self._floored = now
        return True


def pause(error: SourceError, attempts: int, policy: Retry, random: Callable[[], float]) -> float | None:
    """Seconds to wait before the next attempt; None: there is none.

    What was never sent is not retried: an open breaker or a full queue asks for less load. An answer that was not what it
    should be is worth one more look. `Retry-After` is the least we wait.
    """
    if not isinstance(error, UpstreamError) or isinstance(error, DeadlineExceeded) or not error.retryable:
        return None
    if attempts >= (min(policy.max_attempts, 2) if isinstance(error, UpstreamBadContent) else policy.max_attempts):
        return None
    return max(backoff(policy.backoff, attempts, random), error.retry_after or 0.0)


def backoff(policy: Backoff, attempts: int, random: Callable[[], float]) -> float:
    """Exponential, with full jitter: callers that failed together do not come back together."""
    longest = min(policy.max, policy.initial * 2.0 ** (attempts - 1))
    return longest if policy.jitter == "none" else longest * random()


def retry(policy: Retry, budget: RetryBudget, clock: Clock, random: Callable[[], float]) -> Layer:
    def layer(send: Send) -> Send:
        async def retried(call: Call) -> Reply:
            budget.earn()
            try:
                return await send(call)
            except UpstreamError as error:
                began = clock.monotonic() - error.elapsed
                return await repeated(call, error, began)

        async def repeated(call: Call, error: UpstreamError, began: float) -> Reply:
            """The failure reported is the last one the source itself made, with the attempts and the time of them all."""
            attempts = 1
            while True:
                error.attempts, error.elapsed = attempts, clock.monotonic() - began
                wait = pause(error, attempts, policy, random)
                if wait is None or clock.monotonic() + wait >= call.deadline or not budget.spend():
                    raise error
                await clock.sleep(wait)
                attempts += 1
                call.request.tally.retries += 1
                budget.retries += 1
                try:
                    return replace(await send(call), attempts=attempts)
                except UpstreamError as again:
                    error = again
                except SourceError:
                    raise error from None

        return retried

    return layer
