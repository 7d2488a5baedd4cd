"""Families as text for a scrape: Prometheus' format 0.0.4, or OpenMetrics with exemplars. The only door to prometheus_client.

Names become what OpenTelemetry's specification of Prometheus compatibility makes of them: dots as underscores, then the unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any

from prometheus_client import exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from gateway.telemetry import metrics
from gateway.telemetry.metrics import Family, Labels, Series

UNITS: Mapping[str, str] = {"s": "_seconds", "By": "_bytes"}
NOT_A_NAME = re.compile(r"[^a-zA-Z0-9_:]")


def spelled(name: str) -> str:
    return NOT_A_NAME.sub("_", name)


def name_of(family: Family) -> str:
    """Without the suffix of a counter's or histogram's samples."""
    return spelled(family.name) + UNITS.get(family.unit, "")


def page(families: Iterable[Family], accept: str = "") -> tuple[bytes, str]:
    """The text in the format that is asked for, and its content type."""
    encode, media = exposition.choose_encoder(accept)
    return encode(_Collector([_metric(family) for family in families])), media


class _Collector(Collector):
    def __init__(self, made: list[Metric]) -> None:
        self._made = made

    def collect(self) -> Iterator[Metric]:
        yield from self._made


def _metric(family: Family) -> Metric:
    names = sorted({name for series in family.series for name, _ in series.labels})
    about = (name_of(family), family.help)
    labels = [spelled(name) for name in names]
    if family.kind == "counter":
        counter = CounterMetricFamily(*about, labels=labels)
        for series in family.series:
            counter.add_metric(_values(series.labels, names), series.value)
        return counter
    if family.kind == "gauge":
        gauge = GaugeMetricFamily(*about, labels=labels)
        for series in family.series:
            gauge.add_metric(_values(series.labels, names), series.value)
        return gauge
    histogram = HistogramMetricFamily(*about, labels=labels)
    for series in family.series:
        histogram.add_metric(_values(series.labels, names), list(_buckets(family, series)), series.value)
    return histogram


def _values(labels: Labels, names: Iterable[str]) -> list[str]:
    """In the order of the names; one that is not there is empty, which to Prometheus is the same."""
    known = dict(labels)
    return [str(known.get(name, "")) for name in names]


def _buckets(family: Family, series: Series) -> Iterator[Any]:
    exemplars = series.exemplars or (None,) * len(series.counts)
    bounds = [*(f"{bound:g}" if bound % 1 else f"{bound:.1f}" for bound in family.bounds), "+Inf"]
    for bound, count, exemplar in zip(bounds, accumulate(series.counts), exemplars, strict=True):
        yield (bound, count) if exemplar is None else (bound, count, _exemplar(exemplar))


def _exemplar(exemplar: metrics.Exemplar) -> Exemplar:
    return Exemplar({"trace_id": exemplar.trace, "span_id": exemplar.span}, exemplar.value, exemplar.at)
