"""Who calls: tokens and keys by which callers are known, and what a caller must have to read something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo
from pydantic.functional_validators import PlainValidator

from gateway.config.model.part import Part, one_or_more, setting
from gateway.config.model.scalars import (
    Duration,
    HeaderName,
    HeaderValue,
    Positive,
    Text,
    file,
    pattern,
    text,
    url,
)

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"]
"""RFC 7518 and RFC 9864, without those whose key can also sign: published keys must not be able to."""
COORDINATE = "[_A-Za-z][_0-9A-Za-z]*"


def key_set(value: object, info: ValidationInfo) -> str:
    """A URL, or the absolute path of a file."""
    return url(value) if "://" in text(value) else str(file(value, info))


class Jwt(Part):
    """One issuer of tokens (RFC 7519)."""

    issuer: Text = Field(description="The `iss` its tokens carry.")
    jwks: Annotated[str, PlainValidator(key_set, json_schema_input_type=str)] = Field(
        description="Its public keys (RFC 7517): a URL or a file."
    )
    audience: Annotated[tuple[Text, ...], one_or_more()] = Field(
        min_length=1, description="What `aud` must name one of: what this gateway is called there."
    )
    algorithms: Annotated[tuple[Algorithm, ...], one_or_more()] = setting(
        ["RS256", "ES256"], "Signatures that are accepted, whatever a token says of itself.", min_length=1
    )
    skew: Duration = setting("30s", "How far the issuer's clock may be from this one.")
    refresh: Positive = setting("10m", "How often the keys are read again; an unknown key makes it sooner.")


class ApiKey(Part):
    """One key that stands for a caller."""

    name: Text = Field(description="Who has it, for logs and rate limits.")
    key: HeaderValue = Field(description="The key; never printed.")
    scopes: Annotated[tuple[Text, ...], one_or_more()] = setting((), "The scopes it grants.")
    policies: Annotated[tuple[Text, ...], one_or_more()] = setting((), "The policies it grants.")


class Callers(Part):
    """The key `gateway.callers`."""

    required: bool = setting(False, "`true`: who is not known is refused.", strict=True)
    jwt: tuple[Jwt, ...] = setting((), "Issuers whose tokens (`Authorization: Bearer`) are accepted.")
    api_keys: tuple[ApiKey, ...] = setting((), "Keys that are accepted.")
    api_key_header: HeaderName = setting("X-Api-Key", "The header a key comes in.")


class Require(Part):
    """What a caller must have. With nothing in it: be known."""

    scopes: tuple[Annotated[tuple[Text, ...], one_or_more()], ...] = setting(
        (), "Lists of scopes: the caller needs all of one list."
    )
    policies: tuple[Annotated[tuple[Text, ...], one_or_more()], ...] = setting(
        (), "Lists of policies: the caller needs all of one list."
    )


Protected = Annotated[str, pattern(rf"{COORDINATE}(?:\.{COORDINATE})?", "TYPE or TYPE.FIELD, such as User.email")]
Protect = Mapping[Protected, Require]
