"""Real GraphQL services for these tests: one as people write them today, one of 2018, one that tells nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Annotated, Any

import strawberry
import uvicorn
from strawberry.asgi import GraphQL

App = Callable[[Any, Any, Any], Awaitable[None]]


@strawberry.interface
class Node:
    id: strawberry.ID


@strawberry.enum
class Role(Enum):
    ADMIN = "admin"
    GUEST = "guest"


@strawberry.type(description="Someone who may log in.")
class User(Node):
    name: str
    role: Role = Role.GUEST
    mail: str | None = strawberry.field(default=None, deprecation_reason="Ask for contact.")


@strawberry.type
class Bot(Node):
    version: float


@strawberry.input
class Matching:
    name: str
    role: Role | None = None


USERS = [User(id=strawberry.ID(str(n)), name=f"user {n}", role=Role.ADMIN if n == 1 else Role.GUEST) for n in range(1, 6)]
Member = Annotated[User | Bot, strawberry.union("Member")]


@strawberry.type
class Users:
    items: list[User]


@strawberry.type
class Query:
    @strawberry.field
    def user(self, id: strawberry.ID) -> User | None:
        return next((user for user in USERS if user.id == id), None)

    @strawberry.field
    def users(self, ids: list[strawberry.ID]) -> Users:
        return Users(items=[user for user in USERS if user.id in ids])

    @strawberry.field
    def find(self, matching: Matching, first: int = 10) -> list[Member]:
        return [user for user in USERS if matching.name in user.name and matching.role in (None, user.role)][:first]

    @strawberry.field
    def nodes(self) -> list[Node]:
        return [USERS[0], Bot(id=strawberry.ID("b"), version=1.5)]

    @strawberry.field
    def broken(self) -> int | None:
        raise ValueError("secret detail")

    @strawberry.field
    def header(self, info: strawberry.Info, name: str) -> str | None:
        context: Any = info.context
        return str(context["headers"].get(name)) if "headers" in context else context["request"].headers.get(name)


@strawberry.type
class Mutation:
    @strawberry.mutation
    def rename(self, id: strawberry.ID, name: str) -> User | None:
        raise AssertionError(f"a gateway that only reads renamed {id} to {name}")


class Quiet(strawberry.Schema):
    def process_errors(self, errors: Any, execution_context: Any = None) -> None:
        """Errors that tests provoke need no traceback in the log."""


SCHEMA = Quiet(Query, Mutation, types=[User, Bot])


def modern() -> App:
    return GraphQL(SCHEMA)


NEW = ("specifiedByURL", "isOneOf", "isRepeatable")
"""What introspection learned after 2018; and `__Schema.description`, and arguments for deprecated inputs."""


def of_2018(probe_works: bool = True) -> App:
    """Refuses any introspection query with a field that it does not know."""

    async def answer(query: str, variables: Any) -> dict[str, Any]:
        if "...known" in query and not probe_works:
            return {"errors": [{"message": "no __type here"}]}
        new = [word for word in NEW if word in query] + (["args"] if "args(includeDeprecated" in query else [])
        if new:
            return {"errors": [{"message": f"Cannot query field {new[0]}"}]}
        result = await SCHEMA.execute(query, variable_values=variables)
        data: Any = result.data
        for known in (data or {}).values() if "...known" in query else ():
            known["fields"] = [f for f in known["fields"] if f["name"] not in (*NEW, "description")]
            for field in known["fields"]:
                field["args"] = []
        return {"data": data}

    return speaking(answer)


def closed() -> App:
    async def answer(_query: str, _variables: Any) -> dict[str, Any]:
        return {"errors": [{"message": "introspection is off", "extensions": {"code": "FORBIDDEN"}}]}

    return speaking(answer)


def speaking(answer: Callable[[str, Any], Awaitable[dict[str, Any]]]) -> App:
    """A GraphQL endpoint around a function from query and variables to the envelope."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        asked = json.loads(body)
        envelope = await answer(asked["query"], asked.get("variables"))
        await reply(send, 400 if "data" not in envelope else 200, "application/json", json.dumps(envelope).encode())

    return app


def serving(content_type: str, body: bytes, status: int = 200) -> App:
    """The same bytes for whoever asks."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await reply(send, status, content_type, body)

    return app


async def reply(send: Any, status: int, content_type: str, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", content_type.encode())]})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def listening(app: App) -> Iterator[str]:
    """Serve on a free port, in a thread of its own; gives the address."""
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", ws="none", loop="asyncio", http="h11")
    server = uvicorn.Server(config)
    started = threading.Event()
    original = server.startup

    async def startup(sockets: Any = None) -> None:
        await original(sockets)
        started.set()

    server.startup = startup  # type: ignore[method-assign]  # the moment it listens
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert started.wait(10)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/graphql"
    finally:
        server.should_exit = True
        thread.join(10)
