"""A GraphQL service's schema by introspection: ask what its server knows to tell, then ask for exactly that.

Servers differ in what their introspection has (deprecated arguments, `specifiedBy`, `@oneOf`, ...), and refuse the whole
query for one unknown field. So a probe goes first; a server that refuses even the probe gets the query of the 2018 edition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from graphql import get_introspection_query

from gateway.errors import UpstreamBadContent, UpstreamGraphQLError, UpstreamRejected
from gateway.sources.document import own_request, schema_headers
from gateway.sources.graphql.verify import ACCEPT, verifier
from gateway.upstream.call import Call, Sends

if TYPE_CHECKING:
    from gateway.config.model import Source

PROBE = (
    '{ schema: __type(name: "__Schema") { ...known } type: __type(name: "__Type") { ...known } '
    'field: __type(name: "__Field") { ...known } directive: __type(name: "__Directive") { ...known } } '
    "fragment known on __Type { fields { name args { name } } }"
)


class _Named(msgspec.Struct):
    name: str


class _Field(msgspec.Struct):
    name: str
    args: list[_Named] = []


class _Known(msgspec.Struct):
    fields: list[_Field] = []

    def has(self, name: str, argument: str | None = None) -> bool:
        return any(f.name == name and (argument is None or any(a.name == argument for a in f.args)) for f in self.fields)


class _Answers(msgspec.Struct):
    schema: _Known | None = None
    type: _Known | None = None
    field: _Known | None = None
    directive: _Known | None = None


class _Probed(msgspec.Struct):
    data: _Answers


class _Told(msgspec.Struct):
    data: dict[str, Any]
    errors: msgspec.UnsetType = msgspec.UNSET


async def introspect(source: Source, sends: Sends) -> bytes:
    """The body of the service's answer to the fullest introspection query it understands. Raises a `SourceError`."""
    body, told = await _ask(source, sends, get_introspection_query(**await _features(source, sends)), _Told)
    if not isinstance(told, _Told) or not told.data.get("__schema"):
        raise UpstreamBadContent("answered introspection with something that is not a schema")
    return body


async def _features(source: Source, sends: Sends) -> dict[str, bool]:
    """The optional parts of introspection that this server has."""
    try:
        _, probed = await _ask(source, sends, PROBE, _Probed)
    except (UpstreamGraphQLError, UpstreamRejected):
        return {}
    known = probed.data if isinstance(probed, _Probed) else _Answers()
    nothing = _Known()
    schema, type_, field, directive = (
        known.schema or nothing,
        known.type or nothing,
        known.field or nothing,
        known.directive or nothing,
    )
    asks_for_deprecated = "includeDeprecated"
    return {
        "schema_description": schema.has("description"),
        "specified_by_url": type_.has("specifiedByURL"),
        "one_of": type_.has("isOneOf"),
        "directive_is_repeatable": directive.has("isRepeatable"),
        "input_value_deprecation": type_.has("inputFields", asks_for_deprecated)
        and field.has("args", asks_for_deprecated)
        and directive.has("args", asks_for_deprecated),
    }


async def _ask(source: Source, sends: Sends, query: str, form: Any) -> tuple[bytes, Any]:
    verify = verifier(msgspec.json.Decoder(form).decode)
    headers = (("content-type", "application/json"), *schema_headers(source, sends, ACCEPT))
    body = msgspec.json.encode({"query": query})
    reply = await sends.schema(Call("POST", source.url or "", headers, body, "query { __schema }", own_request(), verify))
    return reply.body, reply.rows
