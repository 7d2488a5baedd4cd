"""Families: what they count, how they are bounded, how those of several processes become one, how they are spelled."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from opentelemetry.sdk.resources import Resource
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from gateway.telemetry import prometheus
from gateway.telemetry.merge import Departed, merged
from gateway.telemetry.metrics import OTHER, SERIES, Counter, Family, Histogram, Names, Series
from gateway.telemetry.otlp import metrics_of


def histogram() -> Histogram:
    return Histogram("gateway.queue.wait", "s", "Waits.", ("gateway.source",), (0.1, 1.0))


def counter(value: float, name: str = "gateway.retries") -> Family:
    return Family(name, "counter", "{retry}", "Retries.", (Series((("gateway.source", "stock"),), value),))


def test_a_value_on_a_bound_is_in_the_bucket_it_ends() -> None:
    made = histogram()
    for value in (0.05, 0.1, 0.5, 1.0, 7.0):
        made.of("stock").record(value)
    [series] = made.family().series
    assert series.counts == (2, 2, 1)
    assert series.value == pytest.approx(8.65)


def test_a_family_has_no_more_series_than_its_bound() -> None:
    made, counted = histogram(), Counter("gateway.errors", "{error}", "Errors.", ("gateway.error.code",))
    for number in range(SERIES + 50):
        made.of(str(number)).record(0.1)
        counted.add(str(number))
    for family in (made.family(), counted.family()):
        assert len(family.series) == SERIES + 1
        others = [series for series in family.series if series.labels[0][1] == OTHER]
        assert [sum(each.counts) or each.value for each in others] == [50]


def test_names_that_come_late_count_together() -> None:
    names = Names(2)
    assert [names.of(name) for name in ("a", "b", "c", "a", "d")] == ["a", "b", OTHER, "a", OTHER]


def test_a_scrape_is_text_that_prometheus_reads() -> None:
    made = histogram()
    made.of('a "quoted"\nname').record(0.5)
    body, media = prometheus.page([made.family(), counter(3)])
    assert media == "text/plain; version=0.0.4; charset=utf-8"
    read = {family.name: family for family in plain(body.decode())}
    assert set(read) == {"gateway_queue_wait_seconds", "gateway_retries"}
    samples = {sample.name: sample for sample in read["gateway_queue_wait_seconds"].samples}
    assert samples["gateway_queue_wait_seconds_count"].labels == {"gateway_source": 'a "quoted"\nname'}
    [sample] = read["gateway_retries"].samples
    assert (sample.name, sample.value) == ("gateway_retries_total", 3)


def test_openmetrics_has_exemplars_and_the_plain_format_has_none() -> None:
    made = histogram()
    made.of("stock").record(0.5)
    made.of("stock").explain(0.5, "4" * 32, "7" * 16)
    body, media = prometheus.page([made.family()], "application/openmetrics-text; version=1.0.0, text/plain;q=0.5")
    assert media.startswith("application/openmetrics-text")
    [family] = openmetrics(body.decode())
    [exemplar] = [sample.exemplar for sample in family.samples if sample.exemplar]
    assert exemplar.labels == {"trace_id": "4" * 32, "span_id": "7" * 16}
    assert b"# {" not in prometheus.page([made.family()])[0]


def test_a_push_has_the_same_numbers() -> None:
    made = histogram()
    made.of("stock").record(0.5)
    data = metrics_of([made.family(), counter(3)], Resource({}), 1.0, 2.0)
    waits, retries = (metric.data.data_points[0] for metric in data.resource_metrics[0].scope_metrics[0].metrics)
    assert (waits.count, waits.bucket_counts, waits.explicit_bounds) == (1, (0, 1, 0), (0.1, 1.0))
    assert (retries.value, retries.start_time_unix_nano, retries.time_unix_nano) == (3, 10**9, 2 * 10**9)


# ---------------------------------------------------------------- several processes


def test_sums_are_added_and_of_states_the_worst_is_told() -> None:
    made, other = histogram(), histogram()
    made.of("stock").record(0.05)
    other.of("stock").record(5.0)
    states = [Family("gateway.breaker.state", "gauge", "1", "", (Series((), value),), merged="max") for value in (0, 2)]
    one, two = (made.family(), counter(3), states[0]), (other.family(), counter(4), states[1])
    state, waits, retries = merged([one, two])
    assert state.series[0].value == 2
    assert waits.series[0].counts == (1, 0, 1)
    assert retries.series[0].value == 7


def test_what_was_counted_survives_the_wire_between_workers() -> None:
    made = histogram()
    made.of("stock").record(0.5)
    made.of("stock").explain(0.5, "4" * 32, "7" * 16)
    assert msgspec.json.decode(msgspec.json.encode(made.family()), type=Family) == made.family()


@pytest.fixture(params=["a file", "memory"])
def departed(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[set[str]], Departed]:
    file = tmp_path / "workers.metrics" if request.param == "a file" else None
    kept = Departed(file, lambda name: name in living)
    living: set[str] = set()

    def make(alive: set[str]) -> Departed:
        living.clear()
        living.update(alive)
        return kept if file is None else Departed(file, lambda name: name in living)

    return make


def total(families: tuple[Family, ...]) -> float:
    return sum(series.value for family in families for series in family.series if family.kind == "counter")


def test_a_sum_never_goes_back_when_a_worker_dies_and_its_successor_starts(departed: Callable[[set[str]], Departed]) -> None:
    assert total(departed({"0/1", "1/2"}).with_those({"0/1": (counter(10),), "1/2": (counter(5),)})) == 15
    assert total(departed({"0/1"}).with_those({"0/1": (counter(11),)})) == 16
    assert total(departed({"0/1", "1/3"}).with_those({"0/1": (counter(11),), "1/3": (counter(1),)})) == 17
    assert total(departed({"0/1"}).with_those({"0/1": (counter(11),)})) == 17


def test_a_worker_that_is_only_slow_is_not_counted_twice(departed: Callable[[set[str]], Departed]) -> None:
    departed({"0/1", "1/2"}).with_those({"0/1": (counter(10),), "1/2": (counter(5),)})
    assert total(departed({"0/1", "1/2"}).with_those({"0/1": (counter(10),)})) == 15
    assert total(departed({"0/1", "1/2"}).with_those({"0/1": (counter(10),), "1/2": (counter(6),)})) == 16


def test_the_state_of_who_has_gone_is_nobody_s() -> None:
    gauge = Family("gateway.calls.open", "gauge", "{call}", "", (Series((), 3),))
    kept = Departed(None, lambda _: False)
    kept.with_those({"0/1": (gauge,), "1/2": (gauge,)})
    [left] = kept.with_those({"0/1": (gauge,)})
    assert left.series[0].value == 3


def test_a_file_with_rubbish_in_it_counts_for_nothing(tmp_path: Path) -> None:
    file = tmp_path / "workers.metrics"
    file.write_text(json.dumps({"0/1": "garbage"}))
    assert total(Departed(file, lambda _: True).with_those({"1/2": (counter(2),)})) == 2


def test_where_nothing_can_be_written_the_scrape_goes_on(tmp_path: Path) -> None:
    kept = Departed(tmp_path / "nowhere" / "workers.metrics", lambda _: False)
    kept.with_those({"0/1": (counter(10),), "1/2": (counter(5),)})
    assert total(kept.with_those({"0/1": (counter(10),)})) == 15
