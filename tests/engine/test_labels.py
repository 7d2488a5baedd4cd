"""Fields that move from one subgraph to another for some requests: who is asked, by the labels a request has."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.composition import compose
from gateway.composition.joined import print_supergraph
from gateway.config.problem import ConfigError
from gateway.engine import Answer, Asked, Engine
from gateway.engine.labels import Shares
from gateway.sources.document import Document
from gateway.sources.supergraph import subgraphs
from gateway.upstream.call import HeaderRules, Request, Sends
from tests.federated import LINK, Federated, source, together
from tests.graphs import GATEWAY_OWNER

FED27 = LINK.replace("v2.3", "v2.7").format('"@key", "@override", "@external", "@requires"')
OLD = FED27 + 'type Query { a: A other: Int } type A @key(fields: "id") { id: ID! x: String y: String }'
NEW = FED27 + 'type A @key(fields: "id") { id: ID! x: String @override(from: "old", label: "%s") }'


def services(label: str = "moved") -> tuple[Federated, Federated]:
    old = Federated("old", OLD, {"a": {"id": "1", "x": "old", "y": "y"}, "other": 1}, A=lambda _: {"x": "old", "y": "y"})
    return old, Federated("new", NEW % label, A=lambda _: {"x": "new"})


def engine(label: str = "moved", **shares: Any) -> Engine:
    return Engine(together(*services(label)), owner=GATEWAY_OWNER, shares=Shares(**shares))


async def asked(engine: Engine, query: str = "{ a { x } }", request: str = "r", **headers: str) -> Answer:
    return await engine.answer(Asked(query, Request(request, headers), {}))


async def given(engine: Engine, request: str = "r", **headers: str) -> Any:
    return json.loads((await asked(engine, request=request, **headers)).body)["data"]["a"]["x"]


async def test_a_label_nobody_chose_leaves_the_field_where_it_was() -> None:
    assert await given(engine()) == "old"


async def test_a_chosen_label_moves_the_field() -> None:
    assert await given(engine(labels={"moved": 1.0})) == "new"


async def test_a_label_that_is_off_stays_off() -> None:
    assert await given(engine(labels={"moved": 0.0})) == "old"


@pytest.mark.parametrize(
    ("label", "low", "high"), [("percent(0)", 0, 0), ("percent(25.5)", 200, 310), ("percent(100)", 1000, 1000)]
)
async def test_percent_takes_that_share_of_the_requests(label: str, low: int, high: int) -> None:
    shares = Shares()
    taken = sum(shares.chosen((label,), Request(f"req_{i}"))[0] for i in range(1000))
    assert low <= taken <= high


async def test_a_share_that_grows_keeps_whom_it_had() -> None:
    shares = Shares()
    requests = [Request(f"req_{i}") for i in range(500)]
    few = {r.id for r in requests if shares.chosen(("percent(10)",), r)[0]}
    more = {r.id for r in requests if shares.chosen(("percent(30)",), r)[0]}
    assert few < more


async def test_who_is_known_by_a_header_keeps_the_same_place_from_request_to_request() -> None:
    under = engine("percent(50)", header="x-user")
    by_user = {
        user: {await given(under, request=f"req_{i}", **{"x-user": user}) for i in range(5)} for user in map(str, range(20))
    }
    assert all(len(places) == 1 for places in by_user.values())
    assert {place for places in by_user.values() for place in places} == {"old", "new"}


async def test_an_operation_is_compiled_once_per_combination_of_its_labels() -> None:
    under = engine("percent(50)")
    for i in range(40):
        await given(under, request=f"req_{i}")
    document: Any = under.documents.get(("{ a { x } }", None))
    assert document.labels == ("percent(50)",)
    assert len(document.variants) == 2


async def test_an_operation_without_such_fields_knows_nothing_of_labels() -> None:
    under = engine("percent(50)")
    for i in range(10):
        await asked(under, "{ a { y } other }", request=f"req_{i}")
    document: Any = under.documents.get(("{ a { y } other }", None))
    assert document.labels == ()
    assert len(document.variants) == 1


async def test_a_label_matters_to_those_who_require_what_it_moves() -> None:
    third = FED27 + 'type A @key(fields: "id") { id: ID! x: String @external z: String @requires(fields: "x") }'
    under = Engine(
        together(*services(), Federated("third", third, A=lambda r: {"z": f"z of {r['x']}"})),
        owner=GATEWAY_OWNER,
        shares=Shares({"moved": 1.0}),
    )
    assert json.loads((await asked(under, "{ a { z } }")).body)["data"] == {"a": {"z": "z of new"}}


def test_a_place_out_of_reach_is_found_though_nobody_has_the_label_yet() -> None:
    with pytest.raises(ConfigError) as refused:
        together(
            ("old", FED27 + 'type Query { a: A } type A @key(fields: "id") { id: ID! x: String }'),
            ("new", FED27 + 'type A @key(fields: "code") { code: ID! @external x: String @override(from: "old", label: "l") }'),
            ("codes", FED27 + 'type Query { b: A } type A @key(fields: "code") { code: ID! }'),
        )
    assert "SATISFIABILITY_ERROR" in {p.code for p in refused.value.problems}


async def test_a_composed_supergraph_says_the_same_of_labels() -> None:
    old, new = services()
    printed = print_supergraph(together(old, new))
    assert 'overrideLabel: "moved"' in printed
    sends = {"old": old.send, "new": new.send}

    async def send(call: Any) -> Any:
        return await sends[call.url.split("//")[1].split(".")[0]](call)

    again = subgraphs(
        source("all", "supergraph"), Document(printed.encode(), "s.graphql"), Sends(send, send, lambda s: s, HeaderRules())
    )

    for share, place in ((0.0, "old"), (1.0, "new")):
        assert await given(Engine(compose(again), owner=GATEWAY_OWNER, shares=Shares({"moved": share}))) == place
