"""What may be said about an OpenAPI source beyond what every source has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from gateway.config.model.part import Part, setting
from gateway.config.model.scalars import HeaderName, HeaderValue, Name


class Operation(Part):
    """One operation, by `GET /path`."""

    exclude: bool = setting(False, "Leave this operation out.")
    as_: Literal["query"] | None = setting(None, "`query`: a POST that only reads, such as a search.", alias="as")
    not_found: Literal["error", "null"] | None = setting(None, "What 404 and 410 mean for this operation.")


class Choice(Part):
    """Operations by what they have in common; one criterion that fits is enough."""

    tags: tuple[str, ...] = setting((), "Operations with one of these tags.")
    paths: tuple[str, ...] = setting((), "Operations under these paths; `*` stands for anything.")
    operations: tuple[str, ...] = setting((), "Operations with these ids.")


class Credential(Part):
    """What fills in one security scheme."""

    value: HeaderValue | None = setting(None, "The API key or bearer token; never printed.")
    username: str | None = setting(None, "For HTTP basic authentication.")
    password: HeaderValue | None = setting(None, "For HTTP basic authentication; never printed.")


class Options(Part):
    """`options` of a source of kind openapi."""

    strict: bool = setting(False, "Refuse the document when the schema cannot say all that it says.")
    operations: Mapping[str, Operation] = setting({}, "Settings of single operations, by `GET /path`.")
    include: Choice | None = setting(None, "Build only these operations.")
    exclude: Choice | None = setting(None, "Leave these operations out.")
    scalars: Literal["formats", "plain"] = setting("formats", "`plain`: String instead of Date, DateTime, UUID and URI.")
    integer: Literal["Int", "Int64"] = setting("Int", "The type of integers that name no format and no bounds.")
    int64: Literal["number", "string"] = setting("number", "How Int64 is written in answers.")
    int64_fields: tuple[str, ...] = setting((), "Fields, as TYPE.FIELD, whose integers are larger than declared.")
    nullability: Literal["source", "lenient"] = setting("source", "`lenient`: every field of an answer may be null.")
    nullable: tuple[str, ...] = setting((), "Fields, as TYPE.FIELD, that may be null though they are required.")
    unknown_enum: Literal["error", "null", "string"] = setting(
        "error", "What a value is that an enum does not list; `string`: enums of answers become String, so that it passes."
    )
    coerce: tuple[Literal["number_from_string", "string_from_number", "single_to_list"], ...] = setting(
        (), "Values of answers that are taken though they are not of the declared type."
    )
    extra_field: Name | None = setting(None, "A field of this name has the members that `additionalProperties` allows.")
    responses: Literal["lowest", "union"] = setting("lowest", "`union`: of several 2xx with different bodies, any.")
    errors: Literal["error", "union"] = setting("error", "`union`: documented bodies of 4xx are answers, too.")
    query_method: Literal["off", "on"] = setting("off", "`on`: operations of the method QUERY are read.")
    x_ms_paths: Literal["off", "on"] = setting("off", "`on`: operations under `x-ms-paths` are read.")
    maps: Mapping[str, Literal["entries"]] = setting({}, "Maps, by JSON pointer, that become lists of key and value.")
    union_scalars: Literal["wrap", "json"] = setting("wrap", "`json`: a union of objects and other values becomes any JSON.")
    empty: Literal["omit", "boolean"] = setting("omit", "`boolean`: operations that answer nothing become Boolean.")
    binary: Literal["omit", "base64"] = setting("omit", "`base64`: operations that answer bytes become Base64.")
    deep_arrays: Literal["repeat", "brackets", "indices"] = setting(
        "repeat", "How lists inside deepObject parameters are written."
    )
    expose_headers: tuple[HeaderName, ...] = setting((), "Response headers shown in `extensions.upstream.headers`.")
    links: Literal["off", "on"] = setting("off", "`on`: the links of the document become fields.")
    server_variables: Mapping[str, str] = setting({}, "Values of the variables in the document's server URL.")
    allow_remote_refs: tuple[str, ...] = setting((), "URL prefixes under which referenced documents may be read.")
    credentials: Mapping[str, Credential] = setting({}, "What fills in the document's security schemes, by their names.")
