"""What an error does to a non-null field: by configuration, by operation, by request."""

from __future__ import annotations

import pytest

from gateway.errors import SourceSaturated, UpstreamFailed
from tests.graphs import Service, an_engine, answer, ask

SDL = "type Query { good: String! bad: String! }"


def service() -> Service:
    return Service("one", SDL, {"good": "yes", "bad": None})


@pytest.mark.parametrize(
    ("query", "on_error", "data"),
    [
        ("{ good bad }", None, None),
        ("{ good bad }", "null", {"good": "yes", "bad": None}),
        ("query @experimental_disableErrorPropagation { good bad }", None, {"good": "yes", "bad": None}),
        ("query @experimental_disableErrorPropagation { good bad }", "propagate", None),
        ("{ good bad }", "halt", None),
    ],
)
async def test_the_request_goes_before_its_operation_and_that_before_the_configuration(query, on_error, data) -> None:
    one = service()
    one.edit = lambda _body: {"data": {"good": "yes", "bad": None}, "errors": [{"message": "no", "path": ["bad"]}]}
    told = await ask(an_engine([one]), query, on_error=on_error)
    assert told["data"] == data
    assert [error["path"] for error in told["errors"]] == [["bad"]]


@pytest.mark.parametrize(("failure", "status"), [(SourceSaturated(), 503), (UpstreamFailed(), 200)])
async def test_an_answer_that_fell_to_full_queues_says_come_back(failure, status) -> None:
    one = Service("one", "type Query { thing: String }")
    one.failure = failure
    told = await answer(an_engine([one]), "{ thing }")
    assert told.status == status
    assert ((b"retry-after", b"1") in told.headers) == (status == 503)


async def test_a_part_that_came_is_an_answer() -> None:
    one, two = Service("one", "type Query { thing: String }"), Service("two", "type Query { other: String }", {"other": "x"})
    one.failure = SourceSaturated()
    told = await answer(an_engine([one, two]), "{ thing other }")
    assert told.status == 200
