"""Wide time series (one column per series) into long ones, or into one frame per series."""

from __future__ import annotations

import attrs
import numpy as np
import pyarrow as pa

from headwater.frames.errors import TimeSeriesError
from headwater.frames.frame import Frame
from headwater.frames.meta import FrameMeta, FrameType
from headwater.frames.names import unique_names
from headwater.frames.schema import LABELS, field_labels

from .kind import (
    MAX_CELLS,
    SeriesKind,
    SeriesSchema,
    one_array,
    require_cells,
    require_sorted,
    series_schema,
    time_ticks,
)
from .labels import labels_text


def wide_to_long(frame: Frame, *, max_cells: int = MAX_CELLS) -> Frame:
    """One row per time and label set: time, the value columns (sorted by name), a text column per label key.

    A label that a series does not have is the empty text; a value that it does not have is null. A label
    called like one of the columns gets a number. Name, ref id and meta are kept; the type becomes
    `timeseries-long`.

    :raises TimeSeriesError: no wide series, no rows, null times, times not ascending, columns of one name
        with different types or with the same labels, more than `max_cells`.
    """
    schema = wide_schema(frame, "long")
    if not frame.num_rows:
        raise TimeSeriesError("can not convert to long series, input fields have no rows")
    require_sorted(time_ticks(frame.table.column(schema.time)))
    by_name = _columns_by_name(frame, schema)
    sets = sorted({key for columns in by_name.values() for key in columns}, key=_text)
    keys = sorted({key for labels in sets for key, _ in labels})
    require_cells(len(sets) * frame.num_rows * len(by_name), max_cells)

    rows, count = frame.num_rows, len(sets)
    by_time = pa.array(np.arange(count * rows).reshape(count, rows).T.ravel())
    time = one_array(frame.table.column(schema.time)).take(pa.array(np.repeat(np.arange(rows), count)))
    fields = [frame.schema.field(schema.time).with_nullable(False)]
    arrays = [time]
    for name in sorted(by_name):
        first = frame.schema.field(next(iter(by_name[name].values())))
        fields.append(_unlabelled(first))
        parts = [_part(frame, by_name[name].get(labels), first.type) for labels in sets]
        arrays.append(pa.concat_arrays(parts).take(by_time))
    set_numbers = pa.array(np.tile(np.arange(count), rows))
    for key, name in zip(keys, unique_names(keys, taken=[field.name for field in fields]), strict=True):
        fields.append(pa.field(name, pa.string()))
        arrays.append(pa.array([dict(labels).get(key, "") for labels in sets], pa.string()).take(set_numbers))
    meta = attrs.evolve(frame.meta or FrameMeta(), type=FrameType.TIME_SERIES_LONG, type_version=(0, 1))
    return Frame(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), frame.name, frame.ref_id, meta)


def wide_to_multi(frame: Frame) -> list[Frame]:
    """One frame per value column: the shared times and its values. Nothing is copied or lost.

    :raises TimeSeriesError: no wide series, null times.
    """
    schema = wide_schema(frame, "multi")
    meta = attrs.evolve(frame.meta or FrameMeta(), type=FrameType.TIME_SERIES_MULTI, type_version=(0, 1))
    return [frame.with_(table=frame.table.select([schema.time, index]), meta=meta) for index in schema.values]


Labels = tuple[tuple[str, str], ...]


def wide_schema(frame: Frame, goal: str) -> SeriesSchema:
    schema = series_schema(frame)
    if schema.kind is not SeriesKind.WIDE:
        raise TimeSeriesError(
            f"can not convert to {goal} series, "
            f"expected wide format series input but got {schema.kind} series"
        )
    if frame.table.column(schema.time).null_count:
        raise TimeSeriesError("time may not have nil values")
    return schema


def _columns_by_name(frame: Frame, schema: SeriesSchema) -> dict[str, dict[Labels, int]]:
    """Column index by name and label set."""
    by_name: dict[str, dict[Labels, int]] = {}
    for index in schema.values:
        field = frame.schema.field(index)
        columns = by_name.setdefault(field.name, {})
        first = next(iter(columns.values()), index)
        if frame.schema.field(first).type != field.type:
            raise TimeSeriesError(
                f"can not convert to long series, columns named {field.name!r} have different types: "
                f"{frame.schema.field(first).type} and {field.type}"
            )
        labels = tuple((field_labels(field) or {}).items())
        if labels in columns:
            raise TimeSeriesError(
                f"can not convert to long series, two columns are named {field.name!r} "
                f"with the same labels {{{_text(labels)}}}"
            )
        columns[labels] = index
    return by_name


def _text(labels: Labels) -> str:
    return labels_text(dict(labels))


def _part(frame: Frame, index: int | None, type_: pa.DataType) -> pa.Array:
    return pa.nulls(frame.num_rows, type_) if index is None else one_array(frame.table.column(index))


def _unlabelled(field: pa.Field) -> pa.Field:
    metadata = {key: value for key, value in (field.metadata or {}).items() if key != LABELS}
    return field.with_nullable(True).with_metadata(metadata or None)
