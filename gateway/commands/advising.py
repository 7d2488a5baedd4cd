"""What the joins of a running gateway suggest: which teams should talk to each other. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from gateway.sources.report import CONTACTS

ALWAYS = 0.9
"""Share of a source's operations from which it is always joined."""
ENOUGH = 100
"""Operations below which nothing is suggested: too few to tell."""


class Advice(msgspec.Struct, frozen=True):
    """One join: `field` of `source` is completed by `to`."""

    field: str
    source: str
    owner: str
    to: str
    to_owner: str
    operations: int
    calls: int
    keys: int
    share: float
    """Of all operations that ask `source`."""
    suggestion: str | None = None


def advice(counted: Mapping[str, Any]) -> Iterator[Advice]:
    """Of the body of `/joins.json`, in its order."""
    for join in counted["joins"]:
        source, to = join["source"], join["to"]
        owner, other = counted["owners"][source], counted["owners"][to]
        share = min(join["operations"] / max(counted["asked"].get(source, 0), 1), 1.0)
        always = share >= ALWAYS and join["operations"] >= ENOUGH
        suggestion = _suggestion(source, to, owner, other) if always else None
        figures = (join["operations"], join["calls"], join["keys"], round(share, 4))
        yield Advice(join["field"], source, owner["team"], to, other["team"], *figures, suggestion)


def row(each: Advice) -> tuple[str, ...]:
    figures = (f"{each.operations}", f"{each.calls}", f"{each.keys}", f"{each.share:.0%}")
    return (each.field, f"{each.source} ({each.owner})", f"{each.to} ({each.to_owner})", *figures)


def _suggestion(source: str, to: str, owner: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    event = f"if {to} told its changes as events, {source} could keep what it shows of {to}, and the join would not be needed"
    if owner["team"] == other["team"]:
        return f"{source} is always joined with {to}, and both are {owner['team']}'s: {event}"
    return f"{source} is always joined with {to}. {_reached(owner)} and {_reached(other)} should talk: {event}"


def _reached(owner: Mapping[str, Any]) -> str:
    contact = owner.get("contact") or {}
    way = next((contact[key] for key in CONTACTS if contact.get(key)), None)
    return f"{owner['team']} ({way})" if way else str(owner["team"])
