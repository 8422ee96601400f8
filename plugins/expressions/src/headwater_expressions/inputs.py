"""From the frames of a query to series and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.frames import (
    DataPlaneError,
    FieldType,
    Frame,
    FrameError,
    FrameType,
    SeriesKind,
    SeriesSchema,
    conversion,
    field_labels,
    long_to_multi,
    read_items,
    series_schema,
)

from .errors import conversion_failed
from .values import Bools, Floats, Results, Times, Value

__all__ = ["results_of"]


def results_of(ref_id: str, frames: Sequence[Frame]) -> Results:
    """The series or numbers in `frames`; none for frames without rows.

    Raises QueryRequestError (`sse.readDataError`) for frames that hold neither.
    """
    notices = dict.fromkeys(notice for frame in frames for notice in frame.notices)
    reader = _Reader()
    try:
        values = [
            value for frame in frames if frame.num_columns and frame.num_rows for value in reader.read(frame)
        ]
    except (FrameError, pa.ArrowException) as error:
        raise conversion_failed(ref_id, error) from error
    return Results.of(values, notices)


class _Reader:
    """Reads the frames of one answer, which are often alike: a thousand with the same columns and times."""

    def __init__(self) -> None:
        self._types: list[pa.DataType] = []
        self._schema = SeriesSchema(SeriesKind.NOT)
        self._numeric = False
        self._column: pa.ChunkedArray | None = None
        self._times: Times = np.empty(0, np.int64)
        self._order: Times | None = None

    def read(self, frame: Frame) -> list[Value]:
        declared = frame.meta.type if frame.meta is not None else ""
        if declared == FrameType.NUMERIC_LONG:
            return _declared_numbers(frame)
        schema = self._series_schema(frame)
        if schema.kind is SeriesKind.LONG:
            return [value for part in long_to_multi(frame) for value in self.read(part)]
        if str(declared).startswith("numeric-"):
            return _numbers(frame)
        if schema.kind is SeriesKind.NOT and schema.time >= 0:  # true and false are values, too
            schema = SeriesSchema(SeriesKind.WIDE, schema.time, schema.factors)
            if not all(_is_number(frame, index) for index in schema.values):
                raise _no_series()
        return self._series(frame, schema) if schema.kind is SeriesKind.WIDE else _numbers(frame)

    def _series_schema(self, frame: Frame) -> SeriesSchema:
        types = frame.schema.types
        if types != self._types:
            self._types, self._schema = types, series_schema(frame)
            self._numeric = all(_is_number(frame, index) for index in self._schema.values)
            if any(pa.types.is_dictionary(type_) or pa.types.is_nested(type_) for type_ in types):
                self._types = []  # what they count as, their metadata says
        return self._schema

    def _series(self, frame: Frame, schema: SeriesSchema) -> list[Value]:
        times = self._nanoseconds(frame.table.column(schema.time))
        series = []
        for index in schema.values:
            if self._numeric or _is_number(frame, index):
                cells, nulls = _cells(frame.table.column(index))
                if self._order is not None:
                    cells, nulls = cells[self._order], None if nulls is None else nulls[self._order]
                series.append(Value.series(times, cells, nulls, field_labels(frame.schema.field(index))))
        return series

    def _nanoseconds(self, column: pa.ChunkedArray) -> Times:
        """Ascending; `_order` says where each was if they were not. Equal times are one array, so that later
        steps see at once that they are equal."""
        if self._column is None or not column.equals(self._column):
            times, self._order = _nanoseconds(column), None
            if np.any(times[1:] < times[:-1]):
                self._order = np.argsort(times, kind="stable")
                times = times[self._order]
            self._column, self._times = column, times
        return self._times


def _declared_numbers(frame: Frame) -> list[Value]:
    items = read_items([frame]).items
    return [Value.number(_float(item.values[0]), item.labels) for item in items]


def _numbers(frame: Frame) -> list[Value]:
    """Of a table whose texts are labels, and which has one column of numbers; or of one row of numbers."""
    numbers = [index for index in range(frame.num_columns) if _is_number(frame, index)]
    texts = [index for index in range(frame.num_columns) if _type(frame, index) is FieldType.STRING]
    others = frame.num_columns - len(numbers) - len(texts)
    times = sum(_type(frame, index) is FieldType.TIME for index in range(frame.num_columns))
    if not numbers or others > times or (len(numbers) > 1 and frame.num_rows > 1):
        raise _no_series()
    labels = _row_labels(frame, texts)
    return [
        Value.number(
            _float(frame.table.column(index)[row]),
            {**(field_labels(frame.schema.field(index)) or {}), **labels[row]},
        )
        for index in numbers
        for row in range(frame.num_rows)
    ]


def _no_series() -> DataPlaneError:
    return DataPlaneError("input data must be a wide series but got type not", rule="kind")


def _row_labels(frame: Frame, texts: Sequence[int]) -> list[Mapping[str, str]]:
    names = [str(frame.schema.field(index).name) for index in texts]
    columns = [frame.table.column(index).to_pylist() for index in texts]
    rows = zip(*columns, strict=True) if columns else [()] * frame.num_rows
    return [{name: text or "" for name, text in zip(names, row, strict=True)} for row in rows]


def _cells(column: pa.ChunkedArray) -> tuple[Floats, Bools | None]:
    """The values as floats, NaN where they are null; and where that is."""
    if column.type != pa.float64():
        column = pc.cast(column, pa.float64(), safe=False)
    if not column.null_count:
        return column.to_numpy(), None
    nulls: Bools = column.is_null().to_numpy()
    return column.fill_null(np.nan).to_numpy(), nulls


def _nanoseconds(column: pa.ChunkedArray) -> Times:
    if column.null_count:
        raise DataPlaneError("times are null", rule="time-nulls")
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("s"))
    zone = getattr(column.type, "tz", None)
    ticks: Times = column.cast(pa.timestamp("ns", zone)).cast(pa.int64()).to_numpy()
    return ticks


def _float(scalar: pa.Scalar) -> float | None:
    value = scalar.as_py()
    return None if value is None else float(value)


def _is_number(frame: Frame, index: int) -> bool:
    type_ = _type(frame, index)
    return type_.is_numeric or type_ is FieldType.BOOL


def _type(frame: Frame, index: int) -> FieldType:
    return conversion(frame.schema.field(index)).type
