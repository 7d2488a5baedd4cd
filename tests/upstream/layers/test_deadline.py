from __future__ import annotations

import pytest

from gateway.errors import DeadlineExceeded
from gateway.upstream.call import Request
from gateway.upstream.layers.deadline import deadline
from tests.upstream.conftest import call
from tests.upstream.world import Source, Time


async def test_a_call_is_given_the_policy_s_total() -> None:
    time, source = Time(), Source()
    await deadline(5, time.clock)(source.send)(call())
    assert source.calls[0].deadline == time.now + 5


async def test_the_request_s_own_deadline_is_never_passed() -> None:
    time, source = Time(), Source()
    send = deadline(5, time.clock)(source.send)
    await send(call(request=Request(id="r", deadline=time.now + 2)))
    await send(call(deadline=time.now + 1))
    assert [made.deadline - time.now for made in source.calls] == [2, 1]


async def test_a_request_whose_time_is_over_makes_no_call() -> None:
    time, source = Time(), Source()
    with pytest.raises(DeadlineExceeded):
        await deadline(5, time.clock)(source.send)(call(request=Request(id="r", deadline=time.now)))
    assert source.calls == []
