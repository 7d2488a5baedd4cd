"""The street door as the configuration wants it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gateway.config import model as config
from gateway.config.model import ApiKey, Callers, Jwt, RateLimit, Settings
from gateway.config.problem import ConfigError, Problem
from gateway.errors import UpstreamBadContent
from gateway.server.cors import CorsRules
from gateway.server.house import Front, Watch
from gateway.server.identity import Identify, KeySet
from gateway.server.persisted import Documents, Manifest
from gateway.server.rate import Bucket, MemoryRate
from gateway.upstream.call import Call, Reply, Request
from gateway.upstream.caller import Caller
from gateway.upstream.transport import HttpxClient, Limits

if TYPE_CHECKING:
    from gateway.server.identity.tokens import Tokens
    from gateway.server.rate.redis import RedisRate

KEYS_TIME = 5.0
"""Seconds a key set may take to be read."""
KEYS_SIZE = 1024 * 1024


class Street(msgspec.Struct, frozen=True):
    """The front, and how what it holds open is let go."""

    front: Front
    open: tuple[HttpxClient | RedisRate, ...] = ()

    async def close(self) -> None:
        await asyncio.gather(*(each.close() for each in self.open))


def street_of(settings: Settings, watch: Watch | None = None) -> Street:
    """Raises `ConfigError` for a manifest that cannot be used."""
    gateway, http = settings.gateway, settings.gateway.http
    asks = any("://" in each.jwks for each in gateway.callers.jwt)
    client = HttpxClient(Limits(KEYS_TIME, 2, KEYS_SIZE)).ready() if asks else None
    rate = _rate(gateway.rate_limit) if gateway.rate_limit else None
    front = Front(
        identify=_identify(gateway.callers, client),
        known_only=gateway.callers.required,
        rate=rate,
        documents=_documents(http.documents, settings) if http.documents else None,
        cors=_cors(http.cors) if http.cors else None,
        csrf=http.csrf,
        batch=http.batch or 0,
        compress=http.compress or 0,
        partial_success=http.partial_success,
        page=http.graphiql,
        tag_headers=tuple(name.encode("ascii") for name in http.cache_tags),
        known_by=_known_by(gateway.callers),
        watch=watch,
    )
    held = (client, None if isinstance(rate, MemoryRate) else rate)
    return Street(front, tuple(each for each in held if each is not None))


def _rate(limit: RateLimit) -> MemoryRate | RedisRate:
    bucket = Bucket(limit.requests, limit.per, limit.burst or limit.requests)
    header = limit.header.lower().encode("ascii") if limit.header else None
    if limit.store == "memory":
        return MemoryRate(bucket, header)
    from gateway.server.rate.redis import RedisRate  # noqa: PLC0415  5 MiB, for those alone who share rates

    return RedisRate(bucket, limit.store, header)


def _documents(written: config.Documents, settings: Settings) -> Documents:
    if written.manifest is None:
        return Documents(register=written.register_)
    try:
        manifest = Manifest(written.manifest)
    except (OSError, ValueError) as fault:
        message = f"{written.manifest} cannot be used: {getattr(fault, 'strerror', None) or fault}"
        problem = Problem("MANIFEST_UNUSABLE", message, ("gateway", "http", "documents", "manifest"))
        raise ConfigError(settings.located([problem])) from None
    return Documents(manifest, enforce=written.mode == "enforce", register=written.register_)


def _cors(cors: config.Cors) -> CorsRules:
    origins = frozenset(origin.rstrip("/").encode("latin-1", "replace") for origin in cors.origins)
    return CorsRules(origins, ", ".join(cors.headers).lower().encode("ascii"), cors.credentials, int(cors.max_age))


def _known_by(callers: Callers) -> tuple[bytes, ...]:
    key = (callers.api_key_header.lower().encode("ascii"),) if callers.api_keys else ()
    return ((b"authorization",) if callers.jwt else ()) + key


# ---------------------------------------------------------------- callers


def _identify(callers: Callers, client: HttpxClient | None) -> Identify | None:
    if not (callers.jwt or callers.api_keys or callers.required):
        return None
    tokens = _tokens(callers, client) if callers.jwt else None
    keys = {sha256(each.key.get_secret_value().encode()).digest(): _caller(each) for each in callers.api_keys}
    return Identify(tokens, keys, callers.api_key_header, required=callers.required)


def _caller(key: ApiKey) -> Caller:
    return Caller(f"key:{key.name}", frozenset(key.scopes), frozenset(key.policies))


def _tokens(callers: Callers, client: HttpxClient | None) -> Tokens:
    from gateway.server.identity.tokens import Issuer, Tokens, parse_keys  # noqa: PLC0415  9 MiB, for those alone who verify tokens

    def issuer(jwt: Jwt) -> Issuer:
        keys = KeySet(jwt.issuer, _reading(jwt.jwks, client), parse_keys, jwt.refresh)
        return Issuer(jwt.issuer, keys, jwt.audience, frozenset(jwt.algorithms), jwt.skew)

    return Tokens([issuer(each) for each in callers.jwt])


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
