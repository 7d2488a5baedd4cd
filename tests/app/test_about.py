"""`_gateway`: whose the sources are and how they are, asked as part of the API."""

from __future__ import annotations

from typing import Any

from gateway.engine import Asked
from gateway.upstream.call import Request

from .conftest import Configure, Service, ask, opened

SOURCES = """{ _gateway { sources {
  name kind url surface { fields types } state { breaker since lastError { code message status at } queue schema }
  owner { team url from contact { email } } } } }"""


async def gateway(house: Any, query: str) -> Any:
    answer = await ask(house, query)
    assert "errors" not in answer, answer
    return answer["data"]["_gateway"]


async def test_every_source_is_told_with_its_owner_and_its_surface(configure: Configure, people: Service) -> None:
    async with opened(configure()) as house:
        told = {each["name"]: each for each in (await gateway(house, SOURCES))["sources"]}
    assert told["people"]["owner"]["team"] == "Staff Office"
    assert told["people"]["url"] == people.url
    assert told["people"]["surface"]["fields"] >= 1
    assert told["people"]["state"] == {"breaker": "closed", "since": None, "lastError": None, "queue": 0, "schema": "read"}


async def test_what_it_says_is_of_this_moment(configure: Configure, people: Service) -> None:
    async with opened(configure()) as house:
        assert (await gateway(house, SOURCES))["sources"]
        people.stop()
        await ask(house, '{ book(id: "1") { author { name } } }')
        told = {each["name"]: each["state"]["lastError"] for each in (await gateway(house, SOURCES))["sources"]}
    assert told["people"]["code"] == "UPSTREAM_UNREACHABLE"


async def test_a_field_says_whose_it_is(configure: Configure) -> None:
    query = """{ _gateway {
      a: field(coordinate: "Person.name") { source { name owner { team } } } b: field(coordinate: "No.such") { path } } }"""
    async with opened(configure()) as house:
        assert await gateway(house, query) == {"a": {"source": {"name": "people", "owner": {"team": "Staff Office"}}}, "b": None}


async def test_a_link_is_its_targets(configure: Configure) -> None:
    async with opened(configure()) as house:
        told = await gateway(house, '{ _gateway { field(coordinate: "Book.author") { path source { name } } } }')
    assert told["field"]["source"]["name"] == "people"
    assert told["field"]["path"].startswith("people: ")


async def test_each_owner_is_told_once_and_the_gateways_own_first(configure: Configure) -> None:
    async with opened(configure()) as house:
        teams = [each["team"] for each in (await gateway(house, "{ _gateway { owners { team } } }"))["owners"]]
        assert teams[0] == house.owner.team
        assert len(teams) == len(set(teams)) >= 2


async def test_it_costs_no_upstream_call_and_is_never_kept(configure: Configure) -> None:
    async with opened(configure()) as house:
        assert house.engine is not None
        answer = await house.engine.answer(Asked("{ _gateway { owners { team } } }", Request("req_1")))
        assert (answer.calls, answer.expires, answer.has_errors) == (0, 0.0, False)


async def test_it_can_be_switched_off(configure: Configure) -> None:
    async with opened(configure(gateway="ownership: {in_schema: false}\n")) as house:
        answer = await ask(house, "{ _gateway { owners { team } } }")
    assert answer["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_internal_parts_of_an_owner_are_no_part_of_its_type(configure: Configure) -> None:
    async with opened(configure()) as house:
        answer = await ask(house, "{ _gateway { owners { internal } } }")
    assert answer["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
