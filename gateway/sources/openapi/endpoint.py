"""An operation as it is called: what `prepare` needs to know, and nothing of the document."""

from __future__ import annotations

from typing import Any

import msgspec
from graphql import TypeNode
from msgspec.structs import replace

from gateway.sources.openapi.parameters import Parameter
from gateway.sources.openapi.references import NOWHERE
from gateway.sources.openapi.security import Secrets


class Endpoint(msgspec.Struct, frozen=True):
    """Where and how one root field is asked."""

    field: str
    method: str
    base: str
    path: str
    parameters: tuple[Parameter, ...]
    kind: str
    """What the body is: json, text, binary or empty."""
    media: str
    secrets: Secrets
    not_found: str | None = None
    """null or error; None: null through lookups and links, an error elsewhere."""
    failures: frozenset[str] = frozenset()
    """Statuses (`404`, `4XX`, `default`) whose JSON bodies the document describes: they are kept in the error."""
    answers: frozenset[str] = frozenset()
    """Those of 4xx that are answers, as configured."""
    result: TypeNode | None = None
    """What it answers."""
    types: dict[str, TypeNode] = {}
    """argument → its type."""
    defaults: dict[str, Any] = {}
    """argument → what is sent where the client gives none: only path parameters, which cannot be left out."""
    limits: dict[str, int] = {}
    """argument → how many items its list may have, by the document."""

    def bare(self) -> Endpoint:
        """Without the places of its parameters in the document, which would keep the whole document in memory."""
        return replace(self, parameters=tuple(replace(each, schema=NOWHERE, node=NOWHERE) for each in self.parameters))

    @property
    def template(self) -> str:
        """For people and metrics: `GET /users/{id}`."""
        return f"{self.method} {self.path}"
