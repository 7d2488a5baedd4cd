"""Subscriptions: each event of a source is the root row of a compiled operation, enriched by whoever has the rest.

Events are answered one after another, in their order. Between the source and its callers are `channels`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from math import inf
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from gateway.engine.channels import Inbox, Open
from gateway.engine.document import Document, Variables, Variant
from gateway.engine.nouns import Answer, Asked, Shown
from gateway.engine.withhold import told
from gateway.errors import (
    AFFECTED_LISTED,
    GatewayError,
    NotAcceptable,
    RequestError,
    SourceError,
    SourceUnavailable,
    Unauthenticated,
    internal,
)
from gateway.execution.compile import ReadyStep
from gateway.execution.event import EventRun
from gateway.execution.run import Outcome
from gateway.upstream.call import Reply, Stream, Tally
from gateway.upstream.streaming import REOPENED, Alone

if TYPE_CHECKING:
    from gateway.engine import Engine

EVERY = 10_000


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
        step, patience = variant.ready.steps[0], asked.request.deadline - time.monotonic()
        inbox = expiry = None
        try:
            inbox = self._joined(asked, step, variables, patience)
            expiry = self._expiring(asked, inbox)
            while (event := await inbox.next()) is not None:
                request = replace(asked.request, deadline=time.monotonic() + patience, tally=_tally(self._engine))
                yield await self._answered(replace(asked, request=request), document, variant, variables, event)
        except (SourceError, RequestError) as error:
            yield self._ended(asked, step, error)
        except Exception as bug:
            yield self._ended(asked, step, internal(bug))
        finally:
            if expiry is not None:
                expiry.cancel()
            if inbox is not None:
                await self._open.leave(inbox)

    def _joined(self, asked: Asked, step: ReadyStep, variables: Variables, patience: float) -> Inbox:
        """Those who would send their source the very same, and have the same rights, hear of one subscription."""
        engine, stream = self._engine, _stream(step)
        request = replace(asked.request, deadline=inf, tally=_tally(engine))
        (chunk,) = step.prepared.calls((), variables, request, step.verify)
        if chunk.refused is not None:
            raise chunk.refused
        lacking = engine.rights.lacking(asked.request.caller) if engine.rights else 0
        key = None if isinstance(stream, Alone) else (stream, chunk.call.key, lacking)
        return self._open.join(key, chunk.call, stream, patience)

    def _expiring(self, asked: Asked, inbox: Inbox) -> asyncio.TimerHandle | None:
        """Who no longer proves who it is hears no more."""
        caller = asked.request.caller
        if caller is None or caller.until == inf:
            return None
        left = max(caller.until - self._engine.clock(), 0.0)
        said = "The token that this subscription was opened with has expired: subscribe again with another one."
        return asyncio.get_running_loop().call_later(left, inbox.end, Unauthenticated(said))

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
