"""The same work written by hand, as a good Python team would: Strawberry, a DataLoader per request, one shared httpx client.

Strawberry's parser and validation caches are on, the ASGI server is the same uvicorn with httptools and uvloop.

python -m benchmarks.baseline PORT UPSTREAM_URL
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import httpx
import strawberry
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache

UPSTREAM = sys.argv[2] if len(sys.argv) > 2 else ""
client = httpx.AsyncClient(base_url=UPSTREAM, timeout=5)


@strawberry.type
class User:
    id: int
    name: str
    email: str


@strawberry.type
class Post:
    id: int
    user_id: int
    title: str

    @strawberry.field
    async def user(self, info: strawberry.Info) -> User | None:
        return await info.context["users"].load(self.user_id)


@strawberry.type
class Query:
    @strawberry.field
    async def posts(self, page: int | None = None) -> list[Post]:
        reply = await client.get("/posts", params={"page": page} if page is not None else None)
        reply.raise_for_status()
        return [Post(id=row["id"], user_id=row["userId"], title=row["title"]) for row in reply.json()]


async def load_users(ids: Sequence[int]) -> list[User | None]:
    reply = await client.get("/users", params=[("id", number) for number in ids])
    reply.raise_for_status()
    found = {row["id"]: User(id=row["id"], name=row["name"], email=row["email"]) for row in reply.json()}
    return [found.get(number) for number in ids]


class App(GraphQL[dict[str, Any], None]):
    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> dict[str, Any]:  # noqa: ARG002 - Strawberry's
        return {"users": DataLoader(load_fn=load_users)}


schema = strawberry.Schema(Query, extensions=[lambda: ParserCache(maxsize=100), lambda: ValidationCache(maxsize=100)])

if __name__ == "__main__":
    uvicorn.run(App(schema, graphql_ide=None), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
