"""Is a copy still good? Conditional requests (RFC 9110, section 13) and their 304 (RFC 9111, section 4.3). Pure."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.upstream.call import Call, Headers, Reply

NOT_MODIFIED = 304
OF_ITS_OWN_BODY = frozenset({"content-length", "content-encoding", "content-type", "content-range", "transfer-encoding"})
"""What a 304 says of these is about its own, empty body."""


def validators(reply: Reply) -> Headers:
    """The conditions under which the source may answer that nothing has changed; none where it gave no validator."""
    headers = reply.headers
    tag, date = headers.get("etag"), headers.get("last-modified")
    found = (("if-none-match", tag),) if tag else ()
    return (*found, ("if-modified-since", date)) if date else found


def conditional(call: Call, kept: Reply) -> Call | None:
    """The call that asks only for what is newer than `kept`; None where that cannot be asked."""
    if call.method != "GET" or not (conditions := validators(kept)):
        return None
    verify = call.verify
    return replace(
        call,
        headers=call.headers + conditions,
        verify=lambda reply: reply if reply.status == NOT_MODIFIED else verify(reply),
    )


def renewed(kept: Reply, said: Reply) -> Reply:
    """What was kept, with what the 304 said of it."""
    news = {name: value for name, value in said.headers.items() if name not in OF_ITS_OWN_BODY}
    return replace(said, status=kept.status, headers={**kept.headers, **news}, body=kept.body, rows=None)
