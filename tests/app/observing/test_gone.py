"""Sources that a reload replaces: what they counted stays counted."""

from __future__ import annotations

from typing import Any

from gateway.app.observing.gone import Gone
from gateway.app.observing.sources import labels_of
from gateway.config.model import Policy
from gateway.telemetry.metrics import Family
from gateway.upstream.onion import Shared, SourceState


class Line:
    """As much of one as is looked at."""

    def __init__(self, fetches: int) -> None:
        self.data = SourceState("stock", Policy(), None, Shared(measured=True))
        self.source: Any = type("Source", (), {"name": "stock", "kind": "graphql", "url": "http://stock.test"})()
        for _ in range(fetches):
            self.data.meter.add("network", 0.0, 0.01)
        self.data.transitions["open"] += 1


def named(fetches: int) -> Any:
    return (Line(fetches), labels_of("stock", "Supply"))


def fetched(families: tuple[Family, ...]) -> float:
    found = [family for family in families if family.name == "gateway.fetches"]
    return sum(series.value for family in found for series in family.series)


def test_a_line_that_leaves_is_counted_until_it_has_left_and_after() -> None:
    gone, leaving = Gone(), named(3)
    gone.add([leaving])
    assert fetched(gone.families()) == 3
    leaving[0].data.meter.add("network", 0.0, 0.01)
    assert fetched(gone.families()) == 4, "requests that are in finish on it"
    gone.fold([leaving])
    assert fetched(gone.families()) == 4


def test_of_a_hundred_replaced_lines_one_sum_is_kept() -> None:
    gone = Gone()
    for _ in range(100):
        line = named(2)
        gone.add([line])
        gone.fold([line])
    families = gone.families()
    assert fetched(families) == 200
    assert len(families) == len({family.name for family in families})
    assert all(family.kind != "gauge" for family in families), "the state of what has gone is nobody's"
