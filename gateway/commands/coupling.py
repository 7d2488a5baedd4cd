"""How much of each source clients depend on, and what a folder of operations would cost. Pure but for reading the files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    NonNullTypeNode,
    OperationDefinitionNode,
    OperationType,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    parse,
    visit,
)

from gateway.app import engine_of
from gateway.commands.reading import Read
from gateway.commands.screen import Screen
from gateway.composition import Supergraph
from gateway.config.model import Source
from gateway.config.problem import Problem
from gateway.engine import Engine
from gateway.errors import RequestError
from gateway.sources.base import Subgraph
from gateway.sources.reach import fields_of
from gateway.sources.report import reachable

DOCUMENTS = frozenset({".graphql", ".gql"})
CHATTY = 5
"""Fetches from which an operation is called chatty."""
Coordinate = tuple[str, str]


class Coupling(msgspec.Struct, frozen=True):
    """What of one source is part of the API, and what of that the operations use (None: none were given)."""

    source: str
    operations: int
    types: int
    fields: int
    required_arguments: int
    used: int | None = None
    unused: tuple[str, ...] = ()


class Cost(msgspec.Struct, frozen=True):
    """What one operation would ask of the sources, or why it cannot be planned."""

    file: str
    operation: str
    fetches: int = 0
    sources: tuple[str, ...] = ()
    fault: str | None = None

    @property
    def chatty(self) -> bool:
        return self.fetches >= CHATTY


def coupling(supergraph: Supergraph, names: Iterable[str], documents: Mapping[str, DocumentNode]) -> tuple[Coupling, ...]:
    """Of the sources with these names. `documents`: valid operations, by file."""
    used = {coordinate for document in documents.values() for coordinate in _used(supergraph, document)}
    wanted = set(names)
    found = (subgraph for subgraph in supergraph.subgraphs.values() if subgraph.name in wanted)
    return tuple(_coupling(subgraph, used if documents else None) for subgraph in found)


def _coupling(subgraph: Subgraph, used: set[Coordinate] | None) -> Coupling:
    roots = tuple(fields_of(subgraph.types[subgraph.query]))
    offered = [
        ("Query" if name == subgraph.query else name, each) for name, node in subgraph.types.items() for each in fields_of(node)
    ]
    required = sum(
        isinstance(argument.type, NonNullTypeNode) and argument.default_value is None
        for _, each in offered
        for argument in getattr(each, "arguments", None) or ()
    )
    told = Coupling(subgraph.name, len(roots), len(subgraph.types), len(offered), required)
    if used is None:
        return told
    idle = [f"{parent}.{each.name.value}" for parent, each in offered if (parent, each.name.value) not in used]
    return msgspec.structs.replace(told, used=len(offered) - len(idle), unused=tuple(idle))


def _used(supergraph: Supergraph, document: DocumentNode) -> Iterator[Coordinate]:
    info = TypeInfo(supergraph.schema)
    found: set[Coordinate] = set()

    class Uses(Visitor):
        def enter_field(self, node: FieldNode, *_: object) -> None:
            if parent := info.get_parent_type():
                found.add((get_named_type(parent).name, node.name.value))

    visit(document, TypeInfoVisitor(info, Uses()))
    yield from found


def over_budget(sources: Iterable[Source], names: Mapping[str, Iterable[str]], told: Iterable[Coupling]) -> Iterator[Problem]:
    """A problem for each number that is larger than its source's budget allows. `names`: the subgraphs of each source."""
    found = {each.source: each for each in told}
    for source in sources:
        parts = [found[name] for name in names[source.name] if name in found]
        for key, limit in source.budget.model_dump(exclude_none=True).items():
            actual = sum(getattr(part, key) for part in parts)
            if actual > limit:
                what = key.replace("_", " ")
                message = f"{actual} {what} of {source.name} are part of the API; its budget is {limit}"
                fix = "leave out with `expose` what nobody needs (`--operations` tells), or decide on a larger budget"
                owners = (reachable(source.owner),)
                path = ("sources", source.name, "budget", key)
                yield Problem("SURFACE_BUDGET", message, path, sources=(source.name,), owners=owners, fix=fix)


# ---------------------------------------------------------------- a folder of operations


def documents(folder: Path) -> dict[str, DocumentNode | str]:
    """File → its document, or what is wrong with it. Raises OSError."""
    found: dict[str, DocumentNode | str] = {}
    for path in sorted(each for each in folder.rglob("*") if each.suffix in DOCUMENTS):
        try:
            found[str(path.relative_to(folder))] = parse(path.read_text("utf-8"))
        except (GraphQLError, RecursionError, UnicodeDecodeError) as fault:
            found[str(path.relative_to(folder))] = str(fault).splitlines()[0]
    return found


def costs(engine: Engine, folder: Path, found: Mapping[str, DocumentNode | str]) -> tuple[Cost, ...]:
    """One per operation, the dearest first."""
    told = [cost for file, document in found.items() for cost in _costs(engine, folder, file, document)]
    return tuple(sorted(told, key=lambda cost: (-cost.fetches, cost.file, cost.operation)))


def _costs(engine: Engine, folder: Path, file: str, document: DocumentNode | str) -> Iterator[Cost]:
    if isinstance(document, str):
        yield Cost(file, "", fault=document)
        return
    text = (folder / file).read_text("utf-8")
    for operation in _queries(document):
        name = operation.name.value if operation.name else ""
        try:
            plan = engine.plan(text, name or None, _placeholders(operation))
            yield Cost(file, name, len(plan.steps), tuple(sorted(plan.subgraphs)))
        except RequestError as error:
            yield Cost(file, name, fault=error.message)


def _queries(document: DocumentNode) -> Sequence[OperationDefinitionNode]:
    found = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    return [each for each in found if each.operation is OperationType.QUERY]


def _placeholders(operation: OperationDefinitionNode) -> dict[str, object]:
    """A plan depends on no variable but those of `@skip` and `@include`: everything is taken as asked for."""
    kinds = {"Int": 0, "Float": 0.0, "String": "", "ID": "", "Boolean": True}
    told: dict[str, object] = {}
    for each in operation.variable_definitions or ():
        inner = each.type.type if isinstance(each.type, NonNullTypeNode) else each.type
        name = getattr(getattr(inner, "name", None), "value", None)
        if isinstance(each.type, NonNullTypeNode) and each.default_value is None:
            told[each.variable.name.value] = kinds.get(name, []) if name else []
    return told


# ---------------------------------------------------------------- telling


def size(supergraph: Supergraph) -> tuple[int, int]:
    """Types and root fields of the whole."""
    root = supergraph.schema.query_type
    return sum(not name.startswith("__") for name in supergraph.schema.type_map), len(root.fields) if root else 0


class Report(msgspec.Struct, frozen=True):
    """What clients depend on, and what their operations cost."""

    sources: tuple[Coupling, ...]
    operations: tuple[Cost, ...] = ()
    budgets: tuple[Problem, ...] = ()

    @property
    def fine(self) -> bool:
        return not self.budgets and not any(cost.fault for cost in self.operations)

    def data(self) -> dict[str, Any]:
        return {name: [msgspec.to_builtins(each) for each in getattr(self, name)] for name in ("sources", "operations")}

    def show(self, screen: Screen) -> None:
        heads = ("source", "operations", "types", "fields", "required arguments", "fields used")
        rows = (msgspec.structs.astuple(each)[:6] for each in self.sources)
        screen.table(heads, ([str("-" if value is None else value) for value in row] for row in rows))
        for each in self.sources:
            if each.unused:
                screen.say(f"{each.source}: nothing uses {', '.join(each.unused)}")
        for cost in self.operations:
            said = cost.fault or f"{cost.fetches} fetches from {','.join(cost.sources)}"
            screen.say(f"{cost.file} {cost.operation}: {said}{'  chatty' if cost.chatty else ''}")


def report(found: Read, supergraph: Supergraph, folder: Path | None) -> Report:
    """`folder`: operations of clients. Raises OSError."""
    files = documents(folder) if folder is not None else {}
    usable = {file: document for file, document in files.items() if not isinstance(document, str)}
    told = coupling(supergraph, [each.name for each in found.subgraphs], usable)
    names = {name: [subgraph.name for subgraph in each.subgraphs] for name, each in found.loaded.items()}
    budgets = found.settings.located(list(over_budget(found.settings.sources, names, told)))
    planned = costs(engine_of(found.settings, supergraph), folder, files) if folder is not None else ()
    return Report(told, planned, budgets)
