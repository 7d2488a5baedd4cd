"""A service whose answers may be stored, and a clock."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.upstream.call import Call, Freshness, HeaderRules, Reply
from tests.graphs import Service

SDL = """
type Query { me: User! user(id: ID!): User }
type User { id: ID! name: String! }
type Mutation { rename(id: ID!): User }
"""


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def people() -> Service:
    return a_people_service()


def a_people_service(name: str = "people", **keys: Any) -> Service:
    service = Service(
        name, SDL, {"me": {"id": "1", "name": "Ann"}, "user": lambda _info, id: {"id": id, "name": f"User {id}"}}, **keys
    )
    service.freshness = Freshness(expires=1060.0)
    return service


def bearer() -> HeaderRules:
    """Sends the caller's Authorization on."""
    return HeaderRules(lambda given: (("authorization", given.get("authorization", "")),), frozenset({"authorization"}))


class Held(Service):
    """Answers only when it is let go."""

    def __init__(self, *args: Any, **keys: Any) -> None:
        super().__init__(*args, **keys)
        self.go = asyncio.Event()

    async def send(self, call: Call) -> Reply:
        reply = await super().send(call)
        await self.go.wait()
        return reply
