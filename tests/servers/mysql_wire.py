"""The server's side of MySQL's protocol: rows, column definitions and replies as bytes."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from headwater_mysql.protocol.columns import Column
from headwater_mysql.protocol.constants import ColumnType as T
from headwater_mysql.protocol.packets import frames, length_encoded, length_encoded_integer


class ZeroDate:
    """Stands for 0000-00-00 among the values of a row. Decoders make null of it."""

    def __repr__(self) -> str:
        return "ZERO_DATE"


ZERO_DATE: Final = ZeroDate()

_INTEGERS: dict[int, int] = {T.TINY: 1, T.SHORT: 2, T.YEAR: 2, T.INT24: 4, T.LONG: 4, T.LONGLONG: 8}
_TEMPORAL = {T.DATE, T.DATETIME, T.TIMESTAMP}

OK = b"\x00\x00\x00\x02\x00\x00\x00"


def result_set(
    columns: Sequence[Column],
    rows: Iterable[Sequence[Any]],
    *,
    binary: bool,
    deprecate_eof: bool = False,
    more_results: bool = False,
    sequence: int = 1,
) -> bytes:
    """A whole result set, from the number of columns to its end."""
    packets = [length_encoded_integer(len(columns)), *(column_definition(column) for column in columns)]
    if not deprecate_eof:
        packets.append(eof())
    encode = binary_row if binary else text_row
    packets += [encode(columns, row) for row in rows]
    packets.append(eof(deprecate_eof=deprecate_eof, more_results=more_results))
    return wire(packets, sequence)


def wire(packets: Iterable[bytes], sequence: int = 1) -> bytes:
    """Packets as frames, numbered one after the other."""
    sent = bytearray()
    for packet in packets:
        framed = frames(packet, sequence)
        sequence += len(packet) // 0xFFFFFF + 1
        sent += framed
    return bytes(sent)


def column_definition(column: Column) -> bytes:
    names = ("def", column.schema, column.table, column.table, column.name, column.name)
    fixed = struct.pack(
        "<HIBHBH", column.charset, column.length, column.type, column.flags, column.decimals, 0
    )
    return b"".join(length_encoded(name.encode()) for name in names) + b"\x0c" + fixed


def eof(*, deprecate_eof: bool = False, more_results: bool = False) -> bytes:
    status = 2 | (8 if more_results else 0)
    if deprecate_eof:
        return b"\xfe\x00\x00" + struct.pack("<HH", status, 0)
    return b"\xfe" + struct.pack("<HH", 0, status)


def err(code: int, text: str, state: str = "HY000") -> bytes:
    return b"\xff" + struct.pack("<H", code) + b"#" + state.encode() + text.encode()


def binary_row(columns: Sequence[Column], values: Sequence[Any]) -> bytes:
    nulls = bytearray((len(columns) + 9) // 8)
    data = bytearray()
    for index, (column, value) in enumerate(zip(columns, values, strict=True)):
        if value is None:
            nulls[(index + 2) >> 3] |= 1 << ((index + 2) & 7)
        else:
            data += _binary_value(column, value)
    return b"\x00" + bytes(nulls) + bytes(data)


def _binary_value(column: Column, value: Any) -> bytes:
    if (width := _INTEGERS.get(column.type)) is not None:
        return int(value).to_bytes(width, "little", signed=value < 0)
    if column.type == T.FLOAT:
        return struct.pack("<f", value)
    if column.type == T.DOUBLE:
        return struct.pack("<d", value)
    if column.type in _TEMPORAL:
        return _binary_moment(value)
    if column.type == T.TIME:
        return _binary_duration(value)
    return length_encoded(_as_bytes(column, value))


def _binary_moment(value: dt.date | ZeroDate) -> bytes:
    """In the shortest of the forms that a server may choose."""
    if isinstance(value, ZeroDate):
        return b"\x00"
    day = struct.pack("<HBB", value.year, value.month, value.day)
    if not isinstance(value, dt.datetime):
        return b"\x04" + day
    clock = struct.pack("<BBB", value.hour, value.minute, value.second)
    if value.microsecond:
        return b"\x0b" + day + clock + struct.pack("<I", value.microsecond)
    return b"\x07" + day + clock if any(clock) else b"\x04" + day


def _binary_duration(value: dt.timedelta) -> bytes:
    if not value:
        return b"\x00"
    size = abs(value)
    minutes, seconds = divmod(size.seconds, 60)
    head = struct.pack("<BIBBB", value < dt.timedelta(0), size.days, minutes // 60, minutes % 60, seconds)
    micros = size.microseconds
    return b"\x0c" + head + struct.pack("<I", micros) if micros else b"\x08" + head


def text_row(columns: Sequence[Column], values: Sequence[Any]) -> bytes:
    return b"".join(
        b"\xfb" if value is None else length_encoded(_as_bytes(column, value))
        for column, value in zip(columns, values, strict=True)
    )


def _as_bytes(column: Column, value: Any) -> bytes:
    match value:
        case bytes():
            return value
        case str():
            return value.encode()
        case ZeroDate():
            return b"0000-00-00" if column.type == T.DATE else b"0000-00-00 00:00:00"
        case Decimal():
            return f"{value:f}".encode()
        case dt.datetime():
            return value.replace(tzinfo=None).isoformat(" ").encode()
        case dt.timedelta():
            return _text_duration(value).encode()
        case int() if column.type == T.BIT:
            return value.to_bytes((column.length + 7) // 8, "big")
        case _:
            return str(value).encode()


def _text_duration(value: dt.timedelta) -> str:
    size = abs(value)
    minutes, seconds = divmod(size.days * 86_400 + size.seconds, 60)
    fraction = f".{size.microseconds:06}" if size.microseconds else ""
    sign = "-" if value < dt.timedelta(0) else ""
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}:{seconds:02}{fraction}"
