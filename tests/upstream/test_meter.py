"""Ten minutes of one source in constant memory."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gateway.upstream.meter import SLICE, SLICES, Meter, quantile

from .world import Time


def test_each_way_a_call_may_end_has_its_own_count() -> None:
    time = Time()
    meter = Meter(time.clock)
    for kind in ("network", "network", "error", "hit", "stale", "collapsed", "none"):
        meter.add(kind, time.now, 0.02)
    traffic = meter.traffic()
    assert (traffic.calls, traffic.errors, traffic.refused) == (3, 1, 1)
    assert (traffic.hits, traffic.stale, traffic.collapsed) == (1, 1, 1)
    assert traffic.series[-1] == 7
    assert traffic.failures[-1] == 2


def test_what_is_older_than_ten_minutes_is_forgotten() -> None:
    time = Time()
    meter = Meter(time.clock)
    meter.add("network", time.now, 0.01)
    time.advance(SLICE * (SLICES - 1))
    assert meter.traffic().calls == 1
    time.advance(SLICE)
    assert meter.traffic().calls == 0
    assert sum(meter.traffic().series) == 0


def test_the_series_runs_from_the_oldest_to_the_newest() -> None:
    time = Time()
    meter = Meter(time.clock)
    for uses in (3, 1, 2):
        for _ in range(uses):
            meter.add("hit", time.now, 0.0)
        time.advance(SLICE)
    assert meter.traffic().series[-4:] == (3, 1, 2, 0)


def test_a_silence_longer_than_the_window_empties_it() -> None:
    time = Time()
    meter = Meter(time.clock)
    meter.add("error", time.now, 1.0)
    time.advance(SLICE * SLICES * 7 + 3)
    meter.add("network", time.now, 0.001)
    assert (meter.traffic().calls, meter.traffic().errors) == (1, 0)


def test_latencies_are_those_of_the_network_alone() -> None:
    time = Time()
    meter = Meter(time.clock)
    assert meter.traffic().p50_ms is None
    for _ in range(100):
        meter.add("hit", time.now, 0.0)
    for _ in range(10):
        meter.add("network", time.now, 0.100)
    p50 = meter.traffic().p50_ms
    assert p50 is not None
    assert 64 <= p50 <= 128


@pytest.mark.parametrize("share", [0.5, 0.95, 1.0])
def test_a_quantile_is_within_its_bucket_and_grows_with_the_share(share: float) -> None:
    found = quantile([0, 0, 5, 3, 0, 2], share)
    assert found is not None
    assert 2 <= found <= 32
    assert all(a <= b for a, b in pairwise([quantile([0, 0, 5, 3, 0, 2], n / 10) or 0.0 for n in range(1, 11)]))
