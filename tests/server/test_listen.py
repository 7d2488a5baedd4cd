"""Sockets: what is taken, what is left over, what cannot be had."""

from __future__ import annotations

import asyncio
import resource
import socket
import stat
from pathlib import Path

import pytest

from gateway.server.listen import BESIDE, Listener, bind, bind_unix, room_for
from gateway.server.street import street

from .conftest import StubHouse, drained


def test_port_zero_takes_a_free_one() -> None:
    with bind("127.0.0.1", 0) as first, bind("127.0.0.1", 0) as second:
        assert 0 < first.getsockname()[1] != second.getsockname()[1]


def test_an_ipv6_host_is_listened_on() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        with bind("::1", 0) as sock:
            assert sock.family is socket.AF_INET6
    except OSError as error:
        pytest.skip(f"this machine has no IPv6 loopback: {error.strerror}")


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(OSError, match=r"203\.0\.113\.7:1") as raised:
        bind("203.0.113.7", 1)
    assert raised.value.strerror


def test_a_unix_socket_is_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "a.sock"
    with bind_unix(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_unix_socket_somebody_listens_on_is_not_taken_but_a_dead_one_is(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with bind_unix(path), pytest.raises(OSError, match=r"a\.sock"):
        bind_unix(path)
    with bind_unix(path):
        assert path.is_socket()


def test_a_path_too_long_for_a_socket_is_named(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 120)
    with pytest.raises(OSError, match="too long") as raised:
        bind_unix(path)
    assert raised.value.filename == str(path)


async def test_whoever_has_connected_when_it_stops_is_answered() -> None:
    """More of them than one turn of the loop lets in."""
    house, sock = StubHouse(), bind("127.0.0.1", 0)
    listener, address = Listener(street(house), house), sock.getsockname()
    serving = asyncio.create_task(listener.serve(sockets=[sock]))
    while not listener.started:  # noqa: ASYNC110  it tells nobody
        await asyncio.sleep(0)
    clients = [socket.create_connection(address) for _ in range(20)]
    for client in clients:
        client.sendall(b"GET /graphql?query={hello} HTTP/1.1\r\nhost: g\r\n\r\n")
    house.draining = listener.should_exit = True
    answers = await asyncio.gather(*(asyncio.to_thread(drained, client) for client in clients))
    await serving
    for client, answer in zip(clients, answers, strict=True):
        client.close()
        assert answer.startswith(b"HTTP/1.1 200 OK"), answer


def test_what_the_process_may_open_bounds_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [(256, 4096)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, both: limits.append(both))
    assert room_for(1000) == 1000
    assert limits[-1] == (1000 + BESIDE, 4096)
    assert room_for(10_000) == 4096 - BESIDE
    assert limits[-1] == (4096, 4096)
