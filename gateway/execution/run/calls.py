"""One call of an execution: sent, its reply read, and what it means for the answer as a whole noted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.errors import GatewayError, SourceError, UpstreamNotFound
from gateway.execution.compile import ReadyStep
from gateway.execution.exchange import Exchange
from gateway.execution.reading import Sink
from gateway.execution.run.outcome import Stale
from gateway.sources.base import Chunk
from gateway.upstream.call import Reply, Request


class Calls:
    """What the calls of one execution leave behind beside their rows."""

    __slots__ = ("announced", "clock", "exchanges", "expires", "faulty", "loose", "private", "request", "stale")

    def __init__(self, request: Request, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.request = request
        self.exchanges: list[Exchange] = []
        self.faulty = False
        self.loose: list[GatewayError] = []
        self.stale: list[Stale] = []
        self.announced = False
        self.expires = float("inf")
        self.private = False

    async def _send(self, step: ReadyStep, chunk: Chunk) -> Reply | GatewayError:
        if chunk.refused is not None:
            return self._failed(chunk.refused, step, chunk)
        began = self.clock()
        try:
            reply = await step.subgraph.send(chunk.call)
        except SourceError as error:
            self.exchanges.append(Exchange(step, chunk.call, len(chunk.keys), began, self.clock(), error))
            self._failed(error, step, chunk)
            return await self._pruned(step, chunk, error)
        self.exchanges.append(Exchange(step, chunk.call, len(chunk.keys), began, self.clock(), reply))
        self._note(step, reply)
        return reply

    async def _pruned(self, step: ReadyStep, chunk: Chunk, error: SourceError) -> Reply | GatewayError:
        """Once more, without the fields that the source says it does not know; the failure where it is about something else."""
        pruner = step.prepared.pruner
        if pruner is None or (call := pruner.again(chunk.call, error)) is None:
            return error
        step.prepared = pruner.remembering(step.prepared)
        began = self.clock()
        try:
            reply = await step.subgraph.send(call)
        except SourceError as fault:
            self.exchanges.append(Exchange(step, call, len(chunk.keys), began, self.clock(), fault))
            pruner.again(call, fault)
            return self._failed(fault, step, chunk)
        self.exchanges.append(Exchange(step, call, len(chunk.keys), began, self.clock(), reply))
        self._note(step, reply)
        return reply

    def _note(self, step: ReadyStep, reply: Reply) -> None:
        """What using this reply means for the whole answer."""
        freshness = reply.freshness
        self.expires = min(self.expires, freshness.expires)
        self.private = self.private or freshness.private
        if "deprecation" in reply.headers or "sunset" in reply.headers:
            self.announced = True
        if reply.stale_cause is not None:
            path = tuple(hop.key for hop in step.step.path) + ((step.step.into,) if step.step.into else ())
            self.stale.append(
                Stale(step.subgraph.name, path, freshness.age, freshness.expires, reply.stale_cause, reply.stale_status)
            )

    def _failed(self, error: SourceError, step: ReadyStep, chunk: Chunk) -> SourceError:
        self.faulty = True
        error.settle()
        error.service = error.service or step.subgraph.name
        error.operation = error.operation or chunk.call.operation
        return error

    def _read(self, step: ReadyStep, chunk: Chunk, reply: Reply) -> Any:
        if step.absent(reply):
            return None if step.nullable else self._failed(_not_found(reply), step, chunk)
        sink = Sink(step.subgraph.name, chunk.call.operation, reply.status)
        try:
            value = step.rows(reply, sink)
        except SourceError as error:
            return self._failed(error, step, chunk)
        if sink.faulty:
            self.faulty = True
        if sink.loose:
            self.loose += sink.loose.values()
        return value


def _not_found(reply: Reply) -> UpstreamNotFound:
    error = UpstreamNotFound(f"has nothing under this address (it answered {reply.status})", error_type=str(reply.status))
    error.status = reply.status
    return error
