"""A small shop behind the gateway: REST stock, two GraphQL services, and types of this very process."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import strawberry
from graphql import build_schema, graphql_sync
from strawberry import Info

from .wire import Asked, Upstream, Wire, reply, say

PRODUCTS = {f"p{i}": {"sku": f"p{i}", "stock": i * 10, "warehouseId": f"w{i % 3}"} for i in range(40)}
WAREHOUSES = {f"w{i}": {"id": f"w{i}", "city": city, "managerId": str(i)} for i, city in enumerate(("Graz", "Linz", "Wels"))}
USERS = {str(i): {"id": str(i), "name": name, "favouriteSku": f"p{i}"} for i, name in enumerate(("Ada", "Bo", "Cy", "Di"))}


def operation(name: str, result: str, *parameters: Mapping[str, Any], many: bool = False) -> Mapping[str, Any]:
    one = {"$ref": f"#/components/schemas/{result}"}
    schema = {"type": "array", "items": one} if many else one
    answer = {"description": "OK", "content": {"application/json": {"schema": schema}}}
    return {"get": {"operationId": name, "parameters": parameters, "responses": {"200": answer}}}


def parameter(name: str, place: str, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


TEXT = {"type": "string"}
OPENAPI = {
    "openapi": "3.0.3",
    "info": {"title": "Stock", "version": "1"},
    "paths": {
        "/products": operation("listProducts", "Product", parameter("limit", "query", {"type": "integer"}), many=True),
        "/products/{sku}": operation("getProduct", "Product", parameter("sku", "path", TEXT)),
        "/batch": operation("getProducts", "Product", parameter("sku", "query", {"type": "array", "items": TEXT}), many=True),
        "/warehouses/{id}": operation("getWarehouse", "Warehouse", parameter("id", "path", TEXT)),
    },
    "components": {
        "schemas": {
            "Product": {
                "type": "object",
                "description": "Something on a shelf.",
                "required": ["sku", "warehouseId"],
                "properties": {"sku": TEXT, "stock": {"type": "integer", "nullable": True}, "warehouseId": TEXT},
            },
            "Warehouse": {
                "type": "object",
                "required": ["id", "city", "managerId"],
                "properties": {"id": TEXT, "city": TEXT, "managerId": TEXT},
            },
        }
    },
}

CATALOG = """
type Query {
  product(sku: String!): Product
  products(skus: [String!]!): [Product!]!
  search(word: String!, kind: Kind = ANY): [Thing!]!
  page: Page!
}
type Mutation { addProduct(sku: String!): Product }
type Subscription { productAdded: Product }
enum Kind { ANY "Only what rolls." WHEEL }
interface Named { name: String! }
union Thing = Product | Maker
type Product implements Named {
  sku: String!
  name: String!
  makerId: ID
  price(currency: String = "EUR"): Float
  label: String! @deprecated(reason: "Use `name`.")
}
type Maker implements Named { name: String! country: String }
type Page { number: Int! }
"""
PEOPLE = """
type Query { user(id: ID!): User users(ids: [ID!]!): [User!]! me: User }
type User { id: ID! name: String! favouriteSku: String }
"""


class Shop:
    """The services; what they are asked is in `asked` of each."""

    def __init__(self, folder: Path, local: bool = True) -> None:
        self.folder = folder
        self.local = local
        self.gate = threading.Event()
        self.gate.set()
        self.held = threading.Event()
        self.stock = Upstream(self._stock)
        self.catalog = Upstream(lambda asked: self._graphql(CATALOG, catalog_root(), asked))
        self.people = Upstream(lambda asked: self._graphql(PEOPLE, people_root(asked.headers), asked))
        self.schemas = {name: build_schema(sdl) for name, sdl in ((CATALOG, CATALOG), (PEOPLE, PEOPLE))}
        self.broken: dict[str, Wire] = {}
        """Name of a service → what it answers everything but questions about its schema with."""

    def stop(self) -> None:
        for upstream in (self.stock, self.catalog, self.people):
            upstream.stop()

    def _stock(self, asked: Asked) -> Wire:
        if asked.path == "/openapi.json":
            return say(OPENAPI)
        if "stock" in self.broken:
            return self.broken["stock"]
        kind, _, key = asked.path.removeprefix("/").partition("/")
        if kind == "batch":
            return say([PRODUCTS[sku] for sku in asked.all("sku") if sku in PRODUCTS], cache_control="no-store")
        if kind == "products" and not key:
            return say(list(PRODUCTS.values())[: int((asked.all("limit") or ["10"])[0])])
        found = (PRODUCTS if kind == "products" else WAREHOUSES).get(key)
        return say(found) if found else reply('{"title": "no such thing"}', 404, "application/problem+json")

    def _graphql(self, sdl: str, root: Mapping[str, Any], asked: Asked) -> Wire:
        sent = asked.json()
        if "__schema" not in sent["query"] and "__type(" not in sent["query"]:
            self.held.set()
            self.gate.wait(20)
            name = "catalog" if sdl == CATALOG else "people"
            if name in self.broken:
                return self.broken[name]
        result = graphql_sync(self.schemas[sdl], sent["query"], root, variable_values=sent.get("variables"))
        return reply(json.dumps(result.formatted))


def catalog_root() -> Mapping[str, Any]:
    def product(sku: str) -> Any:
        number = int(sku.removeprefix("p"))
        kept = {"__typename": "Product", "sku": sku, "name": f"Product {number}", "label": "old", "makerId": str(number % 4)}
        return kept | {"price": lambda _, currency: 1.5 if currency == "EUR" else 2.0}

    things = [product("p1"), {"__typename": "Maker", "name": "Acme", "country": "AT"}]
    return {
        "product": lambda _, sku: product(sku) if sku in PRODUCTS else None,
        "products": lambda _, skus: [product(sku) for sku in reversed(skus) if sku in PRODUCTS],
        "search": lambda _, kind, **_word: things if kind == "ANY" else things[:1],
        "page": {"number": 7},
    }


def people_root(headers: Mapping[str, str]) -> Mapping[str, Any]:
    return {
        "user": lambda _, id: USERS.get(id),
        "users": lambda _, ids: [USERS[id] for id in ids if id in USERS],
        "me": lambda _: USERS.get(headers.get("authorization", "").removeprefix("Bearer ")),
    }


# ---------------------------------------------------------------- in this process


@strawberry.type
class Note:
    text: str
    author_id: strawberry.ID


@strawberry.type
class Page:
    title: str


@strawberry.type
class Query:
    @strawberry.field
    def notes_on(self, sku: str) -> list[Note]:
        if sku == "p13":
            raise ValueError("a note in invisible ink")
        return [Note(text=f"{sku} is fine", author_id=strawberry.ID("1"))]

    @strawberry.field
    def visitor(self, info: Info) -> str | None:
        """What the gateway was told to hand on."""
        headers: Mapping[str, str] = info.context["headers"]
        return headers.get("x-tenant")

    @strawberry.field
    def front(self) -> Page:
        return Page(title="Front")


notes = strawberry.Schema(Query)


# ---------------------------------------------------------------- in front of them


PATIENT = "  limits: {deadline: 30s}"
"""For `gateway`: as long as a test may have to hold a service back on a busy machine."""


def configure(shop: Shop, gateway: str = PATIENT, defaults: str = "", schemas: Mapping[str, str] | None = None) -> Path:
    """The configuration in front of the shop. `schemas`: source → what its `schema` says instead."""
    given = {
        "stock": f"{shop.stock.url}/openapi.json",
        "catalog": "introspect",
        "people": "introspect",
    } | dict(schemas or {})
    path = shop.folder / "gateway.yaml"
    path.write_text(
        f"""\
version: 1
gateway:
  listen: 127.0.0.1:0
  state: state
  owner: {{team: API Platform, contact: {{email: platform@example.com}}}}
{gateway}
owners:
  supply: {{team: Stock & Supply, url: https://stock.example.com, contact: {{email: stock@example.com}}}}
  goods: {{team: Goods, url: https://goods.example.com, contact: {{chat: "#goods"}}}}
  staff: {{team: Staff Office, url: https://staff.example.com, contact: {{phone: "+43 316 555 01"}}}}
defaults:
  timeout: {{per_try: 20s, total: 25s}}
  retry: {{max_attempts: 2, backoff: {{initial: 1ms, max: 2ms}}, budget: 100%}}
{defaults}
sources:
  - name: stock
    kind: openapi
    url: "{shop.stock.url}"
    schema: {given["stock"]}
    owner: supply
    lookups:
      - {{type: Product, key: sku, via: getProduct, arg: sku, batch: {{via: getProducts, arg: sku, key: sku, max: 25}}}}
  - name: catalog
    kind: graphql
    url: "{shop.catalog.url}/graphql"
    schema: {given["catalog"]}
    owner: goods
    about: {{url: https://catalog.example.com}}
    lookups:
      - {{type: Product, key: sku, via: product, arg: sku, batch: {{via: products, arg: skus, key: sku, max: 25}}}}
  - name: people
    kind: graphql
    url: "{shop.people.url}/graphql"
    schema: {given["people"]}
    owner: staff
    lookups:
      - {{type: User, key: id, via: user, arg: id, batch: {{via: users, arg: ids, key: id}}}}
    headers:
      request:
        - propagate: {{named: [Authorization, X-Tenant, X-Trace]}}
        - insert: {{name: X-Api-Key, value: the-key-of-the-gateway}}
        - remove: {{named: X-Trace}}
{LOCAL if shop.local else ""}
links:
  - {{field: Product.maker, to: people.user, with: {{id: $makerId}}}}
  - {{field: Product.warehouse, to: stock.getWarehouse, with: {{id: $warehouseId}}}}
  - {{field: Warehouse.manager, to: people.user, with: {{id: $managerId}}}}
  - {{field: User.favourite, to: stock.getProduct, with: {{sku: $favouriteSku}}}}
{LOCAL_LINKS if shop.local else ""}
"""
    )
    return path


LOCAL = """
  - name: notes
    kind: local
    schema: python:tests.e2e.shop:notes
    owner: goods
    prefix: {types: Notes_, only: [Page]}
    headers: {request: [{propagate: {named: X-Tenant}}]}
"""
LOCAL_LINKS = """
  - {field: Product.notes, to: notes.notesOn, with: {sku: $sku}, many: true}
  - {field: Note.author, to: people.user, with: {id: $authorId}}
"""


@contextmanager
def open_shop(folder: Path, local: bool = True) -> Iterator[Shop]:
    with ExitStack() as stack:
        shop = Shop(folder, local)
        stack.callback(shop.stop)
        yield shop
