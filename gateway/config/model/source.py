"""A source as it is written in YAML, and links between sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic.functional_validators import PlainValidator

from gateway.config.model.callers import Protect, Require
from gateway.config.model.part import OFF, Part, one_or_more, setting, short_for
from gateway.config.model.policy import Policy
from gateway.config.model.scalars import (
    Coordinate,
    FieldPath,
    File,
    HeaderName,
    HeaderPattern,
    HeaderValue,
    Name,
    Positive,
    SocketUrl,
    SourceName,
    Target,
    Text,
    Url,
    file,
    text,
    url,
    wrong,
)

INTROSPECT = "introspect"
PYTHON = "python:"
ONE_HOP = frozenset(
    {
        *("connection", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
        *("te", "trailer", "transfer-encoding", "upgrade", "content-length", "accept-encoding"),
    }
)
"""Headers of one connection (RFC 9110, 7.6.1) or of one message's framing: the HTTP client writes them."""
OF_THE_ANSWER = frozenset(
    {
        *("age", "cache-control", "cache-status", "date", "etag", "expires", "last-modified", "location", "proxy-status"),
        *("server", "server-timing", "set-cookie", "strict-transport-security", "vary", "x-correlation-id", "x-request-id"),
        *("access-control-allow-origin", "access-control-allow-credentials", "content-security-policy", "www-authenticate"),
        "x-upstream-calls",
    }
)
"""Headers the gateway writes itself for the whole answer, or that would speak for the gateway's own address."""
ONE_MESSAGE = frozenset(("accept", "content-encoding", "content-type", "expect", "if-modified-since", "if-none-match", "range"))
"""Headers that say something about the caller's own message, and nothing about the gateway's."""


# ---------------------------------------------------------------- where its schema is


def document(value: Any, info: ValidationInfo) -> str:
    """`introspect`, a URL, `python:module:attribute`, or the absolute path of a file."""
    if text(value) == INTROSPECT or "://" in value:
        return url(value) if "://" in value else INTROSPECT
    if not value.startswith(PYTHON):
        return str(file(value, info))
    module, _, attribute = value.removeprefix(PYTHON).partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), *attribute.split("."))):
        raise wrong("python:MODULE:ATTRIBUTE, such as python:shop.api:schema")
    return str(value)


class Schema(Part):
    """The key `schema`, always in its long form."""

    from_: Annotated[str, PlainValidator(document, json_schema_input_type=str)] = Field(
        alias="from", description="A file, a URL, `introspect`, or `python:MODULE:ATTRIBUTE`."
    )
    snapshot: File | None = setting(None, "A copy that is used while the service is down.")
    headers: Mapping[HeaderName, HeaderValue] = setting({}, "Headers of the schema read only, name and value.")
    refresh: Annotated[Positive | None, OFF] = setting(None, "How often the schema is read again; `off`: only at start.")
    on_change: Literal["apply", "stage", "reject-breaking"] = setting(
        "apply", "What a changed schema does: it is served, waits for the next start, or is served unless it breaks clients."
    )
    on_missing: Literal["wait", "omit"] = setting(
        "wait", "Without schema, snapshot and copy: not ready until it can be read, or the source is left out."
    )


# ---------------------------------------------------------------- what it is sent


def _sendable(names: tuple[str, ...], refused: frozenset[str]) -> None:
    for name in names:
        if name.lower() in refused:
            raise wrong(f"a header that may be sent on: {name} belongs to one connection or one message")


def _either(named: tuple[str, ...], matching: str | None) -> None:
    if bool(named) == bool(matching):
        raise wrong("either `named` or `matching`")


class Propagate(Part):
    named: Annotated[tuple[HeaderName, ...], one_or_more()] = setting((), "Headers of the caller; one or a list.")
    matching: HeaderPattern | None = setting(
        None, "In place of `named`: a pattern for whole names, such as `x-tenant-.*`; credentials have to be named."
    )
    rename: HeaderName | None = setting(None, "Send it under this name.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _either(self.named, self.matching)
        if self.rename and len(self.named) != 1:
            raise wrong("one name in `named` where there is a `rename`")
        _sendable(self.named, ONE_HOP | ONE_MESSAGE)
        _sendable((self.rename,) if self.rename else (), ONE_HOP)
        return self


class Insert(Part):
    name: HeaderName = Field(description="The header's name.")
    value: HeaderValue = Field(description="Its value; never printed.")

    @field_validator("name")
    @classmethod
    def _possible(cls, name: str) -> str:
        _sendable((name,), ONE_HOP)
        return name


class Remove(Part):
    named: Annotated[tuple[HeaderName, ...], one_or_more()] = setting((), "Headers not to send; one or a list.")
    matching: HeaderPattern | None = setting(None, "In place of `named`: a pattern for whole names.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _either(self.named, self.matching)
        return self


class HeaderRule(Part):
    propagate: Propagate | None = setting(None, "Send a header of the caller on. The source is then private by default.")
    insert: Insert | None = setting(None, "Send a header of the gateway's own.")
    remove: Remove | None = setting(None, "Do not send a header that an earlier rule added.")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if sum(rule is not None for rule in (self.propagate, self.insert, self.remove)) != 1:
            raise wrong("exactly one of propagate, insert and remove")
        return self

    @property
    def sends(self) -> frozenset[str]:
        """Names, in lower case, under which it may send something."""
        if self.insert is not None:
            return frozenset((self.insert.name.lower(),))
        names = () if self.propagate is None else (self.propagate.rename,) if self.propagate.rename else self.propagate.named
        return frozenset(name.lower() for name in names)


class HandBack(Part):
    named: HeaderName = Field(description="A header of its replies.")
    rename: HeaderName | None = setting(None, "Hand it back under this name.")
    merge: Literal["first", "last", "append", "min", "strictest"] = setting(
        "first", "What becomes of several: one of them, all of them, the smallest number, or of cache directives the strictest."
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _sendable((self.named, self.rename or self.named), ONE_HOP | ONE_MESSAGE | OF_THE_ANSWER)
        return self


class ResponseRule(Part):
    propagate: HandBack = Field(description="Hand a header of its replies back to the caller.")


class Headers(Part):
    request: tuple[HeaderRule, ...] = setting((), "Rules for the headers of each call, applied in order.")
    response: tuple[ResponseRule, ...] = setting((), "Which headers of its replies go back to the caller.")


class ClientCredentials(Part):
    """RFC 6749, section 4.4."""

    token_url: Url = Field(description="The token endpoint.")
    client_id: Text = Field(description="The gateway's name there.")
    client_secret: HeaderValue = Field(description="Its secret; never printed.")
    scope: Text | None = setting(None, "Scopes to ask for, with spaces between.")


class Auth(Part):
    oauth2_client_credentials: ClientCredentials = Field(description="A token by the client credentials grant (RFC 6749, 4.4).")


# ---------------------------------------------------------------- what is offered of it


class About(Part):
    url: Text | None = setting(None, "This service's own address, where it differs from its owner's.")
    docs: Text | None = setting(None, "This service's own documentation.")


class Prefix(Part):
    types: Name = Field(description="Put before the names of this source's types.")
    only: Annotated[tuple[Name, ...], one_or_more()] | None = setting(None, "Only these types; absent: all of them.")


class Page(Part):
    limit: Name | None = setting(None, "Argument that takes how many rows are wanted: the number of keys.")
    next: FieldPath | Literal["link-header"] | None = setting(
        None, "Where the answer says what follows: `link-header`, or names with dots to a cursor in its body."
    )
    cursor: Name | None = setting(None, "Argument that takes the cursor that `next` leads to.")
    number: Name | None = setting(None, "Argument that takes the number of the page, from 1.")
    offset: Name | None = setting(None, "Argument that takes how many rows to pass over.")
    max: int = setting(20, "Pages read for one set of keys; what is not found by then is an error.", ge=1, le=1_000, strict=True)


class Batch(Part):
    via: Name = Field(description="Root field that answers many keys at once.")
    arg: Name | None = setting(None, "Its argument that takes the list of keys; absent: the whole list is read, by `page`.")
    key: Name = Field(description="Field of a row by which it is matched to its key.")
    path: FieldPath = setting("", "From the answer to the list of rows, names with dots between; absent: the answer is it.")
    max: int = setting(100, "Keys of one call.", ge=1, le=100_000, strict=True)
    page: Page | None = setting(None, "How its rows are read where they come in pages (REST).")


class Lookup(Part):
    type: Name = Field(description="The type it reaches.")
    key: Name = Field(description="The field of the type that is its key.")
    via: Name = Field(description="Root field that gives one, by key.")
    arg: Name = Field(description="Its argument that takes the key.")
    batch: Batch | None = setting(None, "How to ask for many at once.")


class Subscriptions(Part):
    """How the subscriptions of a GraphQL source travel."""

    protocol: Literal["graphql-transport-ws", "sse"] = setting(
        "graphql-transport-ws", "What carries them: a websocket, or server-sent events (graphql-sse)."
    )
    url: SocketUrl | None = setting(None, "Where they are opened; absent: at `url`.")
    init: bool = setting(False, "`true`: the websocket's first message repeats the headers in its payload.", strict=True)
    share: bool = setting(
        True,
        "Callers who want the very same hear of one subscription; `false`: each has its own, from its first event.",
        strict=True,
    )


class Budget(Part):
    """How much of a source may become part of the API."""

    operations: int | None = setting(None, "Root fields.", ge=0, strict=True)
    types: int | None = setting(None, "Types.", ge=0, strict=True)
    fields: int | None = setting(None, "Fields of all its types.", ge=0, strict=True)
    required_arguments: int | None = setting(None, "Arguments that a client has to give.", ge=0, strict=True)


class SourceKeys(Policy):
    """One item of `sources`, as it is written. The keys of `defaults` may stand here too."""

    name: SourceName = Field(description="The source's name in errors, metrics and links.")
    kind: Text = Field(description="What it speaks.")
    url: Url | None = setting(None, "Where it is called; absent: as its document says, or in process.")
    schema_: Annotated[Schema, short_for("from", str)] = Field(alias="schema", description="Where its schema is read.")
    owner: Text | None = setting(None, "Who answers for it: a name from `owners`.")
    about: About = setting({}, "What of this service differs from its owner.")
    expose: Annotated[tuple[Text, ...], one_or_more()] | None = setting(
        None, "Root fields to offer; absent: everything that can be read."
    )
    prefix: Prefix | None = setting(None, "New names for types that clash with another source's.")
    headers: Headers = setting({}, "What is sent along with each call.")
    auth: Auth | None = setting(None, "The gateway's own credentials at this source.")
    require: Require | None = setting(None, "What a caller must have to read anything of this source; `{}`: be known.")
    protect: Protect = setting({}, "What a caller must have to read a type, or a field, of this source.")
    weight: float = setting(1.0, "How much dearer than usual what it brings is, for `gateway.limits.cost`.", ge=0)
    subscriptions: Annotated[Subscriptions | None, OFF] = setting(
        {}, "How its subscriptions travel (GraphQL sources); `off`: it has none to offer."
    )
    budget: Budget = setting({}, "How much of it may become part of the API; `gateway check` fails where it is more.")
    lookups: tuple[Lookup, ...] = setting((), "How its types are reached by key.")
    not_found: Literal["null", "error"] | None = setting(
        None, "What 404 and 410 mean. Absent: null through links and lookups, an error elsewhere."
    )
    options: Mapping[str, Any] = setting({}, "Settings of the kind.")

    @field_validator("url")
    @classmethod
    def _no_fragment(cls, value: str | None) -> str | None:
        if value and "#" in value:
            raise wrong("a URL without a fragment (#...)")
        return value

    @field_validator("auth")
    @classmethod
    def _one_authorization(cls, value: Auth | None, info: ValidationInfo) -> Auth | None:
        headers = info.data.get("headers")
        if value and isinstance(headers, Headers) and any("authorization" in rule.sends for rule in headers.request):
            raise wrong("credentials in one place: a rule in `headers.request` sends Authorization already")
        return value


class Link(Part):
    field: Coordinate = Field(description="The field it adds, as TYPE.FIELD.")
    to: Target = Field(description="The root field it calls, as SOURCE.FIELD.")
    with_: Mapping[Name, Any] = setting(
        {}, "Arguments: `$a.b` a field of the parent, `$args.x` an argument of the new field, else a constant.", alias="with"
    )
    many: bool = setting(False, "A key has a list of rows.", strict=True)
    batch: Batch | None = setting(None, "How to ask for many at once.")

    @property
    def source(self) -> str:
        return self.to.partition(".")[0]
