"""Rights as they are configured: a key set in a file, what sources require, and positions that do not exist."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwk, jwt

from gateway.app import settings_of
from gateway.app.front import street_of
from gateway.config.problem import ConfigError
from gateway.engine import Asked
from gateway.server.street import street
from gateway.upstream.call import Request
from gateway.upstream.caller import Caller
from tests.app.conftest import Configure, opened

KEY = jwk.RSAKey.generate_key(2048, {"kid": "k"})
CALLERS = """
callers:
  jwt: [{issuer: "https://login", jwks: keys.json, audience: shop}]
  api_keys: [{name: desk, key: "${env:DESK_KEY}", scopes: [people]}]
"""
REQUIRE = "introspect, require: {scopes: [people]}"
FAR = 4_000_000_000


async def post(app: Any, headers: dict[str, str]) -> Any:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        query = {"query": '{ book(id: "1") { title author { name } } }'}
        return (await client.post("/graphql", json=query, headers=headers)).json()


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_KEY", "sesame")
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))


def bearer(**claims: Any) -> dict[str, str]:
    about = {"iss": "https://login", "aud": "shop", "exp": FAR} | claims
    return {"authorization": "Bearer " + jwt.encode({"alg": "RS256", "kid": "k"}, about, KEY)}


@pytest.mark.usefixtures("key_file")
async def test_a_source_is_read_only_by_who_may(configure: Configure) -> None:
    config = configure(people_schema=REQUIRE, gateway=CALLERS)
    settings = settings_of(config)
    made = street_of(settings)
    async with opened(config) as house:
        app = street(house, made.front)
        whole = {"data": {"book": {"title": "Book 1", "author": {"name": "Person 7"}}}}
        assert await post(app, bearer(scope="people")) == whole
        assert await post(app, {"x-api-key": "sesame"}) == whole
        for headers, code in ((bearer(scope="books"), "FORBIDDEN"), ({}, "UNAUTHENTICATED")):
            answer = await post(app, headers)
            assert answer["data"] == {"book": {"title": "Book 1", "author": None}}
            (error,) = answer["errors"]
            assert (error["extensions"]["code"], error["extensions"]["owner"]["team"]) == (code, "Staff Office")
    await made.close()


async def test_a_field_is_read_only_by_who_may(configure: Configure) -> None:
    async with opened(configure(people_schema="introspect, protect: {Person.name: {scopes: [names]}}")) as house:
        assert house.engine is not None
        for scopes, refused in (({"names"}, False), (set(), True)):
            request = Request("req_test0001", caller=Caller("x", frozenset(scopes)))
            answer = await house.engine.answer(Asked('{ person(id: "7") { name } }', request))
            assert answer.has_errors is refused
            assert (b"Person 7" in answer.body) is not refused


async def test_to_protect_what_is_not_there_is_a_mistake(configure: Configure) -> None:
    config = configure(people_schema="introspect, protect: {Persn: {}, Person.nam: {}, Person.name: {}}")
    with pytest.raises(ConfigError) as wrong:
        async with opened(config):
            pass
    assert [problem.code for problem in wrong.value.problems] == ["PROTECT_UNKNOWN"] * 2
    assert all(problem.mark is not None for problem in wrong.value.problems)
