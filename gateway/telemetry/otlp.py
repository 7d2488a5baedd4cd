"""Families as OpenTelemetry's metrics, for a push. Cumulative, since the start of this process."""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.sdk.metrics import Exemplar as SdkExemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource

from gateway.telemetry.metrics import Exemplar, Family, Series
from gateway.telemetry.spans import NANO, SCOPE

CUMULATIVE = AggregationTemporality.CUMULATIVE


def metrics_of(families: Iterable[Family], resource: Resource, began: float, now: float) -> MetricsData:
    """`began`: since when is counted; both on the `time.time` clock."""
    times = (round(began * NANO), round(now * NANO))
    made = [_metric(family, *times) for family in families if family.series]
    scope = ScopeMetrics(SCOPE, made, SCOPE.schema_url or "")
    return MetricsData([ResourceMetrics(resource, [scope], resource.schema_url)])


def _metric(family: Family, began: int, now: int) -> Metric:
    data: Sum | Gauge | Histogram
    if family.kind == "histogram":
        data = Histogram([_histogram(family, each, began, now) for each in family.series], CUMULATIVE)
    else:
        points = [NumberDataPoint(dict(each.labels), began, now, each.value) for each in family.series]
        data = Gauge(points) if family.kind == "gauge" else Sum(points, CUMULATIVE, is_monotonic=True)
    return Metric(family.name, family.help, family.unit, data)


def _histogram(family: Family, series: Series, began: int, now: int) -> HistogramDataPoint:
    return HistogramDataPoint(
        dict(series.labels),
        began,
        now,
        sum(series.counts),
        series.value,
        series.counts,
        family.bounds,
        None,  # type: ignore[arg-type]  # optional in the protocol: the smallest is not kept
        None,  # type: ignore[arg-type]  # nor the largest
        [_exemplar(each) for each in series.exemplars if each is not None],
    )


def _exemplar(exemplar: Exemplar) -> SdkExemplar:
    return SdkExemplar({}, exemplar.value, round(exemplar.at * NANO), int(exemplar.span, 16), int(exemplar.trace, 16))
