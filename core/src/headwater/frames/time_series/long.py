"""Long time series (one row per time and series) into wide ones, or into one frame per series."""

from __future__ import annotations

import attrs
import numpy as np
import pyarrow as pa
from attrs import frozen

from headwater.frames.errors import TimeSeriesError
from headwater.frames.frame import Frame
from headwater.frames.meta import FrameMeta, FrameType
from headwater.frames.names import unique_names
from headwater.frames.schema import describe_field, field_labels

from .fill import Fill, FillMode, gather, previous_rows
from .kind import (
    MAX_CELLS,
    Ints,
    SeriesKind,
    SeriesSchema,
    one_array,
    require_cells,
    require_sorted,
    series_schema,
    time_ticks,
)

_TIME_METRIC_VALUE = 3


def long_to_wide(frame: Frame, fill: Fill | None = None, *, max_cells: int = MAX_CELLS) -> Frame:
    """One row per time and one column per value column and series, labelled with the factors' values.

    Cells without a value are null unless `fill` says otherwise; of several rows with the same time and series
    the last one counts. Columns are sorted by name, then by factor values. Name, ref id and meta are kept;
    the type becomes `timeseries-wide`.

    :raises TimeSeriesError: no long series, no rows, null times, times not ascending, more than `max_cells`.
    """
    schema = _long_schema(frame, "wide")
    ticks = time_ticks(frame.table.column(schema.time))
    require_sorted(ticks)
    series = _series(frame, schema)
    new_time = np.concatenate(([True], ticks[1:] != ticks[:-1]))
    time_rows = np.flatnonzero(new_time)
    require_cells(len(time_rows) * len(series.labels) * len(schema.values), max_cells)
    rows = _cells(series, np.cumsum(new_time) - 1, len(time_rows), fill or Fill())
    time = frame.schema.field(schema.time).with_nullable(False)
    fields = [time]
    columns = [one_array(frame.table.column(schema.time)).take(pa.array(time_rows))]
    for index in sorted(schema.values, key=lambda index: str(frame.schema.field(index).name)):
        nullable = frame.schema.field(index).nullable
        gathered = gather(one_array(frame.table.column(index)), rows, fill or Fill(), nullable=nullable)
        for number, labels in enumerate(series.labels):
            fields.append(_labelled(frame.schema.field(index), labels))
            columns.append(gathered.slice(number * len(time_rows), len(time_rows)))
    return _reshaped(frame, fields, columns, _meta(frame, FrameType.TIME_SERIES_WIDE))


def series_from_rows(frame: Frame, fill: Fill | None = None) -> Frame:
    """Wide series of rows that begin with a time: one column per value column, and per combination of texts.

    With one value column and one of texts, a label `metric` becomes the series' name, as in Grafana 7. No
    columns stay none.

    :raises TimeSeriesError: as `long_to_wide`.
    """
    if not frame.num_columns:
        return frame
    if not any(pa.types.is_string(field.type) for field in frame.schema):
        return frame.with_(meta=_meta(frame, FrameType.TIME_SERIES_WIDE))
    wide = long_to_wide(frame, fill)
    if frame.num_columns != _TIME_METRIC_VALUE:
        return wide
    fields = [
        attrs.evolve(field, name=field.labels["metric"], labels={})
        if set(field.labels) == {"metric"}
        else field
        for field in wide.fields
    ]
    names = unique_names([field.name for field in fields])
    fields = [attrs.evolve(field, name=name) for field, name in zip(fields, names, strict=True)]
    return Frame.from_fields(fields, name=wide.name, ref_id=wide.ref_id, meta=wide.meta)


def long_to_multi(frame: Frame) -> list[Frame]:
    """One frame per series and value column: its times and its values, labelled with the factors' values.

    Nothing is lost or made up, so this is the form for series that share few times. Rows are sorted by
    time within a series; ties keep their order.

    :raises TimeSeriesError: no long series, no rows, null times.
    """
    return split_long(frame, _long_schema(frame, "multi"))


def split_long(frame: Frame, schema: SeriesSchema) -> list[Frame]:
    """As `long_to_multi`, with the roles of the columns given; times must have no nulls."""
    series = _series(frame, schema)
    ticks = time_ticks(frame.table.column(schema.time))
    order = _by_series_and_time(series, ticks)
    meta = _meta(frame, FrameType.TIME_SERIES_MULTI)
    ends = np.cumsum(np.bincount(series.codes, minlength=len(series.labels)))
    times = one_array(frame.table.column(schema.time)).take(pa.array(order))
    frames = []
    for index in sorted(schema.values, key=lambda index: str(frame.schema.field(index).name)):
        values = one_array(frame.table.column(index)).take(pa.array(order))
        start = 0
        for labels, end in zip(series.labels, ends.tolist(), strict=True):
            fields = [
                frame.schema.field(schema.time).with_nullable(False),
                _labelled(frame.schema.field(index), labels),
            ]
            columns = [times.slice(start, end - start), values.slice(start, end - start)]
            frames.append(_reshaped(frame, fields, columns, meta))
            start = end
    return frames


@frozen(eq=False)
class _Series:
    """The distinct combinations of factor values, sorted; `codes` says for each row which one it is of."""

    labels: list[dict[str, str]]
    codes: Ints


def _long_schema(frame: Frame, goal: str) -> SeriesSchema:
    schema = series_schema(frame)
    if schema.kind is not SeriesKind.LONG:
        raise TimeSeriesError(
            f"can not convert to {goal} series, "
            f"expected long format series input but got {schema.kind} series"
        )
    if not frame.num_rows:
        raise TimeSeriesError(f"can not convert to {goal} series, input fields have no rows")
    if frame.table.column(schema.time).null_count:
        raise TimeSeriesError(
            f"unable to process the data to {goal} series because input has null time values, "
            "make sure all time values are not null"
        )
    names = [frame.schema.field(index).name for index in schema.factors]
    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise TimeSeriesError(
            f"can not convert to {goal} series, several factor columns are named {repeated!r}"
        )
    return schema


def _series(frame: Frame, schema: SeriesSchema) -> _Series:
    names = [frame.schema.field(index).name for index in schema.factors]
    texts = [_factor_texts(one_array(frame.table.column(index))) for index in schema.factors]
    codes = texts[0].indices.to_numpy()
    for encoded in texts[1:]:
        combined = codes.astype(np.int64) * len(encoded.dictionary) + encoded.indices.to_numpy()
        codes = pa.array(combined).dictionary_encode().indices.to_numpy()
    first_rows = np.empty(int(codes.max()) + 1, np.int64)
    first_rows[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    values = [encoded.take(pa.array(first_rows)).dictionary_decode().to_pylist() for encoded in texts]
    found = list(zip(*values, strict=True))
    ranked = sorted(range(len(found)), key=found.__getitem__)
    ranks = np.empty(len(found), np.int64)
    ranks[ranked] = np.arange(len(found))
    return _Series([dict(zip(names, found[number], strict=True)) for number in ranked], ranks[codes])


def _factor_texts(array: pa.Array) -> pa.DictionaryArray:
    """Label texts of a factor: null is the empty text, booleans are `true` and `false`."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    texts = array.cast(pa.string())
    return (texts.fill_null("") if texts.null_count else texts).dictionary_encode()


def _cells(series: _Series, time_numbers: Ints, times: int, fill: Fill) -> Ints:
    """For each cell (series × times, flat) the input row that holds its value, or -1."""
    rows = np.full((len(series.labels), times), -1, np.int64)
    rows[series.codes, time_numbers] = np.arange(len(time_numbers))  # a later row overwrites an earlier one
    if fill.mode is FillMode.PREVIOUS:
        rows = previous_rows(rows)
    return rows.ravel()


def _labelled(field: pa.Field, labels: dict[str, str]) -> pa.Field:
    return describe_field(field.with_nullable(True), labels={**(field_labels(field) or {}), **labels})


def _by_series_and_time(series: _Series, ticks: Ints) -> Ints:
    """Rows sorted by series, then by time."""
    if (ticks[1:] < ticks[:-1]).any():
        return np.lexsort((ticks, series.codes))
    few = len(series.labels) <= np.iinfo(np.uint16).max  # numpy sorts 16 bits by radix
    return np.argsort(series.codes.astype(np.uint16) if few else series.codes, kind="stable")


def _meta(frame: Frame, kind: FrameType) -> FrameMeta:
    return attrs.evolve(frame.meta or FrameMeta(), type=kind, type_version=(0, 1))


def _reshaped(frame: Frame, fields: list[pa.Field], columns: list[pa.Array], meta: FrameMeta) -> Frame:
    table = pa.Table.from_arrays(columns, schema=pa.schema(fields))
    return Frame(table, frame.name, frame.ref_id, meta)
