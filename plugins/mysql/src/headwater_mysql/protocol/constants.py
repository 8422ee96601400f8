"""Numbers of the MySQL client/server protocol, as MySQL's and MariaDB's protocol manuals list them.

Bits are no `IntFlag`, whose operators take longer than all else that is done with a small packet.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

MAX_FRAME: Final = 0xFFFFFF
"""Payload bytes of one wire frame. A frame of exactly this size is continued by the next one."""

BINARY_CHARSET: Final = 63
"""Collation id that marks bytes rather than text."""


class Capability(IntEnum):
    """Flags of the handshake that matter after authentication."""

    PS_MULTI_RESULTS = 1 << 18
    DEPRECATE_EOF = 1 << 24


class Status(IntEnum):
    """Server status bits of OK and EOF packets."""

    IN_TRANSACTION = 0x0001
    MORE_RESULTS = 0x0008


class Command(IntEnum):
    QUIT = 0x01
    QUERY = 0x03
    PING = 0x0E
    STATEMENT_PREPARE = 0x16
    STATEMENT_EXECUTE = 0x17
    STATEMENT_SEND_LONG_DATA = 0x18
    STATEMENT_CLOSE = 0x19
    RESET_CONNECTION = 0x1F


class ColumnFlag(IntEnum):
    NOT_NULL = 0x0001
    PRIMARY_KEY = 0x0002
    UNSIGNED = 0x0020
    BINARY = 0x0080
    ENUM = 0x0100
    SET = 0x0800


class ColumnType(IntEnum):
    """`enum_field_types`: the type byte of a column definition."""

    DECIMAL = 0
    TINY = 1
    SHORT = 2
    LONG = 3
    FLOAT = 4
    DOUBLE = 5
    NULL = 6
    TIMESTAMP = 7
    LONGLONG = 8
    INT24 = 9
    DATE = 10
    TIME = 11
    DATETIME = 12
    YEAR = 13
    NEWDATE = 14
    VARCHAR = 15
    BIT = 16
    VECTOR = 242
    JSON = 245
    NEWDECIMAL = 246
    ENUM = 247
    SET = 248
    TINY_BLOB = 249
    MEDIUM_BLOB = 250
    LONG_BLOB = 251
    BLOB = 252
    VAR_STRING = 253
    STRING = 254
    GEOMETRY = 255
