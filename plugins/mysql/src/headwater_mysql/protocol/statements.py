"""Parameters of prepared statements: values that travel beside the statement, never inside its text."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from headwater_mysql.protocol.constants import ColumnType, Command
from headwater_mysql.protocol.packets import length_encoded

Parameter = None | bool | int | float | str | bytes | Decimal | dt.datetime | dt.date | dt.time | dt.timedelta

LAST_PREPARED: Final = 0xFFFF_FFFF
"""To MariaDB, the statement that the session prepared last, so that both commands can be sent at once.

https://mariadb.com/kb/en/com_stmt_execute/
"""

_UNSIGNED = 0x80


def execute_command(statement: int, parameters: Sequence[Parameter]) -> bytes:
    """The payload of COM_STMT_EXECUTE, without a server-side cursor: rows come as they are made.

    Raises TypeError for a value that has no MySQL form, ValueError for one out of range.
    """
    head = struct.pack("<BIBI", Command.STATEMENT_EXECUTE, statement, 0, 1)
    if not parameters:
        return head
    nulls = bytearray((len(parameters) + 7) // 8)
    types, values = bytearray(), bytearray()
    for index, parameter in enumerate(parameters):
        kind, flag, value = _encode(parameter)
        if parameter is None:
            nulls[index >> 3] |= 1 << (index & 7)
        types += bytes((kind, flag))
        values += value
    return head + bytes(nulls) + b"\x01" + bytes(types) + bytes(values)


def _encode(value: Parameter) -> tuple[int, int, bytes]:
    """Type byte, flag byte and value bytes. The order matters: bool is an int, datetime is a date."""
    match value:
        case None:
            return ColumnType.NULL, 0, b""
        case bool():
            return ColumnType.TINY, 0, bytes((value,))
        case int():
            return _encode_integer(value)
        case float():
            return ColumnType.DOUBLE, 0, struct.pack("<d", value)
        case str():
            return ColumnType.VAR_STRING, 0, length_encoded(value.encode("utf-8"))
        case bytes():
            return ColumnType.BLOB, 0, length_encoded(value)
        case Decimal():
            if not value.is_finite():
                raise ValueError("a decimal parameter must be finite")
            return ColumnType.NEWDECIMAL, 0, length_encoded(f"{value:f}".encode())
        case dt.datetime():
            return ColumnType.DATETIME, 0, _encode_datetime(value)
        case dt.date():
            return ColumnType.DATE, 0, struct.pack("<BHBB", 4, value.year, value.month, value.day)
        case dt.time():
            since = dt.timedelta(
                hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond
            )
            return ColumnType.TIME, 0, _encode_duration(since)
        case dt.timedelta():
            return ColumnType.TIME, 0, _encode_duration(value)
        case _:
            raise TypeError(f"a parameter can't be of type {type(value).__name__}")


def _encode_integer(value: int) -> tuple[int, int, bytes]:
    if -(1 << 63) <= value < 1 << 63:
        return ColumnType.LONGLONG, 0, struct.pack("<q", value)
    if 0 <= value < 1 << 64:
        return ColumnType.LONGLONG, _UNSIGNED, struct.pack("<Q", value)
    return ColumnType.NEWDECIMAL, 0, length_encoded(str(value).encode())


def _encode_datetime(value: dt.datetime) -> bytes:
    """An aware datetime is sent as UTC, which is the session's zone unless a data source has another."""
    if value.tzinfo is not None:
        value = value.astimezone(dt.UTC)
    return struct.pack(
        "<BHBBBBBI", 11, value.year, value.month, value.day,
        value.hour, value.minute, value.second, value.microsecond,
    )  # fmt: skip


def _encode_duration(value: dt.timedelta) -> bytes:
    negative = value < dt.timedelta(0)
    value = abs(value)
    minutes, seconds = divmod(value.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return struct.pack("<BBIBBBI", 12, negative, value.days, hours, minutes, seconds, value.microseconds)
