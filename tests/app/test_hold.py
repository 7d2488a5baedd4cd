"""One source taken out of use by hand, over the admin address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from gateway.server.street import backyard

from .conftest import Configure, ask, opened

QUERY = '{ book(id: "1") { title author { name } } }'


@asynccontextmanager
async def admin(house: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(backyard(house)), base_url="http://gateway") as client:
        yield client


async def test_a_held_source_is_not_called_until_it_is_released(configure: Configure) -> None:
    async with opened(configure()) as house, admin(house) as client:
        told = await client.post("/sources/people/hold", json={"reason": "moving house"})
        assert (told.status_code, told.json()) == (200, {"source": "people", "held": True})
        answer = await ask(house, QUERY)
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "SOURCE_HELD"
        assert error["extensions"]["owner"]["team"] == "Staff Office"
        assert "moving house" in error["message"]
        assert answer["data"]["book"]["title"]
        assert (await client.post("/sources/people/release")).json() == {"source": "people", "held": False}
        assert "errors" not in await ask(house, QUERY)


async def test_what_cannot_be_held_says_why(configure: Configure) -> None:
    async with opened(configure()) as house, admin(house) as client:
        unknown = await client.post("/sources/nobody/hold")
        assert (unknown.status_code, "people" in unknown.json()["sources"]) == (404, True)
        assert (await client.post("/sources/people/hold", json={"seconds": "long"})).status_code == 400
        assert (await client.get("/sources/people/hold")).status_code == 405
