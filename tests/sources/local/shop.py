"""Schemas in Python, as a team would write them."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import strawberry
from graphql import GraphQLArgument, GraphQLField, GraphQLInt, GraphQLObjectType, GraphQLSchema, build_schema
from strawberry.schema_directive import Location


@strawberry.schema_directive(locations=[Location.OBJECT])
class Team:
    name: str


@strawberry.input(one_of=True)
class By:
    id: strawberry.ID | None = strawberry.UNSET
    name: str | None = strawberry.UNSET


@strawberry.type(directives=[Team(name="shop")])
class Product:
    id: strawberry.ID
    name: str
    price: Decimal = Decimal("9.50")


@strawberry.type
class Query:
    @strawberry.field
    async def product(self, id: strawberry.ID) -> Product | None:
        await asyncio.sleep(0)
        return None if id == "0" else Product(id=id, name=f"product {id}")

    @strawberry.field
    def pick(self, by: By) -> str:
        return f"{by.id or by.name}"

    @strawberry.field
    def header(self, info: strawberry.Info, name: str) -> str | None:
        context: Any = info.context
        return str(context["headers"].get(name))

    @strawberry.field
    def broken(self) -> int | None:
        raise ValueError("secret detail")


class Quiet(strawberry.Schema):
    def process_errors(self, errors: Any, execution_context: Any = None) -> None:
        """Errors that tests provoke need no traceback in the log."""


schema = Quiet(Query)
core: GraphQLSchema = build_schema('type Query { hello(name: String = "you"): String }')
core.query_type.fields["hello"].resolve = lambda _root, _info, name: f"hello {name}"  # type: ignore[union-attr]  # it has one
unprintable = GraphQLSchema(
    GraphQLObjectType("Query", {"a": GraphQLField(GraphQLInt, {"x": GraphQLArgument(GraphQLInt, default_value=object())})})
)
number = 5
