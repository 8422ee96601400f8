"""A wide time series on a regular grid of times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from headwater.frames.errors import TimeSeriesError
from headwater.frames.frame import Frame
from headwater.frames.times.time_range import TimeRange

from .fill import Fill, FillMode, gather
from .kind import MAX_CELLS, Ints, one_array, require_cells, require_sorted, time_ticks
from .wide import wide_schema

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def resample(
    frame: Frame,
    time_range: TimeRange,
    interval: timedelta,
    fill: Fill | None = None,
    *,
    max_cells: int = MAX_CELLS,
) -> Frame:
    """`frame` at `time_range.from_`, then every `interval` up to and including `time_range.to`.

    A grid time t gets the last row in (t - interval, t]; without one, `fill` decides. Rows before the range
    count only as the previous value. The time column becomes nanoseconds and keeps its zone.

    :raises TimeSeriesError: no wide series, null times, times not ascending, an interval that is not
        positive, more than `max_cells`, a time that nanoseconds can't hold.
    """
    fill = fill or Fill()
    schema = wide_schema(frame, "resampled")
    column = frame.table.column(schema.time)
    zone = getattr(column.type, "tz", None)
    try:
        ticks = time_ticks(column.cast(pa.timestamp("ns")))
    except pa.ArrowInvalid as error:
        raise TimeSeriesError("times before 1677 or after 2262 can't be resampled") from error
    require_sorted(ticks)
    grid, step = _grid(time_range, interval, len(schema.values), max_cells)
    rows = _rows(ticks, grid, step, fill)
    fields = [pa.field(frame.schema.field(schema.time).name, pa.timestamp("ns", zone), nullable=False)]
    arrays = [pa.array(grid).view(pa.timestamp("ns", zone))]
    for index in schema.values:
        field = frame.schema.field(index)
        fields.append(field.with_nullable(True))
        arrays.append(gather(one_array(frame.table.column(index)), rows, fill, nullable=field.nullable))
    return frame.with_(table=pa.Table.from_arrays(arrays, schema=pa.schema(fields)))


def _grid(time_range: TimeRange, interval: timedelta, values: int, max_cells: int) -> tuple[Ints, int]:
    """Grid times and step in nanoseconds."""
    if interval <= timedelta(0):
        raise TimeSeriesError("the interval must be positive")
    require_cells((time_range.duration // interval + 1) * values, max_cells)
    start, stop, step = map(_nanoseconds, (time_range.from_ - _EPOCH, time_range.to - _EPOCH, interval))
    return start + step * np.arange((stop - start) // step + 1, dtype=np.int64), step


def _nanoseconds(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1) * 1000


def _rows(ticks: Ints, grid: Ints, step: int, fill: Fill) -> Ints:
    """For each grid time the row that gives its values, or -1."""
    rows = np.searchsorted(ticks, grid, side="right") - 1
    if fill.mode is FillMode.PREVIOUS or not len(ticks) or not len(grid):
        return rows
    found = ticks[np.maximum(rows, 0)]
    rows[(found <= grid - step) | (found < grid[0])] = -1
    return rows
