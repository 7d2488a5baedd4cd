"""The caller as far as rights are concerned: what was proven of it, and what is required of it."""

from __future__ import annotations

from math import inf

import msgspec

Sets = tuple[frozenset[str], ...]
"""Alternatives: all of one of them."""


class Caller(msgspec.Struct, frozen=True):
    """Who proved to be whom. A caller of whom nothing is known is None wherever this may stand."""

    name: str
    """The subject of its token, with its issuer, or the name of its key: for logs and rate limits."""
    scopes: frozenset[str] = frozenset()
    policies: frozenset[str] = frozenset()
    until: float = inf
    """When that is no longer proven, on the `time.time` clock."""


class Requirement(msgspec.Struct, frozen=True):
    """What a caller must have. Without alternatives: be known."""

    scopes: Sets = ()
    policies: Sets = ()

    def met_by(self, caller: Caller | None) -> bool:
        if caller is None:
            return False
        return _any_of(self.scopes, caller.scopes) and _any_of(self.policies, caller.policies)


def _any_of(alternatives: Sets, granted: frozenset[str]) -> bool:
    return not alternatives or any(each <= granted for each in alternatives)
