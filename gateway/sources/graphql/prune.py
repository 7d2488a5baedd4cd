"""A service that no longer knows a field refuses the whole query: it is asked again without that field, once.

What its refusal names is looked for in the very document it was sent, so that no wording can cost more than what was asked. What
was found is left out of later calls, too, until the schema is read again or five minutes are over: a service that is being
replaced may know the field again. The reader then finds nothing in its place, which is drift: null, with the owner.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from graphql import (
    REMOVE,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    NameNode,
    Node,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    parse,
    print_ast,
    visit,
)
from msgspec.structs import replace

from gateway.errors import SourceError
from gateway.sources.base import Chunk, Coordinate, Prepared
from gateway.sources.graphql.operation import Terms
from gateway.sources.reach import field_of, named
from gateway.upstream.call import Call

REMEMBERED = 300.0
"""Seconds after which the service is asked for the field again."""
KEPT = 1_000
"""Fields of one source that are remembered; beyond, the oldest is asked for again."""
TEXTS = 512
"""Documents without what is gone that are kept ready."""
ERRORS = 100
QUOTED = re.compile(r"""["'`\u2018\u201c]([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)["'`\u2019\u201d]""")
UNKNOWN = re.compile(
    r"cannot query|unknown (?:field|argument)|undefined|not defined|n[o']t exist|no (?:such )?field|not found in type"
    r"|must (?:not )?have a (?:selection|sub)",
    re.IGNORECASE,
)
"""How servers say that a document does not fit their schema. Their codes differ even more."""
HINT = re.compile(r"did you mean|perhaps", re.IGNORECASE)
"""What follows names fields that are there."""

log = logging.getLogger("gateway.sources")


class _Body(msgspec.Struct):
    query: str
    variables: msgspec.Raw = msgspec.Raw(b"")


_body_of = msgspec.json.Decoder(_Body)


class Pruner:
    """What one source was found not to know any more. Lives and dies with its subgraph."""

    def __init__(self, terms: Terms, clock: Callable[[], float] = time.monotonic) -> None:
        self._terms = terms
        self._clock = clock
        self._until: dict[Coordinate, float] = {}
        self._without = lru_cache(maxsize=TEXTS)(self._rewritten)

    def gone(self) -> frozenset[Coordinate]:
        """What is left out at this moment."""
        now = self._clock()
        for coordinate in [each for each, until in self._until.items() if until <= now]:
            del self._until[coordinate]
        return frozenset(self._until)

    def again(self, call: Call, error: SourceError) -> Call | None:
        """The call without the fields that this refusal is about; None: it is about something else."""
        errors = getattr(error, "errors", None)
        if not errors or call.body is None:
            return None
        document = parse(_body_of.decode(call.body).query)
        found = unknown(document, errors, self._terms)
        for type_name, field in found:
            self._learn((type_name, field), error)
        return self.without(call) if found else None

    def _learn(self, coordinate: Coordinate, error: SourceError) -> None:
        if coordinate not in self._until:
            log.warning("%s no longer knows %s: it is asked without it", error.service or "a source", ".".join(coordinate))
        self._until.pop(coordinate, None)
        while len(self._until) >= KEPT:
            del self._until[next(iter(self._until))]
        self._until[coordinate] = self._clock() + REMEMBERED

    def without(self, call: Call) -> Call:
        """The call as it is sent while some of its fields are gone. Variables stay: servers pass over those not declared."""
        gone = self.gone()
        if not gone or call.body is None:
            return call
        asked = _body_of.decode(call.body)
        text = self._without(asked.query, gone)
        body: dict[str, Any] = {"query": text} | ({"variables": asked.variables} if asked.variables else {})
        return replace(call, body=msgspec.json.encode(body))

    def remembering(self, prepared: Prepared) -> Prepared:
        """The fetch with calls that leave out what is gone from the start."""
        if prepared.calls.__class__ is _Remembering:
            return prepared
        return replace(prepared, calls=_Remembering(prepared, self))

    def _rewritten(self, text: str, gone: frozenset[Coordinate]) -> str:
        document = parse(text, no_location=True)
        dropped = {id(field) for coordinate, field in _fields(document, self._terms) if coordinate in gone}
        for visitor in (_Cut(dropped), None, None):  # a fragment that goes may take the last use of a variable with it
            document = visit(document, visitor or _Tidied(_Uses(document)))
        return print_ast(document)


class _Remembering:
    """`Prepared.calls` of a fetch some of whose fields are gone. A healthy fetch never meets it."""

    def __init__(self, prepared: Prepared, pruner: Pruner) -> None:
        self._calls = prepared.calls
        self._pruner = pruner

    def __call__(self, *given: Any) -> Sequence[Chunk]:
        return [replace(chunk, call=self._pruner.without(chunk.call)) for chunk in self._calls(*given)]


# ---------------------------------------------------------------- what a refusal is about


def unknown(document: DocumentNode, errors: Sequence[Any], terms: Terms) -> set[Coordinate]:
    """The fields of the document that these errors say are not there. Those of an execution (with a path) say nothing of that."""
    asked = list(_fields(document, terms))
    found: set[Coordinate] = set()
    for error in errors[:ERRORS]:
        if isinstance(error, Mapping) and "path" not in error and _is_about_fields(error):
            found |= _named(error, asked) or _located(error, asked)
    return found


def _is_about_fields(error: Mapping[str, Any]) -> bool:
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, Mapping) else None
    by_code = isinstance(code, str) and ("VALIDATION" in code.upper() or code == "undefinedField")
    return by_code or UNKNOWN.search(str(error.get("message", ""))) is not None


def _names(error: Mapping[str, Any]) -> set[str]:
    return set(QUOTED.findall(HINT.split(str(error.get("message", ""))[:2_000])[0]))


def _named(error: Mapping[str, Any], asked: Sequence[tuple[Coordinate, FieldNode]]) -> set[Coordinate]:
    """Both names in quotes (`"price" on type "Product"`), or as one (`"Product.price"`)."""
    names = _names(error)
    return {(owner, name) for (owner, name), _ in asked if {owner, name} <= names or f"{owner}.{name}" in names}


def _located(error: Mapping[str, Any], asked: Sequence[tuple[Coordinate, FieldNode]]) -> set[Coordinate]:
    """Where the error points to a field and names it."""
    names = _names(error)
    places = {(at.get("line"), at.get("column")) for at in error.get("locations") or () if isinstance(at, Mapping)}
    return {coordinate for coordinate, node in asked if coordinate[1] in names and _place(node) in places}


def _place(node: FieldNode) -> tuple[int, int] | None:
    return (node.loc.start_token.line, node.loc.start_token.column) if node.loc else None


def _fields(document: DocumentNode, terms: Terms) -> Iterator[tuple[Coordinate, FieldNode]]:
    """Every field of the document with the type it is asked of, in the service's own names."""
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            yield from _below(definition.selection_set, terms.query, terms)
        elif isinstance(definition, FragmentDefinitionNode):
            yield from _below(definition.selection_set, definition.type_condition.name.value, terms)


def _below(selection: SelectionSetNode, parent: str, terms: Terms) -> Iterator[tuple[Coordinate, FieldNode]]:
    for node in selection.selections:
        if isinstance(node, FieldNode):
            yield (parent, node.name.value), node
            definition = field_of(terms.types.get(parent), node.name.value)
            if node.selection_set is not None and definition is not None:
                yield from _below(node.selection_set, named(definition.type), terms)
            elif node.selection_set is not None:  # `_entities`, which no schema of a subgraph has to declare
                yield from _below(node.selection_set, "", terms)
        elif isinstance(node, InlineFragmentNode):
            condition = node.type_condition.name.value if node.type_condition else parent
            yield from _below(node.selection_set, condition, terms)


# ---------------------------------------------------------------- a document without it


class _Cut(Visitor):
    """Drops fields; where nothing is left, the type's name is asked for."""

    def __init__(self, dropped: set[int]) -> None:
        super().__init__()
        self._dropped = dropped

    def enter_field(self, node: FieldNode, *_: Any) -> Any:
        return REMOVE if id(node) in self._dropped else None

    def leave_selection_set(self, node: SelectionSetNode, *_: Any) -> Node | None:
        if node.selections:
            return None
        nothing: tuple[SelectionNode, ...] = (FieldNode(name=NameNode(value="__typename"), arguments=(), directives=()),)
        return SelectionSetNode(selections=nothing)


class _Uses(Visitor):
    """Which variables and fragments a document makes use of."""

    def __init__(self, document: DocumentNode) -> None:
        super().__init__()
        self.variables: set[str] = set()
        self.fragments: set[str] = set()
        visit(document, self)

    def enter_variable_definition(self, _node: VariableDefinitionNode, *_: Any) -> Any:
        return False

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.variables.add(node.name.value)

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        self.fragments.add(node.name.value)


class _Tidied(Visitor):
    """Drops fragments and declarations that nothing uses any more, which would make the document invalid."""

    def __init__(self, uses: _Uses) -> None:
        super().__init__()
        self._uses = uses

    def enter_fragment_definition(self, node: FragmentDefinitionNode, *_: Any) -> Any:
        return None if node.name.value in self._uses.fragments else REMOVE

    def enter_variable_definition(self, node: VariableDefinitionNode, *_: Any) -> Any:
        return None if node.variable.name.value in self._uses.variables else REMOVE
