"""Headers of sources' replies that go back to the caller."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.engine.returned import Returned
from gateway.errors import UpstreamFailed
from gateway.upstream.call import Freshness
from tests.graphs import Service, an_engine, answer, shop

NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("merge", "values", "merged"),
    [
        ("first", ("a", "b"), "a"),
        ("last", ("a", "b"), "b"),
        ("append", ("a", "b"), "a, b"),
        ("min", ("30", "4.5"), "4.5"),
        ("min", ("many", "7"), "7"),
        ("min", ("nan", "7"), "7"),
        ("strictest", ("max-age=60, public", "max-age=10, private"), "max-age=10, private"),
        ("strictest", ("max-age=60, public", "public, max-age=90"), "max-age=60, public"),
        ("strictest", ("max-age=60, public", "max-age=60"), "max-age=60"),
        ("strictest", ("max-age=60", "no-store"), "no-store"),
        ("first", ("a\r\nb: c", "b"), "b"),
    ],
)
async def test_several_values_become_one_as_the_rule_says(merge: str, values: tuple[str, str], merged: str) -> None:
    services, links = shop()
    for service, value in zip(services[:2], values, strict=True):
        service.reply_headers = service.reply_headers | {"x-quota": value}
    rules = {service.name: (Returned("x-quota", "x-left", merge),) for service in services}
    catalog_first = '{ product(id: "1") { id reviews { author { id } } } }'
    came = await answer(an_engine(services, links, returned=rules), catalog_first)
    assert dict(came.headers)[b"x-left"].decode() == merged


async def test_a_header_nobody_named_stays_here() -> None:
    services, links = shop()
    services[0].reply_headers = services[0].reply_headers | {"x-quota": "1", "set-cookie": "a=b"}
    came = await answer(
        an_engine(services, links, returned={"accounts": (Returned("x-quota", "x-left"),)}), "{ products { id } }"
    )
    assert {b"x-left", b"x-quota", b"set-cookie"}.isdisjoint(dict(came.headers))


async def test_a_failed_call_gives_none() -> None:
    services, links = shop()
    services[0].failure = UpstreamFailed()
    came = await answer(an_engine(services, links, returned={"catalog": (Returned("x-a", "x-a"),)}), "{ products { id } }")
    assert b"x-a" not in dict(came.headers)


async def test_a_kept_answer_keeps_them() -> None:
    service = Service("shop", "type Query { name: String }", {"name": "corner"})
    service.reply_headers = service.reply_headers | {"x-quota": "5"}
    kept = service.send

    async def fresh(call: Any) -> Any:
        return msgspec.structs.replace(await kept(call), freshness=Freshness(expires=NOW + 60))

    service.send = fresh  # type: ignore[method-assign]
    engine = an_engine([service], clock=lambda: NOW, returned={"shop": (Returned("x-quota", "x-quota"),)})
    for _ in range(2):
        assert dict((await answer(engine, "{ name }")).headers)[b"x-quota"] == b"5"
    assert len(service.asked) == 1
