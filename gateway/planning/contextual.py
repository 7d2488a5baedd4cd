"""Fields that take a value from further up in the answer (`@fromContext`): entered by key, in a fetch that is called once for
each value, since an argument is the same for a whole call.

The value is read on the nearest object above whose type sets the context, wherever it can be had; between it and the field no two
places may share a row, or a row would have one value too many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from graphql import FieldNode, NameNode, SelectionSetNode, VariableNode

from gateway.composition.graph import Hop
from gateway.planning.draft import Above, Position, Presence
from gateway.sources.base import Argument, Contextual, Field

if TYPE_CHECKING:
    from gateway.planning.entering import Entering

Found = tuple[Above, set[int], Position]
"""The value, the fetches that bring it, and where it is."""


def with_context(
    entering: Entering, position: Position, subgraph: str, field: Field, given: Sequence[Contextual]
) -> Presence | None:
    """Where the field can be asked with its values; None: nothing above sets them, or its subgraph cannot be entered."""
    hop = entering.hop(position, subgraph)
    found = [_above(entering, position, subgraph, argument) for argument in given]
    known = [each for each in found if each is not None]
    if hop is None or len(known) < len(found):
        return None
    required = (position.type, field.name, subgraph) in entering.graph.requires
    wanted = (subgraph, field.name if required else "", *(above.variable for above, _, _ in known))
    presence = position.contextual.get(wanted)
    if presence is None:
        presence = position.contextual[wanted] = _enter(entering, position, hop, field, known)
    presence.given = {**presence.given, field.name: _arguments(given, known)}
    return presence


def _enter(entering: Entering, position: Position, hop: Hop, field: Field, found: Sequence[Found]) -> Presence:
    required = entering.graph.requires.get((position.type, field.name, hop.subgraph))
    inputs, before = entering.inputs(position, required, nullable=True) if required is not None else ([], set())
    keys, more = entering.key(position, hop)
    presence = entering.represented(position, hop, [*keys, *inputs], before | more, alone=True)
    position.presences.remove(presence)  # nothing else is asked once per value
    draft = presence.draft
    for above, needs, place in found:
        draft.needs |= needs | {place.place.base.id}
        if all(above.variable != other.variable for other in draft.above):
            draft.above.append(above)
        _keep_apart(position, place)
    return presence


def _keep_apart(position: Position, above: Position) -> None:
    """Rows of fetches between the two are not shared."""
    for here in _upwards(position):
        if here is above:
            return
        if (draft := here.presences[0].draft) is not above.presences[0].draft:
            draft.apart = True


def _upwards(position: Position) -> Iterator[Position]:
    here: Position | None = position
    while here is not None:
        yield here
        here = here.parent


def _above(entering: Entering, position: Position, subgraph: str, argument: Contextual) -> Found | None:
    setting = entering.graph.contexts.get((subgraph, argument.context), ())
    below: list[str] = []
    for here in _upwards(position):
        if below and here.presences and all(any(entering.graph.is_a(t, each) for each in setting) for t in here.types):
            path = _path(entering, here.type, argument.selection)
            value, needs = entering.path(f"{argument.context}_{argument.name}", path, here)
            variable = entering.planner.variable((position.home.mark, here.home.mark, value.path))
            return Above(variable, here.place, here.home.mark, tuple(below), value), needs, here
        if here.field is not None:
            below.insert(0, here.field.key)
    return None


def _path(entering: Entering, type_name: str, selection: SelectionSetNode) -> tuple[str, ...]:
    """The names that lead to the one value that is selected on this type."""
    node: FieldNode | None = next(entering.graph.selected(type_name, selection.selections))
    names: list[str] = []
    while node is not None:
        names.append(node.name.value)
        below = node.selection_set.selections if node.selection_set else ()
        node = next((each for each in below if isinstance(each, FieldNode)), None)
    return tuple(names)


def _arguments(given: Sequence[Contextual], found: Sequence[Found]) -> tuple[Argument, ...]:
    return tuple(
        Argument(argument.name, VariableNode(name=NameNode(value=above.variable)), type=argument.type)
        for argument, (above, _, _) in zip(given, found, strict=True)
    )
