"""A line: one source's way to its service. Its clients, its layers, its headers, and what can be seen of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from gateway.app.rights import requirement
from gateway.config.model import Policy, Settings, Source, Timeout
from gateway.config.problem import ConfigError, Problem
from gateway.sources.document import LIMIT
from gateway.upstream.call import HeaderRules, Layer, Send, Sends, Stream
from gateway.upstream.clock import REAL
from gateway.upstream.headers import header_rules
from gateway.upstream.layers.access import access
from gateway.upstream.layers.cache import Store
from gateway.upstream.layers.cache.items import SHARE, Items
from gateway.upstream.layers.cache.shared import PATIENCE, SharedCopies
from gateway.upstream.layers.credentials import Tokens, credentials, tokens_for
from gateway.upstream.onion import Shared, SourceState, client_for, limits_of, onion
from gateway.upstream.streaming import Alone, stream_around, stream_onion
from gateway.upstream.tape import Wire
from gateway.upstream.transport import HttpxClient
from gateway.upstream.transport.streams import Carrier, opener
from gateway.upstream.trust import trust_of

MOST = 100_000
"""Connections of one source's subscriptions; what bounds them is how many subscriptions a worker serves."""
SCHEMA_TIME = 30.0
"""Seconds a schema may take to be read, all attempts included."""


class Line(msgspec.Struct, frozen=True):
    """`data` carries what clients ask for, `schema` only documents and introspection: neither can harm the other."""

    source: Source
    sends: Sends
    data: SourceState
    schema: SourceState
    tokens: HttpxClient | None = None
    """The connections to its token endpoint, where it has one."""
    items: Items | None = None
    """Where single rows of its batches are kept. None where a caller's rights have to be looked at before each call."""
    made_of: tuple[Any, ...] = ()
    """Equal: this line is as good as a new one. Its connections, breaker and copies live on through a reload."""

    def status(self) -> dict[str, Any]:
        view: dict[str, Any] = msgspec.to_builtins(self.data.view())
        return view | {"schema_failure": msgspec.to_builtins(self.schema.view().last_failure)}

    async def close(self) -> None:
        await asyncio.gather(self.data.close(), self.schema.close())
        if self.tokens is not None:
            await self.tokens.close()


def shared_of(settings: Settings, wire: Wire | None = None) -> Shared:
    """What all lines have in common."""
    store, items = Store(settings.cache.size), Items(settings.cache.size // SHARE, REAL.wall)
    told = settings.telemetry
    copies = _copies(settings)
    traced, measured = told.traces is not None, told.metrics is not None
    return Shared(store=store, items=items, copies=copies, wire=wire, traced=traced, measured=measured)


def _copies(settings: Settings) -> SharedCopies | None:
    """Raises `ConfigError` for an address that is none."""
    if settings.cache.store == "memory":
        return None
    from gateway.upstream.layers.cache.redis import RedisError, SharedCache  # noqa: PLC0415  5 MiB, where it is configured

    try:
        cache = SharedCache(settings.cache.store, PATIENCE)
    except ValueError as error:
        raise ConfigError(settings.located([Problem("CONFIG_VALUE", str(error), ("cache", "store"))])) from None
    return SharedCopies(cache, REAL, (RedisError,))


def lines(settings: Settings, shared: Shared | None = None, before: Mapping[str, Line] = {}) -> tuple[Line, ...]:
    """One line per source; one of those `before` where nothing about it changed but what its schema is and how it is used.

    Raises `ConfigError` with every header rule that cannot be made ready.
    """
    rules, problems = _all_headers(settings)
    if problems:
        raise ConfigError(settings.located(problems))
    shared = shared or shared_of(settings)
    return tuple(_kept_or_new(each, rules[each.name], settings, shared, before.get(each.name)) for each in settings.sources)


def _kept_or_new(source: Source, rules: HeaderRules, settings: Settings, shared: Shared, before: Line | None) -> Line:
    made_of = _made_of(source, settings)
    if before is not None and before.made_of == made_of:
        return msgspec.structs.replace(before, source=source)
    return _line(source, rules, settings, shared, made_of)


def _made_of(source: Source, settings: Settings) -> tuple[Any, ...]:
    """Files by what is in them: a certificate is renewed under its old name."""
    about = (source.kind, source.url, source.headers, source.auth, source.require, source.subscriptions, _home(source))
    return (*about, source.policy, trust_of(source.policy.tls), settings.gateway.state)


def _line(source: Source, rules: HeaderRules, settings: Settings, shared: Shared, made_of: tuple[Any, ...]) -> Line:
    policy, reading = source.policy, _for_schemas(source.policy)
    data = SourceState(source.name, policy, client_for(policy), shared)
    schema = SourceState(source.name, reading, client_for(reading), shared)
    assert data.client is not None
    assert schema.client is not None
    guard = access(requirement(source.require)) if source.require else _anyone
    tokens, client = _tokens(source, shared)
    home = _home(source)
    own = credentials(tokens, data.failed) if tokens else None
    own_at_home = credentials(tokens, schema.failed, home) if tokens and home else None
    over = partial(shared.wire, source.name) if shared.wire is not None else _as_it_is
    sends = Sends(
        schema=onion(reading, over(schema.client.send), schema, shared, own_at_home),
        data=guard(onion(policy, over(data.client.send), data, shared, own)),
        around=lambda send: guard(onion(policy, send, SourceState(source.name, policy, None, shared), shared)),
        headers=rules,
        state=settings.gateway.state,
        stream=_stream(source, data, shared, own, lambda send: guard(over(send))),
        stream_around=_stream_around(source, data, shared) if not source.require else None,
        built=settings.gateway.state / "built" if settings.gateway.state is not None else None,
    )
    items = shared.items if policy.cache and not source.require else None
    return Line(source, sends, data, schema, client, items, made_of)


def _tokens(source: Source, shared: Shared) -> tuple[Tokens, HttpxClient] | tuple[None, None]:
    """One for data and schema together: a token is asked for once."""
    if source.auth is None:
        return None, None
    return tokens_for(source.name, source.auth.oauth2_client_credentials, shared.clock)


def _stream(
    source: Source, state: SourceState, shared: Shared, own: Layer | None, guard: Callable[[Send], Send]
) -> Stream | None:
    """Its subscriptions have connections of their own, one for those of its callers who want the same."""
    travel = source.subscriptions
    if travel is None:
        return None
    limits = msgspec.structs.replace(limits_of(source.policy), max_connections=MOST)
    carrier = Carrier(travel.protocol, travel.url, travel.init)
    stream = stream_onion(source.policy, guard(opener(carrier, limits)), state, shared, own)
    return stream if travel.share else Alone(stream)


def _stream_around(source: Source, state: SourceState, shared: Shared) -> Callable[[Stream], Stream] | None:
    if source.subscriptions is None:
        return None
    around, share = stream_around(source.policy, state, shared), source.subscriptions.share
    return around if share else lambda stream: Alone(around(stream))


def _home(source: Source) -> str | None:
    """Where a document is read with a token: from the service itself, never from a host that merely keeps its schema."""
    place = source.schema_.from_
    return source.url or (place if "://" in place else None)


def _as_it_is(send: Send) -> Send:
    return send


def _anyone(send: Send) -> Send:
    """A source that requires nothing of callers has no layer for it."""
    return send


def _for_schemas(policy: Policy) -> Policy:
    """The source's policy for documents: more time and room, its own connections, no breaker and nothing cached."""
    timeout = Timeout.model_construct(per_try=SCHEMA_TIME, total=SCHEMA_TIME)
    off = {"circuit_breaker": None, "cache": None, "hedge": None}
    return policy.model_copy(update={**off, "timeout": timeout, "transport": "httpx", "max_response": LIMIT})


def _all_headers(settings: Settings) -> tuple[dict[str, HeaderRules], list[Problem]]:
    rules: dict[str, HeaderRules] = {}
    problems: list[Problem] = []
    for source in settings.sources:
        try:
            rules[source.name] = header_rules(source.headers.request)
        except ValueError as error:
            problems.append(Problem("CONFIG_VALUE", str(error), ("sources", source.name, "headers"), sources=(source.name,)))
        try:
            trust_of(source.policy.tls)
        except ValueError as error:
            problems.append(Problem("CONFIG_VALUE", str(error), ("sources", source.name, "tls"), sources=(source.name,)))
    return rules, problems
