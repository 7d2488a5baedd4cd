"""From header fields to a caller. A token or key that does not hold is refused: to go on as nobody would hide the mistake."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

from gateway.errors import Unauthenticated
from gateway.server.house import Fields
from gateway.upstream.caller import Caller

if TYPE_CHECKING:
    from gateway.server.identity.tokens import Tokens

BEARER = b"bearer"


class Identify:
    """`keys`: SHA-256 of an API key → whose it is, so that how long a look-up takes tells nothing of a key."""

    def __init__(
        self,
        tokens: Tokens | None = None,
        keys: Mapping[bytes, Caller] | None = None,
        key_header: str = "x-api-key",
        *,
        required: bool = False,
    ) -> None:
        self._tokens = tokens
        self._keys = keys or {}
        self._key_header = key_header.lower().encode("ascii")
        self._required = required

    async def __call__(self, fields: Fields) -> Caller | None:
        """None: it shows nothing of itself. Raises `Unauthenticated` or `KeysMissing`."""
        if self._keys and (key := fields.get(self._key_header)) is not None:
            return self._of_key(key)
        authorization = fields.get(b"authorization")
        if self._tokens is not None and authorization is not None:
            scheme, _, token = authorization.partition(b" ")
            if scheme.lower() == BEARER:
                return await self._tokens.caller(token.strip())
        if self._required:
            raise Unauthenticated("This gateway answers only callers it knows: send a token or a key.")
        return None

    def _of_key(self, key: bytes) -> Caller:
        caller = self._keys.get(sha256(key).digest())
        if caller is None:
            raise Unauthenticated("This gateway does not know the key that was sent.")
        return caller
