"""Who calls: bearer tokens and API keys, over HTTP and on websockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from typing import Any

import httpx
import pytest
import websockets
from joserfc import jwk, jwt

from gateway.errors import KeysMissing, Unauthenticated
from gateway.server.house import Front
from gateway.server.identity import Identify, KeySet
from gateway.server.identity.tokens import Issuer, Tokens, parse_keys
from gateway.upstream.caller import Caller
from tests.server.conftest import StubEngine, StubHouse, behind

NOW = 1_800_000_000
ISSUER = "https://login.example.com"
RSA = jwk.RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
EC = jwk.ECKey.generate_key("P-256", {"kid": "two"})
STRANGER = jwk.RSAKey.generate_key(2048, {"kid": "one"})


def published(*keys: Any) -> bytes:
    return json.dumps({"keys": [{"kty": "NEW", "kid": "x"}, *(key.as_dict(private=False) for key in keys)]}).encode()


def token(key: Any = RSA, algorithm: str = "RS256", *, kid: str | None = None, **claims: Any) -> bytes:
    about = {"iss": ISSUER, "aud": "signpost", "sub": "ann", "exp": NOW + 60, "scope": "a b"} | claims
    head = {"alg": algorithm} | ({"kid": kid or key.kid} if kid != "" else {})
    given = {name: value for name, value in about.items() if value is not None}
    return jwt.encode(head, given, key, algorithms=[algorithm]).encode()


class World:
    """An issuer whose key set a test changes."""

    def __init__(self, *keys: Any, algorithms: tuple[str, ...] = ("RS256", "ES256")) -> None:
        self.keys: Any = keys
        self.reads = 0
        self.clock = 1000.0
        self.now = float(NOW)
        self.down = False
        self.set = KeySet(ISSUER, self.read, parse_keys, 600, lambda: self.clock)
        issuer = Issuer(ISSUER, self.set, ("signpost", "other"), frozenset(algorithms), 30)
        self.tokens = Tokens([issuer], lambda: self.now)

    async def read(self) -> bytes:
        self.reads += 1
        if self.down:
            raise OSError("nobody is there")
        return published(*self.keys)


async def test_a_token_that_holds_says_who_calls_and_what_it_may():
    caller = await World(RSA).tokens.caller(token(scp=["c"], policies=["p"]))
    assert caller == Caller(f"{ISSUER}#ann", frozenset("abc"), frozenset("p"), NOW + 60 + 30)


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS256"), (EC, "ES256")])
async def test_each_algorithm_with_its_kind_of_key(key, algorithm):
    assert await World(RSA, EC).tokens.caller(token(key, algorithm))


async def test_a_token_without_a_key_id_is_tried_with_every_key():
    other = jwk.RSAKey.generate_key(2048, {"kid": "other"})
    assert await World(other, RSA).tokens.caller(token(kid=""))


@pytest.mark.parametrize(
    "bad",
    [
        token(exp=NOW - 31),
        token(exp=None),
        token(nbf=NOW + 32),
        token(aud="somebody-else"),
        token(aud=None),
        token(iss="https://evil.example.com"),
        token(STRANGER),
        token(algorithm="RS512"),
        token(algorithm="PS256"),
        token()[:-6] + b"AAAAAA",
        b".".join([b"eyJhbGciOiJub25lIn0", token().split(b".")[1], b""]),
        token(jwk.OctKey.import_key("k" * 32), "HS256", kid="one"),
        b"", b"a.b.c", b"....", b"e30.e30.e30", b"\xff.\xff.\xff", b"[]." * 2, b"x" * 9000,
    ],
)  # fmt: skip
async def test_a_token_that_does_not_hold_is_refused(bad):
    with pytest.raises(Unauthenticated):
        await World(RSA).tokens.caller(bad)


@pytest.mark.parametrize("late", [-60, 29])
async def test_clocks_may_differ_by_the_skew(late):
    world = World(RSA)
    world.now = NOW + 60 + late
    assert await world.tokens.caller(token())


async def test_a_key_that_is_withdrawn_is_noticed_though_its_token_is_known():
    world, good = World(RSA), token()
    await world.tokens.caller(good)
    world.keys, world.clock = (EC,), world.clock + 601
    await world.tokens.caller(good)  # the keys are read again beside it
    await world.set._start()
    with pytest.raises(Unauthenticated):
        await world.tokens.caller(good)
    assert world.reads == 2


async def test_a_token_that_was_verified_is_not_verified_again_until_it_expires():
    world = World(RSA)
    good = token()
    await world.tokens.caller(good)
    world.now += 89
    assert await world.tokens.caller(good)
    world.now += 2
    with pytest.raises(Unauthenticated):
        await world.tokens.caller(good)


async def test_a_key_nobody_knows_makes_the_keys_be_read_again_but_not_for_every_stranger():
    world = World(EC)
    await world.tokens.caller(token(EC, "ES256"))
    world.keys = (RSA,)
    world.clock += 11
    assert await world.tokens.caller(token())
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await world.tokens.caller(token(kid="nobody"))
    assert world.reads == 2


async def test_a_key_that_was_withdrawn_no_longer_holds_a_token_that_was_verified_with_it():
    world = World(RSA, EC)
    good = token()
    await world.tokens.caller(good)
    world.keys = (EC,)
    world.clock += 601
    await world.tokens.caller(token(EC, "ES256"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(Unauthenticated):
        await world.tokens.caller(good)


async def test_the_old_keys_serve_while_the_issuer_is_down():
    world = World(RSA)
    await world.tokens.caller(token())
    world.down = True
    world.clock += 10_000
    assert await world.tokens.caller(token(sub="ben"))
    await asyncio.sleep(0)


async def test_without_any_keys_nobody_can_tell_and_the_issuer_is_not_asked_for_every_request():
    world = World(RSA)
    world.down = True
    for _ in range(3):
        with pytest.raises(KeysMissing):
            await world.tokens.caller(token())
    assert world.reads == 1


async def test_readers_who_come_together_cause_one_read():
    world = World(RSA)
    await asyncio.gather(*(world.tokens.caller(token(sub=str(n))) for n in range(5)))
    assert world.reads == 1


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": []}', b'{"keys": [1]}', b'{"keys": [{"kty": "oct", "k": "AAAA"}]}']
)
def test_what_is_no_key_set_is_no_key_set(raw):
    with pytest.raises(ValueError, match="key"):
        parse_keys(raw)


# ---------------------------------------------------------------- at the door


@pytest.fixture(scope="module")
def door() -> Iterator[tuple[httpx.Client, StubHouse]]:
    keys = {sha256(b"sesame").digest(): Caller("key:mobile", frozenset({"a"}))}
    with behind(Front(identify=Identify(World(RSA).tokens, keys, required=True))) as both:
        yield both


QUERY = {"query": "{ hello }"}


def callers(house: StubHouse) -> list[Caller | None]:
    assert isinstance(house.engine, StubEngine)
    return [asked.request.caller for asked in house.engine.asked]


def test_a_token_and_a_key_reach_the_engine_as_a_caller(door):
    client, house = door
    house.reset()
    client.post("/graphql", json=QUERY, headers={"authorization": f"Bearer {token().decode()}"}).raise_for_status()
    client.post("/graphql", json=QUERY, headers={"x-api-key": "sesame"}).raise_for_status()
    assert [caller and caller.name for caller in callers(house)] == [f"{ISSUER}#ann", "key:mobile"]


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic YTpi"}, {"x-api-key": "open"}, {"x-api-key": ""}],
)
def test_who_is_not_known_is_refused_with_a_challenge(door, headers):
    client, house = door
    house.reset()
    refused = client.post("/graphql", json=QUERY, headers=headers)
    (error,) = refused.json()["errors"]
    assert (refused.status_code, error["extensions"]["code"]) == (401, "UNAUTHENTICATED")
    assert refused.headers["www-authenticate"] == "Bearer"
    assert error["extensions"]["owner"]["team"] == "API Platform"
    assert callers(house) == []


def test_the_page_itself_is_for_everyone(door):
    assert door[0].get("/graphql", headers={"accept": "text/html"}).status_code == 200


@pytest.mark.parametrize(("params", "code"), [({"X-Api-Key": "sesame"}, None), ({}, "UNAUTHENTICATED")])
def test_a_websocket_says_who_it_is_when_it_is_opened(door, params, code):
    client, house = door
    house.reset()
    url = str(client.base_url).replace("http", "ws") + "/graphql"

    async def talk() -> dict[str, Any]:
        async with websockets.connect(url, subprotocols=["graphql-transport-ws"], proxy=None) as socket:  # type: ignore[list-item]
            await socket.send(json.dumps({"type": "connection_init", "payload": params}))
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": QUERY}))
            with suppress(asyncio.TimeoutError):
                while (message := json.loads(await asyncio.wait_for(socket.recv(), 10)))["type"] not in ("next", "error"):
                    pass
            return message

    said = asyncio.run(talk())
    if code is None:
        assert said["payload"] == {"data": {"hello": "world"}}
        assert [caller and caller.name for caller in callers(house)] == ["key:mobile"]
    else:
        assert said["payload"][0]["extensions"]["code"] == code
