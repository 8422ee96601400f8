"""The layout `long`: one row per sample, a column per label."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headwater.errors import QueryError
from headwater.frames import Frame, unique_names

from .arrays import to_arrow, to_strings
from .layouts import (
    HISTOGRAM,
    HISTOGRAM_TYPE,
    TIME,
    TIME_TYPE,
    VALUE,
    Check,
    Display,
    Layout,
    histogram_value,
    never_over,
    time_array,
)
from .series import Labels, SeriesBlock


def long_frame(block: SeriesBlock, display: Display, check: Check = never_over) -> Frame:
    """Times and values are not copied; labels cost four bytes a row each.

    `check` raises if the call is over: a column for each of many labels takes its time.
    """
    counts = np.asarray(block.counts, np.int64)
    rows = [np.repeat(np.arange(len(counts), dtype=np.int32), counts)]
    times, values = [to_arrow(block.times, TIME_TYPE)], [to_arrow(block.values)]
    fields = [display.time_field()]
    if extra := block.histograms:
        rows.append(np.asarray([sample.index for sample in extra], np.int32))
        times.append(time_array([sample.time for sample in extra]))
        values.append(pa.nulls(len(extra), pa.float64()))
    columns = [pa.chunked_array(times, TIME_TYPE)]
    for name, column in label_columns(_labels(block, display)):
        check()
        fields.append(pa.field(column, pa.dictionary(pa.int32(), pa.string())))
        columns.append(_label_column(block.metrics, name, rows))
    fields.append(pa.field(VALUE, pa.float64()))
    columns.append(pa.chunked_array(values, pa.float64()))
    if extra or display.histograms:
        fields.append(pa.field(HISTOGRAM, HISTOGRAM_TYPE))
        structs = pa.array([histogram_value(sample.histogram) for sample in extra], HISTOGRAM_TYPE)
        columns.append(pa.chunked_array([pa.nulls(len(block.times), HISTOGRAM_TYPE), structs]))
    return Frame(
        pa.Table.from_arrays(columns, schema=pa.schema(fields)),
        meta=display.meta(Layout.LONG, is_vector=block.is_vector),
    )


def _labels(block: SeriesBlock, display: Display) -> set[str]:
    """Raises QueryError for series that have more to them than the columns that were asked for."""
    found = {name for metric in block.metrics for name in metric}
    if display.labels is None:
        return found
    if others := found.difference(display.labels):
        raise QueryError(f"Series have the label {min(others)!r}, which is not among labelColumns.")
    if block.histograms and not display.histograms:
        raise QueryError("Series have native histograms, which labelColumns leaves no column for.")
    return set(display.labels)


def _label_column(
    metrics: Sequence[Labels], name: str, rows: Sequence[npt.NDArray[np.int32]]
) -> pa.ChunkedArray:
    """The label's value of each row, as codes into the distinct values."""
    code_of: dict[str, int] = {}
    codes = np.fromiter(
        (
            -1 if (text := metric.get(name)) is None else code_of.setdefault(text, len(code_of))
            for metric in metrics
        ),
        np.int32,
        len(metrics),
    )
    dictionary = to_strings(list(code_of))
    present = codes >= 0
    some_lack = not present.all()
    chunks = [
        pa.DictionaryArray.from_arrays(
            to_arrow(codes[part], valid=present[part] if some_lack else None), dictionary
        )
        for part in rows
    ]
    return pa.chunked_array(chunks, pa.dictionary(pa.int32(), pa.string()))


def label_columns(labels: Iterable[str]) -> list[tuple[str, str]]:
    """Each label with its column's name, sorted by label. Those called like our own columns get a prefix."""
    names = sorted(set(labels))
    clashing = [name for name in names if name in {TIME, VALUE, HISTOGRAM}]
    prefixed = unique_names([f"label_{name}" for name in clashing], taken=names)
    renamed = dict(zip(clashing, prefixed, strict=True))
    return [(name, renamed.get(name, name)) for name in names]
