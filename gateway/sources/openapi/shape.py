"""The nouns of a schema in normal form."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.sources.openapi.references import Node


class Property(msgspec.Struct, frozen=True):
    """A property and every schema that was given for it, the most derived first."""

    nodes: tuple[Node, ...]
    required: bool


class Discriminator(msgspec.Struct, frozen=True):
    property: str
    mapping: dict[str, Any]
    """Value → reference or schema name, as written: shared with the document, since one may name every schema of it."""
    at: str


class Shape(msgspec.Struct, frozen=True):
    """A schema in normal form. `at` is its identity: two schemas with the same `at` are the same type.

    `kind`: any string integer number boolean enum object map array union mixed.
    """

    at: str
    kind: str
    nullable: bool = False
    description: str = ""
    deprecated: bool = False
    format: str = ""
    enum: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    properties: dict[str, Property] = {}
    items: Node | None = None
    tuple_items: tuple[Node, ...] = ()
    values: Node | None = None
    """The schema of a map's values, where it has one."""
    open: bool = False
    """`additionalProperties` or `patternProperties` allow other members."""
    closed: bool = False
    """`additionalProperties: false`."""
    alternatives: tuple[Node, ...] = ()
    types: tuple[str, ...] = ()
    discriminator: Discriminator | None = None
    bases: tuple[str, ...] = ()
    """Places of the schemas with a discriminator that it extends."""
    origin: str = ""
    """The place of the schema itself, where properties that stand beside the alternatives were added to it."""

    @property
    def place(self) -> str:
        return self.origin or self.at
