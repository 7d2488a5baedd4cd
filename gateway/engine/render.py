"""From an outcome to the bytes of a GraphQL response. Errors get their owner here and nowhere else."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import ceil
from typing import Any

import msgspec

from gateway.composition import Supergraph
from gateway.engine.headers import Told, of_failures, of_sources
from gateway.engine.nouns import NOTHING, Answer, Shown
from gateway.engine.warnings import announced, stale
from gateway.errors import (
    AFFECTED_LISTED,
    Affected,
    DeadlineExceeded,
    Disclosure,
    GatewayError,
    Ids,
    InternalError,
    Owner,
    RequestError,
    SourceError,
    SourceSaturated,
    attribute,
)
from gateway.execution.run import Outcome
from gateway.execution.shape import Entry
from gateway.upstream.call import Request
from gateway.upstream.clock import WALL

log = logging.getLogger(__name__)
encode = msgspec.json.Encoder(enc_hook=str).encode

GATEWAY = "gateway"


def random_id(prefix: str) -> str:
    return prefix + secrets.token_hex(10)


class Renderer:
    """Knows every owner. `new_id` is injected by tests."""

    def __init__(
        self,
        supergraph: Supergraph,
        owner: Owner,
        disclosure: Disclosure,
        new_id: Callable[[str], str] | None,
        clock: Callable[[], float] = WALL,
    ) -> None:
        self.clock = clock
        self.supergraph = supergraph
        self.owner = owner
        self.disclosure = disclosure
        self.new_id = new_id or random_id

    # ------------------------------------------------------------ an executed operation

    def outcome(self, outcome: Outcome, request: Request, shown: Shown = NOTHING) -> Answer:
        """`shown`: what there is to say beside the data, when there is."""
        calls, now = request.tally.calls, self.clock()
        warnings = [*shown.warnings, *announced(outcome.exchanges)] if outcome.announced else shown.warnings
        if not (outcome.errors or outcome.stale or warnings or shown.debug or outcome.exposed):
            body = b'{"data":' + outcome.data + b"}"
            about = shown.headers or of_sources(outcome.exchanges, now, request.tally.queued)
            about += outcome.returned
            return Answer(body, expires=outcome.expires, private=outcome.private, calls=calls, headers=about)
        parts, told = [b'{"data":', outcome.data], list[Told]()
        if outcome.errors:
            parts += [b',"errors":', encode(list(self.entries(outcome.errors, request, told)))]
        warnings = [*(stale(each, now) for each in outcome.stale), *warnings]
        parts += [b',"extensions":', encode({**self.extensions(warnings, request, outcome.exposed), **shown.debug}), b"}"]
        about = (shown.headers or of_sources(outcome.exchanges, now, request.tally.queued)) + of_failures(told) + outcome.returned
        keeps = not (outcome.stale or outcome.errors or shown.debug)
        if (wait := shed(outcome)) is not None:
            about += ((b"retry-after", b"%d" % ceil(wait)),)
        return Answer(
            b"".join(parts),
            503 if wait is not None else 504 if too_late(outcome) else 200,
            has_errors=bool(outcome.errors),
            expires=outcome.expires if keeps else 0.0,
            private=outcome.private,
            calls=calls,
            headers=about,
        )

    def entries(self, entries: Iterable[Entry], request: Request, told: list[Told]) -> Iterable[Mapping[str, Any]]:
        for entry in entries:
            for affected in self._each(entry.affected):
                rendered = self._entry(entry.error, affected, request, entry.location)
                if isinstance(entry.error, SourceError):
                    told.append(Told(entry.error, rendered["extensions"]["error_id"]))
                yield rendered

    def _each(self, affected: Affected) -> Iterable[Affected]:
        """One entry for all positions, or one for each where all of them were to be listed."""
        each = affected.listed > AFFECTED_LISTED and affected.paths
        return (Affected([path], 1) for path in affected.paths) if each else (affected,)

    def _entry(
        self, error: GatewayError, affected: Affected | None, request: Request, location: tuple[int, int] | None = None
    ) -> dict[str, Any]:
        service, owner = self._whose(error)
        error_id = self.new_id("err_")
        if isinstance(error, InternalError) and error.__cause__ is not None:
            log.error("%s %s %s: %s", request.id, error_id, service, error.code, exc_info=error.__cause__)
        locations = ({"line": location[0], "column": location[1]},) if location else ()
        return attribute(
            error,
            owner,
            affected,
            error_id=error_id,
            ids=Ids(request.id, trace_id(request.traceparent)),
            service=service,
            disclosure=self.disclosure,
            locations=locations,
        )

    def _whose(self, error: GatewayError) -> tuple[str, Owner]:
        """A source's error is its owner's; all else is the gateway's own."""
        name = getattr(error, "service", None) if isinstance(error, SourceError | RequestError) else None
        subgraph = self.supergraph.subgraphs.get(name) if name else None
        return (subgraph.name, subgraph.owner) if subgraph is not None else (GATEWAY, self.owner)

    def extensions(
        self, warnings: Sequence[dict[str, Any]], request: Request, exposed: Sequence[dict[str, Any]] = ()
    ) -> dict[str, Any]:
        tally = request.tally
        extensions: dict[str, Any] = {"request_id": request.id}
        if trace := trace_id(request.traceparent):
            extensions["trace_id"] = trace
        if warnings:
            extensions["warnings"] = [self._owned(warning) for warning in warnings]
        counts = {"calls": tally.calls, "batched": tally.batched, "deduped": tally.deduped, "cached": tally.cached}
        extensions["upstream"] = counts | {"retries": tally.retries, "hedges": tally.hedges, "limit": tally.limit}
        if exposed:
            extensions["upstream"]["headers"] = exposed
        return extensions

    def _owned(self, warning: dict[str, Any]) -> dict[str, Any]:
        """A warning says whose it is, as an error does."""
        subgraph = self.supergraph.subgraphs.get(warning["service"])
        owner = subgraph.owner if subgraph is not None else self.owner
        return warning | {"owner": owner.shown(self.disclosure.audience)}

    # ------------------------------------------------------------ a refused request

    def refusal(self, error: GatewayError, request: Request) -> Answer:
        """No `data`: nothing of the request was executed."""
        errors = [self._entry(e, None, request) for e in (error, *getattr(error, "others", ()))]
        status = error.status if isinstance(error, RequestError) else 500
        return Answer(encode({"errors": errors, "extensions": {"request_id": request.id}}), status=status, has_errors=True)

    def refused_write(self, error: RequestError, request: Request, status: int) -> Answer:
        """A write, or a subscription: the same entry whichever method it came by, and its status says it to every client."""
        return msgspec.structs.replace(self.refusal(error, request), status=status, refused=True)


def shed(outcome: Outcome) -> float | None:
    """Seconds after which to come back, where nothing came because queues were full; None: something came, or else failed."""
    if not _only(SourceSaturated, outcome):
        return None
    return max(getattr(entry.error, "retry_after", None) or 1.0 for entry in outcome.errors)


def too_late(outcome: Outcome) -> bool:
    """Nothing came within the request's time."""
    return _only(DeadlineExceeded, outcome)


def _only(kind: type[GatewayError], outcome: Outcome) -> bool:
    """Is there nothing but failures of this kind?"""
    if not outcome.errors or not all(isinstance(entry.error, kind) for entry in outcome.errors):
        return False
    data = msgspec.json.decode(outcome.data)
    return not (isinstance(data, dict) and any(value is not None for value in data.values()))


def trace_id(traceparent: str | None) -> str | None:
    """The trace id of a W3C `traceparent`."""
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) >= 4 and len(parts[1]) == 32 else None
