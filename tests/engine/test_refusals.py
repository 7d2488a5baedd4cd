"""The gateway only reads: a write is refused before anything else, and told where it belongs."""

from __future__ import annotations

import pytest

from gateway.errors import OperationNotSupported
from tests.graphs import Service, an_engine, answer, ask


@pytest.mark.parametrize(("by_get", "status"), [(False, 400), (True, 405)])
async def test_a_mutation_is_refused_and_its_owner_named(people: Service, by_get: bool, status: int) -> None:
    engine = an_engine([people])
    given = await answer(engine, "mutation { rename(id: 1) { id } }", read_only_method=by_get)
    answered = await ask(engine, "mutation { rename(id: 1) { id } }", read_only_method=by_get)
    (error,) = answered["errors"]
    assert given.status == status
    assert "data" not in answered
    assert error["extensions"]["code"] == "OPERATION_NOT_SUPPORTED"
    assert error["extensions"]["service"] == "people"
    assert error["extensions"]["owner"]["team"] == "Team people"
    assert error["extensions"]["url"] == "http://people.example.com/graphql"
    assert "http://people.example.com/graphql" in error["message"]
    assert people.asked == []


@pytest.mark.parametrize(
    "document", ["mutation { unknown }", "subscription { me { id } }", "mutation { ...F } fragment F on X { a }"]
)
async def test_what_no_source_has_is_refused_in_the_gateways_own_name(people: Service, document: str) -> None:
    (error,) = (await ask(an_engine([people]), document))["errors"]
    assert (error["extensions"]["code"], error["extensions"]["service"]) == ("OPERATION_NOT_SUPPORTED", "gateway")


async def test_a_refused_write_is_decided_before_validation(people: Service) -> None:
    (error,) = (await ask(an_engine([people]), "mutation { nowhere { at all } }"))["errors"]
    assert error["extensions"]["code"] == "OPERATION_NOT_SUPPORTED"


def test_a_write_has_no_plan(people: Service) -> None:
    with pytest.raises(OperationNotSupported, match="people"):
        an_engine([people]).plan("mutation { rename(id: 1) { id } }")


async def test_a_refusal_that_is_remembered_does_not_grow(people: Service) -> None:
    engine = an_engine([people])
    for _ in range(3):
        await ask(engine, "{ nope }")
    (remembered,) = [engine.documents.get(("{ nope }", None))]
    depth, trace = 0, getattr(remembered, "__traceback__", None)
    while trace is not None:
        depth, trace = depth + 1, trace.tb_next
    assert depth < 5
