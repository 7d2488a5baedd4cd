"""How a value of an abstract type says what it is: by its discriminator, by constants, by its structure (C4)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from gateway.sources.base import Dispatch
from gateway.sources.openapi.shape import Discriminator, Shape

if TYPE_CHECKING:
    from gateway.sources.openapi.draft import Draft

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


class Check(msgspec.Struct, frozen=True, array_like=True):
    """What a value has to be: one of the listed, or else of a kind of JSON."""

    kind: str = ""
    listed: tuple[Any, ...] = ()

    def made(self) -> Callable[[Any], bool]:
        if self.listed:
            known = frozenset(self.listed)
            return lambda value: isinstance(value, (str, int)) and value in known
        kinds = _KINDS[self.kind]
        if self.kind in ("integer", "number"):
            return lambda value: value.__class__ is int or value.__class__ is float
        (only,) = kinds
        return lambda value: value.__class__ is only


class Structure(msgspec.Struct, frozen=True, array_like=True):
    """What the values of a member look like."""

    name: str
    required: frozenset[str]
    declared: frozenset[str]
    closed: bool
    checks: tuple[tuple[str, Check], ...]

    def score(self, keys: Collection[str]) -> int:
        """Declared properties among these; -1 where a value with them cannot be one of these."""
        if not self.required.issubset(keys) or (self.closed and not self.declared.issuperset(keys)):
            return -1
        return len(self.declared.intersection(keys))


class Tell(msgspec.Struct, frozen=True, array_like=True):
    """How a value says which member it is, as data: by a property, by structure, by its kind of JSON."""

    property: str | None = None
    mapping: dict[str, str] = {}
    structures: tuple[Structure, ...] = ()
    """Of all members that are objects; none where the property always says it."""
    unnamed: tuple[Structure, ...] = ()
    """Of those that the mapping does not name (one may be a union of its own)."""
    others: tuple[tuple[str, Check | None], ...] = ()
    """Members that are no objects, and what their values are; None: anything."""

    def dispatch(self) -> Dispatch:
        if not self.structures and not self.others:
            return Dispatch(self.property, self.mapping)
        resolve = by_structure(self.structures)
        if self.others:
            resolve = _with_others(resolve, self.others)
        if self.property is None:
            return Dispatch(resolve=resolve)
        if self.unnamed:
            return Dispatch(resolve=_named_or(self.property, self.mapping, by_structure(self.unnamed), resolve))
        return Dispatch(self.property, self.mapping, resolve)


def _named_or(name: str, mapping: Mapping[str, str], unnamed: Resolve, anyone: Resolve) -> Resolve:
    """Where a discriminator does not name every member: the others by structure."""

    def named_or(value: Any) -> str | None:
        said = value.get(name) if isinstance(value, dict) else None
        return mapping.get(said) or unnamed(value) if isinstance(said, str) else anyone(value)

    return named_or


def _with_others(objects: Resolve, others: Sequence[tuple[str, Check | None]]) -> Resolve:
    """Objects by structure; anything else by its kind of JSON, the first whose kind and values fit."""
    checks = [(name, None if check is None else check.made()) for name, check in others]

    def resolve(value: Any) -> str | None:
        found = objects(value)
        if found is not None:
            return found
        return next((name for name, check in checks if check is None or check(value)), None)

    return resolve


def says_always(members: Sequence[Member], name: str) -> bool:
    """Every member requires the property: a value without it is drift, and structure need not be asked."""
    return all((given := member.shape.properties.get(name)) is not None and given.required for member in members)


def by_structure(structures: Sequence[Structure]) -> Resolve:
    """All that is required is there, nothing misfits, and most of what is declared is present; the first on ties."""
    made = [(each, tuple((key, check.made()) for key, check in each.checks)) for each in structures]
    known: dict[tuple[str, ...], Candidates] = {}

    def candidates(keys: tuple[str, ...]) -> Candidates:
        scores = [(each.score(keys), each.name, checks) for each, checks in made]
        best = sorted((one for one in scores if one[0] >= 0), key=lambda one: -one[0])
        found = tuple((name, tuple(check for check in checks if check[0] in keys)) for _, name, checks in best)
        if len(known) < REMEMBERED:
            known[keys] = found
        return found

    def resolve(value: Any) -> str | None:
        if value.__class__ is not dict:
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


def structures_of(draft: Draft, members: Sequence[Member]) -> tuple[Structure, ...]:
    return tuple(_structure(draft, member) for member in members)


def _structure(draft: Draft, member: Member) -> Structure:
    checks = []
    for name, given in member.shape.properties.items():
        shapes = [draft.shapes.of(node) for node in given.nodes]
        checks += [(name, check) for shape in shapes if (check := fits(shape)) is not None]
    required = frozenset(
        name for name, given in member.shape.properties.items() if given.required and not _write_only(given.nodes[0].value)
    )
    return Structure(member.name, required, frozenset(member.shape.properties), member.shape.closed, tuple(checks))


def _write_only(value: Any) -> bool:
    return isinstance(value, dict) and value.get("writeOnly") is True


def fits(shape: Shape) -> Check | None:
    """What a value has to be by its shape; None where the shape allows several kinds."""
    if shape.enum and all(isinstance(value, (str, int)) for value in shape.enum):
        return Check(listed=shape.enum)
    return Check(shape.kind) if shape.kind in _KINDS else None
