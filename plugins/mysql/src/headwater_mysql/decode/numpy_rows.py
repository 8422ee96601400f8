"""Many rows at once: byte positions as arrays, values gathered from them, Arrow arrays built from those.

A *position array* (int64) holds one byte offset per row. Every function checks that what it reads lies
before the row's end, because a corrupt packet may claim anything.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headwater_mysql.decode.types import ColumnPlan, Kind
from headwater_mysql.protocol.packets import MalformedPacketError

Positions = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[Any]

PADDING = 16
"""Spare bytes behind the rows, so that a read of up to 16 bytes at any row's end stays inside."""


class RowPackets:
    """The payloads of some rows: `data` and where in it each row starts and ends."""

    def __init__(self, data: bytes | bytearray, starts: Positions, ends: Positions) -> None:
        self.data = data
        self.bytes = np.frombuffer(data, np.uint8)
        self.starts = starts
        self.ends = ends

    def __len__(self) -> int:
        return len(self.starts)

    def read(self, kind: str, at: Positions) -> Numbers:
        """Unaligned numbers of numpy type `kind` at positions `at`."""
        width = np.dtype(kind).itemsize
        view: Numbers = np.ndarray((len(self.data) - width + 1,), kind, self.data, strides=(1,))
        return view[at]

    def check(self, at: Positions) -> None:
        """Raise unless every position is within its row."""
        if np.any(at > self.ends):
            raise MalformedPacketError("a value runs past its packet's end")

    def lengths(self, at: Positions, absent: Mask | None) -> tuple[Positions, Positions]:
        """Where the length-encoded values at `at` start and end; absent ones are empty and take no bytes."""
        first = self.bytes[at].astype(np.int64)
        if absent is not None:
            first[absent] = 0
        self.check(at + 1 if absent is None else at + ~absent)
        if np.max(first, initial=0) < 0xFB:
            start = at + 1
            length = first
        else:
            start, length = self._long_lengths(at, first)
        if absent is not None:
            start = np.where(absent, at, start)
        end = start + length
        if np.any((end > self.ends) | (length < 0)):
            raise MalformedPacketError("a value runs past its packet's end")
        return start, end

    def _long_lengths(self, at: Positions, first: Positions) -> tuple[Positions, Positions]:
        start, length = at + 1, first.copy()
        for marker, width, kind in ((0xFC, 2, "<u2"), (0xFD, 3, "<u4"), (0xFE, 8, "<i8")):
            rows = np.flatnonzero(first == marker)
            if len(rows):
                value = self.read(kind, at[rows] + 1).astype(np.int64)
                length[rows] = value & 0xFFFFFF if width == 3 else value
                # Lengths beyond the row would overflow below; any such value is malformed.
                length[rows] = np.minimum(length[rows], len(self.data))
                start[rows] += width
        if np.any((first == 0xFB) | (first == 0xFF)):
            raise MalformedPacketError("a length is missing")
        return start, length

    def strings(self, start: Positions, end: Positions, absent: Mask | None) -> pa.Array:
        """The bytes between `start` and `end` of every row as a binary array.

        All bytes are seen as one array whose odd elements are the values and whose even ones are what
        lies between; taking the odd ones copies the values at C++ speed.
        """
        count = len(start)
        offsets = np.empty(2 * count + 1, np.int32)
        offsets[0] = 0
        offsets[1::2] = start
        offsets[2::2] = end
        everything = pa.Array.from_buffers(
            pa.binary(), 2 * count, [None, pa.py_buffer(offsets), pa.py_buffer(self.data)], 0
        )
        odd = np.arange(1, 2 * count, 2, dtype=np.int32)
        # Not `pa.array(odd, mask=absent)`, which imports pandas where that is installed: seconds, once.
        return everything.take(numbers(odd, pa.int32(), absent))


def numbers(values: Numbers, type_: pa.DataType, absent: Mask | None) -> pa.Array:
    """An Arrow array of fixed-width `values`, without copying them."""
    validity, nulls = None, 0
    if absent is not None:
        validity = pa.py_buffer(np.packbits(~absent, bitorder="little"))
        nulls = int(np.count_nonzero(absent))
    return pa.Array.from_buffers(type_, len(values), [validity, pa.py_buffer(values)], nulls)


def from_strings(strings: pa.Array, plan: ColumnPlan) -> pa.Array:
    """Values that travel as text: text itself, decimals and, in the text protocol, all numbers."""
    if plan.kind is Kind.BYTES:
        return strings
    try:
        text = strings.cast(pa.utf8())
    except pa.ArrowInvalid:
        raise MalformedPacketError("a text column holds bytes that are not UTF-8") from None
    if plan.kind is Kind.TEXT:
        return text
    try:
        return text.cast(plan.type)
    except pa.ArrowInvalid:
        raise MalformedPacketError("a number is malformed or exceeds its column's type") from None


def bits(rows: RowPackets, start: Positions, end: Positions, absent: Mask | None) -> pa.Array:
    """BIT values: up to eight bytes, most significant first."""
    length = end - start
    if np.max(length, initial=0) > 8:
        raise MalformedPacketError("a BIT value is too long")
    words = rows.read(">u8", start).astype(np.uint64)
    shift = (8 * (8 - length)).astype(np.uint64)
    # A shift by 64, for an empty value, would leave the word as it is.
    return numbers(np.where(length == 0, np.uint64(0), words >> np.minimum(shift, 63)), pa.uint64(), absent)


def moments(
    plan: ColumnPlan,
    year: Positions,
    month: Positions,
    day: Positions,
    micros: Positions,
    absent: Mask | None,
) -> tuple[pa.Array, int]:
    """Dates, or dates with `micros` of the day; and how many were zero, partial or impossible, now null."""
    if np.any((month > 12) | (day > 31) | (year > 9999)):
        raise MalformedPacketError("a date is out of range")
    month_starts, month_days = _calendar()
    key = year * 16 + month
    no_date = (day == 0) | (day > month_days[key])
    zero_dates = int(np.count_nonzero(no_date if absent is None else no_date & ~absent))
    gone = absent if zero_dates == 0 else no_date if absent is None else no_date | absent
    days = month_starts[key] + (day - 1)
    if plan.kind is Kind.DATE:
        return numbers(days.astype(np.int32), plan.type, gone), zero_dates
    return numbers(days * 86_400_000_000 + micros, plan.type, gone), zero_dates


@cache
def _calendar() -> tuple[Positions, Positions]:
    """Days from 1970-01-01 to, and days in, each month; by year * 16 + month, 0 where there is none."""
    months = np.arange("0001-01", "10000-01", dtype="datetime64[M]")
    first = months.astype("datetime64[D]").astype(np.int64)
    after = (months + np.timedelta64(1, "M")).astype("datetime64[D]").astype(np.int64)
    starts, days = np.zeros((10_000, 16), np.int64), np.zeros((10_000, 16), np.int64)
    starts[1:, 1:13] = first.reshape(-1, 12)
    days[1:, 1:13] = (after - first).reshape(-1, 12)
    return starts.ravel(), days.ravel()


def micros_of_day(hours: Positions, minutes: Positions, seconds: Positions, micros: Positions) -> Positions:
    if np.any((minutes > 59) | (seconds > 59) | (micros > 999_999)):
        raise MalformedPacketError("a time is out of range")
    return ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros


def text_durations(strings: pa.Array) -> pa.Array:
    """TIME values of the text protocol, such as `-838:59:59.000000`."""
    pattern = r"^(?P<sign>-?)(?P<h>\d{1,9}):(?P<m>\d\d):(?P<s>\d\d)(?:\.(?P<f>\d{1,6}))?$"
    try:
        parts = pc.extract_regex(strings.cast(pa.utf8()), pattern)
    except pa.ArrowInvalid:
        raise MalformedPacketError("a date or time is not even text") from None
    if parts.null_count != strings.null_count:
        raise MalformedPacketError("a date or time is malformed")

    def field(name: str) -> Positions:
        text = pc.struct_field(parts, name)
        if name == "f":
            text = pc.utf8_rpad(text, 6, "0")
        whole = pc.fill_null(text.cast(pa.int64()), 0)
        return np.asarray(whole.to_numpy(zero_copy_only=False))

    value = micros_of_day(field("h"), field("m"), field("s"), field("f"))
    negative = pc.fill_null(pc.equal(pc.struct_field(parts, "sign"), "-"), False).to_numpy(
        zero_copy_only=False
    )
    absent = strings.is_null().to_numpy(zero_copy_only=False) if strings.null_count else None
    return numbers(np.where(negative, -value, value), pa.duration("us"), absent)
