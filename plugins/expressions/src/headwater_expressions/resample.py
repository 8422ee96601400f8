"""`resample`: series at regular times."""

from __future__ import annotations

import numpy as np

from headwater.frames import TimeRange

from .errors import invalid, too_large
from .reduce import REDUCERS, reduced
from .values import Bools, Floats, Kind, Results, Times, Value

__all__ = ["UPSAMPLERS", "resample"]

UPSAMPLERS = ("pad", "backfilling", "fillna")


def resample(
    results: Results,
    time_range: TimeRange,
    window_ms: float,
    downsampler: str,
    upsampler: str,
    max_cells: int,
) -> Results:
    """Each series at the start of the range, then once a window until its end.

    A point stands for the values since the one before, itself included: `downsampler` reduces them, and
    `upsampler` says what stands where there are none: the last known value, the next one, or null.
    Raises QueryRequestError, and LimitExceededError for more than `max_cells` points.
    """
    if downsampler not in REDUCERS:
        raise invalid(f"downsampling {downsampler} not implemented; downsamplers are {', '.join(REDUCERS)}")
    if upsampler not in UPSAMPLERS:
        raise invalid(f"upsampling {upsampler} not implemented; upsamplers are {', '.join(UPSAMPLERS)}")
    grid = _grid(time_range, round(window_ms * 1_000_000), max_cells // max(1, len(results)))
    return Results.of((_resampled(value, grid, downsampler, upsampler) for value in results), results.notices)


def _grid(time_range: TimeRange, window: int, most: int) -> Times:
    start, end = time_range.from_ms * 1_000_000, time_range.to_ms * 1_000_000
    if window <= 0:
        raise invalid("the window must be positive")
    points = (end - start) // window
    if points <= 0:
        raise invalid("the series cannot be sampled further; the time range is shorter than the interval")
    if points >= most:
        raise too_large(f"resample would give {points + 1:,} points for each series; take a longer window")
    return start + window * np.arange(points + 1, dtype=np.int64)


def _resampled(value: Value, grid: Times, downsampler: str, upsampler: str) -> Value:
    if value.kind is not Kind.SERIES or value.times is None:
        raise invalid(f"can only resample type series, got type {value.kind}")
    order = np.argsort(value.times, kind="stable")
    times, cells = value.times[order], value.cells[order]
    nulls = None if value.nulls is None else value.nulls[order]
    ends = np.searchsorted(times, grid, side="right")
    starts = np.concatenate(([0], ends[:-1]))
    empty = starts == ends
    out, null = _downsampled(cells, nulls, starts, ends, downsampler)
    if upsampler != "fillna":
        source = ends - 1 if upsampler == "pad" else ends
        filled = empty & (source >= 0) & (source < len(cells))
        if nulls is not None:
            filled[filled] = ~nulls[source[filled]]
        out[filled] = cells[source[filled]]
        null &= ~filled
    return Value.series(grid, out, null if null.any() else None, value.labels)


def _downsampled(
    cells: Floats, nulls: Bools | None, starts: Times, ends: Times, downsampler: str
) -> tuple[Floats, Bools]:
    """The value of each window, and where that is null: there are no values, or nothing but nulls."""
    out = np.full(len(ends), np.nan)
    null = starts == ends
    if downsampler == "last" and len(cells):
        latest = np.maximum(ends - 1, 0)
        if nulls is not None:
            null = null | nulls[latest]
        return np.where(null, np.nan, cells[latest]), null
    for window in np.flatnonzero(~null):
        part = slice(starts[window], ends[window])
        number = reduced(cells[part], None if nulls is None else nulls[part], downsampler)
        if number is None or (nulls is not None and nulls[part].all() and downsampler != "count"):
            null[window] = True
        else:
            out[window] = number
    return out, null
