"""What an answer warns of: copies past their time, services and fields that will go. Never an entry of `errors`."""

from typing import Any

import msgspec
import pytest

from gateway.engine.warnings import span
from gateway.upstream.call import Freshness, Reply
from tests.graphs import Service, an_engine, answer, ask

NOW = 1_795_380_000.0
SDL = """
type Query { price(currency: String, old: Int @deprecated(reason: "Not read any more.")): Float shop: Shop }
type Shop { name: String title: String @deprecated(reason: "Use name.") }
"""
DATA = {"price": 3.5, "shop": {"name": "Corner", "title": "The Corner"}}


def a_service(**about: Any) -> Service:
    """Its replies have these members."""
    service = Service("catalog", SDL, DATA)
    send = service.send

    async def changed(call: Any) -> Reply:
        reply = await send(call)
        headers = {**reply.headers, **about.get("headers", {})}
        return msgspec.structs.replace(reply, **{**about, "headers": headers})

    service.send = changed  # type: ignore[method-assign]
    return service


async def warnings(service: Service, query: str = "{ price }") -> list[dict[str, Any]]:
    body = await ask(an_engine([service], clock=lambda: NOW), query)
    assert "errors" not in body
    return body.get("extensions", {}).get("warnings", [])


async def test_a_copy_served_in_place_of_a_failure_says_how_old_it_is_and_why():
    old = Freshness(expires=NOW - 312, age=372)
    (told,) = await warnings(a_service(served="stale", stale_cause="UPSTREAM_ERROR", stale_status=503, freshness=old))
    assert told.pop("owner")["contact"] == {"email": "catalog@example.com"}
    assert told == {
        "code": "STALE_DATA",
        "service": "catalog",
        "path": [],
        "age_s": 372,
        "stale_s": 312,
        "fetched_at": "2026-11-22T20:33:48Z",
        "cause": "UPSTREAM_ERROR",
        "message": "Served a copy 5 min past its freshness because Catalog answered 503.",
    }


async def test_a_copy_that_is_being_fetched_anew_says_so():
    old = Freshness(expires=NOW - 20, age=80)
    (told,) = await warnings(a_service(served="stale", stale_cause="REVALIDATING", freshness=old))
    assert (told["cause"], told["stale_s"]) == ("REVALIDATING", 20)
    assert told["message"] == "Served a copy 20 s past its freshness while Catalog is being asked again."


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"deprecation": "@1688169599"}, {"deprecated": "2023-06-30"}),
        ({"deprecation": "true"}, {}),
        ({"sunset": "Mon, 01 Mar 2027 00:00:00 GMT"}, {"sunset": "2027-03-01"}),
        (
            {"deprecation": "@1688169599", "link": '<https://docs.example.com/v3>; rel="successor-version"'},
            {"deprecated": "2023-06-30", "link": "https://docs.example.com/v3"},
        ),
        (
            {
                "deprecation": "Fri, 30 Jun 2023 23:59:59 GMT",
                "sunset": "Mon, 01 Mar 2027 00:00:00 GMT",
                "link": '<https://x.example.com/v3>; rel=successor-version, <https://x.example.com/why>; rel="deprecation"',
            },
            {"deprecated": "2023-06-30", "sunset": "2027-03-01", "link": "https://x.example.com/why"},
        ),
    ],
)
async def test_a_service_that_announces_its_end_is_quoted_with_its_owner(headers, expected):
    (told,) = await warnings(a_service(headers=headers))
    assert told["code"] == "UPSTREAM_DEPRECATED"
    assert told["operation"] == "query { price }"
    assert told["owner"]["team"] == "Team catalog"
    assert {name: told[name] for name in ("deprecated", "sunset", "link") if name in told} == expected


@pytest.mark.parametrize("headers", [{"deprecation": "soon"}, {"sunset": "tomorrow"}, {"link": "<x>; rel=deprecation"}])
async def test_what_is_no_announcement_is_not_quoted(headers):
    assert await warnings(a_service(headers=headers)) == []


async def test_a_link_that_is_no_web_address_is_left_out():
    (told,) = await warnings(a_service(headers={"deprecation": "true", "link": '<javascript:alert(1)>; rel="deprecation"'}))
    assert "link" not in told


async def test_an_announcement_is_told_again_though_the_answer_could_have_been_kept():
    service = a_service(headers={"deprecation": "true"}, freshness=Freshness(expires=NOW + 60))
    engine = an_engine([service], clock=lambda: NOW)
    bodies = [await ask(engine, "{ price }") for _ in range(2)]
    assert [body["extensions"]["warnings"][0]["code"] for body in bodies] == ["UPSTREAM_DEPRECATED"] * 2


async def test_a_deprecated_field_is_named_where_the_operation_uses_it():
    (told,) = await warnings(Service("catalog", SDL, DATA), "{ shop { name title } }")
    assert told.pop("owner")["team"] == "Team catalog"
    assert told == {
        "code": "FIELD_DEPRECATED",
        "service": "catalog",
        "coordinate": "Shop.title",
        "locations": [{"line": 1, "column": 15}],
        "reason": "Use name.",
        "message": "Shop.title is deprecated by catalog: Use name.",
    }


async def test_a_deprecated_argument_is_named_too():
    (told,) = await warnings(Service("catalog", SDL, DATA), "{ price(old: 1) }")
    assert told["coordinate"] == "Query.price(old:)"


async def test_an_operation_without_deprecated_fields_says_nothing():
    assert await ask(an_engine([Service("catalog", SDL, DATA)]), "{ shop { name } }") == {"data": {"shop": {"name": "Corner"}}}


async def test_the_warning_of_a_kept_answer_is_told_to_everyone():
    service = a_service(freshness=Freshness(expires=NOW + 60))
    engine = an_engine([service], clock=lambda: NOW)
    first, second = [await answer(engine, "{ shop { title } }") for _ in range(2)]
    assert (first.calls, second.calls) == (1, 0)
    assert first.expires == NOW + 60
    told = [msgspec.json.decode(each.body)["extensions"]["warnings"] for each in (first, second)]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (45, "45 s"), (60, "1 min"), (312, "5 min"), (5400, "90 min"), (7200, "2 h"), (200_000, "2 d")],
)
def test_a_span_is_said_as_a_person_would(seconds, said):
    assert span(seconds) == said
