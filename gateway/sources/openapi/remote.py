"""Documents elsewhere that the document refers to: read only under the configured prefixes, before anything is built (L5)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urljoin

from gateway.errors import SourceError
from gateway.sources.document import own_request
from gateway.sources.openapi.fidelity import Fidelity
from gateway.sources.openapi.reading import Unusable, read
from gateway.sources.openapi.references import references_in
from gateway.sources.report import shown_url
from gateway.upstream.call import Call, Reply, Sends
from gateway.upstream.layers.verify import status_error

if TYPE_CHECKING:
    from gateway.config.model import Source

MAX_DOCUMENTS = 50
_ABSOLUTE = re.compile(r"https?://", re.IGNORECASE)


async def read_remote(
    source: Source, sends: Sends, documents: Iterable[Any], prefixes: tuple[str, ...], fidelity: Fidelity
) -> dict[str, Any]:
    """URL → document, for every allowed reference of these documents and of those they lead to."""
    found: dict[str, Any] = {}
    pending = {url for document in documents for url in _wanted(document, "", prefixes)}
    while pending and len(found) < MAX_DOCUMENTS:
        url = pending.pop()
        if url in found:
            continue
        found[url] = await _one(source, sends, url, fidelity)
        pending |= _wanted(found[url], url, prefixes) - found.keys()
    return {url: value for url, value in found.items() if value is not None}


async def _one(source: Source, sends: Sends, url: str, fidelity: Fidelity) -> Any:
    call = Call(
        "GET",
        url,
        (("accept", "application/json, application/yaml, */*;q=0.5"),),
        None,
        f"GET {shown_url(url)}",
        own_request(),
        _success,
    )
    try:
        reply = await sends.schema(call)
        return read(reply.body, shown_url(url), fidelity)
    except (SourceError, Unusable) as error:
        said = error.said if isinstance(error, SourceError) else str(error)
        fidelity.deviation("REF_REMOTE", shown_url(url), f"The document of {source.name} refers to it, but: {said}")
        return None


def _success(reply: Reply) -> Reply:
    if error := status_error(reply):
        raise error
    return reply


def _wanted(document: Any, base: str, prefixes: tuple[str, ...]) -> set[str]:
    urls = {urldefrag(urljoin(base, reference))[0] for reference in references_in(document)}
    return {url for url in urls if _ABSOLUTE.match(url) and url.startswith(prefixes)}
