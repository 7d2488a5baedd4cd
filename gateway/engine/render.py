"""From an outcome to the bytes of a GraphQL response. Errors get their owner here and nowhere else."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from gateway.composition import Supergraph
from gateway.engine.nouns import Answer
from gateway.errors import Affected, Disclosure, GatewayError, Ids, InternalError, Owner, RequestError, SourceError, attribute
from gateway.execution.run import Outcome, Stale
from gateway.execution.shape import Entry
from gateway.upstream.call import Request

log = logging.getLogger(__name__)
encode = msgspec.json.Encoder(enc_hook=str).encode

GATEWAY = "gateway"


def random_id(prefix: str) -> str:
    return prefix + secrets.token_hex(10)


class Renderer:
    """Knows every owner. `new_id` is injected by tests."""

    def __init__(
        self, supergraph: Supergraph, owner: Owner, disclosure: Disclosure, per_path: bool, new_id: Callable[[str], str] | None
    ) -> None:
        self.supergraph = supergraph
        self.owner = owner
        self.disclosure = disclosure
        self.per_path = per_path
        self.new_id = new_id or random_id

    # ------------------------------------------------------------ an executed operation

    def outcome(self, outcome: Outcome, request: Request) -> Answer:
        calls = request.tally.calls
        if not outcome.errors and not outcome.stale:
            return Answer(b'{"data":' + outcome.data + b"}", expires=outcome.expires, private=outcome.private, calls=calls)
        parts = [b'{"data":', outcome.data]
        if outcome.errors:
            parts += [b',"errors":', encode(list(self._entries(outcome.errors, request)))]
        parts += [b',"extensions":', encode(self._extensions(outcome, request)), b"}"]
        return Answer(b"".join(parts), has_errors=bool(outcome.errors), private=outcome.private, calls=calls)

    def _entries(self, entries: Iterable[Entry], request: Request) -> Iterable[Mapping[str, Any]]:
        for entry in entries:
            for affected in self._each(entry.affected):
                yield self._entry(entry.error, affected, request, entry.location)

    def _each(self, affected: Affected) -> Iterable[Affected]:
        """One entry for all positions, or (by option) one for each that is listed."""
        return (Affected([path], 1) for path in affected.paths) if self.per_path and affected.paths else (affected,)

    def _entry(
        self, error: GatewayError, affected: Affected | None, request: Request, location: tuple[int, int] | None = None
    ) -> dict[str, Any]:
        service, owner = self._whose(error)
        error_id = self.new_id("err_")
        bug = error.__cause__ if isinstance(error, InternalError) else None
        log.log(
            logging.ERROR if bug else logging.WARNING, "%s %s %s: %s", request.id, error_id, service, error.code, exc_info=bug
        )
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

    def _extensions(self, outcome: Outcome, request: Request) -> dict[str, Any]:
        tally = request.tally
        extensions: dict[str, Any] = {"request_id": request.id}
        if trace := trace_id(request.traceparent):
            extensions["trace_id"] = trace
        if outcome.stale:
            extensions["warnings"] = [self._warning(stale) for stale in outcome.stale]
        counts = {"calls": tally.calls, "batched": tally.batched, "deduped": tally.deduped, "cached": tally.cached}
        extensions["upstream"] = counts | {"retries": tally.retries, "hedges": tally.hedges, "limit": tally.limit}
        return extensions

    def _warning(self, stale: Stale) -> dict[str, Any]:
        owner = self.supergraph.subgraphs[stale.service].owner
        return {
            "code": "STALE_DATA",
            "service": stale.service,
            "path": list(stale.path),
            "age_s": round(stale.age),
            "cause": stale.cause,
            "owner": owner.shown(self.disclosure.audience),
            "message": f"Served a copy {round(stale.age)} s old because {stale.service} could not be asked ({stale.cause}).",
        }

    # ------------------------------------------------------------ a refused request

    def refusal(self, error: GatewayError, request: Request) -> Answer:
        """No `data`: nothing of the request was executed."""
        errors = [self._entry(e, None, request) for e in (error, *getattr(error, "others", ()))]
        status = error.status if isinstance(error, RequestError) else 500
        return Answer(encode({"errors": errors, "extensions": {"request_id": request.id}}), status=status, has_errors=True)

    def refused_write(self, error: RequestError, request: Request, status: int) -> Answer:
        """A write, or a subscription: the same entry whichever method it came by, and its status says it to every client."""
        return msgspec.structs.replace(self.refusal(error, request), status=status, refused=True)


def trace_id(traceparent: str | None) -> str | None:
    """The trace id of a W3C `traceparent`."""
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) >= 4 and len(parts[1]) == 32 else None
