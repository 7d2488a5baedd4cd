"""Clients that send half of it, too much of it, or something else altogether, over raw sockets."""

from __future__ import annotations

import json
import socket
from typing import Any

import httpx
import pytest

from .conftest import Running, StubEngine, drained

pytestmark = pytest.mark.usefixtures("house")

HEAD = b"POST /graphql HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n"
BODY = b'{"query":"{ hello }"}'
GOOD = HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY


def refusal(received: bytes) -> tuple[int, dict[str, Any]]:
    """Status and extensions of a refusal that is the only thing that came back, and of our shape."""
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"content-length: %d" % len(body) in head.lower()
    [error] = json.loads(body)["errors"]
    assert error["extensions"]["owner"]["team"] == "API Platform"
    return int(head.split()[1]), error["extensions"]


def test_what_is_not_http_is_told_so_in_our_shape_and_the_connection_closed(running: Running) -> None:
    for nonsense in (b"hello there\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"POST /graphql HTTP/1.1\r\nbad header\r\n\r\n"):
        status, extensions = refusal(running.raw(nonsense))
        assert (status, extensions["code"]) == (400, "BAD_USER_INPUT")


def test_a_wrong_content_length_is_no_http(running: Running) -> None:
    for length in (b"-5", b"abc", b"99999999999999999999999999"):
        status, _ = refusal(running.raw(HEAD + b"content-length: " + length + b"\r\n\r\n" + BODY))
        assert status == 400


@pytest.mark.parametrize("hosts", [b"", b"host: a\r\nhost: b\r\n"])
def test_a_request_has_one_host(running: Running, engine: StubEngine, hosts: bytes) -> None:
    """RFC 9112, section 3.2."""
    status, extensions = refusal(running.raw(GOOD.replace(b"host: gateway\r\n", hosts)))
    assert (status, extensions["code"]) == (400, "BAD_USER_INPUT")
    assert engine.asked == []


def test_a_client_of_http_1_0_needs_no_host(running: Running) -> None:
    received = running.raw(GOOD.replace(b"host: gateway\r\n", b"").replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert received.startswith(b"HTTP/1.1 200")


def test_two_lengths_are_no_http(running: Running, engine: StubEngine) -> None:
    both = HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    status, _ = refusal(running.raw(both))
    assert status == 400
    assert engine.asked == []


def test_a_head_beyond_the_limit_is_refused_in_one_field_or_in_many(running: Running, engine: StubEngine) -> None:
    one = HEAD + b"x-big: " + b"a" * 20_000 + b"\r\n\r\n"
    many = HEAD + b"".join(b"x-%d: %s\r\n" % (n, b"a" * 100) for n in range(200)) + b"\r\n"
    endless = HEAD + b"x-big: " + b"a" * 200_000
    for data in (one, many, endless):
        status, extensions = refusal(running.raw(data))
        assert (status, extensions["code"], extensions["which"]) == (431, "LIMIT_EXCEEDED", "headers")
    assert engine.asked == []


def test_a_head_just_within_the_limit_beside_a_body_is_fine(running: Running) -> None:
    body = json.dumps({"query": "{ hello } #" + "x" * 15_000}).encode()
    data = HEAD + b"x-big: %s\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % (b"a" * 7_000, len(body)) + body
    assert running.raw(data).startswith(b"HTTP/1.1 200")


def test_half_a_body_is_given_up_on_and_disturbs_nobody(running: Running, client: httpx.Client, engine: StubEngine) -> None:
    with socket.create_connection(("127.0.0.1", running.port), 20) as slow:
        slow.sendall(HEAD + b"content-length: 500\r\n\r\n" + BODY)
        assert client.post("/graphql", content=BODY, headers={"content-type": "application/json"}).status_code == 200
        status, extensions = refusal(drained(slow))
    assert (status, extensions["code"], extensions["retryable"]) == (408, "DEADLINE_EXCEEDED", True)
    assert len(engine.asked) == 1


def test_half_a_head_is_given_up_on(running: Running) -> None:
    status, _ = refusal(running.raw(b"POST /graphql HTTP/1.1\r\nhost: g", timeout=20))
    assert status == 408


def test_a_client_that_goes_away_takes_its_request_with_it(running: Running, engine: StubEngine) -> None:
    engine.hang = True
    with socket.create_connection(("127.0.0.1", running.port), 10) as client:
        client.sendall(GOOD)
        assert engine.entered.wait(10)
    assert engine.cancelled.wait(10)


def test_a_client_that_goes_away_with_half_its_body_sent_is_forgotten(running: Running, engine: StubEngine) -> None:
    with socket.create_connection(("127.0.0.1", running.port), 10) as client:
        client.sendall(HEAD + b"content-length: 500\r\n\r\n" + BODY)
    assert running.raw(GOOD.replace(b"host:", b"connection: close\r\nhost:")).startswith(b"HTTP/1.1 200")
    assert len(engine.asked) == 1


def test_pipelined_requests_are_answered_in_order(running: Running, engine: StubEngine) -> None:
    last = GOOD.replace(b"host:", b"connection: close\r\nhost:")
    received = running.raw(GOOD + GOOD + last)
    assert received.count(b"HTTP/1.1 200") == 3
    assert len(engine.asked) == 3


def test_a_hundred_kilobytes_of_braces_are_a_request_error(client: httpx.Client) -> None:
    response = client.post("/graphql", json={"query": "{" * 19_000})
    assert response.status_code in (200, 400)
    assert response.json()["errors"]
    response = client.post("/graphql", json={"query": "{" * 100_000})
    assert response.status_code == 413


def test_a_path_with_wrong_escapes_is_unknown_and_no_crash(running: Running) -> None:
    status, extensions = refusal(running.raw(b"GET /%zz%ff/../graphql HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n"))
    assert (status, extensions["code"]) == (404, "NOT_FOUND")
