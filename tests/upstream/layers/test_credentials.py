"""The gateway's own token: asked for once, renewed in time, replaced when refused; the endpoint's failures are the source's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from gateway.config.model import ClientCredentials
from gateway.errors import (
    DeadlineExceeded,
    SourceError,
    UpstreamBlocked,
    UpstreamError,
    UpstreamForbidden,
    UpstreamTimeout,
    UpstreamUnauthenticated,
    UpstreamUnreachable,
)
from gateway.upstream.call import Call, Reply, Request, Send
from gateway.upstream.layers.credentials import MARGIN, PAUSE, Tokens, credentials
from tests.upstream.conftest import call
from tests.upstream.world import Source, Time, begin, later, reply, settle

SECRET = "tOp s3cret/+"
GRANT = ClientCredentials.model_validate(
    {"token_url": "https://login.test/token", "client_id": "a:b c", "client_secret": SECRET, "scope": "stock.read more"}
)


def granted(token: str = "t1", **more: Any) -> Reply:
    return reply(json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 3600} | more).encode())


class World:
    """A source behind the layer, and its token endpoint; both answer from a script."""

    def __init__(self, *endpoint: Any, source: tuple[Any, ...] = (), only: str | None = None) -> None:
        self.time = Time()
        self.endpoint = Source(*endpoint)
        self.source = Source(*source)
        self.told: list[UpstreamError] = []
        self.tokens = Tokens("inventory", GRANT, self.endpoint.send, self.time.clock)
        self.send: Send = credentials(self.tokens, self.told.append, only)(self.source.send)

    @property
    def sent(self) -> list[str | None]:
        """The `authorization` of each call the source got."""
        return [dict(each.headers).get("authorization") for each in self.source.calls]


async def failure(world: World, made: Call | None = None) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await world.send(made or call())
    return caught.value


# ---------------------------------------------------------------- asking


async def test_the_token_is_asked_for_as_the_grant_says_and_goes_with_the_call() -> None:
    world = World(granted())
    original = call(headers=[("x-api", "1")])
    await world.send(original)
    (asked,) = world.endpoint.calls
    headers = dict(asked.headers)
    assert (asked.method, asked.url) == ("POST", "https://login.test/token")
    assert asked.body == b"grant_type=client_credentials&scope=stock.read+more"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert headers["authorization"] == "Basic YSUzQWIrYzp0T3ArczNjcmV0JTJGJTJC"  # a%3Ab+c:tOp+s3cret%2F%2B
    assert world.source.calls[0].headers == (("x-api", "1"), ("authorization", "Bearer t1"))
    assert original.headers == (("x-api", "1"),)


async def test_a_call_that_brings_its_own_authorization_is_sent_as_it_is() -> None:
    world = World(granted())
    await world.send(call(headers=[("authorization", "Basic eA==")]))
    assert (world.sent, world.endpoint.calls) == (["Basic eA=="], [])


@pytest.mark.parametrize(
    "url", ["https://elsewhere.test/doc", "http://source.test/doc", "https://source.test:8443/x", "http:///x"]
)
async def test_calls_to_another_origin_get_no_token(url: str) -> None:
    world = World(granted(), only="https://source.test/graphql")
    await world.send(call(url))
    await world.send(call("https://source.test/doc.yaml"))
    assert world.sent == [None, "Bearer t1"]


# ---------------------------------------------------------------- how long it is used


@pytest.mark.parametrize(
    ("said", "used"),
    [
        ({"expires_in": 3600}, 3600 - MARGIN),
        ({"expires_in": "3600"}, 3600 - MARGIN),
        ({"expires_in": 20}, 18),
        ({"expires_in": None}, 270),
        ({"expires_in": "soon"}, 270),
        ({"expires_in": 0}, 1),
        ({"expires_in": -5}, 1),
    ],
)
async def test_a_token_is_used_until_shortly_before_its_end(said: dict[str, Any], used: float) -> None:
    world = World(granted("t1", **said), granted("t2"))
    await world.send(call())
    world.time.advance(used - 0.5)
    await world.send(call())
    assert world.sent == ["Bearer t1", "Bearer t1"]
    world.time.advance(0.5)
    await world.send(call())
    assert world.sent[-1] == "Bearer t2"


# ---------------------------------------------------------------- together


async def test_many_callers_cost_one_token() -> None:
    answer = later()
    world = World(answer)
    tasks = begin(world.send, [call() for _ in range(20)])
    await settle()
    answer.set_result(granted())
    await asyncio.gather(*tasks)
    assert (len(world.endpoint.calls), world.sent) == (1, ["Bearer t1"] * 20)


async def test_when_the_one_who_asks_is_cancelled_the_next_one_asks() -> None:
    never, second = later(), later()
    world = World(never, second)
    tasks = begin(world.send, [call() for _ in range(3)])
    await settle()
    tasks[0].cancel()
    tasks[1].cancel()
    await settle()
    second.set_result(granted("t2"))
    outcome = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in outcome] == [asyncio.CancelledError, asyncio.CancelledError, Reply]
    assert (len(world.endpoint.calls), world.sent) == (2, ["Bearer t2"])


async def test_a_failure_is_everybodys_who_waited_and_each_has_its_own_copy() -> None:
    answer = later()
    world = World(answer, granted())
    tasks = begin(world.send, [call() for _ in range(3)])
    await settle()
    answer.set_exception(UpstreamTimeout())
    outcome = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in outcome] == [UpstreamUnreachable] * 3
    assert len({id(each) for each in outcome}) == 3
    assert len(world.endpoint.calls) == 1
    await world.send(call())
    assert world.sent == ["Bearer t1"]


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (lambda until: call(request=Request("req_1", deadline=until)), DeadlineExceeded),
        (lambda until: call(deadline=until), UpstreamUnreachable),
    ],
)
async def test_nobody_waits_for_a_token_longer_than_its_own_time(made: Callable[[float], Call], kind: type[SourceError]) -> None:
    answer = later()
    world = World(answer, granted())
    (patient,) = begin(world.send, [call()])
    await settle()
    assert type(await failure(world, made(world.time.now + 0.01))) is kind
    answer.set_result(granted())
    await patient
    assert world.sent == ["Bearer t1"]


# ---------------------------------------------------------------- a 401 of the source


async def test_a_refused_token_is_replaced_and_the_call_made_once_more() -> None:
    world = World(granted("t1"), granted("t2"), source=(UpstreamUnauthenticated(), reply(b"[]")))
    assert (await world.send(call())).body == b"[]"
    assert world.sent == ["Bearer t1", "Bearer t2"]


async def test_a_source_that_refuses_every_token_is_told_as_it_is_and_costs_few_tokens() -> None:
    world = World(granted(), source=(UpstreamUnauthenticated("does not know who is asking (it answered 401)"),))
    for _ in range(5):
        error = await failure(world)
    assert error.said == "does not know who is asking (it answered 401)"
    assert (len(world.endpoint.calls), len(world.source.calls)) == (2, 6)
    assert world.told == []
    world.time.advance(PAUSE)
    await failure(world)
    assert len(world.endpoint.calls) == 3


async def test_callers_refused_together_cost_one_new_token() -> None:
    refused = later()
    world = World(granted("t1"), granted("t2"), source=(refused, refused, refused, reply()))
    tasks = begin(world.send, [call() for _ in range(3)])
    await settle()
    refused.set_exception(UpstreamUnauthenticated())
    await asyncio.gather(*tasks)
    assert (len(world.endpoint.calls), world.sent[3:]) == (2, ["Bearer t2"] * 3)


async def test_another_refusal_is_no_matter_of_the_token() -> None:
    world = World(granted(), source=(UpstreamForbidden(),))
    assert isinstance(await failure(world), UpstreamForbidden)
    assert len(world.source.calls) == 1


# ---------------------------------------------------------------- a token endpoint that fails


@pytest.mark.parametrize(
    ("answer", "code", "says", "retryable"),
    [
        (reply(SECRET.encode(), 503), "UPSTREAM_UNREACHABLE", "answered 503", True),
        (reply(SECRET.encode(), 429, retry_after="7"), "UPSTREAM_UNREACHABLE", "answered 429", True),
        (
            reply(SECRET.encode(), 400),
            "UPSTREAM_UNAUTHENTICATED",
            "refused the gateway's own credentials (it answered 400)",
            False,
        ),
        (
            reply(SECRET.encode(), 401),
            "UPSTREAM_UNAUTHENTICATED",
            "refused the gateway's own credentials (it answered 401)",
            False,
        ),
        (reply(SECRET.encode()), "UPSTREAM_UNREACHABLE", "not a bearer token", True),
        (reply(b'{"access_token": "x", "token_type": "mac"}'), "UPSTREAM_UNREACHABLE", "not a bearer token", True),
        (reply(b'{"access_token": "x\\r\\nX-Evil: 1", "token_type": "bearer"}'), "UPSTREAM_UNREACHABLE", "bearer token", True),
        (reply(b'{"access_token": "", "token_type": "bearer"}'), "UPSTREAM_UNREACHABLE", "bearer token", True),
        (reply(b"[" * 60_000), "UPSTREAM_UNREACHABLE", "bearer token", True),
        (reply(b'{"access_token": "\xff", "token_type": "bearer"}'), "UPSTREAM_UNREACHABLE", "bearer token", True),
        (UpstreamTimeout(), "UPSTREAM_UNREACHABLE", "did not answer in time", True),
        (UpstreamBlocked(), "UPSTREAM_UNREACHABLE", "may not be called", False),
    ],
)
async def test_a_failing_endpoint_is_an_error_of_its_source_and_nothing_it_said_is_told(
    answer: Any, code: str, says: str, retryable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(answer)
    error = await failure(world)
    assert (error.code, error.retryable) == (code, retryable)
    assert "the token endpoint" in error.said
    assert says in error.said
    assert error.retry_after == (7 if "429" in says else None)
    assert world.told == [error]
    assert world.source.calls == []
    assert "source inventory could not be called" in caplog.text
    assert "s3cret" not in error.said + caplog.text + repr(error.details)


async def test_credentials_that_were_refused_are_not_shown_again_at_once() -> None:
    world = World(reply(status=401), granted())
    for _ in range(3):
        assert (await failure(world)).code == "UPSTREAM_UNAUTHENTICATED"
    assert len(world.endpoint.calls) == 1
    world.time.advance(PAUSE)
    await world.send(call())
    assert world.sent == ["Bearer t1"]
