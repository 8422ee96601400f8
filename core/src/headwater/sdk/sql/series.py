"""A result as a time series: Grafana's rules from rows to wide frames."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import pyarrow as pa
import pyarrow.compute as pc

from headwater.errors import ErrorSource, FrameError, QueryError
from headwater.frames import (
    Fill,
    Frame,
    FrameMeta,
    FrameType,
    Notice,
    resample,
    series_from_rows,
    unique_names,
)
from headwater.models import TimeRange

from .expanded import ExpandedQuery
from .time_columns import time_index

__all__ = ["metric_index", "time_series"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_series(
    frame: Frame,
    metric: int | None,
    query: ExpandedQuery,
    time_range: TimeRange,
    max_rows: int | None,
    *,
    long: bool = False,
) -> Frame:
    """`frame` as a wide time series, its gaps filled as the query's macros asked; `long` leaves it as rows.

    The time column becomes `Time`; other columns become float64 values, text columns the labels of series. No
    rows give a frame without columns. `metric` is the column that names a series, if there is one.

    Raises QueryError if a column is unfit.
    """
    if not frame.num_rows:
        return Frame(pa.table({}), frame.name, frame.ref_id, frame.meta)
    time_range = query.time_range or time_range
    time = time_index(frame.schema)
    if time is None or not _is_point_in_time(frame.schema.field(time).type):
        raise QueryError(
            "db has no time column: time column is missing; make sure your data includes a time column for "
            "time series format or switch to a table format that doesn't require it",
            source=ErrorSource.DOWNSTREAM,
        )
    frame = _typed(frame, time, metric)
    notice = _outside_range(frame.table.column(time), time_range, query.fill_interval)
    if long:
        meta = attrs.evolve(frame.meta or FrameMeta(), type=FrameType.TIME_SERIES_LONG, type_version=(0, 1))
        return frame.with_(meta=meta) if notice is None else frame.with_(meta=meta).with_notice(notice)
    frame = _widen(frame, query.fill)
    if query.fill is not None and query.fill_interval is not None:
        frame = _fill_gaps(frame, query.fill, query.fill_interval, time_range, max_rows)
    return frame if notice is None else frame.with_notice(notice)


def metric_index(schema: pa.Schema) -> int | None:
    """The column called `metric`, else the first one of text: it names the series."""
    if "metric" in schema.names:
        return int(schema.names.index("metric"))
    return next((index for index, field in enumerate(schema) if pa.types.is_string(field.type)), None)


def _typed(frame: Frame, time: int, metric: int | None) -> Frame:
    """Times as timestamps called `Time`, the metric as text, values as the nearest float64.

    Another column called `Time` gets a number.
    """
    fields, arrays = [], []
    for index, field in enumerate(frame.schema):
        column = frame.table.column(index)
        if index == time:
            type_ = field.type if pa.types.is_timestamp(field.type) else pa.timestamp("ms")
        elif index == metric or pa.types.is_string(field.type):
            type_ = pa.string()
        else:
            type_ = pa.float64()
        try:
            arrays.append(_seconds(column) if pa.types.is_duration(field.type) else _cast(column, type_))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise QueryError(
                f"convert value to float failed: column {field.name!r} is {field.type}"
            ) from error
        fields.append(field.with_type(arrays[-1].type))
    fields[time] = fields[time].with_name("Time")
    clashing = [index for index, field in enumerate(fields) if field.name == "Time" and index != time]
    renamed = unique_names(["Time"] * len(clashing), taken=[field.name for field in fields])
    for index, name in zip(clashing, renamed, strict=True):
        fields[index] = fields[index].with_name(name)
    return frame.with_(table=pa.Table.from_arrays(arrays, schema=pa.schema(fields)))


def _outside_range(
    times: pa.ChunkedArray, time_range: TimeRange, fill_interval: timedelta | None
) -> Notice | None:
    """Tells of rows that nobody will see: left out of a filled series, or all of them out of sight.

    Times without a zone may be those of the session's zone, so only filling, which takes them for UTC, tells.
    """
    if fill_interval is None and times.type.tz is None:
        return None
    start, end = time_range.from_ms, time_range.to_ms
    if fill_interval is not None:
        step = fill_interval // timedelta(milliseconds=1)
        start = start // step * step
    per_second = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[times.type.unit]
    numbers = times.cast(pa.int64())
    inside = pc.and_(
        pc.greater_equal(numbers, start * per_second // 1000),
        pc.less_equal(numbers, end * per_second // 1000),
    )
    outside = len(times) - (pc.sum(inside).as_py() or 0)
    if not outside or (fill_interval is None and outside < len(times)):
        return None
    left_out = " and are left out" if fill_interval is not None else ""
    return Notice.warning(
        f"{outside} of {len(times)} row(s) have no time within the query's time range{left_out}; numbers "
        "in the time column are seconds, milliseconds or nanoseconds since 1970"
    )


def _is_point_in_time(type_: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(type_) or pa.types.is_date(type_))


def _cast(column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    """Integers that float64 can't hold exactly are rounded: a series draws values, it does not keep them."""
    rounded = pa.types.is_floating(type_) and pa.types.is_integer(column.type)
    return column.cast(type_, safe=not rounded)


def _seconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.divide(column.cast(pa.int64()).cast(pa.float64()), 1e6)


def _widen(frame: Frame, fill: Fill | None) -> Frame:
    try:
        return series_from_rows(frame, fill)
    except FrameError as error:
        raise QueryError(
            f"failed to convert long to wide series when converting from dataframe: {error}",
            source=ErrorSource.DOWNSTREAM,
        ) from error


def _fill_gaps(
    frame: Frame, fill: Fill, interval: timedelta, time_range: TimeRange, max_rows: int | None
) -> Frame:
    start = _EPOCH + (time_range.from_ - _EPOCH) // interval * interval
    if max_rows is not None and (time_range.to - start) // interval > max_rows:
        return frame.with_notice(
            Notice.warning(
                "Fill operation skipped: time range and interval would require more points than the "
                "configured row limit"
            )
        )
    try:
        return resample(frame, TimeRange(start, time_range.to), interval, fill)
    except FrameError as error:
        raise QueryError(f"failed to resample dataframe: {error}", source=ErrorSource.DOWNSTREAM) from error
