"""Subscriptions: each event of a source is the root row of a compiled operation, enriched by whoever has the rest.

Events are answered one after another, in their order. Between the source and the caller they wait in a queue with an end: a full
one holds the source back, and who leaves it full for longer than a request may take is cut off.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from math import inf
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from gateway.engine.document import Document, Variables, Variant
from gateway.engine.nouns import Answer, Asked, Shown
from gateway.engine.withhold import told
from gateway.errors import (
    AFFECTED_LISTED,
    GatewayError,
    LimitExceeded,
    NotAcceptable,
    RequestError,
    ShuttingDown,
    SourceError,
    SourceUnavailable,
    internal,
)
from gateway.execution.compile import ReadyStep
from gateway.execution.event import EventRun
from gateway.execution.run import Outcome
from gateway.upstream.call import Reply, Stream, Tally
from gateway.upstream.streaming import REOPENED

if TYPE_CHECKING:
    from gateway.engine import Engine

EVERY = 10_000


class Open:
    """The subscriptions of one process, which outlive its engines. `most` of them at once, each with at most `queue` events."""

    def __init__(self, most: int = 10_000, queue: int = 100) -> None:
        self.most = most
        self.queue = queue
        self._inboxes: set[Inbox] = set()

    def __len__(self) -> int:
        return len(self._inboxes)

    def check(self) -> None:
        """Raises `LimitExceeded` where there is no room for one more."""
        if len(self._inboxes) >= self.most:
            said = f"This gateway serves {self.most} subscriptions at once, and has as many; try again later."
            raise LimitExceeded(said, which="subscriptions", limit=self.most, actual=len(self._inboxes) + 1)

    def take(self) -> Inbox:
        """Raises `LimitExceeded`."""
        self.check()
        inbox = Inbox(self.queue)
        self._inboxes.add(inbox)
        return inbox

    def leave(self, inbox: Inbox) -> None:
        self._inboxes.discard(inbox)

    def end(self) -> None:
        """The gateway is shutting down: everyone is told, and is free to go elsewhere."""
        for inbox in self._inboxes:
            inbox.end(ShuttingDown("This gateway is shutting down; subscribe again, and another one will answer."))


class Inbox:
    """What a source has sent and a caller has not been told yet."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: deque[Reply] = deque()
        self._end: GatewayError | None = None
        self._ended = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    async def put(self, event: Reply, patience: float) -> bool:
        """Waits for room, which holds the source back; after so many seconds without any it is over. False: it is over."""
        try:
            async with asyncio.timeout(patience):
                while len(self._waiting) >= self._size and not self._ended:
                    self._room.clear()
                    await self._room.wait()
        except TimeoutError:
            said = f"This subscription was ended because its caller left {self._size} events waiting for {patience:.3g} s."
            self._waiting.clear()
            self.end(LimitExceeded(said, which="events", limit=self._size, actual=self._size + 1))
        if not self._ended:
            self._waiting.append(event)
            self._news.set()
        return not self._ended

    def end(self, error: GatewayError | None = None) -> None:
        """The first end counts. What waits is told before."""
        if not self._ended:
            self._end, self._ended = error, True
        self._news.set()
        self._room.set()

    async def next(self) -> Reply | None:
        """None: it is over. Raises what ended it before its time."""
        while not self._waiting:
            if self._ended:
                if self._end is not None:
                    raise self._end
                return None
            self._news.clear()
            await self._news.wait()
        self._room.set()
        return self._waiting.popleft()


class Live:
    """Of one engine."""

    def __init__(self, engine: Engine, opened: Open) -> None:
        self._engine = engine
        self._open = opened

    def answer(self, asked: Asked, document: Document) -> Answer:
        """Raises `RequestError`."""
        engine = self._engine
        if asked.form is None:
            raise NotAcceptable("A subscription needs Accept: text/event-stream or multipart/mixed, or a websocket.")
        variables = document.coerce(asked.variables)
        if document.estimate is not None:
            document.estimate.check(variables)
        variant = self._variant(asked, document, variables)
        if not variant.ready.steps:
            return engine.failed(asked, engine.render.outcome(self._refused(asked, document, variant), asked.request))
        self._open.check()
        return Answer(b"", parts=self._payloads(asked, document, variant, variables))

    def _variant(self, asked: Asked, document: Document, variables: Variables) -> Variant:
        engine = self._engine
        lacking = (engine.rights.lacking(asked.request.caller) if engine.rights else 0) & document.rules
        flags = (
            *document.flags(variables),
            *engine.shares.chosen(document.labels, asked.request),
            *((lacking,) if lacking else ()),
        )
        return document.variants.get(flags) or engine.compiled(asked, document, variables, flags, lacking)

    def _refused(self, asked: Asked, document: Document, variant: Variant) -> Outcome:
        """Nothing of it may be asked for."""
        assert variant.withheld is not None  # only rights leave nothing to ask
        on_error = self._engine.on_error_of(asked, document)
        return told(Outcome(b"{}"), variant.withheld, asked.request.caller, on_error, AFFECTED_LISTED)

    async def _payloads(self, asked: Asked, document: Document, variant: Variant, variables: Variables) -> AsyncGenerator[bytes]:
        """Never raises but for cancellation: what ends it before its time is its last payload."""
        step, inbox = variant.ready.steps[0], self._open.take()
        patience = asked.request.deadline - time.monotonic()
        reading = asyncio.ensure_future(self._read(asked, step, variables, inbox, patience))
        try:
            while (event := await inbox.next()) is not None:
                request = replace(asked.request, deadline=time.monotonic() + patience, tally=_tally(self._engine))
                yield await self._answered(replace(asked, request=request), document, variant, variables, event)
        except (SourceError, RequestError) as error:
            yield self._ended(asked, step, error)
        except Exception as bug:
            yield self._ended(asked, step, internal(bug))
        finally:
            self._open.leave(inbox)
            reading.cancel()
            await asyncio.wait((reading,))

    async def _read(self, asked: Asked, step: ReadyStep, variables: Variables, inbox: Inbox, patience: float) -> None:
        """From the source into the queue."""
        request = replace(asked.request, deadline=inf, tally=_tally(self._engine))
        try:
            (chunk,) = step.prepared.calls((), variables, request, step.verify)
            if chunk.refused is not None:
                raise chunk.refused
            async with aclosing(_stream(step)(chunk.call)) as events:
                async for event in events:
                    if not await inbox.put(event, patience):
                        return
            inbox.end()
        except GatewayError as error:
            if isinstance(error, SourceError):
                error.operation = error.operation or chunk.call.operation
            inbox.end(error)
        except Exception as bug:
            inbox.end(internal(bug))

    async def _answered(self, asked: Asked, document: Document, variant: Variant, variables: Variables, event: Reply) -> bytes:
        """One event as an answer of its own."""
        engine, step = self._engine, variant.ready.steps[0]
        on_error = engine.on_error_of(asked, document)
        listed = EVERY if engine.per_path or on_error == "null" else AFFECTED_LISTED
        came: Reply | SourceError
        try:
            came = step.verify(event)
        except SourceError as error:
            came = error
        outcome = await EventRun(variant.ready, variables, asked.request, came, listed).outcome({}, on_error)
        if variant.withheld is not None:
            outcome = told(outcome, variant.withheld, asked.request.caller, on_error, listed)
        warnings = [*document.shown.warnings, *([_missed(step)] if event.served == REOPENED else [])]
        answer = engine.render.outcome(outcome, asked.request, Shown(warnings=warnings))
        if answer.has_errors:
            engine.failed(asked, answer, document, variant, outcome)
        return answer.body

    def _ended(self, asked: Asked, step: ReadyStep, error: GatewayError) -> bytes:
        if isinstance(error, SourceError):
            error.service = error.service or step.subgraph.name
        return self._engine.failed(asked, self._engine.render.refusal(error, asked.request)).body


def _stream(step: ReadyStep) -> Stream:
    if step.subgraph.stream is None:
        raise SourceUnavailable("cannot be subscribed to as it is configured")
    return step.subgraph.stream


def _tally(engine: Engine) -> Tally:
    return Tally(limit=engine.limits.upstream_calls_total)


def _missed(step: ReadyStep) -> dict[str, Any]:
    service = step.subgraph.name
    said = f"{service[:1].upper()}{service[1:]} had broken off and was subscribed to again: events in between are missing."
    return {"code": "EVENTS_MISSED", "service": service, "message": said}
