"""Alternatives become unions; what is no object is carried by a type made for it (rules C2-C8, T11)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from graphql import NamedTypeNode

from gateway.sources.openapi.dispatch import Member, Tell, by_constants, by_discriminator, fits, says_always, structures_of
from gateway.sources.openapi.draft import Draft
from gateway.sources.openapi.enums import define_enum
from gateway.sources.openapi.names import escape
from gateway.sources.openapi.nodes import field, listed, named, non_null, object_type, union_type
from gateway.sources.openapi.shape import Discriminator, Property, Shape
from gateway.sources.reach import named as named_base

if TYPE_CHECKING:
    from gateway.sources.openapi.outputs import Outputs, Reference

_SCALARS = frozenset({"string", "enum", "integer", "number", "boolean"})


class _Union(msgspec.Struct, frozen=True):
    """A union that was defined, for the table of dispatch."""

    name: str
    objects: tuple[Member, ...]
    others: tuple[Member, ...]
    discriminator: Discriminator | None


class Unions:
    """Types of schemas with several alternatives."""

    def __init__(self, draft: Draft, outputs: Outputs) -> None:
        self._draft = draft
        self._outputs = outputs
        self._defined: dict[str, NamedTypeNode] = {}
        self._made: list[_Union] = []
        self._open: set[str] = set()

    def use(self, shape: Shape) -> Reference:
        """The type of a union; also of one that contains itself."""
        members = self._members(shape)
        objects = [each for each in members if each.kind == "object"]
        if not objects:
            return self._without_objects(shape, members)
        if len(members) == 1:
            return self._outputs.use(objects[0])
        if len(objects) < len(members) and self._draft.options.union_scalars == "json":
            self._draft.fidelity.deviation(
                "UNION_JSON", shape.at, "A union of objects and other values is any JSON, as configured."
            )
            return self._outputs.json()
        name = self._draft.naming.of(shape.at)
        if name not in self._defined:
            self._defined[name] = named(name)
            self._define(name, shape, objects, [each for each in members if each.kind != "object"])
        return self._defined[name]

    def mixed(self, shape: Shape) -> Reference:
        """`type: [a, b]`: the alternatives of each type alone (T11)."""
        kinds = set(shape.types)
        if kinds <= {"integer", "number"}:
            return named("Float")
        if "object" in kinds and shape.properties:
            alone = [
                msgspec.structs.replace(shape, at=f"{shape.at}/{'' if word == 'object' else word}", kind=word, types=(word,))
                for word in shape.types
            ]
            for each in alone:
                self._draft.naming.hint(each.at, f"{self._draft.naming.wanted(shape.at)}_{each.kind}")
            whole = msgspec.structs.replace(shape, kind="union", properties={})
            return self._union_of(whole, alone)
        self._draft.fidelity.deviation("MIXED_TYPES", shape.at, f"One of {', '.join(shape.types)}: it is any JSON.")
        return self._outputs.json()

    def _union_of(self, shape: Shape, members: Sequence[Shape]) -> Reference:
        name = self._draft.naming.of(shape.at)
        if name not in self._defined:
            self._defined[name] = named(name)
            self._define(
                name,
                shape,
                [each for each in members if each.kind == "object"],
                [each for each in members if each.kind != "object"],
            )
        return self._defined[name]

    # ------------------------------------------------------------ members

    def _members(self, shape: Shape) -> list[Shape]:
        """The alternatives as shapes; each once, unions inside unions opened, the union's own properties added to its objects."""
        found: dict[str, Shape] = {}
        pending = list(reversed(shape.alternatives))
        seen = {shape.at}
        while pending:
            each = self._draft.shapes.of(pending.pop())
            if each.at in seen:
                continue
            seen.add(each.at)
            if each.kind == "union" and not each.properties:
                pending.extend(reversed(each.alternatives))
            else:
                found |= {member.at: member for member in self._opened(shape, each)}
        return list(found.values())

    def _opened(self, shape: Shape, member: Shape) -> list[Shape]:
        """A member with the union's own properties; several where the member is a union with properties of its own."""
        if member.kind != "union":
            return [self._with_own(shape, member)]
        if member.at in self._open:
            return []
        self._open.add(member.at)
        try:
            return [self._with_own(shape, each) for each in self._members(member)]
        finally:
            self._open.discard(member.at)

    def _with_own(self, shape: Shape, member: Shape) -> Shape:
        own = {name: given for name, given in shape.properties.items() if name not in member.properties}
        if not own or member.kind not in ("object", "map"):
            return member
        at = f"{shape.at}&{member.at}"
        wanted = self._draft.naming.source_name(member.at) or self._draft.naming.wanted(member.at).rpartition("_")[2]
        self._draft.naming.hint(at, f"{self._draft.naming.wanted(shape.at)}_{escape(wanted)}")
        required = {name for name, given in shape.properties.items() if given.required}
        theirs = {name: Property(given.nodes, given.required or name in required) for name, given in member.properties.items()}
        return msgspec.structs.replace(member, at=at, kind="object", properties=own | theirs, origin=member.place)

    def _without_objects(self, shape: Shape, members: Sequence[Shape]) -> Reference:
        """Scalars of one base are that base, all numbers Float, lists of objects a list of a union; else JSON (C6, C8)."""
        kinds = {each.kind for each in members}
        if kinds == {"enum"} and self._draft.options.unknown_enum != "string":
            return self._joined_enum(shape, members)
        bases = {"string" if kind == "enum" else kind for kind in kinds}
        if bases == {"string"}:
            same = {named_base(self._outputs.use(each)) for each in members} if kinds == {"string"} else {"String"}
            return named(same.pop() if len(same) == 1 else "String")
        if len(bases) == 1 and bases <= _SCALARS:
            return self._outputs.use(max(members, key=lambda each: named_base(self._outputs.use(each)) == "Int64"))
        if bases == {"integer", "number"}:
            return named("Float")
        if kinds == {"array"} and (items := self._list_items(shape, members)) is not None:
            return items
        self._draft.fidelity.deviation("UNION_JSON", shape.at, f"Alternatives of {', '.join(sorted(kinds))}: it is any JSON.")
        return self._outputs.json()

    def _joined_enum(self, shape: Shape, members: Sequence[Shape]) -> Reference:
        name = self._draft.naming.of(shape.at)
        values = [value for each in members for value in each.enum]
        words = {
            value: each.description for each in members if len(each.enum) == 1 for value in each.enum if isinstance(value, str)
        }
        define_enum(self._draft, name, values, shape.description, words)
        return named(name)

    def _list_items(self, shape: Shape, members: Sequence[Shape]) -> Reference | None:
        """A list of one of several objects, where every alternative is a list of objects."""
        items = [self._draft.shapes.of(each.items) for each in members if each.items is not None]
        if len(items) != len(members) or any(item.kind != "object" for item in items):
            return None
        at = f"{shape.at}/items"
        union = Shape(at, "union", alternatives=tuple(each.items for each in members if each.items is not None))
        return listed(non_null(self.use(union)))

    # ------------------------------------------------------------ definitions

    def _define(self, name: str, shape: Shape, objects: Sequence[Shape], others: Sequence[Shape]) -> None:
        members = [member for each in objects for member in self._outputs.members(each)]
        empty = [each for each in objects if self._outputs.unreadable(each)]
        wrapped = [Member(self._wrap(each), each) for each in (*empty, *others)]
        names = list(dict.fromkeys(member.name for member in (*members, *wrapped)))
        self._draft.types[name] = union_type(name, names, shape.description)
        self._draft.fidelity.origin(name, "schemaRef", pointer=shape.at)
        source = self._draft.naming.source_name(shape.at)
        if source and source != name:
            self._draft.renamed(name, source, shape.at)
        self._made.append(_Union(name, tuple(members), tuple(wrapped), shape.discriminator))

    def _wrap(self, shape: Shape) -> str:
        """The object type that carries a value which is no object: `{value}`, or `{items}` for a list."""
        bare = msgspec.structs.replace(shape, nullable=False)
        type_ = self._outputs.use(bare)
        is_list = shape.kind == "array" and not isinstance(type_, NamedTypeNode)
        member = "items" if is_list else "value"
        at = f"wrap:{named_base(type_)}_{'list' if is_list else 'value'}"
        self._draft.naming.hint(at, at.removeprefix("wrap:"))
        name = self._draft.naming.of(at)
        if name not in self._draft.types:
            self._draft.types[name] = object_type(
                name, [field(member, non_null(type_))], "Carries a value that is no object in a union."
            )
            self._draft.wraps[name] = member
            self._draft.fidelity.origin(name, "wraps")
        return name

    # ------------------------------------------------------------ dispatch

    def dispatch(self) -> None:
        """Fill the table; done last, when every member has its type."""
        for union in self._made:
            self._draft.tells[union.name] = self._tell(union)

    def _tell(self, union: _Union) -> Tell:
        said = self._by_property(union)
        structures = structures_of(self._draft, union.objects)
        others = tuple((member.name, fits(member.shape)) for member in union.others)
        if said is None:
            self._draft.fidelity.origin(union.name, "dispatch")
            self._draft.fidelity.deviation("DISPATCH_STRUCTURE", union.name, "Nothing names the member: the properties tell it.")
            return Tell(structures=structures, others=others)
        name, mapping = said
        self._draft.fidelity.origin(union.name, "dispatch", property=name, mapping=mapping)
        unnamed = tuple(each for each in structures if each.name not in mapping.values())
        always = not unnamed and not others and says_always(union.objects, name)
        return Tell(name, mapping, () if always else structures, unnamed, others)

    def _by_property(self, union: _Union) -> tuple[str, dict[str, str]] | None:
        """(property, value → type) by a discriminator of the union or of a common base, else by constants."""
        if not union.objects:
            return None
        discriminator = union.discriminator
        if discriminator is None and all(member.shape.discriminator for member in union.objects):
            shared = {member.shape.discriminator.at for member in union.objects if member.shape.discriminator}
            discriminator = union.objects[0].shape.discriminator if len(shared) == 1 else None
        if discriminator is not None:
            named_by = self._named_by(discriminator) or {member.shape.place for member in union.objects}
            if mapping := by_discriminator(self._draft, discriminator, union.objects, named_by):
                return discriminator.property, mapping
        return by_constants(self._draft, union.objects)

    def _named_by(self, discriminator: Discriminator) -> set[str]:
        """Places of the alternatives beside a discriminator: their names are its values, not those inside a union among them."""
        node = self._draft.references.node(discriminator.at)
        listed = [each for keyword in ("oneOf", "anyOf") for each in node.child(keyword).items()] if node is not None else []
        return {self._draft.shapes.of(each).at for each in listed}
