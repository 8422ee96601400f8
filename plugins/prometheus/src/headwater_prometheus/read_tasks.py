"""Divide a range query into read tasks: slices of its time range, on the borders of its steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pyarrow as pa

from headwater.errors import DownstreamServerError, QueryError
from headwater.models import TimeRange
from headwater.sdk import Consistency, DataQuery, Filter, Partition, Partitions

from .layouts import TIME, Display, Layout
from .long import long_frame
from .promql import is_of_its_moment
from .query import PrometheusQuery
from .series import SeriesBlock, collect
from .steps import Plan
from .streams import AskSeries

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROW_BYTES = 16


def divide(
    query: PrometheusQuery, planned: Plan, target: int, filters: tuple[Filter, ...], ask: AskSeries
) -> Partitions:
    """At most `target` slices of `planned`, whose expression has the query's filters in it already.

    Bounds of the time are applied. One part, with a notice, for what is not one table of samples.
    """
    if Layout(query.chosen_layout) is not Layout.LONG or not query.is_one_range:
        return Partitions.whole(query.data_query, "Only a range query in the layout long is divided.")
    if not is_of_its_moment(planned.expr):
        return Partitions.whole(query.data_query, "Its values may depend on the whole range: it is one part.")
    try:
        with ask() as reader:
            series = collect(block.firsts() for block in reader.blocks())
    except (QueryError, DownstreamServerError) as error:
        return Partitions.whole(query.data_query, f"The labels of the result cannot be asked for: {error}")
    if series.histograms:
        return Partitions.whole(query.data_query, "The result has native histograms: it is read as one part.")
    bounds = tuple(each for each in filters if _is_bound(each))
    first, last = _steps_within(planned, bounds)
    if first > last:  # one point too many for the reader, who applies the bounds
        first, last, bounds = 0, 0, ()
    labels = tuple(sorted({name for metric in series.metrics for name in metric}))
    count = max(1, min(target, last - first + 1))
    cuts = [first + (last - first + 1) * part // count for part in range(count + 1)]
    parts = tuple(
        _part(query, planned, labels, low, high - 1, len(series.metrics)) for low, high in pairwise(cuts)
    )
    return Partitions(parts, Consistency.NONE, _schema(planned, labels), handled_filters=bounds)


def _part(
    query: PrometheusQuery, planned: Plan, labels: tuple[str, ...], first: int, last: int, series: int
) -> Partition:
    """Steps `first` to `last` of `planned`, in a query that plans them again as they are."""
    json = {
        "expr": planned.expr,
        "interval": f"{planned.step}ms",
        "utcOffsetSec": query.utc_offset_sec,
        "layout": Layout.LONG.value,
        "labelColumns": list(labels),
    }
    times = TimeRange(
        _moment(planned.start + first * planned.step), _moment(planned.start + last * planned.step)
    )
    asked = DataQuery(
        ref_id=query.ref_id, query_type=query.data_query.query_type, time_range=times,
        max_data_points=query.max_data_points, interval_ms=DataQuery().interval_ms, json=json,
    )  # fmt: skip
    rows = series * (last - first + 1)
    return Partition(asked, rows, rows * (_ROW_BYTES + 4 * len(labels)))


def _schema(planned: Plan, labels: tuple[str, ...]) -> pa.Schema:
    display = Display(planned.expr, step_ms=planned.step, labels=labels)
    return long_frame(SeriesBlock.empty(is_vector=False), display).schema.remove_metadata()


def _is_bound(each: Filter) -> bool:
    is_time = isinstance(each.value, datetime) and each.value.tzinfo is not None
    return each.column == TIME and each.operator in ("<", "<=", ">", ">=") and is_time


def _steps_within(planned: Plan, bounds: tuple[Filter, ...]) -> tuple[int, int]:
    """The first and the last step of `planned` for which all `bounds` hold."""
    first, last = 0, (planned.end - planned.start) // planned.step
    step = timedelta(milliseconds=planned.step)
    for each in bounds:
        since = each.value - _moment(planned.start)
        whole, rest = since // step, since % step
        match each.operator:
            case ">=":
                first = max(first, whole + bool(rest))
            case ">":
                first = max(first, whole + 1)
            case "<=":
                last = min(last, whole)
            case "<":
                last = min(last, whole - (not rest))
    return first, last


def _moment(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
