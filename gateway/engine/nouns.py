"""What the engine is asked and what it answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from enum import Enum
from time import monotonic
from typing import Any

import msgspec

from gateway.execution.run import Outcome
from gateway.upstream.call import Request


class Account(msgspec.Struct):
    """What came of an operation, noted on its way for whoever keeps account of it."""

    began: float
    """`time.monotonic` clock."""
    served: str = ""
    """executed, stored or shared; "": it never came to that."""
    kind: str = ""
    """query, mutation or subscription; "": the document has no operation that could be asked for."""
    name: str = ""
    """Of the operation, where it has one."""
    outcome: Outcome | None = None
    phases: list[tuple[str, float, float]] = []
    """Work that is not done every time (prepare, plan): when it began and ended."""

    def came(self, served: str, outcome: Outcome) -> None:
        self.served, self.outcome = served, outcome

    def spent(self, phase: str, began: float) -> None:
        self.phases.append((phase, began, monotonic()))


class Form(Enum):
    """What the payloads of an answer in parts look like."""

    CURRENT = "current"
    """The incremental delivery format of the GraphQL specification's draft: pending, incremental, completed."""
    APOLLO = "20220824"
    """What it was in August 2022, as Apollo's clients ask for it: incremental, by path and label."""


class Asked(msgspec.Struct, frozen=True):
    """A GraphQL request as the door understood it."""

    document: str
    request: Request
    variables: Mapping[str, Any] = {}
    operation_name: str | None = None
    read_only_method: bool = False
    """It came by GET."""
    on_error: str | None = None
    """propagate, null or halt; None: as the operation or the configuration says."""
    account: Account | None = None
    form: Form | None = None
    """How it takes an answer in parts; None: only all at once."""


class Answer(msgspec.Struct, frozen=True):
    """What goes back: ready bytes, and what the door needs to choose a status and headers."""

    body: bytes
    status: int = 200
    """Of `application/graphql-response+json`: 400 for request errors, 405, ...; with `application/json` the door says 200."""
    has_errors: bool = False
    expires: float = 0.0
    """`time.time` clock; 0: not to be stored."""
    private: bool = False
    calls: int = 0
    refused: bool = False
    """The gateway never performs such an operation: the status stands whatever the media type."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """Response headers only the engine can know: Cache-Status, Proxy-Status, Server-Timing. Names in lower case."""
    tags: tuple[bytes, ...] = ()
    """What it is made of: sources, and types as `Type`, for caches that forget by name."""
    propagates: tuple[str, ...] = ()
    """The caller's headers, in lower case, that its calls carried on (`*`: by a pattern): what a private answer depends on."""
    parts: AsyncGenerator[bytes] | None = None
    """In place of `body`: payloads, the first of which is there when the first of the data is."""


class Shown(msgspec.Struct, frozen=True):
    """What an answer says beside its data."""

    headers: tuple[tuple[bytes, bytes], ...] = ()
    """In place of what its own exchanges would say: nobody was asked on its behalf."""
    warnings: Sequence[dict[str, Any]] = ()
    """About the operation itself."""
    debug: Mapping[str, Any] = {}


NOTHING = Shown()
