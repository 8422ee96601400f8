"""From the frames of a query to one table: as they are, or with a row for each point of each series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen

from headwater.frames import FieldType, Frame, SeriesKind, conversion, series_schema
from headwater_expressions.errors import sql_failed
from headwater_expressions.values import Times

from .types import readable_table, unreadable

__all__ = ["table_of"]

TIME, VALUE, METRIC, DISPLAY = "time", "__value__", "__metric_name__", "__display_name__"
_TIME_TYPE = pa.timestamp("us", "UTC")  # DuckDB has no finer one with a zone
_TO_TIME = pc.CastOptions(_TIME_TYPE, allow_time_truncate=True)


def table_of(ref_id: str, frames: Sequence[Frame]) -> pa.Table:
    """The table that SQL knows as `ref_id`.

    A single frame without labels is taken as it is. Series and numbers with labels, in one frame or several,
    become rows: `time`, `__value__`, `__metric_name__`, `__display_name__` where there is one, and a column
    for each label, null where a series lacks it; `_1` follows the name of a label that is taken. Series
    without points are an empty table.
    Raises QueryRequestError for frames that are neither.
    """
    filled = [frame for frame in frames if frame.num_columns]
    if not filled:
        return _empty(ref_id, frames)
    if len(filled) == 1 and not _is_labelled(filled[0]):
        return readable_table(ref_id, filled[0].table)
    items = [item for frame in filled for item in _items(ref_id, frame)]
    try:
        table = _full_long(items)
    except pa.ArrowInvalid as error:  # times beyond the calendar
        raise unreadable(ref_id, error) from error
    return readable_table(ref_id, table)


def _empty(ref_id: str, frames: Sequence[Frame]) -> pa.Table:
    declared = {str(frame.meta.type) for frame in frames if frame.meta is not None}
    columns = {VALUE: pa.array([], pa.float64()), METRIC: pa.array([], pa.string())}
    if any(name.startswith("timeseries-") for name in declared):
        return pa.table({TIME: pa.array([], _TIME_TYPE), **columns})
    if any(name.startswith("numeric-") for name in declared):
        return pa.table(columns)
    raise sql_failed(f"[{ref_id}] has no data and no columns, so SQL cannot know what to select from it.")


def _declared(frame: Frame) -> str:
    return str(frame.meta.type) if frame.meta is not None else ""


def _is_labelled(frame: Frame) -> bool:
    declared = _declared(frame)
    if declared.endswith("-long") or declared == "table":
        return False
    return declared.startswith(("timeseries-", "numeric-")) or any(field.labels for field in frame.fields)


@frozen(eq=False)
class _Item:
    """One column of values, with or without times, that becomes rows."""

    name: str
    display: str | None
    labels: dict[str, str]
    values: pa.ChunkedArray
    times: pa.ChunkedArray | None


def _items(ref_id: str, frame: Frame) -> list[_Item]:
    schema = series_schema(frame)
    if schema.kind is SeriesKind.LONG:
        raise sql_failed(f"[{ref_id}] has several tables; ask for one, or for series.")
    is_series = schema.kind is SeriesKind.WIDE or _declared(frame).startswith("timeseries-")
    times = frame.table.column(schema.time) if is_series and schema.time >= 0 else None
    items = []
    for index, field in enumerate(frame.fields):
        kind = conversion(frame.schema.field(index)).type
        if not (kind.is_numeric or kind is FieldType.BOOL):
            continue
        display = field.config.display_name_from_ds if field.config is not None else None
        items.append(_Item(field.name, display or None, dict(field.labels), field.values, times))
    if not items:
        raise sql_failed(f"[{ref_id}] has several tables without numbers; ask for one table.")
    return items


def _full_long(items: Sequence[_Item]) -> pa.Table:
    """Rows in the order of their times; at one time, in the order of the series."""
    columns: dict[str, pa.ChunkedArray] = {}
    order = None
    if all(item.times is not None for item in items):
        times = pa.chunked_array(
            [
                chunk
                for item in items
                if item.times is not None
                for chunk in item.times.cast(options=_TO_TIME).chunks
            ],
            _TIME_TYPE,
        )
        order = pa.array(np.argsort(times.cast(pa.int64()).to_numpy(), kind="stable"))
        columns[TIME] = times
    columns[VALUE] = _values(items)
    rows = np.repeat(np.arange(len(items)), [len(item.values) for item in items])
    columns[METRIC] = _texts([item.name for item in items], rows)
    if any(item.display for item in items):
        columns[DISPLAY] = _texts([item.display for item in items], rows)
    taken = {name.lower() for name in columns}
    for label in sorted({name for item in items for name in item.labels}):
        name = label
        while name.lower() in taken:
            name += "_1"
        taken.add(name.lower())
        columns[name] = _texts([item.labels.get(label) for item in items], rows)
    table = pa.table(columns)
    return table if order is None else table.take(order)


def _values(items: Sequence[_Item]) -> pa.ChunkedArray:
    """Of the type that holds all of them, else as floats."""
    schemas = [pa.schema([pa.field(VALUE, item.values.type)]) for item in items]
    try:
        type_ = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
        values = [item.values.cast(type_) for item in items]
    except pa.ArrowException:
        type_ = pa.float64()
        values = [item.values.cast(type_, safe=False) for item in items]
    return pa.chunked_array([chunk for each in values for chunk in each.chunks], type_)


def _texts(texts: Sequence[str | None], rows: Times) -> pa.ChunkedArray:
    """The text of each row's item, as codes into the distinct ones."""
    encoded = pa.array(texts, pa.string()).dictionary_encode()
    return pa.chunked_array(
        [pa.DictionaryArray.from_arrays(encoded.indices.take(pa.array(rows)), encoded.dictionary)]
    )
