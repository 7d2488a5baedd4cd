"""`lookups` of the YAML become `Lookup`s, each checked against the source's own types; every fault is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from graphql import (
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    ListTypeNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    TypeNode,
    print_ast,
)

from gateway.config.problem import ConfigPath, Problem
from gateway.sources.base import Batch, Lookup, Page
from gateway.sources.reach import BUILT_IN, Types, field_of, fields_of, named, nullable, possible_types
from gateway.sources.report import fault, nearest

if TYPE_CHECKING:
    from gateway.config.model import Batch as BatchSettings
    from gateway.config.model import Lookup as LookupSettings
    from gateway.config.model import Source

INTO_ID = frozenset({"Int", "Int64", "String", "UUID", "ID"})
FROM_ID = frozenset({"String", "Int", "Int64", "ID"})
LINK_HEADER = "link-header"


def read_lookups(
    source: Source, types: Types, query: str, *, in_pages: bool = False
) -> tuple[tuple[Lookup, ...], tuple[Problem, ...]]:
    """The lookups that hold, in their order, and a problem for all that does not.

    `types` are the source's own, before any `prefix`; its query root has the unexposed fields, too: a lookup may use them.
    `in_pages`: the kind can read a list page by page.
    """
    lookups, problems = [], []
    for index, settings in enumerate(source.lookups):
        check = _Check(source, types, query, index, in_pages)
        lookup = check.lookup(settings)
        problems += check.problems
        if not check.problems:
            lookups.append(lookup)
    return tuple(lookups), tuple(problems)


class _Check:
    """One lookup under examination: collects what is wrong with it."""

    def __init__(self, source: Source, types: Types, query: str, index: int, in_pages: bool) -> None:
        self.source, self.types, self.index, self.in_pages = source, types, index, in_pages
        self.root = types.get(query)
        self.problems: list[Problem] = []

    def lookup(self, settings: LookupSettings) -> Lookup:
        key = self.key(settings)
        via = self.root_field(settings.via, ("via",))
        if via is not None:
            self.gives(via, settings.type, via.type, ("via",))
            argument = self.argument(via, settings.arg, ("arg",))
            if argument is not None:
                self.takes(key, argument, argument.type, ("arg",))
        batch = self.batch(settings, key) if settings.batch is not None else None
        return Lookup(settings.type, settings.key, settings.via, settings.arg, batch)

    def batch(self, settings: LookupSettings, key: str | None) -> Batch | None:
        told = settings.batch
        assert told is not None
        batch = batch_of(told)
        via = self.root_field(batch.via, ("batch", "via"))
        if via is None:
            return None
        for message, at in paging_faults(batch, via, self.in_pages):
            self.say(message, ("batch", *at))
        argument = self.argument(via, batch.arg, ("batch", "arg")) if batch.arg else None
        if argument is not None:
            inner = nullable(argument.type)
            if isinstance(inner, ListTypeNode):
                self.takes(key, argument, inner.type, ("batch", "arg"))
            else:
                message = f"{batch.via}({batch.arg}:) is {print_ast(argument.type)}: a batch argument takes a list of keys"
                self.say(message, ("batch", "arg"))
        rows = self.rows(via, batch.path)
        if rows is not None and self.gives(via, settings.type, rows, ("batch", "path")):
            self.leaf(named(rows), batch.key, ("batch", "key"))
        return batch

    def rows(self, via: FieldDefinitionNode, path: Sequence[str]) -> TypeNode | None:
        """The type of the rows: the item type of the list at the end of `path`."""
        here = via.type
        for step in path:
            field = self.member(named(here), step, ("batch", "path"))
            if field is None or isinstance(nullable(here), ListTypeNode):
                if field is not None:
                    self.say(f"{print_ast(here)} is a list before the end of the path", ("batch", "path"))
                return None
            here = field.type
        inner = nullable(here)
        if isinstance(inner, ListTypeNode):
            return inner.type
        where = ".".join((via.name.value, *path))
        self.say(f"{where} is {print_ast(here)}: rows of a batch come in a list", ("batch", "path"))
        return None

    def key(self, settings: LookupSettings) -> str | None:
        """The key's scalar or enum."""
        node = self.types.get(settings.type)
        if not isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
            objects = [n for n, t in self.types.items() if isinstance(t, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode)]
            self.say(f"there is no object type {settings.type} in this source", ("type",), nearest(settings.type, objects))
            return None
        return self.leaf(settings.type, settings.key, ("key",))

    def leaf(self, type_name: str, name: str, at: ConfigPath) -> str | None:
        field = self.member(type_name, name, at)
        if field is None:
            return None
        kind = self.types.get(named(field.type))
        single = not isinstance(nullable(field.type), ListTypeNode)
        if single and (named(field.type) in BUILT_IN or isinstance(kind, ScalarTypeDefinitionNode | EnumTypeDefinitionNode)):
            return named(field.type)
        self.say(f"{type_name}.{name} is {print_ast(field.type)}: a key is one scalar or enum value", at)
        return None

    def root_field(self, name: str, at: ConfigPath) -> FieldDefinitionNode | None:
        field = field_of(self.root, name)
        if field is None:
            known = (f.name.value for f in fields_of(self.root))
            self.say(f"this source has no root field {name}", at, nearest(name, known))
        return field

    def member(self, type_name: str, name: str, at: ConfigPath) -> FieldDefinitionNode | None:
        node = self.types.get(type_name)
        field = field_of(node, name)
        if field is None:
            self.say(f"{type_name} has no field {name}", at, nearest(name, (f.name.value for f in fields_of(node))))
        return field

    def argument(self, via: FieldDefinitionNode, name: str, at: ConfigPath) -> InputValueDefinitionNode | None:
        arguments = {a.name.value: a for a in via.arguments or ()}
        if name not in arguments:
            self.say(f"{via.name.value} has no argument {name}", at, nearest(name, arguments))
            return None
        for other, node in arguments.items():
            if other != name and isinstance(node.type, NonNullTypeNode) and node.default_value is None:
                self.say(f"{via.name.value} also requires the argument {other}, which a lookup cannot give", at)
        return arguments[name]

    def gives(self, via: FieldDefinitionNode, wanted: str, given: TypeNode, at: ConfigPath) -> bool:
        """Does the field give this type, or an abstract type that it belongs to?"""
        name = named(given)
        if isinstance(nullable(given), ListTypeNode):
            self.say(f"{via.name.value} gives {print_ast(given)}: a lookup gives one {wanted}", at)
            return False
        if wanted in self.types and name != wanted and wanted not in possible_types(self.types).get(name, ()):
            self.say(f"{via.name.value} gives {name}, not {wanted}", at)
            return False
        return True

    def takes(self, key: str | None, argument: InputValueDefinitionNode, place: TypeNode, at: ConfigPath) -> None:
        wanted = named(place)
        if key is None or key == wanted or (wanted == "ID" and key in INTO_ID) or (key == "ID" and wanted in FROM_ID):
            return
        self.say(f"the key is {key}, but the argument {argument.name.value} takes {print_ast(argument.type)}", at)

    def say(self, message: str, at: ConfigPath, fix: str | None = None) -> None:
        self.problems.append(fault(self.source, "LOOKUP_INVALID", message, ("lookups", self.index, *at), fix=fix))


def batch_of(told: BatchSettings) -> Batch:
    page = None if told.page is None else Page(**told.page.model_dump())
    return Batch(told.via, told.arg or "", told.key, path_of(told.path), told.max, page)


def paging_faults(batch: Batch, via: FieldDefinitionNode, in_pages: bool) -> Iterator[tuple[str, ConfigPath]]:
    """What is wrong with how a batch is read in pages, and where below `batch`."""
    page = batch.page
    if page is None:
        if not batch.arg:
            yield "a batch needs `arg`, or a `page` by which the whole list is read", ("arg",)
        return
    if not in_pages:
        yield "only REST lists come in pages: this source is asked for all keys in one document", ("page",)
        return
    ways = [page.next, page.number, page.offset]
    if sum(way is not None for way in ways) > 1:
        yield "`next`, `number` and `offset` are three ways to read on: give one", ("page",)
    if not batch.arg and not any(ways):
        yield "to read the whole list, `page` has to say how: by `next`, `number` or `offset`", ("page",)
    if (page.cursor is not None) != (page.next is not None and page.next != LINK_HEADER):
        yield "`cursor` is the argument for the cursor in the body that `next` leads to: give both", ("page", "cursor")
    known = {argument.name.value for argument in via.arguments or ()}
    for key in ("limit", "cursor", "number", "offset"):
        if (name := getattr(page, key)) is not None and name not in known:
            yield f"{batch.via} has no argument {name}", ("page", key)


def path_of(path: str) -> tuple[str, ...]:
    """`items.rows` as steps."""
    return tuple(path.split(".")) if path else ()
