"""The street door as the configuration wants it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path

import msgspec

from gateway.config.model import ApiKey, Callers, Jwt, Settings
from gateway.errors import UpstreamBadContent
from gateway.server.house import Front
from gateway.server.identity import Identify, Issuer, KeySet, Tokens, parse_keys
from gateway.upstream.call import Call, Reply, Request
from gateway.upstream.caller import Caller
from gateway.upstream.transport import HttpxClient, Limits

KEYS_TIME = 5.0
"""Seconds a key set may take to be read."""
KEYS_SIZE = 1024 * 1024


class Street(msgspec.Struct, frozen=True):
    """The front, and how what it holds open is let go."""

    front: Front
    client: HttpxClient | None = None

    async def close(self) -> None:
        if self.client is not None:
            await self.client.close()


def street_of(settings: Settings) -> Street:
    gateway = settings.gateway
    client = HttpxClient(Limits(KEYS_TIME, 2, KEYS_SIZE)) if any("://" in each.jwks for each in gateway.callers.jwt) else None
    return Street(Front(identify=_identify(gateway.callers, client)), client)


# ---------------------------------------------------------------- callers


def _identify(callers: Callers, client: HttpxClient | None) -> Identify | None:
    if not (callers.jwt or callers.api_keys or callers.required):
        return None
    tokens = Tokens([_issuer(each, client) for each in callers.jwt]) if callers.jwt else None
    keys = {sha256(each.key.get_secret_value().encode()).digest(): _caller(each) for each in callers.api_keys}
    return Identify(tokens, keys, callers.api_key_header, required=callers.required)


def _caller(key: ApiKey) -> Caller:
    return Caller(f"key:{key.name}", frozenset(key.scopes), frozenset(key.policies))


def _issuer(jwt: Jwt, client: HttpxClient | None) -> Issuer:
    keys = KeySet(jwt.issuer, _reading(jwt.jwks, client), parse_keys, jwt.refresh)
    return Issuer(jwt.issuer, keys, jwt.audience, frozenset(jwt.algorithms), jwt.skew)


def _reading(where: str, client: HttpxClient | None) -> Callable[[], Awaitable[bytes]]:
    async def from_url() -> bytes:
        assert client is not None  # made for exactly this
        request = Request(f"req_{secrets.token_hex(12)}")
        call = Call("GET", where, (("accept", "application/json"),), None, f"GET {where}", request, _is_whole)
        return call.verify(await client.send(call)).body

    async def from_file() -> bytes:
        return await asyncio.to_thread(Path(where).read_bytes)

    return from_url if "://" in where else from_file


def _is_whole(reply: Reply) -> Reply:
    if reply.status != 200:
        raise UpstreamBadContent(f"answered {reply.status}")
    return reply
