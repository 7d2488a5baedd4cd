"""A subgraph's own word on its schema: `{ _service { sdl } }` (Apollo's subgraph specification)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gateway.errors import UpstreamBadContent
from gateway.sources.document import Document, own_request, read_or_recall, schema_headers
from gateway.sources.graphql.verify import ACCEPT
from gateway.upstream.call import Call, Reply, Sends
from gateway.upstream.layers.verify import status_error

if TYPE_CHECKING:
    from gateway.config.model import Source

QUERY = b'{"query":"query { _service { sdl } }"}'
OPERATION = "query { _service }"


async def read_sdl(source: Source, sends: Sends) -> Document:
    """The SDL as the service gives it. Raises `SchemaMissing` when it does not and no copy was kept."""
    url = source.url or ""

    async def ask() -> bytes:
        headers = (("content-type", "application/json"), *schema_headers(source, sends, ACCEPT))
        reply = await sends.schema(Call("POST", url, headers, QUERY, OPERATION, own_request(), _verified))
        return _sdl(reply)

    return await read_or_recall(source, sends, url, ask)


def _verified(reply: Reply) -> Reply:
    if error := status_error(reply):
        raise error
    _sdl(reply)
    return reply


def _sdl(reply: Reply) -> bytes:
    try:
        told = msgspec.json.decode(reply.body)["data"]["_service"]["sdl"]
        return str(told).encode() if told else _nothing(reply)
    except (msgspec.DecodeError, KeyError, TypeError, RecursionError):
        return _nothing(reply)


def _nothing(reply: Reply) -> bytes:
    kind = reply.headers.get("content-type")
    raise UpstreamBadContent("answered without an SDL: it may not be a federation subgraph", content_type=kind)
