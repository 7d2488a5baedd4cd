"""Settings of the gateway itself, and owners: who answers for it and for the sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec.structs import replace
from pydantic import Field, GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from gateway.config.catalog import Unreadable, owner_of
from gateway.config.model.callers import Callers
from gateway.config.model.front import Http, RateLimit
from gateway.config.model.part import OFF, Part, one_or_more, setting
from gateway.config.model.scalars import (
    Address,
    AdminListen,
    Duration,
    File,
    HeaderName,
    Listen,
    Positive,
    Share,
    Size,
    Socket,
    Text,
    file,
    wrong,
)
from gateway.config.problem import ConfigError
from gateway.errors import Owner

OPERATORS = "Gateway operators"


class Contact(Part):
    email: Text | None = setting(None, "Mail address.")
    chat: Text | None = setting(None, "Channel or URL of a chat.")
    phone: Text | None = setting(None, "Phone number, in quotes.")
    url: Text | None = setting(None, "Page with a form or more ways.")
    hours: Text | None = setting(None, "When someone is there.")


class Internal(Part):
    oncall: Text | None = setting(None, "Whom to page.")
    runbook: Text | None = setting(None, "What to do when the source is broken.")


class OwnerKeys(Part):
    """An owner as it is written."""

    team: Text = Field(description="The team's name, as consumers read it.")
    url: Text | None = setting(None, "Where the service lives.")
    docs: Text | None = setting(None, "Its documentation.")
    status_page: Text | None = setting(None, "Where the team says whether it is well.")
    contact: Contact = setting({}, "How to reach the team; shown to consumers with every error.")
    internal: Internal = setting({}, "Only in logs, spans and admin pages, and in answers to an internal audience.")
    catalog: File | None = setting(None, "A Backstage `catalog-info.yaml` that says what is not said here, the team included.")

    def settled(self) -> Owner:
        contact, internal = (part.model_dump(exclude_none=True) for part in (self.contact, self.internal))
        return Owner(self.team, self.url, contact, self.docs, self.status_page, internal=internal)


class _Settled:
    """The mapping `OwnerKeys` describes becomes an `Owner`."""

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_wrap_validator_function(_owner, handler.generate_schema(OwnerKeys))


def _owner(value: Any, inner: core_schema.ValidatorFunctionWrapHandler, info: ValidationInfo) -> Owner:
    if isinstance(value, Owner):
        return value
    if not isinstance(value, Mapping) or not isinstance(value.get("catalog"), str):
        owner: Owner = inner(value).settled()
        return owner
    try:
        found = owner_of(file(value["catalog"], info))
    except (Unreadable, ConfigError) as fault:
        raise wrong(f"a Backstage catalog file that can be used: {fault}") from None
    parts = {name: {**found.get(name, {}), **(value.get(name) or {})} for name in ("contact", "internal")}
    merged = {**found, **{name: given for name, given in value.items() if given is not None}, **parts}
    settled: Owner = inner(merged).settled()
    told = any(merged.get(name) != value.get(name) for name in (*found, "contact") if merged.get(name))
    return replace(settled, origin="catalog") if told else settled


OwnerSettings = Annotated[Owner, _Settled()]


class Admin(Part):
    listen: AdminListen | None = setting(
        None, "Address of the admin pages: HOST:PORT or unix:PATH. Absent: the socket `admin.sock` in `state`."
    )
    public: tuple[Literal["status", "metrics"], ...] = setting((), "Admin pages that are served on `listen` too.")


class Errors(Part):
    upstream_detail: Literal["none", "safe", "full"] = setting(
        "safe", "How much of an upstream's own words is shown: nothing, codes and statuses, or all."
    )
    audience: Literal["public", "internal"] = setting("public", "`internal`: answers show `internal` of the owners.")
    on_error: Literal["propagate", "null", "halt"] = setting(
        "propagate", "What an error does to a non-null field: as GraphQL says, become null there, or end the request."
    )
    per_path: bool = setting(False, "One entry per position in the answer rather than one per failed call.", strict=True)


class Limits(Part):
    depth: int = setting(15, "Deepest nesting of a query.", ge=1, le=200, strict=True)
    aliases: int = setting(30, "Aliases in a query.", ge=0, strict=True)
    root_fields: int = setting(50, "Root fields of a query.", ge=1, strict=True)
    directives: int = setting(50, "Directives in a query.", ge=1, strict=True)
    list_size: int = setting(10_000, "Items a field may be asked for at once (`first`, `last`, `limit`).", ge=1, strict=True)
    cost: Annotated[int | None, OFF] = setting(
        "off", "Estimated cost of a query by `@cost` and `@listSize`; `off`: it is not estimated.", ge=1, strict=True
    )
    assumed_list_size: int = setting(10, "Items of a list whose size nothing tells, for `cost`.", ge=1, strict=True)
    variables: Size = setting("64KiB", "Largest variables of a request.")
    tokens: int = setting(5000, "Tokens of a document.", ge=1, strict=True)
    upstream_calls: int = setting(50, "Fetches a plan may have; refused before anything is called.", ge=1, strict=True)
    upstream_calls_total: int = setting(2000, "Calls one request may really make; the rest is null.", ge=1, strict=True)
    deadline: Positive = setting("10s", "Time for one request, all its calls included.")
    body: Size = setting("256KiB", "Largest request accepted.")
    headers: Size = setting("32KiB", "Largest head of a request accepted: its address and all its header fields.")
    connections: int = setting(
        10_000,
        "Connections of callers open at once. Near it the longest idle are closed; beyond it new ones are refused.",
        ge=10,
        strict=True,
    )


class Live(Part):
    """The key `gateway.subscriptions`."""

    per_connection: int = setting(100, "Operations open at once on one websocket.", ge=1, le=10_000, strict=True)
    per_process: int = setting(10_000, "Subscriptions open at once in one worker.", ge=1, strict=True)
    queue: int = setting(
        100,
        "Events that may wait for one caller; who leaves it full for `limits.deadline` is cut off.",
        ge=1,
        le=100_000,
        strict=True,
    )
    init_timeout: Positive = setting("10s", "How long a websocket may be open without saying who it is.")
    idle: Positive = setting("5m", "How long a websocket may be open without an operation.")


class Ownership(Part):
    required: bool = setting(True, "`false`: a source without an owner is answered for by the gateway's owner.", strict=True)
    in_schema: bool = setting(True, "The field `_gateway`: sources, their owners and states, as part of the API.", strict=True)


class Override(Part):
    hash_by: HeaderName | None = setting(
        None, "The caller's header that decides `percent(n)` of a label; absent, or without it: the request's id."
    )
    labels: Mapping[Text, Share] = setting({}, "Label → share of the requests that have it: `on`, `off` or a percentage.")


class Gateway(Part):
    """The key `gateway`."""

    listen: Listen = setting("0.0.0.0:8080", "Address consumers speak to; IPv6 in brackets.")
    admin: Admin = setting({}, "The pages for operators.")
    state: File = setting(".signpost", "Folder for schema copies, history and control sockets.")
    watch: Annotated[Duration | None, OFF] = setting(
        "5s", "How often its own files are looked at: what has changed is served without a restart; `off`: when told to."
    )
    owner: OwnerSettings = setting({"team": OPERATORS}, "Who runs the gateway: errors of its own name them.")
    errors: Errors = setting({}, "What errors say, and to whom.")
    limits: Limits = setting({}, "Bounds of one request.")
    callers: Callers = setting({}, "How callers are known.")
    rate_limit: Annotated[RateLimit | None, OFF] = setting("off", "How often one caller may ask; `off`: as often as it likes.")
    http: Http = setting({}, "How requests and answers travel.")
    subscriptions: Annotated[Live | None, OFF] = setting({}, "Live answers, and websockets; `off`: there are none.")
    introspection: bool = setting(True, "`false`: the schema is not told to callers.", strict=True)
    suggestions: bool = setting(True, "`false`: a wrong name is not answered with those that are like it.", strict=True)
    override: Override = setting({}, "Fields that move between subgraphs for some requests: `@override(label:)`.")
    ownership: Ownership = setting({}, "Whether every source needs an owner, and where owners are told.")
    debug: Annotated[tuple[Literal["provenance", "plan", "timing"], ...], one_or_more()] = setting(
        (), "What a caller may be told of its own answer by asking with `X-Signpost-Debug`."
    )

    @property
    def admin_listen(self) -> Address | Socket:
        """Where the admin pages are: `admin.listen`, else a socket in `state`."""
        return self.admin.listen or Socket(self.state / "admin.sock")
