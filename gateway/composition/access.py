"""A rule for `@authenticated`, `@requiresScopes` and `@policy`: who may read a field may read what it is made from.

A field that requires a protected one would otherwise tell of it to callers who may not ask for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graphql import FieldNode, InlineFragmentNode, SelectionSetNode, TypeDefinitionNode, value_from_ast_untyped

from gateway.composition.types import Report
from gateway.sources.base import Subgraph
from gateway.sources.reach import field_of, named

Types = Mapping[str, TypeDefinitionNode]
Rule = frozenset[frozenset[str]]
"""One of these sets is needed, whole."""
SETS = {"requiresScopes": "scopes", "policy": "policies"}
SIGNED_IN: Rule = frozenset([frozenset(["@authenticated"])])


def check_access(subgraphs: Iterable[Subgraph], types: Types, report: Report) -> None:
    for subgraph in subgraphs:
        facts = subgraph.facts
        if facts is None or facts.composed:
            continue
        for (name, field), selection in facts.requires.items():
            shown = "Query" if name == subgraph.query else name
            _check(
                f"{shown}.{field}", "requires", _rules(types, shown, field), _selected(shown, selection, types), subgraph, report
            )
        for (name, field), given in facts.from_context.items():
            for argument in given:
                for setting in facts.contexts.get(argument.context, ()):
                    needed = [(setting, _of(types.get(setting))), *_selected(setting, argument.selection, types)]
                    _check(f"{name}.{field}", "takes from its context", _rules(types, name, field), needed, subgraph, report)


def _check(
    coordinate: str, does: str, own: list[Rule], needed: Iterable[tuple[str, list[Rule]]], subgraph: Subgraph, report: Report
) -> None:
    lacking = [at for at, rules in needed if not all(any(_implies(mine, rule) for mine in own) for rule in rules)]
    if lacking:
        told = ", ".join(dict.fromkeys(lacking))
        said = f"{coordinate} {does} {told}, which not everyone may read who may read {coordinate} (in {subgraph.name})"
        fix = f"put the @authenticated, @requiresScopes and @policy of {told} on {coordinate}, too"
        report("MISSING_TRANSITIVE_AUTH_REQUIREMENTS", coordinate, said, (subgraph.name,), fix)


def _implies(mine: Rule, rule: Rule) -> bool:
    """Whoever has one of my sets has one of the rule's. Scopes and policies are only given to who is signed in."""
    return rule == SIGNED_IN or all(any(other <= each for other in rule) for each in mine)


def _selected(name: str, selection: SelectionSetNode, types: Types) -> Iterator[tuple[str, list[Rule]]]:
    """Each field and type that is read, and what reading it needs."""
    for node in selection.selections:
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition.name.value if node.type_condition else name
            yield condition, _of(types.get(condition))
            yield from _selected(condition, node.selection_set, types)
        elif isinstance(node, FieldNode) and (definition := field_of(types.get(name), node.name.value)) is not None:
            inner = named(definition.type)
            yield f"{name}.{node.name.value}", [*_of(definition), *_of(types.get(inner))]
            if node.selection_set is not None:
                yield from _selected(inner, node.selection_set, types)


def _rules(types: Types, name: str, field: str) -> list[Rule]:
    return [*_of(types.get(name)), *_of(field_of(types.get(name), field))]


def _of(node: Any) -> list[Rule]:
    found: list[Rule] = []
    for directive in getattr(node, "directives", None) or ():
        name = directive.name.value
        if name == "authenticated":
            found.append(SIGNED_IN)
        elif name in SETS:
            given = {a.name.value: value_from_ast_untyped(a.value) for a in directive.arguments or ()}
            found.append(frozenset(frozenset([s] if isinstance(s, str) else s) for s in given.get(SETS[name]) or ()))
    return found
