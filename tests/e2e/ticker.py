"""A service with subscriptions, in a process of its own: `python -m tests.e2e.ticker` prints its port."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncGenerator

import strawberry
import uvicorn
from strawberry.asgi import GraphQL

waiting: list[asyncio.Event] = []
PROTOCOLS = ("graphql-transport-ws", "graphql-sse")


@strawberry.type
class Tick:
    n: int
    product_id: strawberry.ID


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "hi"

    @strawberry.field
    def open(self) -> int:
        """Subscriptions to `forever`."""
        return len(waiting)

    @strawberry.field
    def nudge(self) -> bool:
        """Each of them gets its next event."""
        for event in waiting:
            event.set()
        return True


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self, count: int = 3) -> AsyncGenerator[Tick, None]:
        for n in range(count):
            yield Tick(n=n, product_id=strawberry.ID(str(n)))

    @strawberry.subscription
    async def forever(self) -> AsyncGenerator[Tick, None]:
        next_one = asyncio.Event()
        waiting.append(next_one)
        try:
            for n in itertools.count():
                yield Tick(n=n, product_id=strawberry.ID(str(n)))
                await next_one.wait()
                next_one.clear()
        finally:
            waiting.remove(next_one)

    @strawberry.subscription
    async def who(self, info: strawberry.Info) -> AsyncGenerator[str, None]:
        yield str(info.context["request"].headers.get("authorization"))

    @strawberry.subscription
    async def broken(self) -> AsyncGenerator[int, None]:
        yield 1
        raise ValueError("out of ticks")


if __name__ == "__main__":
    schema = strawberry.Schema(query=Query, subscription=Subscription)
    sock = socket.create_server(("127.0.0.1", 0))
    print(sock.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(GraphQL(schema, subscription_protocols=PROTOCOLS), log_level="error")).run([sock])
