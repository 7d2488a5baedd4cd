"""Rows kept by key, in any order of questions, callers, pauses and failures, held against what their source has said and when."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from msgspec.structs import replace

from gateway.composition import compose
from gateway.config.model import Link
from gateway.engine import Engine
from gateway.errors import UpstreamFailed, UpstreamForbidden
from gateway.upstream.call import Call, Freshness, HeaderRules, Reply, Request
from gateway.upstream.layers.cache.items import Items
from tests.graphs import GATEWAY_OWNER, Service, ask, shop

LIFE, LONGER = 10.0, 30.0
"""Seconds a row is fresh, and may be used beyond that while its source fails."""


def by_caller(incoming: Any) -> tuple[tuple[str, str], ...]:
    return (("authorization", incoming["authorization"]),)


class Stamped:
    """In each row stands for whom it was made, and when."""

    def __init__(self, service: Service, model: RowsModel) -> None:
        self.service = service
        self.model = model

    async def send(self, call: Call) -> Reply:
        now = self.model.now
        if self.model.fails is not None:
            raise self.model.fails()
        stamp = f"{dict(call.headers)['authorization']} {now}"
        self.service.edit = lambda body: json.loads(json.dumps(body).replace("Text", stamp))
        self.service.freshness = Freshness(now + LIFE, private=True, on_error=now + LIFE + LONGER)
        return await self.service.send(call)


class RowsModel(RuleBasedStateMachine):
    """A row is its caller's own, as fresh as it claims, or labelled; together they are always the whole answer."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.now, self.fails = 1000.0, None
        services, links = shop()
        reviews = services[2]
        reviews.keys["rules"] = HeaderRules(by_caller, frozenset({"authorization"}))
        self.items = Items(20_000, lambda: self.now)
        stamped = Stamped(reviews, self)
        subgraphs = [replace(service.subgraph(), items=self.items) for service in services]
        subgraphs[2] = replace(subgraphs[2], send=stamped.send)
        supergraph = compose(subgraphs, [Link.model_validate(link) for link in links])
        self.engine = Engine(supergraph, owner=GATEWAY_OWNER, clock=lambda: self.now)

    @rule(how=st.sampled_from([None, UpstreamFailed, UpstreamForbidden]))
    def becomes(self, how: Any) -> None:
        self.fails = how

    @rule(first=st.integers(1, 5), who=st.sampled_from(["alice", "bob"]), after=st.sampled_from([0.0, 6.0, 20.0]))
    def ask(self, first: int, who: str, after: float) -> None:
        self.now += after
        request = Request("req_test", headers={"authorization": who})
        query = f"{{ products(first: {first}) {{ id reviews {{ id productId text }} }} }}"
        told = self.loop.run_until_complete(ask(self.engine, query, request=request))
        if told["data"] is None or told["data"]["products"] is None:
            assert told["errors"]
            assert self.fails is not None
            return
        stale = any(warning["code"] == "STALE_DATA" for warning in told.get("extensions", {}).get("warnings", ()))
        assert [product["id"] for product in told["data"]["products"]] == [str(n + 1) for n in range(first)]
        for product in told["data"]["products"]:
            self.judge(product, who, stale, "errors" in told)

    def judge(self, product: Any, who: str, stale: bool, failed: bool) -> None:
        if product["reviews"] is None:
            assert failed
            return
        assert len(product["reviews"]) == sum(n % 5 + 1 == int(product["id"]) for n in range(12))
        for review in product["reviews"]:
            owner, made, _ = review["text"].split()
            assert (owner, review["productId"]) == (who, product["id"])
            age = self.now - float(made)
            assert age < LIFE or (stale and self.fails is not None and age < LIFE + LONGER)

    def teardown(self) -> None:
        assert self.items.used <= self.items.capacity
        self.loop.close()


TestRowsAreAsTheModel = RowsModel.TestCase
TestRowsAreAsTheModel.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
