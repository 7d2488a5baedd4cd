"""What one upstream call of a request did: kept as it happened, read only where somebody wants to know."""

from __future__ import annotations

import msgspec

from gateway.errors import NotSent, SourceError
from gateway.execution.compile import ReadyStep
from gateway.upstream.call import Call, Reply


class Exchange(msgspec.Struct, frozen=True, gc=False):
    """One call of a fetch and what came of it. Costs the request four references and two readings of the clock."""

    step: ReadyStep
    call: Call
    keys: int
    """Rows asked for by key in this call; 0 in a fetch of root fields."""
    began: float
    """Seconds, as `ended`, on the `time.monotonic` clock."""
    ended: float
    came: Reply | SourceError

    @property
    def source(self) -> str:
        return self.step.subgraph.name

    @property
    def error(self) -> SourceError | None:
        return self.came if isinstance(self.came, SourceError) else None

    @property
    def served(self) -> str:
        """network, hit, stale or collapsed; `error` for a call that failed, `none` for one that was never made."""
        if isinstance(self.came, SourceError):
            return "none" if isinstance(self.came, NotSent) else "error"
        return self.came.served

    @property
    def status(self) -> int | None:
        return getattr(self.came, "status", None)

    @property
    def attempts(self) -> int:
        """0: nothing was sent for it."""
        return 0 if isinstance(self.came, NotSent) else getattr(self.came, "attempts", 1)

    @property
    def size(self) -> int | None:
        """Bytes of the answer's body."""
        return len(self.came.body) if isinstance(self.came, Reply) else None
