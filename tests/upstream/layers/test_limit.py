from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import UpstreamError, UpstreamFailed, UpstreamNotFound, UpstreamRateLimited, UpstreamTimeout
from gateway.upstream.layers.limit import Adaptive


def failed(status: int) -> UpstreamFailed:
    error = UpstreamFailed()
    error.status = status
    return error


@pytest.mark.parametrize("error", [UpstreamTimeout(), UpstreamRateLimited(), failed(503)])
def test_signs_of_overload_cut_the_limit(error: UpstreamError) -> None:
    limit = Adaptive(64)
    limit.failed(error, 100.0, 101.0)
    assert limit.limit == pytest.approx(51.2)


@pytest.mark.parametrize("error", [UpstreamNotFound(), failed(500)])
def test_other_failures_do_not(error: UpstreamError) -> None:
    limit = Adaptive(64)
    limit.failed(error, 100.0, 101.0)
    assert limit.limit == 64


def test_calls_that_were_open_together_are_one_sign() -> None:
    limit = Adaptive(64)
    for _ in range(64):
        limit.failed(UpstreamTimeout(), 100.0, 102.0)
    assert limit.limit == pytest.approx(51.2)
    limit.failed(UpstreamTimeout(), 102.0, 104.0)
    assert limit.limit == pytest.approx(40.96)


def test_it_grows_only_while_all_of_it_is_used() -> None:
    limit = Adaptive(64)
    limit.limit = 10.0
    limit.answered(9)
    assert limit.limit == 10.0
    limit.answered(10)
    assert limit.limit == 10.1


def test_it_settles_near_what_the_source_can_take() -> None:
    """A source that answers 503 to whatever is beyond its 8 places."""
    limit, seen = Adaptive(64), list[int]()
    for now in range(4000):
        busy = int(limit.limit)
        for call in range(busy):
            if call < 8:
                limit.answered(busy)
            else:
                limit.failed(failed(503), now, now)
        seen.append(busy)
    later = sorted(seen[100:])
    assert (later[0], later[-1]) == (7, 9)


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(1, 64), st.booleans()), max_size=200))
def test_it_stays_between_one_and_the_most(steps: list[tuple[float, int, bool]]) -> None:
    limit, now = Adaptive(64), 0.0
    for elapsed, busy, good in steps:
        now += elapsed
        if good:
            limit.answered(busy)
        else:
            limit.failed(UpstreamTimeout(), now, now)
        assert 1 <= limit.limit <= 64
