"""The wall's time as the gateway sees it."""

from __future__ import annotations

from gateway.upstream.clock import steady


def test_setting_the_clock_of_the_machine_moves_nothing() -> None:
    wall, monotonic = [1_000_000.0], [5.0]
    now = steady(lambda: wall[0], lambda: monotonic[0])
    monotonic[0] += 10
    wall[0] += 86_400
    assert now() == 1_000_010.0
