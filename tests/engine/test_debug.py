"""`X-Signpost-Debug`: where each part of an answer came from, how it was planned, and what took how long."""

from typing import Any

import msgspec

from gateway.errors import UpstreamTimeout
from gateway.upstream.call import Freshness, Reply, Request
from tests.graphs import Service, an_engine, answer, shop

ALL = frozenset({"provenance", "plan", "timing"})
QUERY = "{ products(first: 2) { name reviews { text author { name } } } }"


async def asked(engine: Any, wish: str, query: str = QUERY) -> dict[str, Any]:
    request = Request("req_debug", {"x-signpost-debug": wish})
    return msgspec.json.decode((await answer(engine, query, request=request)).body).get("extensions", {})


async def test_provenance_names_the_source_of_each_part():
    services, links = shop()
    told = (await asked(an_engine(services, links, debug=ALL), "provenance"))["provenance"]
    assert {tuple(each["path"]): each["service"] for each in told} == {
        ("products",): "catalog",
        ("products", "reviews"): "reviews",
        ("products", "reviews", "author"): "accounts",
    }
    assert [each["calls"] for each in told] == [[0], [1], [2]]


async def test_provenance_says_how_old_a_copy_is():
    service = Service("shop", "type Query { name: String }", {"name": "corner"})
    send = service.send

    async def old(call: Any) -> Reply:
        return msgspec.structs.replace(await send(call), served="hit", freshness=Freshness(expires=9e9, age=33.4))

    service.send = old  # type: ignore[method-assign]
    told = await asked(an_engine([service], debug=ALL), "provenance, timing", "{ name }")
    assert told["provenance"] == [{"path": ["name"], "service": "shop", "calls": [0], "age_s": 33}]
    assert told["timing"]["each"][0]["age_s"] == 33


async def test_the_plan_is_the_one_the_command_prints():
    services, links = shop()
    told = await asked(an_engine(services, links, debug=ALL), "plan")
    assert [fetch["service"] for fetch in told["plan"]["fetches"]] == ["catalog", "reviews", "accounts"]
    assert "provenance" not in told


async def test_timing_lists_each_call_in_the_order_they_ended():
    services, links = shop()
    services[2].failure = UpstreamTimeout()
    timing = (await asked(an_engine(services, links, debug=ALL), "timing"))["timing"]
    assert timing["calls"] == 2
    good, bad = timing["each"]
    assert (good["service"], good["served"], good["status"], good["attempts"], good["keys"]) == ("catalog", "network", 200, 1, 0)
    assert good["bytes"] > 20
    assert (bad["service"], bad["served"], bad["code"], bad["keys"]) == ("reviews", "error", "UPSTREAM_TIMEOUT", 2)
    assert bad["start_ms"] >= good["start_ms"]


async def test_only_what_the_configuration_allows_is_told():
    services, links = shop()
    engine = an_engine(services, links, debug=frozenset({"timing"}))
    assert set(await asked(engine, "provenance, plan, timing")) == {"request_id", "upstream", "timing"}
    assert await asked(an_engine(services, links), "provenance, plan, timing") == {}


async def test_a_wish_that_means_nothing_is_passed_over():
    services, links = shop()
    assert await asked(an_engine(services, links, debug=ALL), "everything,,") == {}


async def test_a_watched_answer_is_made_anew_and_not_kept():
    service = Service("shop", "type Query { name: String }", {"name": "corner"})
    send = service.send

    async def fresh(call: Any) -> Reply:
        return msgspec.structs.replace(await send(call), freshness=Freshness(expires=9e9))

    service.send = fresh  # type: ignore[method-assign]
    engine = an_engine([service], debug=ALL)
    await answer(engine, "{ name }")
    watched = await answer(engine, "{ name }", request=Request("req_1", {"x-signpost-debug": "timing"}))
    assert (watched.calls, watched.expires) == (1, 0.0)
    assert b'"timing"' not in (await answer(engine, "{ name }")).body
