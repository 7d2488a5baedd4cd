"""The world of these tests: a source, its schema, a fetch as planning would ask for it, and a wire over real HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
from graphql import (
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
    parse_type,
)

from gateway.config.model import Lookup, Prefix, Schema, Source
from gateway.config.problem import ConfigError, Problem
from gateway.errors import Owner, UpstreamUnreachable
from gateway.sources.base import Argument, Case, Entry, Fetch, Field, Input, Prepared, Selection, Subgraph
from gateway.sources.document import Document
from gateway.sources.graphql import subgraph
from gateway.sources.graphql.prepare import Post
from gateway.sources.reach import field_of, named, possible_types
from gateway.upstream.call import Call, HeaderRules, Reply, Request, Send, Sends

OWNER = Owner("Stock & Supply", "https://stock.example.com", {"email": "stock@example.com"})
PLAIN = HeaderRules()
URL = "http://stock.example.com/graphql"

SHOP = '''
"""What the shop has."""
schema { query: RootQuery mutation: Writes subscription: Events }

type RootQuery {
  product(id: ID!): Product
  products(ids: [ID!]!, inStock: Boolean = true): [Product]!
  page(ids: [ID!]!, lang: Lang): ProductPage!
  search(filter: Filter, first: Int! = 10, sort: [Order!]): [Found!]!
  node(id: ID!): Node
  anything(json: JSON = {deep: [1, {yes: true}]}): JSON
  count(of: ID!, in: ID): Int
}

type Writes { addProduct(name: String!): Receipt! }
type Events { productAdded: Product! }
type Receipt { number: Int! }

"""Something with an identity."""
interface Node { id: ID! }
interface Priced implements Node { id: ID! price(currency: Currency = EUR): Float tags: [String!] }

type Product implements Node & Priced {
  id: ID!
  name: String!
  price(currency: Currency = EUR): Float
  tags: [String!]
  maker: Maker
  title: String @deprecated(reason: "Use name.")
  similar(first: Int = 3): [Product!]!
}
type Service implements Node & Priced { id: ID! price(currency: Currency = EUR): Float tags: [String!] hours: Int! }
type Maker implements Node { id: ID! name: String! }
union Found = Product | Service | Maker
type ProductPage { items: [Product!]! total: Int! }

enum Lang { EN DE }
enum Currency { EUR USD @deprecated }
enum Order { ASC DESC }
input Filter { text: String! lang: Lang = EN price: Range any: [Filter!] }
input Range { min: Float max: Float }
input By @oneOf { id: ID name: String }
scalar JSON @specifiedBy(url: "https://www.rfc-editor.org/rfc/rfc8259")

extend type Product { by(key: By): Int size: Int }
'''


def a_source(name: str = "stock", schema: str = "introspect", **keys: Any) -> Source:
    settings = keys.pop("schema_", None) or Schema.model_construct(from_=schema, **keys.pop("long", {}))
    lookups = tuple(lookup if isinstance(lookup, Lookup) else Lookup.model_validate(lookup) for lookup in keys.pop("lookups", ()))
    prefix = Prefix.model_validate(keys.pop("prefix")) if "prefix" in keys else None
    return Source(
        **{"name": name, "kind": "graphql", "url": URL, "owner": OWNER, "schema_": settings, "lookups": lookups, "prefix": prefix}
        | keys
    )


def a_subgraph(sdl: str | bytes = SHOP, rules: HeaderRules = PLAIN, **keys: Any) -> Subgraph:
    text = sdl.encode() if isinstance(sdl, str) else sdl
    return subgraph(a_source(**keys), Document(text, "shop.graphql"), Post(URL, rules), over_http)


def problems_of(sdl: str | bytes = SHOP, **keys: Any) -> tuple[Problem, ...]:
    """What is refused about it; nothing when it is accepted."""
    try:
        a_subgraph(sdl, **keys)
    except ConfigError as error:
        return error.problems
    return ()


# ---------------------------------------------------------------- a fetch, written as GraphQL


def a_fetch(subgraph: Subgraph, operation: str, entry: Entry | None = None) -> Fetch:
    """A root fetch of this operation; with an entry, of the selection of its only field."""
    asked = next(d for d in parse(operation).definitions if isinstance(d, OperationDefinitionNode))
    root = Picker(subgraph).selection(subgraph.query, asked.selection_set)
    if entry is None:
        return Fetch(0, subgraph.name, msgspec.structs.replace(root, type="Query"))
    below = root.cases[0].fields[0].selection
    return Fetch(1, subgraph.name, below or Selection(entry.via, ()), entry)


class Picker:
    """From a client's selection set to cases per object type, as planning normalises it."""

    def __init__(self, subgraph: Subgraph) -> None:
        self.types = subgraph.types
        self.possible = possible_types(subgraph.types)

    def selection(self, type_name: str, *nodes: SelectionSetNode) -> Selection:
        objects = [name for name in self.types if name in self.possible[type_name]] if type_name in self.possible else [type_name]
        cases: dict[tuple[Field, ...], list[str]] = {}
        for name in objects:
            asked: dict[str, list[FieldNode]] = {}
            for node in nodes:
                self.collect(name, node, asked)
            fields = tuple(self.field(name, key, found) for key, found in asked.items())
            same = next(
                (known for known in cases if msgspec.structs.asdict(Case((), known)) == msgspec.structs.asdict(Case((), fields))),
                fields,
            )
            cases.setdefault(same, []).append(name)
        return Selection(type_name, tuple(Case(tuple(names), fields) for fields, names in cases.items()))

    def collect(self, name: str, node: SelectionSetNode, into: dict[str, list[FieldNode]]) -> None:
        for item in node.selections:
            if isinstance(item, FieldNode):
                into.setdefault(item.alias.value if item.alias else item.name.value, []).append(item)
            elif isinstance(item, InlineFragmentNode):
                condition = item.type_condition.name.value if item.type_condition else name
                if condition == name or name in self.possible.get(condition, ()):
                    self.collect(name, item.selection_set, into)
            else:
                assert not isinstance(item, FragmentSpreadNode)

    def field(self, parent: str, key: str, nodes: Sequence[FieldNode]) -> Field:
        name = nodes[0].name.value
        if name == "__typename":
            return Field(key, name, parse_type("String!"))
        definition = field_of(self.types[parent], name)
        assert definition is not None
        kinds = {a.name.value: a.type for a in definition.arguments or ()}
        arguments = tuple(Argument(a.name.value, a.value, type=kinds[a.name.value]) for a in nodes[0].arguments or ())
        sets = [node.selection_set for node in nodes if node.selection_set]
        below = self.selection(named(definition.type), *sets) if sets else None
        return Field(key, name, definition.type, arguments, below)


def by_key(via: str, arg: str, *arguments: Argument, **keys: Any) -> Entry:
    key = Input("key", ("id",), parse_type("ID!"))
    return Entry(via, (key,), (Argument(arg, input="key", type=parse_type("ID!")), *arguments), **keys)


def sent(
    prepared: Prepared, keys: Sequence[tuple[Any, ...]] = (), variables: Mapping[str, Any] = {}, **request: Any
) -> list[dict[str, Any]]:
    """The bodies of the calls, in their order."""
    chunks = prepared.calls(keys, variables, Request("req_1", **request), lambda reply: reply)
    return [msgspec.json.decode(chunk.call.body or b"") for chunk in chunks]


def document(subgraph: Subgraph, operation: str, entry: Entry | None = None, keys: Sequence[tuple[Any, ...]] = ()) -> str:
    """The text of the first call."""
    return str(sent(subgraph.prepare(a_fetch(subgraph, operation, entry)), keys)[0]["query"])


# ---------------------------------------------------------------- over real HTTP


async def over_http(call: Call) -> Reply:
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            reply = await client.request(call.method, call.url, headers=list(call.headers), content=call.body)
        except httpx.ConnectError:
            raise UpstreamUnreachable() from None
    return call.verify(Reply(reply.status_code, dict(reply.headers), reply.content))


def sends(state: Path | None = None, headers: HeaderRules = PLAIN, around: Send = over_http) -> Sends:
    return Sends(around, around, lambda transport: _verified(transport), headers, state)


def _verified(transport: Send) -> Send:
    async def send(call: Call) -> Reply:
        return call.verify(await transport(call))

    return send
