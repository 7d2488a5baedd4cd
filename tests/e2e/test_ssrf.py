"""The gateway calls what its configuration names: no caller, no value, no reply and no name makes it call anything else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from gateway.errors import UpstreamBlocked
from gateway.upstream.transport import Client, HttpxClient, Limits, exchange
from gateway.upstream.transport.addresses import is_forbidden
from tests.upstream.conftest import call

from .gateway import Inside
from .shop import Shop
from .wire import Upstream, reply, say

KINDS = pytest.mark.parametrize("kind", [Client, HttpxClient], ids=["pyreqwest", "httpx"])


@pytest.fixture
def canary() -> Iterator[Upstream]:
    """A server that nobody has any business with."""
    server = Upstream(lambda _: say({"data": "stolen"}))
    yield server
    server.stop()


HEADERS = ("Host", "X-Forwarded-Host", "Forwarded", "X-Original-URL", "X-Rewrite-URL", "Referer", "Origin")
VALUES = (
    "../../../{at}",
    "//{at}/x",
    "@{at}/",
    "http://{at}/",
    "%2f%2f{at}",
    "p1?x=http://{at}",
    "p1#@{at}",
    "..\\\\{at}",
    "\\r\\nHost: {at}",
)


@pytest.mark.parametrize("value", VALUES)
def test_no_value_of_a_caller_leads_elsewhere(front: Inside, shop: Shop, canary: Upstream, value: str) -> None:
    before = len(shop.stock.asked)
    front.ask("query ($sku: String!) { getProduct(sku: $sku) { sku } }", {"sku": value.format(at=f"127.0.0.1:{canary.port}")})
    assert canary.asked == []
    assert all(asked.headers["host"] == f"127.0.0.1:{shop.stock.port}" for asked in shop.stock.asked[before:])


@pytest.mark.parametrize("name", HEADERS)
def test_no_header_of_a_caller_leads_elsewhere(front: Inside, shop: Shop, canary: Upstream, name: str) -> None:
    before = len(shop.stock.asked)
    sent = {name: f"127.0.0.1:{canary.port}"}
    body = {"query": f'{{ getProduct(sku: "p{len(name)}") {{ sku }} }}'}
    assert front.http.post(front.url, json=body, headers=sent).json()["data"]["getProduct"]
    assert canary.asked == []
    assert all(name.lower() not in asked.headers or name == "Host" for asked in shop.stock.asked[before:])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_of_a_source_is_followed(front: Inside, broken: Callable[..., None], canary: Upstream, status: int) -> None:
    broken(stock=reply("", status, location=f"{canary.url}/x"))
    body: Any = front.ask(f'{{ getProduct(sku: "p{status}") {{ sku }} }}')
    assert body["errors"][0]["extensions"]["code"] == "UPSTREAM_BLOCKED"
    assert canary.asked == []


METADATA = (
    *("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "0.0.0.0"),  # noqa: S104  refused
    *("[::ffff:169.254.169.254]", "[fd00:ec2::254]", "[fe80::a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]"),
    *("2852039166", "0xa9fea9fe", "0251.0376.0251.0376"),
)


@KINDS
@pytest.mark.parametrize("host", METADATA)
async def test_no_spelling_of_a_metadata_address_is_called(kind: type[Client], host: str) -> None:
    client = kind(Limits(per_try=20))
    with pytest.raises(UpstreamBlocked):
        await client.send(call(f"http://{host}/latest/meta-data/"))
    await client.close()


@KINDS
async def test_a_name_is_judged_by_where_it_leads(kind: type[Client]) -> None:
    async def dns(_host: str, _port: int) -> list[str]:
        return ["169.254.169.254"]

    client = kind(Limits(per_try=20), look_up=dns)
    with pytest.raises(UpstreamBlocked):
        await client.send(call("http://metadata.google.internal/computeMetadata/v1/"))
    await client.close()


async def test_a_name_that_leads_elsewhere_by_the_time_it_is_connected_to_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch, canary: Upstream
) -> None:
    """What was looked up was well; what answered is not (DNS rebinding)."""
    seen: list[str] = []

    def permitted(addresses: Iterable[str]) -> tuple[str, ...]:
        seen.extend(addresses)
        raise UpstreamBlocked

    monkeypatch.setattr(exchange, "permitted", permitted)
    client = HttpxClient(Limits(per_try=20))
    with pytest.raises(UpstreamBlocked):
        await client.send(call(f"{canary.url}/x"))
    await client.close()
    assert seen == ["127.0.0.1"]
    assert canary.asked == []


def test_addresses_of_services_are_not_taken_for_those_of_clouds() -> None:
    assert not any(map(is_forbidden, ("127.0.0.1", "10.0.0.8", "192.168.1.4", "8.8.8.8", "::1", "fd12::1", "64:ff9b::808:808")))
