from __future__ import annotations

import random

import pytest

from gateway.upstream.layers.latency import ENOUGH, HALVED, Latency


@pytest.mark.parametrize("quantile", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("shape", ["uniform", "tail"])
def test_the_quantile_is_within_four_percent(quantile: float, shape: str) -> None:
    draw = random.Random(7)
    times = [draw.uniform(0.01, 0.5) if shape == "uniform" else draw.lognormvariate(-4, 1) for _ in range(1950)]
    latency = Latency(quantile)
    for seconds in times:
        latency.add(seconds)
    exact = sorted(times)[int(quantile * len(times))]
    assert latency.value == pytest.approx(exact, rel=0.06)


def test_few_calls_say_nothing() -> None:
    latency = Latency(0.95)
    for _ in range(ENOUGH - 1):
        latency.add(0.1)
    assert latency.value is None
    latency.add(0.1)
    assert latency.value == pytest.approx(0.1, rel=0.05)


def test_what_was_long_ago_is_outweighed() -> None:
    latency = Latency(0.95)
    for seconds in (1.0, 0.01):
        for _ in range(8 * HALVED):
            latency.add(seconds)
    assert latency.value == pytest.approx(0.01, rel=0.05)


def test_the_fastest_and_the_slowest_have_a_place() -> None:
    latency = Latency(0.5)
    for seconds in (0.0, 1e-9, 3600.0) * 30:
        latency.add(seconds)
    assert latency.value is not None
