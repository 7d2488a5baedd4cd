"""HTTP/2 to a source, spoken by a server that is made of frames: over TLS where it is offered, and from the first byte."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, RequestReceived, StreamEnded

from gateway.config.model import Tls
from gateway.errors import SourceError
from gateway.upstream.transport import Client, HttpxClient, Limits
from gateway.upstream.trust import trust_of
from tests.upstream.conftest import OK, Conversation, Hostile, Script, call
from tests.upstream.test_transport import certificate  # noqa: F401  a fixture

Start = Callable[..., Awaitable[Hostile]]
Answer = Callable[[H2Connection, int], None]
PREFACE = b"PRI * HTTP/2.0\r\n\r\n"
KINDS = pytest.mark.parametrize("kind", [Client, HttpxClient], ids=["pyreqwest", "httpx"])


def two(connection: H2Connection, stream: int) -> None:
    connection.send_headers(stream, [(":status", "200"), ("content-type", "application/json")])
    connection.send_data(stream, b"2", end_stream=True)


def either(answer: Answer = two) -> Script:
    """Speaks what the client does: frames, which `answer` says, or HTTP/1.1, in which it says `{}`."""

    async def script(conversation: Conversation) -> None:
        first = await conversation.asked()
        if first != PREFACE:
            await conversation.say(OK)
            await conversation.until_closed()
            return
        connection = H2Connection(H2Configuration(client_side=False))
        connection.initiate_connection()
        data = first
        while data:
            for event in connection.receive_data(data):
                if isinstance(event, RequestReceived):
                    conversation.heads.append(b" ".join(name + b"=" + value for name, value in event.headers))
                if isinstance(event, StreamEnded):
                    answer(connection, event.stream_id)
                if isinstance(event, ConnectionTerminated):
                    return
            await conversation.say(connection.data_to_send())
            if connection.state_machine.state.name == "CLOSED":
                return
            data = await conversation.reader.read(65536)

    return script


@pytest.fixture
async def made() -> AsyncIterator[Callable[..., Client | HttpxClient]]:
    clients: list[Client | HttpxClient] = []

    def make(kind: type[Client] | type[HttpxClient], limits: Limits) -> Client | HttpxClient:
        clients.append(kind(limits))
        return clients[-1]

    yield make
    for client in clients:
        await client.close()


Make = Callable[..., Client | HttpxClient]


def offering(files: tuple[Path, Path], *protocols: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*files)
    context.set_alpn_protocols(protocols)
    return context


@KINDS
@pytest.mark.parametrize(
    ("http2", "offered", "spoken"),
    [
        ("off", ["h2", "http/1.1"], b"{}"),
        ("negotiated", ["h2", "http/1.1"], b"2"),
        ("negotiated", ["http/1.1"], b"{}"),
        ("always", ["h2", "http/1.1"], b"2"),
    ],
)
async def test_over_tls_it_is_spoken_where_both_want_it(
    kind: type[Client], http2: str, offered: list[str], spoken: bytes, made: Make, hostile: Start, certificate: tuple[Path, Path]  # noqa: F811  the fixture
) -> None:  # fmt: skip
    server = await hostile(either(), offering(certificate, *offered))
    client = made(kind, Limits(per_try=20, tls=trust_of(Tls(ca=certificate[0])), http2=http2))
    assert (await client.send(call(server.url))).body == spoken


@KINDS
@pytest.mark.parametrize(("http2", "spoken"), [("off", b"{}"), ("negotiated", b"{}"), ("always", b"2")])
async def test_without_tls_it_is_spoken_only_where_it_always_is(
    kind: type[Client], http2: str, spoken: bytes, made: Make, hostile: Start
) -> None:
    server = await hostile(either())
    assert (await made(kind, Limits(per_try=20, http2=http2)).send(call(server.url))).body == spoken


@KINDS
async def test_a_certificate_is_shown_over_http2_too(
    kind: type[Client], made: Make, hostile: Start, certificate: tuple[Path, Path]  # noqa: F811  the fixture
) -> None:  # fmt: skip
    context = offering(certificate, "h2")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificate[0])
    server = await hostile(either(), context)
    own = Tls(ca=certificate[0], certificate=certificate[0], key=certificate[1])
    client = made(kind, Limits(per_try=20, tls=trust_of(own), http2="negotiated"))
    assert (await client.send(call(server.url))).body == b"2"


async def test_many_calls_at_once_share_one_connection(made: Make, hostile: Start) -> None:
    server = await hostile(either())
    client = made(Client, Limits(per_try=20, http2="always"))
    await client.send(call(server.url))
    replies = await asyncio.gather(*(client.send(call(f"{server.url}{n}")) for n in range(40)))
    assert {reply.body for reply in replies} == {b"2"}
    assert server.opened == 1


async def test_a_connection_the_server_takes_leave_of_is_replaced(made: Make, hostile: Start) -> None:
    def leaving(connection: H2Connection, stream: int) -> None:
        two(connection, stream)
        connection.close_connection()

    server = await hostile(either(leaving))
    client = made(Client, Limits(per_try=20, http2="always"))
    for opened in (1, 2, 3):
        assert (await client.send(call(server.url))).body == b"2"
        await server.until(lambda: server.open == 0)
        assert server.opened == opened


def reset(connection: H2Connection, stream: int) -> None:
    connection.reset_stream(stream, error_code=2)


def refused(connection: H2Connection, stream: int) -> None:
    """GOAWAY that says this stream was not looked at, with an error."""
    connection.close_connection(error_code=11, last_stream_id=stream)


def cut(connection: H2Connection, stream: int) -> None:
    connection.send_headers(stream, [(":status", "200"), ("content-type", "application/json")])
    connection.send_data(stream, b"[1, ")
    connection.reset_stream(stream, error_code=2)


@KINDS
@pytest.mark.parametrize("answer", [reset, refused, cut], ids=lambda answer: answer.__name__)
async def test_what_is_reset_is_a_failure_of_the_source_that_may_be_tried_again(
    kind: type[Client], answer: Answer, made: Make, hostile: Start
) -> None:
    server = await hostile(either(answer))
    client = made(kind, Limits(per_try=20, http2="always"))
    with pytest.raises(SourceError) as caught:
        await client.send(call(server.url))
    assert caught.value.code in ("UPSTREAM_UNREACHABLE", "UPSTREAM_BAD_CONTENT")
    assert caught.value.retryable


@KINDS
async def test_silence_ends_with_per_try_and_the_connection_serves_on(kind: type[Client], made: Make, hostile: Start) -> None:
    streams: list[int] = []

    def silent_once(connection: H2Connection, stream: int) -> None:
        streams.append(stream)
        if len(streams) > 1:
            two(connection, stream)

    server = await hostile(either(silent_once))
    client = made(kind, Limits(per_try=1.5, http2="always"))
    with pytest.raises(SourceError) as caught:
        await client.send(call(server.url))
    assert caught.value.code == "UPSTREAM_TIMEOUT"
    assert (await client.send(call(server.url))).body == b"2"


@KINDS
async def test_a_server_of_http_1_alone_fails_like_any_other(kind: type[Client], made: Make, hostile: Start) -> None:
    async def plain(conversation: Conversation) -> None:
        await conversation.asked()
        await conversation.say(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        await conversation.until_closed()

    client = made(kind, Limits(per_try=1.5, http2="always"))
    with pytest.raises(SourceError) as caught:
        await client.send(call((await hostile(plain)).url))
    assert caught.value.code in ("UPSTREAM_UNREACHABLE", "UPSTREAM_BAD_CONTENT", "UPSTREAM_TIMEOUT")


@KINDS
async def test_a_body_beyond_the_limit_is_not_taken(kind: type[Client], made: Make, hostile: Start) -> None:
    def large(connection: H2Connection, stream: int) -> None:
        connection.send_headers(stream, [(":status", "200"), ("content-type", "application/json")])
        connection.send_data(stream, b"x" * 1001, end_stream=True)

    client = made(kind, Limits(per_try=20, max_response=1000, http2="always"))
    with pytest.raises(SourceError) as caught:
        await client.send(call((await hostile(either(large))).url))
    assert caught.value.code == "UPSTREAM_TOO_LARGE"
