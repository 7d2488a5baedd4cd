"""What one line of the log says of an operation: the unit of work, with every id by which it can be found elsewhere.

No value of a caller's is in it: of variables only the kinds, of the document only its hash. What a source said is there under the
`error_id` that the caller was given, since the caller was not shown it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from gateway.engine.nouns import Account, Answer, Asked
from gateway.engine.stories import kind
from gateway.execution.exchange import Exchange
from gateway.execution.shape import Entry

ERRORS = 20
VARIABLES = 50
SAID = 2_000
"""Characters of what a source said."""


class Team(msgspec.Struct, frozen=True):
    team: str = ""


class Extensions(msgspec.Struct, frozen=True):
    code: str = ""
    service: str = ""
    error_id: str = ""
    owner: Team = Team()


class Error(msgspec.Struct, frozen=True):
    """An entry of an answer's `errors`, as far as it is told here."""

    message: str = ""
    path: list[str | int] | None = None
    extensions: Extensions = Extensions()


_encode = msgspec.json.Encoder(enc_hook=str).encode


def facts_of(
    asked: Asked, account: Account, answer: Answer | None, name: str, result: str, errors: Sequence[Error], took: float
) -> dict[str, Any]:
    """`took` in seconds."""
    request, outcome = asked.request, account.outcome
    facts: dict[str, Any] = {
        "request_id": request.id,
        "correlation_id": request.correlation_id,
        **_trace(asked),
        "caller": request.caller.name if request.caller is not None else None,
        "operation": name or None,
        "hash": sha256(asked.document.encode("utf-8", "surrogatepass")).hexdigest(),
        "result": result,
        "served": account.served or None,
        "duration_ms": _ms(took),
        "bytes": len(answer.body) if answer is not None else None,
        **_tally(asked),
        "variables": {key: kind(value) for key, value in list(asked.variables.items())[:VARIABLES]},
        "sources": _sources(outcome.exchanges) if outcome is not None and account.served == "executed" else {},
        "errors": list(told(errors[:ERRORS], outcome.errors if outcome is not None else ())),
        "more_errors": max(0, len(errors) - ERRORS),
    }
    return {key: value for key, value in facts.items() if value not in (None, {}, [], 0)}


def _trace(asked: Asked) -> dict[str, Any]:
    trace, passed = asked.request.trace, asked.request.traceparent
    if trace is not None:
        return {"trace_id": trace.id, "span_id": trace.span, "sampled": trace.sampled}
    return {"trace_id": passed[3:35]} if passed is not None else {}


def _tally(asked: Asked) -> dict[str, Any]:
    tally = asked.request.tally
    counts = {"calls": tally.calls, "batched": tally.batched, "deduped": tally.deduped, "cached": tally.cached}
    return counts | {"retries": tally.retries, "hedges": tally.hedges, "queued_ms": _ms(tally.queued)}


def _sources(exchanges: Sequence[Exchange]) -> dict[str, Any]:
    """Per source how often, how long, from where, and what went wrong."""
    of: dict[str, list[Exchange]] = {}
    for each in exchanges:
        of.setdefault(each.source, []).append(each)
    return {source: _source(those) for source, those in of.items()}


def _source(those: Sequence[Exchange]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "fetches": len(those),
        "calls": sum(each.attempts for each in those),
        "duration_ms": _ms(sum(each.ended - each.began for each in those)),
        "served": dict(Counter(each.served for each in those)),
        "keys": sum(each.keys for each in those),
        "bytes": sum(each.size or 0 for each in those),
        "statuses": sorted({each.status for each in those if each.status}),
        "codes": sorted({each.error.code for each in those if each.error is not None}),
    }
    return {key: value for key, value in told.items() if value}


def told(errors: Sequence[Error], entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
    """Each error with its ids and its owner; where entry and error are the same, with what its source said."""
    same = len(entries) >= len(errors)
    for number, error in enumerate(errors):
        about = error.extensions
        facts: dict[str, Any] = {
            "code": about.code,
            "service": about.service,
            "owner": about.owner.team,
            "error_id": about.error_id,
            "path": ".".join(map(str, error.path)) if error.path else None,
        }
        yield {key: value for key, value in (facts | (_upstream(entries[number]) if same else {})).items() if value is not None}


def _upstream(entry: Entry) -> dict[str, Any]:
    error = entry.error
    facts: dict[str, Any] = {name: getattr(error, name, None) for name in ("status", "error_type", "operation", "attempts")}
    facts |= {"said": getattr(error, "said", None), "upstream_request_id": getattr(error, "upstream_request_id", None)}
    words: Mapping[str, Any] = {name: getattr(error, name, None) for name in ("problem", "errors", "body")}
    facts |= {f"upstream_{name}": _encode(value).decode()[:SAID] for name, value in words.items() if value}
    return facts | {"affected": entry.affected.count if entry.affected.count > 1 else None}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
