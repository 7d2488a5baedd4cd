"""How many calls a source can take at once, found by trying: additive increase, multiplicative decrease. Pure.

A source that has too many says so: by 429 or 503, or by not answering in time. Then there are fewer for it, once for all the
calls that were open together; while all places are in use and nothing is wrong, there is slowly one more.
"""

from __future__ import annotations

from gateway.errors import UpstreamError, UpstreamRateLimited, UpstreamTimeout

CUT = 0.8
OVERLOAD = frozenset({503, 529})


class Adaptive:
    """`limit` moves between one and `most`. Times on the `time.monotonic` clock, in seconds."""

    __slots__ = ("_cut_at", "_most", "limit")

    def __init__(self, most: int) -> None:
        self.limit = float(most)
        self._most = most
        self._cut_at = float("-inf")

    def answered(self, busy: int) -> None:
        """`busy`: calls that were open when it began, itself included."""
        if busy >= int(self.limit):
            self.limit = min(float(self._most), self.limit + 1 / self.limit)

    def failed(self, error: UpstreamError, began: float, now: float) -> None:
        """A call begun before the last cut says what that one said."""
        overload = isinstance(error, UpstreamTimeout | UpstreamRateLimited) or error.status in OVERLOAD
        if overload and began >= self._cut_at:
            self.limit = max(1.0, self.limit * CUT)
            self._cut_at = now
