"""The one place that puts an owner on an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.errors.base import GatewayError
from gateway.errors.owner import Owner
from gateway.errors.source import SourceError
from gateway.errors.upstream import UpstreamError

Path = tuple[str | int, ...]
AFFECTED_LISTED = 20
PROBLEM_SHOWN = ("type", "title", "status")
"""Members of an RFC 9457 document that are shown when its text is not."""


class Disclosure(msgspec.Struct, frozen=True):
    """How much of the *upstream's* text is shown, and to whom. Ownership is never subject to it."""

    upstream_detail: str = "safe"
    """none, safe or full."""
    audience: str = "public"
    """public or internal."""


class Ids(msgspec.Struct, frozen=True):
    """What a person quotes to find this answer in logs and traces."""

    request_id: str
    trace_id: str | None = None


class Affected(msgspec.Struct):
    """The response positions one error explains: up to `listed` in `paths`, all of them in `count`."""

    paths: list[Path] = []
    count: int = 0
    listed: int = AFFECTED_LISTED

    def add(self, path: Path) -> None:
        self.count += 1
        if self.count <= self.listed:
            self.paths.append(path)


def attribute(
    error: GatewayError,
    owner: Owner,
    affected: Affected | None,
    *,
    error_id: str,
    ids: Ids,
    service: str,
    disclosure: Disclosure = Disclosure(),
    locations: Sequence[Mapping[str, int]] = (),
) -> dict[str, Any]:
    """One entry of `errors`: what happened, whose it is and how to reach them (ERRORS contract, `docs/errors.md`)."""
    entry: dict[str, Any] = {"message": _message(error)}
    if affected is not None and affected.paths:
        entry["path"] = list(affected.paths[0])
    if locations := (getattr(error, "locations", None) or locations):
        entry["locations"] = list(locations)
    extensions: dict[str, Any] = {"code": error.code, "service": service, "owner": owner.shown(disclosure.audience)}
    extensions |= {"error_id": error_id, "request_id": ids.request_id}
    if ids.trace_id:
        extensions["trace_id"] = ids.trace_id
    extensions["retryable"] = error.retryable
    if isinstance(error, SourceError):
        if error.retry_after is not None:
            extensions["retry_after_s"] = round(error.retry_after, 3)
        if disclosure.upstream_detail != "none":
            extensions["upstream"] = _upstream(error, full=disclosure.upstream_detail == "full")
    extensions |= error.details
    if affected is not None and affected.count > 1:
        extensions["affected"] = {"count": affected.count, "paths": [list(path) for path in affected.paths]}
    entry["extensions"] = extensions
    return entry


def _message(error: GatewayError) -> str:
    if isinstance(error, SourceError):
        name = error.service or "The source"
        return f"{name[:1].upper()}{name[1:]} {error.said}."
    return error.message or "The request could not be answered."


def _upstream(error: SourceError, *, full: bool) -> dict[str, Any]:
    """The `upstream` block: a template and a status at `safe`; addresses and the upstream's own words only at `full`."""
    block: dict[str, Any] = {"operation": error.operation}
    if full and error.url:
        block["url"] = error.url
    if not isinstance(error, UpstreamError):
        return block | {"error_type": error.error_type}
    block["http"] = {"status": error.status}
    block["code"] = error.upstream_code
    block["attempts"] = error.attempts
    block["elapsed_ms"] = round(error.elapsed * 1000)
    block["request_id"] = error.upstream_request_id
    block["error_type"] = error.error_type
    problem = error.problem
    block["problem"] = problem if full or problem is None else {k: problem[k] for k in PROBLEM_SHOWN if k in problem}
    block["errors"] = error.errors if full else None
    if full and error.body is not None:
        block["body"] = error.body
    return block
