"""Events of a source, over both carriers: however they are cut into pieces, and as long as they may be, and no longer."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from gateway.errors import UpstreamTooLarge, UpstreamUnreachable
from gateway.upstream.call import Call, Request
from gateway.upstream.transport.events import AROUND, events
from gateway.upstream.transport.limits import Limits
from gateway.upstream.transport.streams import Carrier, opener, streaming

MOST = 1000


async def chunked(chunks: Sequence[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def heard(*chunks: bytes, most: int = MOST) -> list[bytes]:
    return [reply.body async for reply in events(chunked(chunks), most)]


def told(data: bytes) -> bytes:
    return b"event: next\ndata: " + data + b"\n\n"


END = b"event: complete\ndata:\n\n"


@given(st.lists(st.integers(0, 120), max_size=8), st.sampled_from([b"\n", b"\r\n"]))
async def test_events_are_the_same_however_they_are_cut_into_pieces(cuts: list[int], newline: bytes) -> None:
    stream = (b":\n\n" + told(b'{"a":1}') + b"event: next\ndata: {\ndata: }\n\n" + told(b"2") + END).replace(b"\n", newline)
    places = sorted({0, *cuts, len(stream)})
    pieces = [stream[start:end] for start, end in itertools.pairwise(places)]
    assert await heard(*pieces) == [b'{"a":1}', b"{\n}", b"2"]


@pytest.mark.parametrize("apart", [True, False])
async def test_an_event_of_exactly_the_limit_is_told_and_one_byte_more_ends_the_stream(apart: bool) -> None:
    def cut(event: bytes) -> list[bytes]:
        return [event[:-2], event[-2:]] if apart else [event]

    assert await heard(*cut(told(b"x" * MOST)), END) == [b"x" * MOST]
    with pytest.raises(UpstreamTooLarge):
        await heard(*cut(told(b"x" * (MOST + 1))), END)


async def test_an_event_without_end_is_not_waited_for() -> None:
    read: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        for number in range(1000):
            read.append(number)
            yield b"x" * 100

    with pytest.raises(UpstreamTooLarge):
        async for _ in events(endless(), MOST):
            pass
    assert len(read) == (MOST + AROUND) // 100 + 1


async def test_a_stream_that_ends_before_it_is_complete_broke_off() -> None:
    with pytest.raises(UpstreamUnreachable):
        await heard(told(b"1"))


# ---------------------------------------------------------------- websockets


async def a_message_of(size: int) -> list[bytes]:
    """What is heard of a source that sends one event, in a message of so many bytes."""

    async def source(socket: ServerConnection) -> None:
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "connection_init":
                await socket.send('{"type":"connection_ack"}')
            elif message["type"] == "subscribe":
                head = f'{{"id":"{message["id"]}","type":"next","payload":"'
                await socket.send(head + "x" * (size - len(head) - 2) + '"}')
                await socket.send(json.dumps({"id": message["id"], "type": "complete"}))

    async with serve(source, "127.0.0.1", 0, subprotocols=[Subprotocol("graphql-transport-ws")]) as server:
        port = server.sockets[0].getsockname()[1]
        call = Call("POST", f"http://127.0.0.1:{port}/", (), b'{"query":"subscription { a }"}', "a", Request("r"), lambda r: r)
        stream = streaming(opener(Carrier(), Limits(per_try=20, max_connections=4, max_response=MOST)))
        async with aclosing(stream(call)) as replies:
            return [reply.body async for reply in replies]


async def test_a_message_of_exactly_the_limit_is_told_and_one_byte_more_ends_the_subscription() -> None:
    (event,) = await a_message_of(MOST)
    assert len(event) > MOST / 2
    with pytest.raises(UpstreamTooLarge):
        await a_message_of(MOST + 1)
