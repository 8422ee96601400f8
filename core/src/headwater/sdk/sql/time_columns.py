"""Columns that hold a time as a number: which they are, and how they become timestamps."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .expanded import EpochUnit

__all__ = ["EPOCH_TYPE", "EpochColumns", "epoch_to_timestamp", "time_index"]

Numbers = npt.NDArray[Any]

EPOCH_TYPE: Final = pa.timestamp("ms", "UTC")

_TIME_NAMES: Final = ("time", "time_sec")
_END_NAME: Final = "timeend"

_LARGEST_SECONDS: Final = 10**11
"""As seconds the year 5138, later than databases keep; as milliseconds March 1973."""

_SMALLEST_NANOSECONDS: Final = 10**14
"""As nanoseconds the second day of 1970; as milliseconds the year 5138."""


class EpochColumns:
    """Converts the numeric time columns of a result's batches; leaves everything else alone.

    Time columns are called `time` or `time_sec` (the first one counts), or `timeend` in any spelling. Numbers
    are seconds, milliseconds or nanoseconds since 1970. `units` are those that the query's macros count in: a
    number that can be a time in one of them is one. Without macros only the size tells, as in Grafana: ten
    digits are seconds, nineteen are nanoseconds, everything else is milliseconds.
    """

    def __init__(self, schema: pa.Schema, units: Collection[EpochUnit] = ()) -> None:
        self._indexes = [index for index in _time_columns(schema) if _is_number(schema.field(index).type)]
        self._units = units
        self.schema: pa.Schema = schema
        for index in self._indexes:
            self.schema = self.schema.set(index, schema.field(index).with_type(EPOCH_TYPE))

    def convert(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """`batch` in `schema`."""
        if not self._indexes:
            return batch
        columns = list(batch.columns)
        for index in self._indexes:
            columns[index] = epoch_to_timestamp(columns[index], self._units)
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


def time_index(schema: pa.Schema) -> int | None:
    """The column that is the time of a time series."""
    return next((index for index, name in enumerate(schema.names) if name in _TIME_NAMES), None)


def _time_columns(schema: pa.Schema) -> list[int]:
    first = time_index(schema)
    ends = [index for index, name in enumerate(schema.names) if name.lower() == _END_NAME]
    return ends if first is None else [first, *ends]


def _is_number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_))


def epoch_to_timestamp(numbers: pa.Array, units: Collection[EpochUnit] = ()) -> pa.Array:
    """Whole milliseconds, fractions cut off. Numbers too large for a time become null."""
    absent = numbers.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_integer(numbers.type):
        values = pc.fill_null(numbers, 0).to_numpy(zero_copy_only=False)
        too_large = values > np.iinfo(np.int64).max if values.dtype == np.uint64 else np.zeros_like(absent)
        values = np.where(too_large, 0, values).astype(np.int64)
        milliseconds = np.select(
            [_is_seconds(values, units), _is_nanoseconds(values, units)],
            [values * 1000, values // 1_000_000],
            values,
        )
    else:
        floats = pc.fill_null(numbers.cast(pa.float64()), 0.0).to_numpy(zero_copy_only=False)
        too_large = ~(np.abs(floats) < 9.2e18)
        floats = np.where(too_large, 0.0, floats)
        scaled = np.select(
            [_is_seconds(floats, units), _is_nanoseconds(floats, units)],
            [floats * 1000, floats / 1e6],
            floats,
        )
        # A float's last digits are noise: 1523556000.123 seconds are not 122.99976 milliseconds.
        milliseconds = np.floor(np.round(scaled, 3)).astype(np.int64)
    return pa.array(milliseconds, mask=absent | too_large).cast(EPOCH_TYPE)


def _is_seconds(values: Numbers, units: Collection[EpochUnit]) -> npt.NDArray[np.bool_]:
    if EpochUnit.SECONDS in units:
        return (values > -_LARGEST_SECONDS) & (values < _LARGEST_SECONDS)
    return (values >= 10**9) & (values < 10**10)


def _is_nanoseconds(values: Numbers, units: Collection[EpochUnit]) -> npt.NDArray[np.bool_]:
    if EpochUnit.NANOSECONDS in units:
        return (values <= -_SMALLEST_NANOSECONDS) | (values >= _SMALLEST_NANOSECONDS)
    return (values >= 10**18) & (values < 10**19)
