"""A source's `headers.request` rules made ready: what of the caller goes on, what the gateway adds.

A host, a length, a connection or an encoding belongs to one hop, never to the next.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from gateway.config.model import HeaderRule
from gateway.upstream.call import HeaderRules, Headers, Propagated
from gateway.upstream.layers.attempt import ADDED

HOP_BY_HOP = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
        *("te", "trailer", "transfer-encoding", "upgrade", "http2-settings"),
    }
)
"""RFC 9110, 7.6.1."""
OF_THE_MESSAGE = frozenset(
    {
        *("host", "content-length", "content-type", "content-encoding", "accept", "accept-encoding"),
        *("expect", "range", "if-none-match", "if-modified-since"),
    }
)
"""They describe the caller's own message, or ask for what only the gateway can answer."""
ONLY_NAMED = frozenset({"authorization", "cookie"})
"""Credentials: no pattern fits them."""
NEVER_PROPAGATED = HOP_BY_HOP | OF_THE_MESSAGE | ADDED
NEVER_MATCHED = NEVER_PROPAGATED | ONLY_NAMED
NEVER_INSERTED = HOP_BY_HOP | ADDED | {"host", "content-length", "accept-encoding"}

Step = Callable[[dict[str, str], Mapping[str, str]], None]


def header_rules(rules: Sequence[HeaderRule]) -> HeaderRules:
    """The rules in their order. A cookie goes on only where it is named; what may never go on is left out.

    Raises ValueError naming each rule whose value cannot be a header; the value itself is not told.
    """
    broken = [rule.insert.name for rule in rules if rule.insert and _breaks(rule.insert.value.get_secret_value())]
    if broken:
        raise ValueError(f"headers: the value for {', '.join(broken)} has a line break or a NUL")
    steps = [step for rule in rules for step in _steps(rule)]
    propagates = frozenset(name for rule in rules for name in _propagated(rule))
    if propagates:
        return HeaderRules(build=lambda incoming: _build(steps, incoming), propagates=propagates)
    same = _build(steps, {})
    return HeaderRules(build=lambda _incoming: same)


def _build(steps: Sequence[Step], incoming: Mapping[str, str]) -> Headers:
    headers: dict[str, str] = {}
    for step in steps:
        step(headers, incoming)
    return tuple(headers.items())


def _steps(rule: HeaderRule) -> list[Step]:
    if rule.insert is not None:
        name = rule.insert.name.lower()
        return [] if name in NEVER_INSERTED else [_insert(name, rule.insert.value.get_secret_value())]
    if rule.remove is not None:
        if rule.remove.matching:
            return [_remove_matching(_pattern(rule.remove.matching))]
        return [_remove(name.lower()) for name in rule.remove.named]
    rename = rule.propagate.rename.lower() if rule.propagate and rule.propagate.rename else None
    return [
        _propagate(each, rename or each) if isinstance(each, str) else _propagate_matching(each) for each in _propagated(rule)
    ]


def _propagated(rule: HeaderRule) -> list[Propagated]:
    if rule.propagate is None or (rule.propagate.rename or "").lower() in NEVER_INSERTED:
        return []
    if rule.propagate.matching:
        return [_pattern(rule.propagate.matching)]
    return [name.lower() for name in rule.propagate.named if name.lower() not in NEVER_PROPAGATED]


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


def matched(patterns: Sequence[re.Pattern[str]], incoming: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The caller's headers whose whole name fits one of the patterns, sorted: the same for everyone who sends the same."""
    names = (name for name in incoming if name not in NEVER_MATCHED and any(each.fullmatch(name) for each in patterns))
    return tuple(sorted((name, incoming[name]) for name in names))


def identity_of(propagated: Iterable[Propagated]) -> Callable[[Mapping[str, str]], tuple[Any, ...]]:
    """What reads of a caller's headers all that calls carry on: equal for two callers who are the same to the sources."""
    names = tuple(sorted(each for each in propagated if isinstance(each, str)))
    patterns = tuple(each for each in propagated if not isinstance(each, str))
    if not patterns:
        return lambda headers: tuple([headers.get(name) for name in names])
    return lambda headers: (*(headers.get(name) for name in names), matched(patterns, headers))


def _propagate(name: str, to: str) -> Step:
    def step(headers: dict[str, str], incoming: Mapping[str, str]) -> None:
        value = incoming.get(name)
        if value is not None and not _breaks(value):
            headers[to] = value

    return step


def _propagate_matching(pattern: re.Pattern[str]) -> Step:
    def step(headers: dict[str, str], incoming: Mapping[str, str]) -> None:
        headers.update((name, value) for name, value in matched((pattern,), incoming) if not _breaks(value))

    return step


def _insert(name: str, value: str) -> Step:
    return lambda headers, _incoming: headers.__setitem__(name, value)


def _remove(name: str) -> Step:
    def step(headers: dict[str, str], _incoming: Mapping[str, str]) -> None:
        headers.pop(name, None)

    return step


def _remove_matching(pattern: re.Pattern[str]) -> Step:
    def step(headers: dict[str, str], _incoming: Mapping[str, str]) -> None:
        for name in [name for name in headers if pattern.fullmatch(name)]:
            del headers[name]

    return step


def _breaks(value: str) -> bool:
    return "\r" in value or "\n" in value or "\0" in value
