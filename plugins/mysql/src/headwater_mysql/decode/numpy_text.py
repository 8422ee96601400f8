"""Rows of the text protocol, column by column, with numpy."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from headwater_mysql.decode.numpy_rows import (
    Mask,
    Positions,
    RowPackets,
    bits,
    from_strings,
    micros_of_day,
    moments,
    text_durations,
)
from headwater_mysql.decode.types import ColumnPlan, Kind, ResultPlan
from headwater_mysql.protocol.packets import MalformedPacketError

_NULL = 0xFB


def decode_text(rows: RowPackets, plan: ResultPlan) -> tuple[list[pa.Array], int]:
    """One array per column, and how many dates became null. Raises MalformedPacketError."""
    at = rows.starts
    arrays, zero_dates = [], 0
    for column in plan.columns:
        rows.check(at + 1)
        absent: Mask | None = rows.bytes[at] == _NULL
        if absent is not None and not absent.any():
            absent = None
        start, end = rows.lengths(at, absent)
        array, zeros = _decode_column(rows, column, start, end, absent)
        arrays.append(array)
        zero_dates += zeros
        at = end if absent is None else end + absent
    if np.any(at != rows.ends):
        raise MalformedPacketError("a row is longer than its columns")
    return arrays, zero_dates


def _decode_column(
    rows: RowPackets, column: ColumnPlan, start: Positions, end: Positions, absent: Mask | None
) -> tuple[pa.Array, int]:
    match column.kind:
        case Kind.DATE | Kind.DATETIME:
            return _moments(rows, column, start, end, absent)
        case Kind.DURATION:
            return text_durations(rows.strings(start, end, absent)), 0
        case Kind.BIT:
            return bits(rows, start, end, absent), 0
        case Kind.NULL:
            if absent is None or not absent.all():
                raise MalformedPacketError("a NULL column has a value")
            return pa.nulls(len(rows)), 0
        case _:
            return from_strings(rows.strings(start, end, absent), column), 0


def _moments(
    rows: RowPackets, column: ColumnPlan, start: Positions, end: Positions, absent: Mask | None
) -> tuple[pa.Array, int]:
    """`YYYY-MM-DD`, perhaps with ` HH:MM:SS`, perhaps with up to six decimals."""
    length = end - start
    if absent is not None:  # a null reads as the shortest date; what stands there is ignored
        length = np.where(absent, 10, length)
    dated, timed = length == 10, length >= 19
    if not np.all(dated | timed) or np.any((length == 20) | (length > 26)):
        raise MalformedPacketError("a date or time is malformed")
    text = _Text(rows, start, absent)
    year, month, day = text.digits(0, 4), text.digits(5, 2), text.digits(8, 2)
    text.expect(4, "-")
    text.expect(7, "-")
    micros = np.zeros(len(rows), np.int64)
    if timed.any():
        hours, minutes, seconds = (text.digits(place, 2, where=timed) for place in (11, 14, 17))
        text.expect(10, " ", where=timed)
        text.expect(13, ":", where=timed)
        text.expect(16, ":", where=timed)
        if np.any(hours > 23):
            raise MalformedPacketError("a time is out of range")
        micros = micros_of_day(hours, minutes, seconds, text.fraction(length))
    return moments(column, year, month, day, micros, absent)


class _Text:
    """Fixed places in the text of every row."""

    def __init__(self, rows: RowPackets, start: Positions, absent: Mask | None) -> None:
        self._rows = rows
        self._start = start
        self._present = np.ones(len(rows), np.bool_) if absent is None else ~absent

    def _read(self, place: int, where: Mask | None) -> tuple[Positions, Mask]:
        wanted = self._present if where is None else self._present & where
        # Rows without this place read their own start instead, so that no read leaves the data.
        return self._rows.bytes[self._start + place * wanted].astype(np.int64), wanted

    def digits(self, place: int, count: int, where: Mask | None = None) -> Positions:
        value = np.zeros(len(self._start), np.int64)
        for offset in range(place, place + count):
            character, wanted = self._read(offset, where)
            digit = np.where(wanted, character - ord("0"), 0)
            if np.any((digit < 0) | (digit > 9)):
                raise MalformedPacketError("a date or time is malformed")
            value = value * 10 + digit
        return value

    def expect(self, place: int, expected: str, where: Mask | None = None) -> None:
        character, wanted = self._read(place, where)
        if np.any((character != ord(expected)) & wanted):
            raise MalformedPacketError("a date or time is malformed")

    def fraction(self, length: Positions) -> Positions:
        """Microseconds, from the digits there are."""
        value = np.zeros(len(self._start), np.int64)
        if np.max(length, initial=0) <= 19:
            return value
        self.expect(19, ".", where=length > 19)
        for place in range(20, 26):
            value = value * 10 + self.digits(place, 1, where=length > place)
        return value
