"""The street door: who may ask how often, which documents, from which pages, and how answers travel."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.functional_validators import PlainValidator

from gateway.config.model.part import OFF, Part, one_or_more, setting
from gateway.config.model.scalars import Duration, File, HeaderName, Hidden, Positive, Size, Text, kept_in


class RateLimit(Part):
    """A token bucket per caller: its own, else per value of `header`, else per address."""

    requests: int = Field(description="Requests a caller may send", ge=1, strict=True)
    per: Positive = setting("1s", "in this time.")
    burst: int | None = setting(None, "Requests at once after a pause; absent: as many as `requests`.", ge=1, strict=True)
    header: HeaderName | None = setting(
        None, "Header that tells unknown callers apart, written by a proxy of your own; absent: the address."
    )
    store: Annotated[str, PlainValidator(kept_in, json_schema_input_type=Hidden)] = setting(
        "memory", "Where it is counted: `memory`, or a `redis://` URL for all gateways together."
    )


class Documents(Part):
    """Operations by their id."""

    register_: bool = setting(True, "Clients may register documents by their hash (APQ).", alias="register", strict=True)
    manifest: File | None = setting(
        None, "Trusted documents: a file of Apollo, the Relay compiler or GraphQL Code Generator; read again when it changes."
    )
    mode: Literal["enforce", "report"] = setting(
        "enforce", "What becomes of documents that are not in the manifest: refused, or answered and told to the log."
    )


class Cors(Part):
    """Which pages may read answers."""

    origins: Annotated[tuple[Text, ...], one_or_more()] = Field(
        description="Their origins, such as https://shop.example.com; or *."
    )
    headers: Annotated[tuple[HeaderName, ...], one_or_more()] = setting(
        ["content-type", "authorization", "apollo-require-preflight", "x-request-id"], "Headers they may send."
    )
    credentials: bool = setting(False, "Whether they may send cookies; not with *.", strict=True)
    max_age: Duration = setting("10m", "How long a browser may remember this.")


class Http(Part):
    """The key `gateway.http`."""

    documents: Annotated[Documents | None, OFF] = setting(
        {}, "Operations by id: APQ, trusted documents, `GET /graphql/persisted/ID`; `off`: only by their text."
    )
    batch: Annotated[int | None, OFF] = setting(
        "off", "Operations one body may hold, as an array; `off`: one.", ge=1, le=100, strict=True
    )
    compress: Annotated[Size | None, OFF] = setting("16KiB", "Smallest answer that is compressed; `off`: none is.")
    cors: Annotated[Cors | None, OFF] = setting("off", "Which pages of other origins may read answers; `off`: none.")
    csrf: bool = setting(False, "`true`: GET needs a header that no page can send without asking first.", strict=True)
    partial_success: Literal[200, 294] = setting(200, "Status of an answer with data and errors.")
    graphiql: bool = setting(True, "GraphiQL for browsers.", strict=True)
    cache_tags: Annotated[tuple[Literal["surrogate-key", "cache-tag"], ...], one_or_more()] = setting(
        (), "Headers that name the sources and types of an answer, for caches that forget by name."
    )
