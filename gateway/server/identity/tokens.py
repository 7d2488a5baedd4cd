"""Bearer tokens (RFC 6750, RFC 7519): a signature by a known key, an algorithm the configuration names, claims that hold."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from time import time
from typing import Any

import msgspec
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from gateway.engine.store import Lru
from gateway.errors import Unauthenticated
from gateway.server.identity.keys import KeySet
from gateway.upstream.caller import Caller

VERIFIED = 10_000
"""Tokens that are remembered until they expire: to verify one takes a tenth of a millisecond and more."""
KEYS = 100
"""Of one issuer."""

Keys = KeySet[jwk.Key]


class Issuer(msgspec.Struct, frozen=True):
    """Whose tokens are accepted, and how. `skew` in seconds."""

    name: str
    keys: Keys
    audience: tuple[str, ...]
    algorithms: frozenset[str]
    skew: float = 30.0


class _Head(msgspec.Struct):
    alg: str
    kid: str | None = None


class _Payload(msgspec.Struct):
    iss: str


class Verified(msgspec.Struct, frozen=True):
    caller: Caller
    expires: float
    keys: tuple[str, int]
    """Issuer and version of its keys: with new keys every token is looked at again."""


class Tokens:
    """Verifies bearer tokens of a few issuers."""

    def __init__(self, issuers: Iterable[Issuer], now: Callable[[], float] = time) -> None:
        self._issuers = {issuer.name: issuer for issuer in issuers}
        self._now = now
        self._known: Lru[bytes, Verified] = Lru(VERIFIED)

    async def caller(self, token: bytes) -> Caller:
        """Raises `Unauthenticated` (it does not hold), or `KeysMissing` (nobody can tell)."""
        digest = sha256(token).digest()
        known = self._known.get(digest)
        if known is not None and known.expires > self._now() and self._version(known.keys[0]) == known.keys:
            self._issuers[known.keys[0]].keys.age()  # one that is withdrawn is noticed, though all who come are known already
            return known.caller
        head, payload = _parts(token)
        issuer = self._issuers.get(payload.iss)
        if issuer is None:
            raise Unauthenticated("The token is of an issuer this gateway does not accept.")
        if head.alg not in issuer.algorithms:
            raise Unauthenticated("The token is signed by an algorithm this gateway does not accept of its issuer.")
        claims = await self._claims(token, head, issuer)
        self._hold(claims, issuer)
        caller = _caller(claims, issuer)
        self._known.put(digest, Verified(caller, caller.until, self._version(issuer.name)))
        return caller

    def _version(self, issuer: str) -> tuple[str, int]:
        return issuer, self._issuers[issuer].keys.version

    async def _claims(self, token: bytes, head: _Head, issuer: Issuer) -> Mapping[str, Any]:
        """An issuer that has changed its keys since they were read is asked once more."""
        claims = _by_one_of(_suiting(await issuer.keys.current(), head), token, head.alg)
        if claims is None:
            claims = _by_one_of(_suiting(await issuer.keys.newer(), head), token, head.alg)
        if claims is None:
            raise Unauthenticated("The token is not signed by a key of its issuer.")
        return claims

    def _hold(self, claims: Mapping[str, Any], issuer: Issuer) -> None:
        registry = jwt.JWTClaimsRegistry(
            now=lambda: int(self._now()),
            leeway=int(issuer.skew),
            iss={"essential": True, "value": issuer.name},
            aud={"essential": True, "values": list(issuer.audience)},
            exp={"essential": True},
        )
        try:
            registry.validate(dict(claims))
        except JoseError as fault:
            raise Unauthenticated(f"The token does not hold: {fault.description or fault.error}.") from None


def parse_keys(raw: bytes) -> tuple[jwk.Key, ...]:
    """The keys of a set that can verify signatures; kinds nobody knows are left out, as RFC 7517 section 5 asks.

    Raises ValueError: it is no key set.
    """
    try:
        given = msgspec.json.decode(raw, type=dict[str, Any])["keys"]
        found = [key for each in given[:KEYS] if each.get("use", "sig") == "sig" and (key := _key(each)) is not None]
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as fault:
        raise ValueError(f"this is no set of keys as RFC 7517 has it ({type(fault).__name__})") from None
    if not found:
        raise ValueError("there is no key in it that could verify a signature")
    return tuple(found)


def _key(given: dict[str, Any]) -> jwk.Key | None:
    """Never a symmetric one: what is published cannot prove anything."""
    try:
        return jwk.import_key(given) if given.get("kty") in ("RSA", "EC", "OKP") else None
    except (JoseError, ValueError, TypeError):
        return None


def _suiting(keys: Sequence[jwk.Key], head: _Head) -> list[jwk.Key]:
    kind = {"R": "RSA", "P": "RSA", "E": "EC"}[head.alg[0]] if head.alg != "Ed25519" else "OKP"
    suiting = [key for key in keys if key.key_type == kind and key.alg in (None, head.alg)]
    return [key for key in suiting if key.kid == head.kid] if head.kid is not None else suiting


def _by_one_of(keys: Iterable[jwk.Key], token: bytes, algorithm: str) -> Mapping[str, Any] | None:
    for key in keys:
        try:
            return jwt.decode(token, key, algorithms=[algorithm]).claims
        except (JoseError, ValueError, TypeError):
            continue
    return None


def _parts(token: bytes) -> tuple[_Head, _Payload]:
    """What a token says of itself, to be believed only when its signature is verified."""
    try:
        head, payload, _ = token.split(b".")
        return msgspec.json.decode(_bytes(head), type=_Head), msgspec.json.decode(_bytes(payload), type=_Payload)
    except (ValueError, msgspec.DecodeError):
        raise Unauthenticated("The Authorization header has no token this gateway can read (a signed JWT with `iss`).") from None


def _bytes(text: bytes) -> bytes:
    return urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def _caller(claims: Mapping[str, Any], issuer: Issuer) -> Caller:
    """Scopes stand in `scope` (RFC 8693, section 4.2) or in `scp`; policies in `policies`."""
    scopes = _words(claims.get("scope")) | _words(claims.get("scp"))
    until = float(claims["exp"]) + issuer.skew
    return Caller(f"{issuer.name}#{claims.get('sub', '')}", scopes, _words(claims.get("policies")), until)


def _words(value: Any) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset(value.split())
    return frozenset(each for each in value if isinstance(each, str)) if isinstance(value, list) else frozenset()
