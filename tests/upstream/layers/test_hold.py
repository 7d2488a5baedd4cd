from __future__ import annotations

import pytest

from gateway.errors import SourceHeld
from gateway.upstream.layers.hold import Held, Hold, hold
from tests.upstream.conftest import call
from tests.upstream.world import START, Source, Time


async def test_a_held_source_is_not_called_and_says_why_and_until_when() -> None:
    time, source = Time(), Source()
    state = Hold(time.clock.wall)
    send = hold(state)(source.send)
    state.hold(Held("migration", START, START + 1060.0))
    with pytest.raises(SourceHeld, match="held by an operator \\(migration\\)") as caught:
        await send(call())
    assert caught.value.details == {"reason": "migration", "until": "2027-01-15T08:17:40Z"}
    assert caught.value.retry_after == 60.0
    assert source.calls == []


async def test_it_is_called_again_once_released_or_once_the_time_is_over() -> None:
    time, source = Time(), Source()
    state = Hold(time.clock.wall)
    send = hold(state)(source.send)
    state.hold(Held("migration", START))
    state.hold(None)
    await send(call())
    state.hold(Held("migration", START, START + 1060.0))
    time.advance(60)
    await send(call())
    assert (len(source.calls), state.held) == (2, None)
