"""How a value of an abstract type says what it is: by its discriminator, by constants, by its structure (C4)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from typing import Any, NamedTuple

from gateway.sources.openapi.draft import Draft
from gateway.sources.openapi.shape import Discriminator, Shape

Resolve = Callable[[Any], str | None]
_DISCRIMINATOR_VALUES = ("x-ms-discriminator-value", "x-discriminator-value")
_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "enum": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "map": (dict,),
    "array": (list,),
}


REMEMBERED = 500
"""Sets of properties whose candidates are kept: the rows of one answer mostly have the same few."""
Candidates = tuple[tuple[str, tuple[tuple[str, Callable[[Any], bool]], ...]], ...]


class Member(NamedTuple):
    """A possible type: its name and the shape of its values on the wire."""

    name: str
    shape: Shape


def by_discriminator(
    draft: Draft, discriminator: Discriminator, members: Sequence[Member], named_by: Container[str]
) -> dict[str, str]:
    """Value → type: what the mapping says, then what a member says of itself, then the schemas' own names.

    `named_by` are the places of the members whose schema's name is a value of the discriminator.
    """
    places = {member.shape.place: member.name for member in members}
    mapping: dict[str, str] = {}
    for value, said in discriminator.mapping.items():
        target = str(said)
        if (found := target_of(draft, discriminator, target)) in places:
            mapping[str(value)] = places[found]
        else:
            message = f"The discriminator names {target!r}, which is no member."
            draft.fidelity.deviation("DISCRIMINATOR_TARGET", discriminator.at, message)
    for member in members:
        node = draft.references.node(member.shape.place)
        for keyword in _DISCRIMINATOR_VALUES:
            if node is not None and (value := node.text(keyword)):
                mapping.setdefault(value, member.name)
        for value in constants(draft, member.shape, discriminator.property):
            mapping.setdefault(value, member.name)
    for member in members:
        source = draft.naming.source_name(member.shape.place)
        if source and member.shape.place in named_by:
            mapping.setdefault(source, member.name)
    return mapping


def target_of(draft: Draft, discriminator: Discriminator, target: str) -> str:
    """The place a mapping leads to: by the name of a shared schema, or by reference."""
    node = draft.references.named(target) or draft.references.resolve(target, discriminator.at)
    return draft.shapes.of(node).at if node is not None else ""


def constants(draft: Draft, shape: Shape, name: str) -> tuple[str, ...]:
    """The texts a property may have, where the schema lists them; () where it does not."""
    given = shape.properties.get(name)
    if given is None:
        return ()
    listed = [draft.shapes.of(node) for node in given.nodes]
    enum = next((each.enum for each in listed if each.enum), ())
    return tuple(enum) if all(isinstance(value, str) for value in enum) else ()


def by_constants(draft: Draft, members: Sequence[Member]) -> tuple[str, dict[str, str]] | None:
    """A property that every member requires, with values no two members share."""
    for name, given in members[0].shape.properties.items():
        if not given.required:
            continue
        mapping: dict[str, str] = {}
        total = 0
        for member in members:
            own = member.shape.properties.get(name)
            values = constants(draft, member.shape, name) if own is not None and own.required else ()
            total += len(values) or len(mapping) + 1_000_000
            mapping |= dict.fromkeys(values, member.name)
        if total == len(mapping):
            return name, mapping
    return None


class _Structure(NamedTuple):
    name: str
    required: frozenset[str]
    declared: frozenset[str]
    closed: bool
    checks: tuple[tuple[str, Callable[[Any], bool]], ...]

    def score(self, keys: Collection[str]) -> int:
        """Declared properties among these; -1 where a value with them cannot be one of these."""
        if not self.required.issubset(keys) or (self.closed and not self.declared.issuperset(keys)):
            return -1
        return len(self.declared.intersection(keys))

    def fitting(self, keys: Collection[str]) -> tuple[str, tuple[tuple[str, Callable[[Any], bool]], ...]]:
        """Its name, and the checks that a value with these properties has to pass."""
        return self.name, tuple((key, check) for key, check in self.checks if key in keys)


def says_always(members: Sequence[Member], name: str) -> bool:
    """Every member requires the property: a value without it is drift, and structure need not be asked."""
    return all((given := member.shape.properties.get(name)) is not None and given.required for member in members)


def by_structure(draft: Draft, members: Sequence[Member]) -> Resolve:
    """All that is required is there, nothing misfits, and most of what is declared is present; the first on ties."""
    structures = [_structure(draft, member) for member in members]
    known: dict[tuple[str, ...], Candidates] = {}

    def candidates(keys: tuple[str, ...]) -> Candidates:
        scores = [(each.score(keys), each) for each in structures]
        best = sorted((pair for pair in scores if pair[0] >= 0), key=lambda pair: -pair[0])
        found = tuple(each.fitting(keys) for _, each in best)
        if len(known) < REMEMBERED:
            known[keys] = found
        return found

    def resolve(value: Any) -> str | None:
        if not isinstance(value, dict):
            return None
        keys = tuple(value)
        found = known.get(keys)
        for name, checks in candidates(keys) if found is None else found:
            for key, check in checks:
                if (item := value[key]) is not None and not check(item):
                    break
            else:
                return name
        return None

    return resolve


def _structure(draft: Draft, member: Member) -> _Structure:
    checks = []
    for name, given in member.shape.properties.items():
        shapes = [draft.shapes.of(node) for node in given.nodes]
        checks += [(name, check) for shape in shapes if (check := fits(shape)) is not None]
    required = frozenset(
        name for name, given in member.shape.properties.items() if given.required and not _write_only(given.nodes[0].value)
    )
    return _Structure(member.name, required, frozenset(member.shape.properties), member.shape.closed, tuple(checks))


def _write_only(value: Any) -> bool:
    return isinstance(value, dict) and value.get("writeOnly") is True


def fits(shape: Shape) -> Callable[[Any], bool] | None:
    """Whether a value is of the kind a shape says; None where the shape allows several."""
    if shape.enum and all(isinstance(value, (str, int)) for value in shape.enum):
        listed = frozenset(shape.enum)
        return lambda value: isinstance(value, (str, int)) and value in listed
    kinds = _KINDS.get(shape.kind)
    if kinds is None:
        return None
    if shape.kind in ("integer", "number"):
        return lambda value: isinstance(value, (int, float)) and not isinstance(value, bool)
    return lambda value: isinstance(value, kinds)
