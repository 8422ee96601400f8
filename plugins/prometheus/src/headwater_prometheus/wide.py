"""The layout `wide`: one row per time, a column per series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from attrs import frozen

from headwater.errors import LimitExceededError, QueryError
from headwater.frames import Frame, unique_names

from .arrays import to_arrow
from .layouts import (
    HISTOGRAM_TYPE,
    TIME_TYPE,
    Check,
    Display,
    Layout,
    arrow_field,
    histogram_value,
    histograms_by_series,
    never_over,
)
from .naming import series_text
from .samples import Float64Array, Int64Array
from .series import HistogramSample, Labels, SeriesBlock


def wide_frame(
    block: SeriesBlock, display: Display, check: Check = never_over, *, max_bytes: int | None = None
) -> Frame:
    """Each column is named by its series' text and carries the labels; a name that repeats gets a number.

    A series that has samples and histograms gets two columns, the second with the suffix ` histogram`.

    Raises LimitExceededError if the columns, filled up with nulls, would take more than `max_bytes`.
    """
    rows = _Rows.of(block)
    needed = len(rows.times) * (8 * len(block.metrics) + 8)
    if max_bytes is not None and needed > max_bytes:
        raise LimitExceededError(
            f"The wide layout of this answer takes {needed} bytes; the limit is {max_bytes}. "
            "Use the long layout, a larger step or an aggregation."
        )
    fields, columns = [display.time_field()], [to_arrow(rows.times, TIME_TYPE)]
    for index, column in rows.columns(block):
        check()
        metric = block.metrics[index]
        also = " histogram" if column.type == HISTOGRAM_TYPE and block.counts[index] else ""
        fields.append(arrow_field(series_text(metric) + also, column.type, metric, display.config(metric)))
        columns.append(column)
    names = unique_names([field.name for field in fields])
    fields = [field.with_name(name) for field, name in zip(fields, names, strict=True)]
    table = pa.Table.from_arrays(columns, schema=pa.schema(fields))
    return Frame(table, meta=display.meta(Layout.WIDE, is_vector=block.is_vector))


def count_cells(block: SeriesBlock) -> int:
    """The values and nulls of `block` as one table."""
    return len(_Rows.of(block).times) * len(block.metrics)


class WideSlices:
    """Makes frames of one schema out of slices of time, whichever of `series` have samples there.

    `series` has one sample or one histogram of each series; the columns are sorted as a server sorts the
    series of a range. Series that a slice brings besides are left out, and stand in `others`.
    """

    def __init__(self, series: SeriesBlock, display: Display) -> None:
        has_histogram = {sample.index for sample in series.histograms}
        order = sorted(range(len(series.metrics)), key=lambda index: sorted(series.metrics[index].items()))
        fields = [display.time_field()]
        self._places: dict[frozenset[tuple[str, str]], int] = {}
        for index in order:
            metric = series.metrics[index]
            type_ = HISTOGRAM_TYPE if index in has_histogram else pa.float64()
            fields.append(arrow_field(series_text(metric), type_, metric, display.config(metric)))
            self._places[_key(metric)] = len(fields) - 1
        names = unique_names([field.name for field in fields])
        self._schema = pa.schema([field.with_name(name) for field, name in zip(fields, names, strict=True)])
        self._meta = display.meta(Layout.WIDE, is_vector=False)
        self.others: set[frozenset[tuple[str, str]]] = set()

    def frame(self, block: SeriesBlock) -> Frame:
        """Raises QueryError for a series that has samples and histograms."""
        rows = _Rows.of(block)
        columns: list[pa.Array | None] = [None] * len(self._schema)
        columns[0] = to_arrow(rows.times, TIME_TYPE)
        for index, column in rows.columns(block):
            key = _key(block.metrics[index])
            place = self._places.get(key)
            if place is None:
                self.others.add(key)
            elif column.type != self._schema.field(place).type:
                name = self._schema.field(place).name
                raise QueryError(
                    f"{name} is a column of numbers or of native histograms, not of both: "
                    "use the layout multi."
                )
            else:
                columns[place] = column
        types = self._schema.types
        filled = [
            pa.nulls(len(rows.times), type_) if column is None else column
            for column, type_ in zip(columns, types, strict=True)
        ]
        return Frame(pa.Table.from_arrays(filled, schema=self._schema), meta=self._meta)


@frozen
class _Rows:
    """The times of the rows; whether each series has a sample at each of them, so that nothing is copied."""

    times: Int64Array
    aligned: bool

    @classmethod
    def of(cls, block: SeriesBlock) -> _Rows:
        histogram_times = [sample.time for sample in block.histograms]
        if not histogram_times and _are_aligned(block):
            return cls(block.times[: block.counts[0]], aligned=True)
        times = np.unique(np.concatenate([block.times, histogram_times])).astype(np.int64)
        return cls(times, aligned=False)

    def columns(self, block: SeriesBlock) -> Iterator[tuple[int, pa.Array]]:
        """Each column with its series' place in `block`; of a series that has both, the samples first."""
        by_series = histograms_by_series(block.histograms)
        start = 0
        for index, count in enumerate(block.counts):
            if count or index not in by_series:
                part = slice(start, start + count)
                values = block.values[part]
                column = to_arrow(values) if self.aligned else _spread(self.times, block.times[part], values)
                yield index, column
            if index in by_series:
                yield index, _spread_histograms(self.times, by_series[index])
            start += count


def _key(metric: Labels) -> frozenset[tuple[str, str]]:
    return frozenset(metric.items())


def _are_aligned(block: SeriesBlock) -> bool:
    """Whether all series have samples at the same, strictly increasing times."""
    if not block.counts or len(set(block.counts)) != 1:
        return False
    grid = block.times.reshape(len(block.counts), -1)
    return bool((grid == grid[0]).all() and (np.diff(grid[0]) > 0).all())


def _spread(times: Int64Array, own: Int64Array, values: Float64Array) -> pa.Array:
    """`values` at their places among `times`; null elsewhere, for NaN is a value."""
    places = np.searchsorted(times, own)
    spread = np.zeros(len(times))
    present = np.zeros(len(times), np.bool_)
    spread[places] = values
    present[places] = True
    return to_arrow(spread, valid=present)


def _spread_histograms(times: Int64Array, samples: Sequence[HistogramSample]) -> pa.Array:
    found = {sample.time: histogram_value(sample.histogram) for sample in samples}
    return pa.array([found.get(time) for time in times.tolist()], HISTOGRAM_TYPE)
