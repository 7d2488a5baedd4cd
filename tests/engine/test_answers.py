"""What an answer looks like when something went wrong: members, order, owner, paths."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest

from gateway.errors import Disclosure, UpstreamFailed, UpstreamTimeout
from gateway.upstream.call import Request
from tests.graphs import Service, an_engine, answer, ask, shop

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def a_failure() -> UpstreamFailed:
    failure = UpstreamFailed("answered 503", error_type="503")
    failure.status, failure.attempts, failure.elapsed, failure.retry_after = 503, 3, 0.803, 12.0
    failure.upstream_request_id, failure.url = "their-7", "http://inside.example.com/secret"
    failure.problem = {"type": "about:blank", "title": "Down", "detail": "the database at 10.0.0.7", "status": 503}
    return failure


async def test_an_entry_has_the_members_of_the_contract_in_their_order() -> None:
    services, links = shop()
    services[2].failure = a_failure()
    request = Request("req_1", traceparent=TRACE)
    (error,) = (await ask(an_engine(services, links), "{ products { reviews { id } } }", request=request))["errors"]
    assert error == {
        "message": "Reviews answered 503.",
        "path": ["products", 0, "reviews"],
        "locations": [{"line": 1, "column": 14}],
        "extensions": {
            "code": "UPSTREAM_ERROR",
            "service": "reviews",
            "owner": {
                "team": "Team reviews",
                "url": "http://reviews.example.com/graphql",
                "contact": {"email": "reviews@example.com"},
                "from": "config",
            },
            "error_id": "err_0",
            "request_id": "req_1",
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "retryable": True,
            "retry_after_s": 12.0,
            "upstream": {
                "operation": "query { reviewsOfMany }",
                "http": {"status": 503},
                "code": None,
                "attempts": 3,
                "elapsed_ms": 803,
                "request_id": "their-7",
                "error_type": "503",
                "problem": {"type": "about:blank", "title": "Down", "status": 503},
                "errors": None,
            },
            "affected": {"count": 3, "paths": [["products", i, "reviews"] for i in range(3)]},
        },
    }
    assert list(error) == ["message", "path", "locations", "extensions"]
    promised = [
        "code",
        "service",
        "owner",
        "error_id",
        "request_id",
        "trace_id",
        "retryable",
        "retry_after_s",
        "upstream",
        "affected",
    ]
    assert list(error["extensions"]) == promised
    members = ["operation", "http", "code", "attempts", "elapsed_ms", "request_id", "error_type", "problem", "errors"]
    assert list(error["extensions"]["upstream"]) == members


@pytest.mark.parametrize(
    ("detail", "shown", "hidden"), [("full", "10.0.0.7", None), ("safe", "Down", "10.0.0.7"), ("none", None, "Down")]
)
async def test_how_much_of_the_upstream_is_shown_never_touches_ownership(
    detail: str, shown: str | None, hidden: str | None
) -> None:
    services, links = shop()
    services[2].failure = a_failure()
    engine = an_engine(services, links, disclosure=Disclosure(detail))
    text = (await answer(engine, "{ products { reviews { id } } }")).body.decode()
    assert "reviews@example.com" in text
    assert shown is None or shown in text
    assert hidden is None or hidden not in text


async def test_an_answer_without_faults_says_nothing_else(people: Service) -> None:
    assert (await answer(an_engine([people]), "{ me { id } }")).body == b'{"data":{"me":{"id":"1"}}}'


async def test_drift_carries_the_status_the_coordinate_and_what_came(people: Service) -> None:
    people.edit = lambda body: body["data"]["me"].update(name=5) or body
    answered = await ask(an_engine([people]), "{ me { name } }")
    extensions = answered["errors"][0]["extensions"]
    assert answered["data"] is None
    assert extensions["upstream"]["http"] == {"status": 200}
    assert (extensions["coordinate"], extensions["expected"], extensions["actual"]) == ("User.name", "String!", "an integer")


async def test_an_upstreams_own_error_keeps_its_code_and_its_place(people: Service) -> None:
    def edit(body: dict[str, Any]) -> dict[str, Any]:
        body["data"]["user"] = None
        return body | {"errors": [{"message": "secret words", "path": ["user"], "extensions": {"code": "ON_HOLIDAY"}}]}

    people.edit = edit
    answered = await ask(an_engine([people]), "{ user(id: 1) { id } me { id } }")
    (error,) = answered["errors"]
    assert answered["data"] == {"user": None, "me": {"id": "1"}}
    assert (error["path"], error["extensions"]["upstream"]["code"]) == (["user"], "ON_HOLIDAY")
    assert "secret words" not in msgspec.json.encode(answered).decode()


# ---------------------------------------------------------------- a bug of ours


async def test_a_bug_is_the_gateways_own_and_its_traceback_stays_in_the_log(
    people: Service, caplog: pytest.LogCaptureFixture
) -> None:
    people.failure = ZeroDivisionError("the text of a bug")
    body = (await answer(an_engine([people]), "{ user(id: 1) { id } }")).body
    (error,) = msgspec.json.decode(body)["errors"]
    assert (error["extensions"]["code"], error["extensions"]["service"]) == ("INTERNAL_SERVER_ERROR", "gateway")
    assert error["extensions"]["owner"]["team"] == "API Platform"
    assert error["path"] == ["user"]
    assert b"Traceback" not in body
    assert b"text of a bug" not in body
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert error["extensions"]["error_id"] in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)


async def test_a_bug_on_the_way_to_a_plan_is_told_the_same_way(people: Service, caplog: pytest.LogCaptureFixture) -> None:
    engine = an_engine([people])
    engine.supergraph.graph.fields.pop(("Query", "me"))  # type: ignore[attr-defined]  # broken on purpose
    given = await answer(engine, "{ me { id } }")
    (error,) = msgspec.json.decode(given.body)["errors"]
    assert given.status == 500
    assert (error["extensions"]["code"], error["extensions"]["owner"]["team"]) == ("INTERNAL_SERVER_ERROR", "API Platform")
    assert error["extensions"]["error_id"] in caplog.text
    assert "no way from the root to Query.me" in caplog.text


# ---------------------------------------------------------------- on_error


SDL = "type Query { rows: [Row!]! other: Int } type Row { a: Int! b: Int! }"
ROWS = {"rows": [{"a": 1, "b": 1}, {"a": "x", "b": 2}, {"a": 3, "b": "y"}], "other": 4}


def drifting() -> Service:
    service = Service("rows", SDL, {})
    service.raw = msgspec.json.encode({"data": ROWS})
    return service


async def test_a_null_goes_up_to_where_it_may_stand() -> None:
    answered = await ask(an_engine([drifting()]), "{ rows { a b } other }")
    assert answered["data"] is None
    assert [e["path"] for e in answered["errors"]] == [["rows", 1, "a"]]


async def test_on_error_null_leaves_each_null_where_it_is() -> None:
    answered = await ask(an_engine([drifting()], on_error="null"), "{ rows { a b } other }")
    assert answered["data"] == {"rows": [{"a": 1, "b": 1}, {"a": None, "b": 2}, {"a": 3, "b": None}], "other": 4}
    assert [e["path"] for e in answered["errors"]] == [["rows", 1, "a"], ["rows", 2, "b"]]


async def test_on_error_halt_ends_with_the_first() -> None:
    answered = await ask(an_engine([drifting()], on_error="halt"), "{ rows { a b } other }")
    assert answered["data"] is None
    assert [e["path"] for e in answered["errors"]] == [["rows", 1, "a"]]


@pytest.mark.parametrize("keys", [{"per_path": True}, {"on_error": "null"}])
async def test_by_option_each_position_has_an_entry_of_its_own(keys: dict[str, Any]) -> None:
    services, links = shop()
    products = [{"id": str(i), "name": "n", "price": 1.0, "makerId": None} for i in range(50)]
    services[0].data["products"] = products
    services[2].failure = UpstreamTimeout()
    errors = (await ask(an_engine(services, links, **keys), "{ products { reviews { id } } }"))["errors"]
    assert [e["path"] for e in errors] == [["products", i, "reviews"] for i in range(50)]
    assert not any("affected" in e["extensions"] for e in errors)


async def test_one_entry_counts_all_positions_and_lists_twenty() -> None:
    services, links = shop()
    services[0].data["products"] = [{"id": str(i), "name": "n", "price": 1.0, "makerId": None} for i in range(50)]
    services[2].failure = UpstreamTimeout()
    (error,) = (await ask(an_engine(services, links), "{ products { reviews { id } } }"))["errors"]
    assert error["extensions"]["affected"]["count"] == 50
    assert len(error["extensions"]["affected"]["paths"]) == 20
