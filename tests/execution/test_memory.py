"""What a request leaves behind: nothing, however it ended."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from gateway.engine import Engine
from gateway.errors import SourceError, UpstreamFailed
from gateway.execution.run import Run
from gateway.upstream.call import Reply
from tests.graphs import Service, an_engine, ask, shop

QUERY = "{ products { name reviews { stars author { name } } } }"


def left() -> list[object]:
    gc.collect()
    return [each for each in gc.get_objects() if isinstance(each, Run | SourceError)]


@pytest.fixture(autouse=True)
def nothing_more() -> Iterator[None]:
    before = left()
    known = set(map(id, before))
    yield
    assert [each for each in left() if id(each) not in known] == []


def world() -> tuple[Engine, list[Service]]:
    services, links = shop()
    return an_engine(services, links), services


@pytest.mark.parametrize("which", [0, 1, 2])
async def test_a_source_that_fails_leaves_nothing_behind(which: int) -> None:
    engine, services = world()

    def raised(_body: object) -> object:
        held = Reply(200, {}, b"x" * 1000)
        raise UpstreamFailed(str(held.status)) from ValueError("why")

    services[which].edit = raised
    assert (await ask(engine, QUERY))["errors"]


async def test_an_answer_that_does_not_fit_leaves_nothing_behind() -> None:
    engine, services = world()
    services[2].raw = b"no JSON"
    assert (await ask(engine, QUERY))["errors"]


@pytest.mark.parametrize("which", [0, 1, 2])
async def test_a_bug_leaves_nothing_behind_but_its_line_in_the_log(which: int, caplog: pytest.LogCaptureFixture) -> None:
    engine, services = world()

    def broken(_body: object) -> object:
        try:
            return {}["missing"]
        except KeyError:
            raise ZeroDivisionError from None

    services[which].edit = broken
    assert (await ask(engine, QUERY))["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "in broken" in caplog.text
    caplog.clear()
