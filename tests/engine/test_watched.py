"""Account of every operation, however it ends; and keeping it harms no answer."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec
import pytest

from gateway.app.observing.operations import Counts, Operations
from gateway.engine import Answer, Asked, Form
from gateway.engine.limits import Limits
from gateway.engine.nouns import Account
from gateway.engine.watched import Watched
from gateway.errors import UpstreamTimeout
from gateway.telemetry.metrics import OTHER
from gateway.telemetry.trace import Sampler
from gateway.upstream.call import Request
from tests.engine.conftest import Clock, Held, a_people_service
from tests.graphs import GATEWAY_OWNER, Service, ask, composed
from tests.upstream.world import settle

ME = "query Me { me { name } }"
Kept = list[tuple[Asked, Account, Answer | None]]


def watched(*services: Service, kept: Kept | None = None, links: Any = (), **more: Any) -> Watched:
    told = kept if kept is not None else []
    keep = more.pop("keep", lambda asked, account, answer: told.append((asked, account, answer)))
    return Watched(composed(list(services), links), keep, owner=GATEWAY_OWNER, limits=Limits(), **more)


async def test_an_operation_is_accounted_for_by_where_its_answer_came_from(people: Service, clock: Clock) -> None:
    kept: Kept = []
    engine = watched(people, kept=kept, clock=clock)
    for _ in range(2):
        await ask(engine, ME)
    first, second = (account for _, account, _ in kept)
    assert (first.served, second.served) == ("executed", "stored")
    assert [phase for phase, _, _ in first.phases] == ["prepare", "plan"]
    assert second.phases == []
    assert (first.kind, first.name) == ("query", "Me")


async def test_whoever_shares_an_execution_is_accounted_for_as_well() -> None:
    kept: Kept = []
    held = Held("people", "type Query { me: User } type User { name: String }", {"me": {"name": "Ann"}})
    engine = watched(held, kept=kept)
    asking = [asyncio.ensure_future(ask(engine, ME)) for _ in range(3)]
    await settle()
    held.go.set()
    await asyncio.gather(*asking)
    assert sorted(account.served for _, account, _ in kept) == ["executed", "shared", "shared"]


async def test_a_caller_that_goes_away_is_accounted_for() -> None:
    kept: Kept = []
    held = Held("people", "type Query { me: User } type User { name: String }", {"me": {"name": "Ann"}})
    asking = asyncio.ensure_future(ask(watched(held, kept=kept), ME))
    await settle()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    [(_, _, answer)] = kept
    assert answer is None


async def test_an_account_that_cannot_be_kept_is_no_reason_to_withhold_an_answer(
    people: Service, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    body = await ask(watched(people, keep=broken), ME)
    assert body["data"] == {"me": {"name": "Ann"}}
    assert "no account could be kept of request req_test" in caplog.text


async def test_an_answer_in_parts_is_over_with_its_last_part_and_has_the_errors_of_all() -> None:
    kept: Kept = []
    catalog = Service("catalog", "type Query { products: [Product!]! } type Product { id: ID! }", {"products": [{"id": "1"}]})
    stock = Service("stock", "type Query { stockOf(id: ID!): Stock } type Stock { count: Int }", {})
    stock.failure = UpstreamTimeout()
    links = [{"field": "Product.stock", "to": "stock.stockOf", "with": {"id": "$id"}}]
    engine = watched(catalog, stock, kept=kept, links=links)
    query = "query Later { products { id ... @defer { stock { count } } } }"
    answer = await engine.answer(Asked(query, Request("req_test"), {}, form=Form.CURRENT))
    assert answer.parts is not None
    assert kept == []
    async for _ in answer.parts:
        pass
    [(_, account, whole)] = kept
    assert account.served == "parts"
    assert whole is not None
    assert whole.has_errors
    assert msgspec.json.decode(whole.body)["errors"][0]["extensions"]["code"] == "UPSTREAM_TIMEOUT"


# ---------------------------------------------------------------- what is made of it


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, dict[str, Any]]]:
    found = [record for record in caplog.records if record.name == "gateway.operation"]
    return [(record.levelname, getattr(record, "facts", {})) for record in found]


@pytest.fixture
def counts() -> Counts:
    return Counts(2)


async def test_failures_are_told_and_successes_by_their_share(counts: Counts, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    people, chances = a_people_service(), iter([0.9, 0.05])
    engine = watched(people, keep=Operations(counts, None, 0.1, random=lambda: next(chances)))
    await ask(engine, ME)
    await ask(engine, "query Other { me { id } }")
    people.failure = UpstreamTimeout()
    await ask(engine, '{ user(id: "secret-key") { name } }')
    await ask(engine, "{ nobody }")
    told = [(level, facts["result"], facts.get("operation")) for level, facts in lines(caplog)]
    assert told == [("INFO", "ok", "Other"), ("WARNING", "partial", None), ("INFO", "refused", None)]
    assert "secret-key" not in str(lines(caplog))


async def test_errors_are_counted_by_code_and_whose_they_are(counts: Counts) -> None:
    people = a_people_service()
    people.failure = UpstreamTimeout()
    await ask(watched(people, keep=Operations(counts, None)), ME)
    [series] = counts.errors.family().series
    assert dict(series.labels) == {
        "gateway.error.code": "UPSTREAM_TIMEOUT",
        "gateway.source": "people",
        "gateway.owner": "Team people",
    }


async def test_names_that_callers_make_up_do_not_make_series_without_end(counts: Counts, people: Service) -> None:
    engine = watched(people, keep=Operations(counts, None))
    for number in range(5):
        await ask(engine, f"query Q{number} {{ me {{ name }} }}")
    names = [dict(series.labels)["graphql.operation.name"] for series in counts.calls.family().series]
    assert names == ["Q0", "Q1", OTHER]


async def test_a_bug_is_told_as_the_gateway_s_own(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = watched(a_people_service(), keep=Operations(None, None))

    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(engine, "_compile", broken)
    await ask(engine, ME)
    [(level, facts)] = lines(caplog)
    assert (level, facts["errors"][0]["code"]) == ("ERROR", "INTERNAL_SERVER_ERROR")


async def test_an_answer_that_was_shared_links_to_the_execution() -> None:
    held = Held("people", "type Query { me: User } type User { name: String }", {"me": {"name": "Ann"}})
    engine, sampler = watched(held, keep=Operations(None, None)), Sampler(1.0)
    traces = [sampler.begin(None, held=True) for _ in range(2)]
    asking = [asyncio.ensure_future(ask(engine, ME, request=Request("req_test", trace=trace))) for trace in traces]
    await settle()
    held.go.set()
    await asyncio.gather(*asking)
    leader, follower = traces
    assert leader.links == []
    assert follower.links == [leader.link]
