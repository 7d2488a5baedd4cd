"""What subscriptions bring is neither kept nor played back."""

import os
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from gateway.errors import UpstreamUnreachable
from gateway.upstream.call import Call, Reply, Request
from gateway.upstream.tape import player, recorder

CALL = Call("POST", "http://shop.test/", (), b"{}", "subscription { sold }", Request("req_1"), lambda reply: reply)


async def events() -> AsyncGenerator[Reply]:
    yield Reply(200, {}, b"{}")


async def test_what_a_subscription_brings_is_passed_on_and_not_kept(tmp_path: Path) -> None:
    opened = Reply(200, {}, b"", rows=events())

    async def send(_: Call) -> Reply:
        return opened

    assert await recorder(tmp_path, str)("shop", send)(CALL) is opened
    assert os.listdir(tmp_path) == []


async def test_a_subscription_is_not_opened_where_calls_are_played_back(tmp_path: Path) -> None:
    async def send(_: Call) -> Reply:
        pytest.fail("the service was called")

    with pytest.raises(UpstreamUnreachable, match="was not recorded"):
        await player(tmp_path)("shop", send)(CALL)
