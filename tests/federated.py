"""Federation subgraphs in this process: graphql-core over plain data, with `_entities` as a subgraph library would answer it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from graphql import GraphQLSchema, InputValueDefinitionNode, NameNode, build_ast_schema, graphql_sync, parse, print_ast

from gateway.composition import Supergraph, compose
from gateway.config.model import Link, Schema, Source
from gateway.engine import Engine, Limits
from gateway.errors import Owner
from gateway.sources.base import Subgraph
from gateway.sources.document import Document
from gateway.sources.federation import subgraph
from gateway.sources.graphql.prepare import Post
from gateway.upstream.call import Call, HeaderRules, Reply
from tests.graphs import GATEWAY_OWNER

LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: [{}])\n'
DIRECTIVES = ("@key", "@shareable", "@external", "@requires", "@provides", "@override", "@inaccessible", "@interfaceObject")
FED2 = LINK.format(", ".join(f'"{d}"' for d in DIRECTIVES))
MACHINERY = " scalar _Any union _Entity = {} extend type Query {{ _entities(representations: [_Any!]!): [_Entity]! }}"

Resolve = Callable[[Mapping[str, Any]], Any]


class Federated:
    """A subgraph of its SDL, root data, and for each type how a representation becomes a value."""

    def __init__(
        self, name: str, sdl: str, data: Mapping[str, Any] | None = None, members: Sequence[str] = (), **entities: Resolve
    ) -> None:
        self.name = name
        self.members = members or tuple(entities)
        """Of `_Entity`: the object types that `entities` give, where they are not what is asked for."""
        self.sdl = sdl
        self.entities = entities
        self.data = {**(data or {}), "_entities": self._entities}
        self.asked: list[dict[str, Any]] = []
        self.failure: Exception | None = None
        self.edit: Callable[[Any], Any] | None = None
        self._schema: GraphQLSchema | None = None

    @property
    def schema(self) -> GraphQLSchema:
        """Built from what the gateway itself read, so that extensions stand for types."""
        if self._schema is None:
            read = self.subgraph()
            types = {name: _whole(name, node, read.facts) for name, node in read.types.items() if name != "Query" or node.fields}  # type: ignore[attr-defined]
            text = "\n".join(print_ast(node) for node in types.values())
            query = "" if "Query" in types else "type Query { _: Int } "
            machinery = MACHINERY.format(" | ".join(self.members)) if self.members else ""
            self._schema = build_ast_schema(
                parse(re.sub(r"@(tag)\([^)]*\)", "", query + text) + machinery), assume_valid_sdl=True
            )
        return self._schema

    def _entities(self, _info: Any, representations: Sequence[Mapping[str, Any]]) -> list[Any]:
        return [self._entity(r) for r in representations]

    def _entity(self, representation: Mapping[str, Any]) -> Any:
        value = self.entities[representation["__typename"]](representation)
        if isinstance(value, Exception) or value is None:
            return value
        return {"__typename": representation["__typename"], **value}

    async def send(self, call: Call) -> Reply:
        body = json.loads(call.body or b"")
        self.asked.append(body)
        if self.failure is not None:
            raise self.failure
        result = graphql_sync(self.schema, body["query"], self.data, variable_values=body.get("variables"))
        formatted: Any = self.edit(result.formatted) if self.edit else result.formatted
        return call.verify(Reply(200, {"content-type": "application/json"}, json.dumps(formatted).encode()))

    def subgraph(self) -> Subgraph:
        return federated(self.name, self.sdl, self.send)


def _whole(name: str, node: Any, facts: Any) -> Any:
    """With the arguments that only the service itself knows."""
    given = {field: arguments for (parent, field), arguments in facts.from_context.items() if parent == name}
    if not given:
        return node
    fields = []
    for field in node.fields:
        own = given.get(field.name.value, ())
        more = tuple(InputValueDefinitionNode(name=NameNode(value=a.name), type=a.type, directives=()) for a in own)
        fields.append(replace(field, arguments=(*(field.arguments or ()), *more)))
    return replace(node, fields=tuple(fields))


def federated(name: str, sdl: str, send: Any = None, kind: str = "federation") -> Subgraph:
    """A subgraph of this SDL."""
    url = f"http://{name}.example.com/graphql"
    return subgraph(source(name, kind), Document(sdl.encode(), f"{name}.graphql"), Post(url, HeaderRules()), send)


def source(name: str, kind: str = "federation") -> Source:
    url = f"http://{name}.example.com/graphql"
    owner = Owner(f"Team {name}", url, {"email": f"{name}@example.com"})
    return Source(name=name, kind=kind, url=url, owner=owner, schema_=Schema.model_construct(from_="x.graphql"))


def together(*subgraphs: Any, links: Sequence[Mapping[str, Any]] = ()) -> Supergraph:
    """Composed: of services, or of (name, SDL) pairs."""
    made = [federated(*s) if isinstance(s, tuple) else s.subgraph() for s in subgraphs]
    return compose(made, [Link.model_validate(link) for link in links])


def a_gateway(*subgraphs: Any, links: Sequence[Mapping[str, Any]] = ()) -> Engine:
    numbers = iter(range(1_000_000))
    return Engine(
        together(*subgraphs, links=links), owner=GATEWAY_OWNER, new_id=lambda prefix: f"{prefix}{next(numbers)}", limits=Limits()
    )
