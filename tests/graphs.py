"""Worlds for composition, planning and execution: GraphQL sources answered in process by graphql-core over plain data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from graphql import build_schema, graphql_sync

from gateway.composition import Supergraph, compose
from gateway.config.model import Link, Lookup, Schema, Source
from gateway.engine import Answer, Asked, Engine, Limits
from gateway.errors import Owner
from gateway.sources.base import Subgraph
from gateway.sources.document import Document
from gateway.sources.graphql import subgraph
from gateway.sources.graphql.prepare import Post
from gateway.upstream.call import Call, Freshness, HeaderRules, Reply, Request
from gateway.upstream.layers.attempt import count

GATEWAY_OWNER = Owner("API Platform", "https://api.example.com", {"email": "platform@example.com"})

Edit = Callable[[Any], Any]


class Service:
    """A GraphQL service in this process: answers from `data`, remembers what it was asked, and can be broken."""

    def __init__(self, name: str, sdl: str, data: Mapping[str, Any] | None = None, **keys: Any) -> None:
        self.name = name
        self.sdl = sdl
        self.data = dict(data or {})
        self.keys = keys
        self.asked: list[dict[str, Any]] = []
        self.failure: Exception | None = None
        self.edit: Edit | None = None
        """Changes the parsed body of each reply."""
        self.raw: bytes | None = None
        """What it answers instead."""
        self.reply_headers: dict[str, str] = {"content-type": "application/json"}
        self.freshness = Freshness()
        self.stale_cause: str | None = None
        self.schema = build_schema(sdl)

    async def send(self, call: Call) -> Reply:
        count(call.request)
        body = json.loads(call.body or b"")
        self.asked.append(body)
        if self.failure is not None:
            raise self.failure
        result = graphql_sync(self.schema, body["query"], self.data, variable_values=body.get("variables"))
        formatted: Any = result.formatted
        if self.edit is not None:
            formatted = self.edit(formatted)
        raw = self.raw if self.raw is not None else json.dumps(formatted).encode()
        return call.verify(Reply(200, self.reply_headers, raw, freshness=self.freshness, stale_cause=self.stale_cause))

    def subgraph(self) -> Subgraph:
        url = f"http://{self.name}.example.com/graphql"
        owner = Owner(f"Team {self.name}", url, {"email": f"{self.name}@example.com"})
        keys = dict(self.keys)
        lookups = tuple(Lookup.model_validate(lookup) for lookup in keys.pop("lookups", ()))
        rules = keys.pop("rules", HeaderRules())
        source = Source(
            **{"name": self.name, "kind": "graphql", "url": url, "owner": owner, "lookups": lookups}
            | {"schema_": Schema.model_construct(from_="x.graphql")}
            | keys
        )
        return subgraph(source, Document(self.sdl.encode(), f"{self.name}.graphql"), Post(url, rules), self.send)


def composed(services: Sequence[Service], links: Sequence[Mapping[str, Any]] = ()) -> Supergraph:
    return compose([s.subgraph() for s in services], [Link.model_validate(link) for link in links])


def an_engine(services: Sequence[Service], links: Sequence[Mapping[str, Any]] = (), **keys: Any) -> Engine:
    numbers = iter(range(1_000_000))
    keys = {"owner": GATEWAY_OWNER, "new_id": lambda prefix: f"{prefix}{next(numbers)}", "limits": Limits()} | keys
    return Engine(composed(services, links), **keys)


async def ask(engine: Engine, query: str, variables: Mapping[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    """The answer, parsed."""
    return msgspec.json.decode((await answer(engine, query, variables, **keys)).body)


async def answer(
    engine: Engine, query: str, variables: Mapping[str, Any] | None = None, request: Request | None = None, **keys: Any
) -> Answer:
    return await engine.answer(Asked(query, request or Request("req_test"), variables or {}, **keys))


# ---------------------------------------------------------------- a small shop


class Thing(dict):  # type: ignore[type-arg]
    """Data whose functions are resolvers: graphql-core calls them with (info, **arguments)."""


def shop() -> tuple[list[Service], list[dict[str, Any]]]:
    """Products in one service, users in another, reviews in a third; linked both ways."""
    products = {str(i): {"id": str(i), "name": f"Product {i}", "price": i + 0.5, "makerId": "m1"} for i in range(1, 6)}
    users = {str(i): {"id": str(i), "name": f"User {i}", "email": f"u{i}@example.com"} for i in range(1, 4)}
    reviews = [
        {"id": f"r{n}", "productId": str(n % 5 + 1), "authorId": str(n % 3 + 1), "stars": n % 5 + 1, "text": f"Text {n}"}
        for n in range(12)
    ]
    catalog = Service(
        "catalog",
        """
        type Query { products(first: Int = 3): [Product!]! product(id: ID!): Product productsByIds(ids: [ID!]!): [Product]! }
        type Product { id: ID! name: String! price: Float makerId: ID }
        """,
        {
            "products": lambda _info, first=3: list(products.values())[:first],
            "product": lambda _info, id: products.get(id),
            "productsByIds": lambda _info, ids: [products.get(i) for i in ids],
        },
    )
    accounts = Service(
        "accounts",
        """
        type Query { user(id: ID!): User users: [User!]! usersByIds(ids: [ID!]!): [User]! me: User! }
        type User { id: ID! name: String! email: String }
        """,
        {
            "user": lambda _info, id: users.get(id),
            "users": list(users.values()),
            "usersByIds": lambda _info, ids: [users.get(i) for i in ids],
            "me": users["1"],
        },
        lookups=[
            {"type": "User", "key": "id", "via": "user", "arg": "id", "batch": {"via": "usersByIds", "arg": "ids", "key": "id"}}
        ],
    )
    review_service = Service(
        "reviews",
        """
        type Query {
          reviewsOf(productId: ID!, first: Int): [Review!]!
          reviewsOfMany(productIds: [ID!]!): [Review!]!
          review(id: ID!): Review
        }
        type Review { id: ID! productId: ID! authorId: ID stars: Int! text: String }
        """,
        {
            "reviewsOf": lambda _info, productId, first=None: [r for r in reviews if r["productId"] == productId][:first],
            "reviewsOfMany": lambda _info, productIds: [r for r in reviews if r["productId"] in productIds],
            "review": lambda _info, id: next((r for r in reviews if r["id"] == id), None),
        },
    )
    links = [
        {
            "field": "Product.reviews",
            "to": "reviews.reviewsOf",
            "with": {"productId": "$id"},
            "many": True,
            "batch": {"via": "reviewsOfMany", "arg": "productIds", "key": "productId"},
        },
        {"field": "Review.author", "to": "accounts.user", "with": {"id": "$authorId"}},
        {"field": "Review.product", "to": "catalog.product", "with": {"id": "$productId"}},
    ]
    return [catalog, accounts, review_service], links
