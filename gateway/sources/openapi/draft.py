"""What is built while a document is read: definitions and how JSON spells them; frozen into a `Subgraph` at the end."""

from __future__ import annotations

from typing import Any

from graphql import TypeDefinitionNode

from gateway.sources.base import Wire
from gateway.sources.openapi import scalars
from gateway.sources.openapi.dispatch import Tell
from gateway.sources.openapi.fidelity import Fidelity
from gateway.sources.openapi.names import Naming
from gateway.sources.openapi.nodes import scalar_type
from gateway.sources.openapi.options import Options
from gateway.sources.openapi.references import References
from gateway.sources.openapi.shapes import Shapes


class Draft:
    """The tables every stage adds to."""

    def __init__(self, references: References, naming: Naming, options: Options, fidelity: Fidelity) -> None:
        self.references = references
        self.naming = naming
        self.options = options
        self.fidelity = fidelity
        self.shapes = Shapes(references, fidelity)
        self.types: dict[str, TypeDefinitionNode] = {}
        self.names: dict[tuple[str, str], str] = {}
        self.values: dict[str, dict[Any, str]] = {}
        self.sent: dict[str, dict[str, Any]] = {}
        """enum → enum value → JSON value, for what the gateway sends."""
        self.scalars: dict[str, str] = {}
        self.tells: dict[str, Tell] = {}
        self.wraps: dict[str, str] = {}
        self.entries: set[str] = set()
        self.open_enums: set[str] = set()
        self.rest: dict[str, str] = {}

    def scalar(self, name: str) -> str:
        """The name of a scalar, defined on first use."""
        if name in scalars.NAMES and name not in self.types:
            self.types[name] = scalars.definition(name)
            if check := scalars.CHECKS.get(name):
                self.scalars[name] = "ID" if name == "Int64" and self.options.int64 == "string" else check
        return name

    def map_scalar(self, name: str, description: str, at: str) -> str:
        if name not in self.types:
            self.types[name] = scalar_type(name, description)
            self.fidelity.origin(name, "schemaRef", pointer=at)
        return name

    def renamed(self, coordinate: str, source: str, at: str) -> None:
        """A name that GraphQL could not keep: recorded at the coordinate, and reported with its place."""
        self.fidelity.origin(coordinate, "name", was=source)
        self.fidelity.deviation(
            "NAME_ESCAPED", at, f"The name {source!r} is written {coordinate.rpartition('.')[2]} in the schema."
        )

    def wire(self) -> Wire:
        return Wire(
            names=self.names,
            values=self.values,
            scalars=self.scalars,
            dispatch={name: tell.dispatch() for name, tell in self.tells.items()},
            wraps=self.wraps,
            entries=frozenset(self.entries),
            open_enums=frozenset(self.open_enums),
            rest=self.rest,
            coerce=frozenset(self.options.coerce),
            response_keys=False,
            absent_is_null=True,
        )
