"""Ready answers: kept while all they were made of is fresh, and never shared between identities."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.engine import Engine
from gateway.engine.store import ANSWER_BYTES, ANSWERS, AnswerStore, Stored, weighed
from gateway.errors import UpstreamFailed
from gateway.execution.run import Outcome
from gateway.upstream.call import Call, Freshness, Reply, Request
from tests.engine.conftest import Clock, a_people_service, bearer
from tests.graphs import Service, an_engine, answer, ask


async def asked_after(engine: Engine, service: Service, *queries: Any) -> int:
    for query, variables in queries:
        await answer(engine, query, variables)
    return len(service.asked)


async def test_the_same_question_is_answered_from_memory(people: Service, clock: Clock) -> None:
    engine = an_engine([people], clock=clock)
    first = await answer(engine, "{ me { name } }")
    assert (await answer(engine, "{ me { name } }")).body == first.body
    assert len(people.asked) == 1


@pytest.mark.parametrize(
    "other",
    [("{ me { id } }", {}), ("{ user(id: 1) { id } }", {}), ("query($i: ID!) { user(id: $i) { id } }", {"i": "2"})],
)
async def test_another_question_is_asked(people: Service, clock: Clock, other: Any) -> None:
    engine = an_engine([people], clock=clock)
    known = [("{ me { name } }", {}), ("query($i: ID!) { user(id: $i) { id } }", {"i": "1"})]
    before = await asked_after(engine, people, *known)
    assert await asked_after(engine, people, *known, other) == before + 1


async def test_an_answer_ends_with_its_strictest_part(people: Service, clock: Clock) -> None:
    other = a_people_service("others")
    other.sdl = "type Query { them: Int }"
    other = Service("others", other.sdl, {"them": 3})
    other.freshness = Freshness(expires=1010.0)
    engine = an_engine([people, other], clock=clock)
    first = await answer(engine, "{ me { id } them }")
    assert first.expires == 1010.0
    clock.now = 1009.0
    await answer(engine, "{ me { id } them }")
    assert (len(people.asked), len(other.asked)) == (1, 1)
    clock.now = 1010.0
    await answer(engine, "{ me { id } them }")
    assert (len(people.asked), len(other.asked)) == (2, 2)


async def test_an_answer_with_an_error_is_never_kept(people: Service, clock: Clock) -> None:
    engine = an_engine([people], clock=clock)
    people.edit = lambda body: body["data"]["user"].update(name=5) or body
    assert "errors" in await ask(engine, "{ user(id: 1) { name } }")
    people.edit = None
    assert "errors" not in await ask(engine, "{ user(id: 1) { name } }")
    people.failure = UpstreamFailed()
    assert "errors" not in await ask(engine, "{ user(id: 1) { name } }")


async def test_an_answer_of_stale_data_is_never_kept(people: Service, clock: Clock) -> None:
    engine = an_engine([people], clock=clock)
    people.stale_cause = "UPSTREAM_ERROR"
    people.freshness = Freshness(expires=2000.0, age=90.0)
    answered = await ask(engine, "{ me { id } }")
    (warning,) = answered["extensions"]["warnings"]
    assert (warning["code"], warning["service"], warning["age_s"]) == ("STALE_DATA", "people", 90)
    assert warning["owner"]["team"] == "Team people"
    assert "errors" not in answered
    await ask(engine, "{ me { id } }")
    assert len(people.asked) == 2


async def test_what_its_source_forbids_to_keep_is_not_kept(people: Service, clock: Clock) -> None:
    people.freshness = Freshness()
    engine = an_engine([people], clock=clock)
    assert await asked_after(engine, people, *[("{ me { id } }", {})] * 2) == 2


# ---------------------------------------------------------------- identity


@dataclass
class Secretive:
    """Answers with the caller's own Authorization."""

    service: Service

    async def send(self, call: Call) -> Reply:
        told = dict(call.headers).get("authorization", "")
        self.service.data["me"] = {"id": told, "name": told}
        return await Service.send(self.service, call)


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(st.lists(st.tuples(st.sampled_from(["", "a", "A", "a ", "b", None]), st.sampled_from(["x", "y"])), min_size=1, max_size=8))
async def test_two_authorizations_never_share_an_answer(callers: list[tuple[str | None, str]]) -> None:
    people = a_people_service(rules=bearer())
    people.send = Secretive(people).send  # type: ignore[method-assign]  # it tells who asked
    engine = an_engine([people], clock=Clock())
    for authorization, unrelated in callers:
        headers = {"x-unrelated": unrelated} | ({} if authorization is None else {"authorization": authorization})
        answered = await ask(engine, "{ me { id name } }", request=Request("req", headers))
        assert answered["data"]["me"] == {"id": authorization or "", "name": authorization or ""}
    assert len(people.asked) == len({authorization for authorization, _ in callers})


# ---------------------------------------------------------------- bounds


def stored(size: int) -> Stored:
    return Stored(Outcome(b"x" * size, expires=10.0), size)


def test_the_store_is_bounded_by_number() -> None:
    store = AnswerStore()
    for number in range(ANSWERS + 5):
        store.put((number,), stored(1))
    assert len(store) == ANSWERS
    assert store.get((4,), 0.0) is None
    assert store.get((5,), 0.0) is not None


def test_the_store_is_bounded_by_bytes() -> None:
    store = AnswerStore()
    for number in range(5):
        store.put((number,), stored(ANSWER_BYTES // 4))
    assert len(store) == 4
    store.put((9,), stored(ANSWER_BYTES + 1))
    assert len(store) == 0


@pytest.mark.parametrize("size", [10, 1_000, 100_000])
def test_what_an_answer_is_counted_with_is_what_it_takes(size: int) -> None:
    def kept() -> AnswerStore:
        store = AnswerStore()
        for number in range(ANSWERS):
            key = (store, b"%d" % number * 10, (f"Bearer {number:020}", None), 0, "null")
            outcome = Outcome(bytes(size), expires=float(number), exchanges=())
            store.put(key, weighed(key, outcome))
        return store

    tracemalloc.start()
    store = kept()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert store._bytes == pytest.approx(taken, rel=0.2)


def test_what_has_expired_is_let_go() -> None:
    store = AnswerStore()
    store.put((1,), stored(1))
    assert store.get((1,), 10.0) is None
    assert len(store) == 0


async def test_an_answer_tells_which_of_the_callers_headers_its_plan_sends_on(clock: Clock) -> None:
    other = Service("others", "type Query { them: Int }", {"them": 3})
    engine = an_engine([a_people_service(rules=bearer()), other], clock=clock)
    assert (await answer(engine, "{ me { id } them }")).propagates == ("authorization",)
    assert (await answer(engine, "{ me { id } them }")).propagates == ("authorization",)
    assert (await answer(engine, "{ them }")).propagates == ()
