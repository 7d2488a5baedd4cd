"""A question the engine has been asked before, looked up already: what is left is to see whether its answer is there."""

from __future__ import annotations

from asyncio import Future
from typing import Any

import msgspec

from gateway.engine.document import Document, Variant
from gateway.execution.run import Outcome

Landing = list[Outcome] | None
"""What an execution under way came to; None: whoever led it has gone without one."""
Landings = Future[Landing]


class Recalled(msgspec.Struct, frozen=True):
    """`key` tells questions and identities apart, as the answer store does."""

    document: Document
    variant: Variant
    key: tuple[Any, ...]
