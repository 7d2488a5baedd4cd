"""`@contact(name:, url:, description:)` on a schema: its team's own word on how to be reached.

It fills what the configuration leaves open and overrides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphql import ConstDirectiveNode, StringValueNode
from msgspec.structs import replace

from gateway.errors import Owner

WAYS = ("url", "description")


def with_contact(owner: Owner, directives: Sequence[ConstDirectiveNode]) -> Owner:
    """The owner with its missing parts taken from `@contact`; `origin` says so when there were any."""
    told = next((_arguments(d) for d in directives if d.name.value == "contact"), {})
    team = owner.team or told.get("name", "")
    contact = {way: told[way] for way in WAYS if told.get(way)} | dict(owner.contact)
    if team == owner.team and len(contact) == len(owner.contact):
        return owner
    return replace(owner, team=team, contact=contact, origin="sdl")


def _arguments(directive: ConstDirectiveNode) -> Mapping[str, str]:
    return {a.name.value: a.value.value for a in directive.arguments or () if isinstance(a.value, StringValueNode)}
