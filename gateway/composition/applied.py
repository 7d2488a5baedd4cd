"""What directives a merged part of the schema has: each application once, and of those that may stand only once, one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from graphql import ConstDirectiveNode, IntValueNode, ListValueNode, print_ast

Hint = Callable[..., None]
ONCE = frozenset({"deprecated", "specifiedBy", "cost", "listSize", "authenticated", "requiresScopes", "policy"})
"""Not repeatable."""


def applied(
    coordinate: str, parts: Mapping[str, Iterable[ConstDirectiveNode]], hint: Hint | None = None
) -> tuple[ConstDirectiveNode, ...]:
    """The applications in these subgraphs as one. Where two differ that may stand only once: a cost is the highest, rights are
    all that are asked for; of the others the first counts. `hint` is told."""
    found: dict[str, ConstDirectiveNode] = {}
    differing: dict[str, list[ConstDirectiveNode]] = {}
    for directive in (d for directives in parts.values() for d in directives):
        name = directive.name.value
        if name in ONCE:
            known = differing.setdefault(name, [])
            known += [directive] if not any(print_ast(d) == print_ast(directive) for d in known) else []
            found.setdefault(name, directive)
        else:
            found.setdefault(print_ast(directive), directive)
    for name, several in differing.items():
        if len(several) > 1:
            found[name] = _one(name, several)
            if hint is not None:
                _told(coordinate, name, several, found[name], parts, hint)
    return tuple(found.values())


def _told(
    coordinate: str, name: str, several: list[ConstDirectiveNode], one: ConstDirectiveNode, parts: Iterable[str], hint: Hint
) -> None:
    said = f"@{name} of {coordinate} is {', '.join(map(print_ast, several))}: {print_ast(one)} counts"
    if name in ("cost", "requiresScopes", "policy"):
        hint("MERGED_NON_REPEATABLE_DIRECTIVE_ARGUMENTS", coordinate, said, parts)
    else:
        hint("INCONSISTENT_NON_REPEATABLE_DIRECTIVE_ARGUMENTS", coordinate, said, parts)


def _one(name: str, several: list[ConstDirectiveNode]) -> ConstDirectiveNode:
    if name == "cost":
        return max(several, key=_weight)
    if name in ("requiresScopes", "policy"):
        first, *others = several
        for other in others:
            first = _both(first, other)
        return first
    return several[0]


def _weight(directive: ConstDirectiveNode) -> int:
    value = next((a.value for a in directive.arguments or () if a.name.value == "weight"), None)
    return int(value.value) if isinstance(value, IntValueNode) else 0


def _both(one: ConstDirectiveNode, other: ConstDirectiveNode) -> ConstDirectiveNode:
    """Scopes or policies that satisfy both: each set of the one together with each of the other."""
    (first,), (second,) = one.arguments or (), other.arguments or ()
    sets: list[Any] = [
        ListValueNode(values=tuple({print_ast(v): v for v in (*_items(mine), *_items(theirs))}.values()))
        for mine in _items(first.value)
        for theirs in _items(second.value)
    ]
    value: Any = ListValueNode(values=tuple(sets))
    return replace(one, arguments=(replace(first, value=value),))


def _items(value: Any) -> tuple[Any, ...]:
    return tuple(value.values) if isinstance(value, ListValueNode) else (value,)
