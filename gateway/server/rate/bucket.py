"""The token bucket as one number: the moment at which it will be full again (the generic cell rate algorithm). Pure."""

from __future__ import annotations

import msgspec

from gateway.server.house import Allowance


class Bucket(msgspec.Struct, frozen=True):
    """`requests` flow in `per` seconds; it holds `burst`."""

    requests: int
    per: float
    burst: int

    @property
    def interval(self) -> float:
        """Seconds in which one request flows in."""
        return self.per / self.requests

    @property
    def depth(self) -> float:
        """Seconds in which all of it flows in."""
        return self.interval * self.burst

    def take(self, full_at: float, now: float, count: int) -> tuple[Allowance, float]:
        """What `count` requests at `now` find, and when the bucket is full after them. Who is refused takes nothing."""
        full_at = max(full_at, now)
        after = full_at + self.interval * count
        late = after - now - self.depth
        if late > self.interval * 1e-6:
            return Allowance(False, self._left(full_at - now), full_at - now, late), full_at
        return Allowance(True, self._left(after - now), after - now), after

    def _left(self, missing: float) -> int:
        return max(0, int((self.depth - missing) / self.interval + 1e-6))
