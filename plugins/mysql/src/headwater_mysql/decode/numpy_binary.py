"""Rows of the binary protocol, column by column, with numpy."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headwater_mysql.decode.numpy_rows import (
    Mask,
    Positions,
    RowPackets,
    bits,
    from_strings,
    micros_of_day,
    moments,
    numbers,
)
from headwater_mysql.decode.types import ColumnPlan, Kind, ResultPlan
from headwater_mysql.protocol.packets import MalformedPacketError

Bytes = npt.NDArray[Any]

_FIXED = {
    Kind.INT8: "<i1",
    Kind.UINT8: "<u1",
    Kind.INT16: "<i2",
    Kind.UINT16: "<u2",
    Kind.INT32: "<i4",
    Kind.UINT32: "<u4",
    Kind.INT64: "<i8",
    Kind.UINT64: "<u8",
    Kind.FLOAT32: "<f4",
    Kind.FLOAT64: "<f8",
}


def decode_binary(rows: RowPackets, plan: ResultPlan) -> tuple[list[pa.Array], int]:
    """One array per column, and how many dates became null. Raises MalformedPacketError."""
    bitmap = (len(plan.columns) + 9) // 8
    at = rows.starts + (1 + bitmap)
    rows.check(at)
    if np.any(rows.bytes[rows.starts] != 0):
        raise MalformedPacketError("a row has an unknown header")
    nulls = [_nulls(rows, byte) for byte in range(bitmap)]
    arrays, zero_dates = [], 0
    for index, column in enumerate(plan.columns):
        absent = _absent(nulls, index + 2)
        array, at, zeros = _decode_column(rows, column, at, absent)
        rows.check(at)
        arrays.append(array)
        zero_dates += zeros
    if np.any(at != rows.ends):
        raise MalformedPacketError("a row is longer than its columns")
    return arrays, zero_dates


def _nulls(rows: RowPackets, byte: int) -> Bytes | None:
    """One byte of each row's bitmap of NULLs; None if no row has any there."""
    nulls: Bytes = rows.bytes[rows.starts + (1 + byte)]
    return nulls if nulls.any() else None


def _absent(nulls: list[Bytes | None], bit: int) -> Mask | None:
    """Which rows are NULL in the column of this bit; None if there are none."""
    if (byte := nulls[bit >> 3]) is None:
        return None
    absent: Mask = byte & (1 << (bit & 7)) != 0
    return absent if absent.any() else None


def _decode_column(
    rows: RowPackets, column: ColumnPlan, at: Positions, absent: Mask | None
) -> tuple[pa.Array, Positions, int]:
    """The column's values, the positions behind them, and how many dates became null."""
    if (kind := _FIXED.get(column.kind)) is not None:
        width = np.dtype(kind).itemsize
        rows.check(at + width if absent is None else at + ~absent * width)
        values = rows.read(kind, at)
        return numbers(values, column.type, absent), at + (width if absent is None else ~absent * width), 0
    match column.kind:
        case Kind.DATE | Kind.DATETIME:
            return _moments(rows, column, at, absent)
        case Kind.DURATION:
            array, at = _durations(rows, column, at, absent)
            return array, at, 0
        case Kind.NULL:
            if absent is None or not absent.all():
                raise MalformedPacketError("a NULL column has a value")
            return pa.nulls(len(rows)), at, 0
    start, end = rows.lengths(at, absent)
    if column.kind is Kind.BIT:
        return bits(rows, start, end, absent), end, 0
    return from_strings(rows.strings(start, end, absent), column), end, 0


@cache
def _one_of(allowed: tuple[int, ...]) -> Mask:
    """Whether each byte is one of `allowed`."""
    return np.isin(np.arange(256), allowed)


def _temporal_lengths(
    rows: RowPackets, at: Positions, absent: Mask | None, allowed: tuple[int, ...]
) -> Positions:
    length = rows.bytes[at].astype(np.int64)
    if absent is not None:
        length[absent] = 0
    if not _one_of(allowed)[length].all():
        raise MalformedPacketError("a date or time has an unknown length")
    rows.check(at + length + (1 if absent is None else ~absent))
    return length


def _moments(
    rows: RowPackets, column: ColumnPlan, at: Positions, absent: Mask | None
) -> tuple[pa.Array, Positions, int]:
    """Year (2 bytes), month, day; then hours, minutes, seconds; then microseconds (4 bytes)."""
    length = _temporal_lengths(rows, at, absent, (0, 4, 7, 11))
    behind = at + length + (1 if absent is None else ~absent)
    fields = rows.read("<i8", at + 1)
    fields[length == 0] = 0
    year, month, day = fields & 0xFFFF, fields >> 16 & 0xFF, fields >> 24 & 0xFF
    micros = np.zeros(len(rows), np.int64)
    if np.max(length, initial=0) >= 7:
        timed = length >= 7
        clock = fields * timed
        fraction = rows.read("<u4", at + 8).astype(np.int64) * (length == 11)
        hours = clock >> 32 & 0xFF
        if np.any(hours > 23):
            raise MalformedPacketError("a time is out of range")
        micros = micros_of_day(hours, clock >> 40 & 0xFF, clock >> 48 & 0xFF, fraction)
    array, zeros = moments(column, year, month, day, micros, absent)
    return array, behind, zeros


def _durations(
    rows: RowPackets, column: ColumnPlan, at: Positions, absent: Mask | None
) -> tuple[pa.Array, Positions]:
    """Sign, days (4 bytes), hours, minutes, seconds; then microseconds (4 bytes)."""
    length = _temporal_lengths(rows, at, absent, (0, 8, 12))
    behind = at + length + (1 if absent is None else ~absent)
    fields = rows.read("<u8", at + 1)
    fields[length == 0] = 0
    unsigned = [(fields >> np.uint64(shift)) & np.uint64(0xFF) for shift in (40, 48, 56)]
    hours, minutes, seconds = (part.astype(np.int64) for part in unsigned)
    if np.any(hours > 23):
        raise MalformedPacketError("a time is out of range")
    days = ((fields >> np.uint64(8)) & np.uint64(0xFFFFFFFF)).astype(np.int64)
    fraction = rows.read("<u4", at + 9).astype(np.int64) * (length == 12)
    value = micros_of_day(days * 24 + hours, minutes, seconds, fraction)
    negative = (fields & np.uint64(0xFF)) != 0
    return numbers(np.where(negative, -value, value), column.type, absent), behind
