"""Cache-Status, Proxy-Status and Server-Timing, read by a parser of structured fields that knows nothing of us."""

import asyncio
from typing import Any

import http_sf
import msgspec
import pytest

from gateway.engine.headers import LONGEST, of_sources
from gateway.errors import SourceUnavailable, UpstreamFailed, UpstreamTimeout
from gateway.execution.exchange import Exchange
from gateway.upstream.call import Freshness, Reply, Request
from tests.graphs import Service, an_engine, answer, ask, shop

NOW = 1_000_000.0


class Named(msgspec.Struct):
    name: str


class Step(msgspec.Struct):
    subgraph: Named


def exchange(source: str, came: Any, took: float = 0.041, began: float = 5.0) -> Exchange:
    return Exchange(Step(Named(source)), None, 0, began, began + took, came)  # type: ignore[arg-type]  # only the name counts


def reply(served: str = "network", **about: Any) -> Reply:
    return Reply(200, {}, b"{}", served=served, **about)


def fields(headers: Any) -> dict[str, list[tuple[Any, dict[str, Any]]]]:
    return {name.decode(): http_sf.parse(value, tltype="list") for name, value in headers}


def told(*exchanges: Exchange, queued: float = 0.0) -> dict[str, list[tuple[Any, dict[str, Any]]]]:
    return fields(of_sources(exchanges, NOW, queued))


def cache_status(*exchanges: Exchange) -> dict[str, dict[str, Any]]:
    members = told(*exchanges)["cache-status"]
    return {str(name): {k: v if isinstance(v, bool | int) else str(v) for k, v in about.items()} for name, about in members}


def test_a_call_that_no_copy_could_answer_was_forwarded_for_a_miss():
    assert cache_status(exchange("catalog", reply())) == {"signpost:catalog": {"fwd": "miss"}}


def test_what_was_kept_says_for_how_long():
    kept = reply(freshness=Freshness(expires=NOW + 42.9))
    assert cache_status(exchange("catalog", kept)) == {"signpost:catalog": {"fwd": "miss", "stored": True, "ttl": 42}}


def test_a_copy_is_a_hit_and_was_not_forwarded():
    hit = reply("hit", freshness=Freshness(expires=NOW + 42))
    assert cache_status(exchange("catalog", hit)) == {"signpost:catalog": {"hit": True, "ttl": 42}}


def test_a_copy_that_is_fetched_anew_is_a_hit_past_its_time():
    late = reply("stale", stale_cause="REVALIDATING", freshness=Freshness(expires=NOW - 30))
    assert cache_status(exchange("catalog", late)) == {"signpost:catalog": {"hit": True, "ttl": -30}}


def test_a_copy_served_because_of_a_failure_says_which_status_failed():
    stale = reply("stale", stale_cause="UPSTREAM_ERROR", stale_status=503, freshness=Freshness(expires=NOW - 312))
    said = {"fwd": "stale", "fwd-status": 503, "ttl": -312, "detail": "stale-if-error"}
    assert cache_status(exchange("inventory", stale)) == {"signpost:inventory": said}


def test_a_shared_call_is_collapsed():
    assert cache_status(exchange("catalog", reply("collapsed"))) == {"signpost:catalog": {"fwd": "miss", "collapsed": True}}


def test_several_calls_of_one_source_are_one_member_about_the_worst():
    hit, missed = reply("hit", freshness=Freshness(expires=NOW + 9)), reply()
    assert cache_status(*[exchange("catalog", came) for came in (hit, missed, hit)]) == {"signpost:catalog": {"fwd": "miss"}}


def test_a_call_that_was_never_made_has_no_cache_status():
    headers = told(exchange("catalog", SourceUnavailable()))
    assert "cache-status" not in headers
    assert headers["server-timing"][0][1]["desc"] == "unavailable"


def test_a_failed_call_was_forwarded_and_says_what_came():
    failed = UpstreamFailed("answered 503")
    failed.status = 503
    assert cache_status(exchange("catalog", failed)) == {"signpost:catalog": {"fwd": "miss", "fwd-status": 503}}


def test_timing_spans_all_calls_of_a_source_and_names_what_was_not_plain():
    calls = (exchange("a", reply(), 0.010, 1.0), exchange("a", reply(), 0.010, 1.1), exchange("b", UpstreamTimeout(), 0.803))
    timing = {str(name): dict(p) for name, p in told(*calls, queued=0.003)["server-timing"]}
    assert {name: float(p["dur"]) for name, p in timing.items()} == {"a": 110.0, "b": 803.0, "queue": 3.0}
    assert timing["b"]["desc"] == "timeout"
    assert "desc" not in timing["a"]


@pytest.mark.parametrize("served", ["network", "hit"])
def test_a_request_of_many_sources_stays_within_its_room_in_whole_members(served):
    calls = [exchange(f"source-with-quite-a-long-name-{n}", reply(served)) for n in range(200)]
    headers = of_sources(calls, NOW, 0.0)
    assert all(len(value) <= LONGEST for _, value in headers)
    parsed = fields(headers)
    assert 20 < len(parsed["cache-status"]) < 200
    assert str(parsed["cache-status"][-1][0]).startswith("signpost:source-with-quite-a-long-name-")


@pytest.mark.parametrize("name", ["a", "B-2_c", "x9"])
def test_each_name_a_source_may_have_is_spelled_as_the_grammar_wants(name):
    parsed = told(exchange(name, reply()))
    assert str(parsed["cache-status"][0][0]) == f"signpost:{name}"
    assert str(parsed["server-timing"][0][0]) == name


# ---------------------------------------------------------------- through the engine


async def test_a_healthy_answer_tells_of_each_source():
    services, links = shop()
    engine = an_engine(services, links)
    headers = fields((await answer(engine, "{ products { name reviews { text author { name } } } }")).headers)
    assert {str(name) for name, _ in headers["cache-status"]} == {"signpost:catalog", "signpost:reviews", "signpost:accounts"}
    assert {str(name) for name, _ in headers["server-timing"]} == {"catalog", "reviews", "accounts"}
    assert "proxy-status" not in headers


async def test_a_failure_is_named_with_the_id_it_has_in_the_answer():
    services, links = shop()
    services[2].failure = UpstreamTimeout()
    engine = an_engine(services, links)
    came = await answer(engine, "{ products { name reviews { text } } }")
    (error,) = msgspec.json.decode(came.body)["errors"]
    ((proxy, about),) = fields(came.headers)["proxy-status"]
    assert (str(proxy), str(about["error"])) == ("signpost", "http_response_timeout")
    assert (about["next-hop"], about["details"]) == ("reviews", error["extensions"]["error_id"])


async def test_a_failure_without_a_registered_type_is_told_by_its_status():
    services, links = shop()
    failed = UpstreamFailed("answered 503", error_type="503")
    failed.status = 503
    services[0].failure = failed
    came = await answer(an_engine(services, links), "{ products { name } }")
    ((_, about),) = fields(came.headers)["proxy-status"]
    assert "error" not in about
    assert about["received-status"] == 503


async def test_an_answer_that_was_ready_says_so_in_one_member():
    service = Service("shop", "type Query { name: String }", {"name": "corner"})
    kept = service.send

    async def fresh(call: Any) -> Reply:
        return msgspec.structs.replace(await kept(call), freshness=Freshness(expires=NOW + 60))

    service.send = fresh  # type: ignore[method-assign]
    engine = an_engine([service], clock=lambda: NOW)
    first = fields((await answer(engine, "{ name }")).headers)
    again = fields((await answer(engine, "{ name }")).headers)
    assert first["cache-status"][0][1]["stored"] is True
    ((cache, about),) = again["cache-status"]
    assert (str(cache), about["hit"], about["ttl"]) == ("signpost", True, 60)
    assert "server-timing" not in again


async def test_introspection_alone_has_nothing_to_tell():
    services, links = shop()
    assert (await answer(an_engine(services, links), "{ __typename }")).headers == ()


async def test_who_waited_for_anothers_execution_says_so():
    service = Service("shop", "type Query { name: String }", {"name": "corner"})
    kept, gate = service.send, asyncio.Event()

    async def slow(call: Any) -> Reply:
        await gate.wait()
        return await kept(call)

    service.send = slow  # type: ignore[method-assign]
    engine = an_engine([service])
    both = [asyncio.ensure_future(answer(engine, "{ name }", request=Request(f"req_{n}"))) for n in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gate.set()
    first, second = [fields((await each).headers)["cache-status"] for each in both]
    assert str(first[0][0]) == "signpost:shop"
    assert (str(second[0][0]), second[0][1]["collapsed"]) == ("signpost", True)
    assert await ask(engine, "{ name }") == {"data": {"name": "corner"}}
