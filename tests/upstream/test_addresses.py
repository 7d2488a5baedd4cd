"""Where a host's name leads: looked up, checked, pinned, and followed when the service moves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from unittest.mock import Mock

import pytest

from gateway.errors import SourceError, UpstreamBlocked, UpstreamUnreachable
from gateway.upstream.call import Call
from gateway.upstream.transport import Client, HttpxClient, Limits
from gateway.upstream.transport.addresses import is_forbidden, origin, permitted
from tests.upstream.conftest import OK, Conversation, Hostile, answers, call

Start = Callable[..., Awaitable[Hostile]]
Ask = Callable[[HttpxClient, Call], Awaitable[object]]


class Dns:
    """Says what it was told to say, and counts how often it was asked."""

    def __init__(self, *addresses: str) -> None:
        self.addresses: Sequence[str] | OSError = addresses
        self.asked = 0

    async def __call__(self, _host: str, _port: int) -> Sequence[str]:
        self.asked += 1
        if isinstance(self.addresses, OSError):
            raise self.addresses
        return self.addresses


class World:
    """A client whose time moves when told to; the source's own port is the server's."""

    def __init__(self, dns: Dns, server: Hostile, max_age: float = 30.0) -> None:
        self.now = 1000.0
        self.client = Client(Limits(per_try=20, max_age=max_age), look_up=dns, now=lambda: self.now)
        self.url = f"http://source.test:{server.port}/"

    async def ask(self) -> bytes:
        return (await self.client.send(call(self.url))).body


async def forever(conversation: Conversation) -> None:
    while True:
        await conversation.asked()
        await conversation.say(OK)


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "fe80::1%eth0", "fd00:ec2::254", "100.100.100.200", "::ffff:169.254.169.254", "0.0.0.0", "224.0.0.1"],  # noqa: S104
)
def test_addresses_no_service_has_are_forbidden(address: str) -> None:
    assert is_forbidden(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "192.168.0.9", "8.8.8.8", "::1", "fd12::7"])
def test_private_and_public_services_may_be_called(address: str) -> None:
    assert not is_forbidden(address)


def test_of_several_addresses_only_the_forbidden_ones_are_left_out() -> None:
    assert permitted(["169.254.169.254", "10.0.0.1"]) == ("10.0.0.1",)
    with pytest.raises(UpstreamBlocked):
        permitted(["169.254.169.254"])


def test_an_origin_ends_where_the_path_begins() -> None:
    assert origin("http://h:80/x").prefix == "http://h:80/"
    assert not "http://h:8080/x".startswith(origin("http://h:80/x").prefix)
    assert (origin("https://h/x").port, origin("http://[::1]:9/x").host) == (443, "::1")


@pytest.mark.parametrize("kind", [Client, HttpxClient])
async def test_a_name_that_leads_to_a_metadata_service_is_not_called(kind: type[Client]) -> None:
    client = kind(Limits(), look_up=Dns("169.254.169.254"))
    with pytest.raises(UpstreamBlocked):
        await client.send(call("http://source.test/"))
    await client.close()


@pytest.mark.parametrize("kind", [Client, HttpxClient])
async def test_a_metadata_address_itself_is_not_called(kind: type[Client]) -> None:
    client = kind(Limits())
    with pytest.raises(UpstreamBlocked):
        await client.send(call("http://169.254.169.254/latest/meta-data"))
    await client.close()


@pytest.mark.parametrize("asks", [HttpxClient.send, HttpxClient.subscribe])
@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        pytest.param([("169.254.169.254", 80)], UpstreamBlocked, id="the name leads elsewhere by now"),
        pytest.param([None], UpstreamUnreachable, id="hung up already, as asyncio tells it"),
        pytest.param(AttributeError(), UpstreamUnreachable, id="hung up already, as uvloop tells it"),
    ],
)
async def test_nothing_is_said_to_a_peer_that_is_not_what_was_checked(
    said: object, meaning: type[SourceError], asks: Ask, hostile: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said of a connection depends on when its server reset it, so it is said here by us."""
    monkeypatch.setattr("httpcore._backends.anyio.AnyIOStream.get_extra_info", Mock(side_effect=said))
    server, client = await hostile(forever), HttpxClient(Limits())
    with pytest.raises(meaning):
        await asks(client, call(server.url))
    await server.until(lambda: server.open == 0)
    assert server.heads == []
    await client.close()


async def test_the_connection_goes_to_what_was_checked(hostile: Start) -> None:
    server = await hostile(forever)
    world = World(Dns("127.0.0.1"), server)
    assert await world.ask() == b"{}"
    assert f"host: source.test:{server.port}".encode() in server.heads[0].lower()


async def test_a_name_is_looked_up_once_for_many_calls(hostile: Start) -> None:
    dns = Dns("127.0.0.1")
    world = World(dns, await hostile(forever))
    for _ in range(5):
        await world.ask()
    assert dns.asked == 1


async def moved(hostile: Start, age: float) -> tuple[World, Dns, Hostile]:
    """A service that was at 127.0.0.1 and is at 127.0.0.2 now, with connections to the old place still open."""
    old = await hostile(forever)
    dns = Dns("127.0.0.1")
    world = World(dns, old)
    await world.ask()
    new = Hostile(answers(OK.replace(b"{}", b"[]"), hold=True))
    new.server = await asyncio.start_server(new._accept, "127.0.0.2", old.port)
    dns.addresses = ("127.0.0.2",)
    world.now += age
    return world, dns, new


async def test_a_service_that_moved_is_found_within_the_age(hostile: Start) -> None:
    world, dns, new = await moved(hostile, 30.0)
    assert await world.ask() == b"[]"
    assert dns.asked == 2
    await world.client.close()
    await new.stop()


async def test_shortly_before_that_it_is_looked_up_beside_the_calls(hostile: Start) -> None:
    world, dns, new = await moved(hostile, 25.0)
    assert await world.ask() == b"{}"
    await asyncio.sleep(0)
    assert dns.asked == 2
    assert await world.ask() == b"[]"
    await world.client.close()
    await new.stop()


async def test_connections_stay_while_the_name_leads_to_the_same_place(hostile: Start) -> None:
    server = await hostile(forever)
    world = World(Dns("127.0.0.1"), server)
    for _ in range(3):
        await world.ask()
        world.now += 31
    assert server.opened == 1


async def test_a_look_up_that_fails_leaves_what_still_works(hostile: Start) -> None:
    dns = Dns("127.0.0.1")
    world = World(dns, await hostile(forever))
    await world.ask()
    dns.addresses = OSError("no such host")
    world.now += 25
    assert [await world.ask(), await world.ask()] == [b"{}", b"{}"]


async def test_a_name_that_no_longer_resolves_is_called_where_it_was(hostile: Start) -> None:
    dns = Dns("127.0.0.1")
    world = World(dns, await hostile(forever))
    await world.ask()
    dns.addresses = OSError("no such host")
    world.now += 3600
    assert [await world.ask(), await world.ask()] == [b"{}", b"{}"]
    assert dns.asked == 2, "not before every call"


async def test_a_name_that_does_not_resolve_says_so(hostile: Start) -> None:
    dns = Dns()
    dns.addresses = OSError("no such host")
    world = World(dns, await hostile(forever))
    with pytest.raises(UpstreamUnreachable) as caught:
        await world.ask()
    assert caught.value.error_type == "dns_error"
    dns.addresses = ("127.0.0.1",)
    assert await world.ask() == b"{}"


async def test_where_one_address_refuses_the_next_is_called(hostile: Start) -> None:
    world = World(Dns("127.0.0.3", "127.0.0.1"), await hostile(forever))
    assert await world.ask() == b"{}"


async def test_a_refused_connection_makes_the_name_be_looked_up_soon(hostile: Start) -> None:
    dns = Dns("127.0.0.3")
    world = World(dns, await hostile(forever))
    with pytest.raises(UpstreamUnreachable):
        await world.ask()
    dns.addresses = ("127.0.0.1",)
    world.now += 1.1
    with pytest.raises(UpstreamUnreachable):
        await world.ask()
    await asyncio.sleep(0)
    assert await world.ask() == b"{}"
