"""Lists that come in pages: what the next call asks for, by the reply or by counting (rules A8, B4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from msgspec.structs import replace

from gateway.sources.base import Page
from gateway.sources.lookups import LINK_HEADER
from gateway.sources.openapi.endpoint import Endpoint
from gateway.sources.openapi.values import Spelling
from gateway.upstream.call import Call, Reply
from gateway.upstream.json import parse
from gateway.upstream.layers.verify import bad_content

Following = Callable[[Call, Reply], Call | None]
_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_NEXT = re.compile(r";\s*rel\s*=\s*(?:\"[^\"]*\bnext\b[^\"]*\"|next\b)", re.IGNORECASE)


def follower(endpoint: Endpoint, page: Page, path: Sequence[str], spelling: Spelling) -> Following:
    """The next call after a reply; None where nothing follows. `path` leads to the rows on the wire."""
    if page.next == LINK_HEADER:
        return _by_link
    names = {each.argument: each.name for each in endpoint.parameters}
    if page.next is not None and page.cursor is not None:
        return _by_cursor(names[page.cursor], spelling.path(endpoint.result, page.next.split(".")))
    if page.number is not None:
        return _by_number(names[page.number], path)
    return _by_offset(names[page.offset], path) if page.offset is not None else _nothing


def _nothing(_call: Call, _reply: Reply) -> None:
    return None


def _by_link(call: Call, reply: Reply) -> Call | None:
    """`Link: <...>; rel="next"` (RFC 8288). It may not lead to another service: the call carries this one's credentials."""
    said = (url for url, words in _LINK.findall(reply.headers.get("link", "")) if _NEXT.search(words))
    if (target := next(said, None)) is None:
        return None
    url = urljoin(call.url, target)
    if urlsplit(url)[:2] != urlsplit(call.url)[:2]:
        raise bad_content(reply, "answered with a next page that is not its own")
    return replace(call, url=url)


def _by_cursor(name: str, path: Sequence[str]) -> Following:
    def following(call: Call, reply: Reply) -> Call | None:
        cursor = _under(parse(reply.body), path)
        if cursor is None or cursor == "" or isinstance(cursor, bool | list | dict):
            return None
        return _asking(call, name, str(cursor))

    return following


def _by_number(name: str, path: Sequence[str]) -> Following:
    def following(call: Call, reply: Reply) -> Call | None:
        return _asking(call, name, str(_asked(call, name, 1) + 1)) if _rows(reply, path) else None

    return following


def _by_offset(name: str, path: Sequence[str]) -> Following:
    def following(call: Call, reply: Reply) -> Call | None:
        rows = _rows(reply, path)
        return _asking(call, name, str(_asked(call, name, 0) + rows)) if rows else None

    return following


def _rows(reply: Reply, path: Sequence[str]) -> int:
    rows = _under(parse(reply.body), path)
    return len(rows) if isinstance(rows, list) else 0


def _under(value: Any, path: Sequence[str]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


# ---------------------------------------------------------------- the query of a URL


def _asked(call: Call, name: str, first: int) -> int:
    """The number the call asked for; the first where it asked for none."""
    said = [pair.partition("=")[2] for pair in _pairs(call.url) if unquote(pair.partition("=")[0]) == name]
    return int(said[0]) if said and said[0].isdecimal() else first


def _asking(call: Call, name: str, value: str) -> Call:
    """The same call with this value for one parameter of its query."""
    kept = [pair for pair in _pairs(call.url) if unquote(pair.partition("=")[0]) != name]
    query = "&".join([*kept, f"{quote(name, safe='')}={quote(value, safe='')}"])
    return replace(call, url=f"{call.url.partition('?')[0]}?{query}")


def _pairs(url: str) -> list[str]:
    return [pair for pair in url.partition("?")[2].split("&") if pair]
