"""Which Arrow type each MySQL column becomes.

| MySQL | Arrow |
|---|---|
| TINYINT … BIGINT [UNSIGNED] | int8 … int64, uint8 … uint64 (MEDIUMINT: 32 bits; TINYINT(1) stays a number) |
| YEAR, BIT(n) | uint16, uint64 |
| FLOAT, DOUBLE | float32, float64 |
| DECIMAL(p,s) | decimal128(p,s) up to 38 digits, else decimal256(p,s) |
| DATE | date32 |
| DATETIME | timestamp[us] without a zone |
| TIMESTAMP | timestamp[us, UTC] while the session's zone is UTC, else without a zone |
| TIME | duration[us] |
| CHAR, VARCHAR, TEXT, ENUM, SET, JSON | string |
| BINARY, VARBINARY, BLOB, GEOMETRY, VECTOR | binary (geometry: SRID and WKB; vector: little-endian float32) |
| a bare NULL | null |

Every field is nullable: the server's NOT NULL flag does not hold for zero dates and some outer joins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

import attrs
import pyarrow as pa

from headwater_mysql.protocol.columns import Column
from headwater_mysql.protocol.constants import BINARY_CHARSET, ColumnType
from headwater_mysql.protocol.packets import MalformedPacketError


class Kind(IntEnum):
    """What a decoder makes of a column. The numbers are shared with the native decoder."""

    NULL = 0
    INT8 = 1
    UINT8 = 2
    INT16 = 3
    UINT16 = 4
    INT32 = 5
    UINT32 = 6
    INT64 = 7
    UINT64 = 8
    FLOAT32 = 9
    FLOAT64 = 10
    DECIMAL128 = 11
    DECIMAL256 = 12
    DATE = 13
    DATETIME = 14
    DURATION = 15
    TEXT = 16
    BYTES = 17
    BIT = 18


@attrs.frozen
class ColumnPlan:
    """How one column is decoded. `precision` and `scale` matter for decimals only."""

    name: str
    kind: Kind
    type: pa.DataType
    precision: int = 0
    scale: int = 0


@attrs.frozen
class ResultPlan:
    """`row_bytes`: what a row takes at least once it is decoded, NULL or not."""

    columns: tuple[ColumnPlan, ...]
    schema: pa.Schema
    row_bytes: int = attrs.field(init=False)

    @row_bytes.default
    def _count_row_bytes(self) -> int:
        return sum(_width(column.type) for column in self.columns)


def plan_result(columns: Sequence[Column], *, utc: bool = True) -> ResultPlan:
    """Plan the decoding of a result set. `utc`: the session's time zone is UTC."""
    plans = tuple(plan_column(column, utc=utc) for column in columns)
    return ResultPlan(plans, pa.schema([pa.field(plan.name, plan.type) for plan in plans]))


def _width(kind: pa.DataType) -> int:
    """Bytes of a value; of text and bytes, of its offset."""
    return 4 if kind in _VARIABLE else 0 if kind == pa.null() else kind.bit_width // 8


def plan_column(column: Column, *, utc: bool = True) -> ColumnPlan:
    if column.type in (ColumnType.NEWDECIMAL, ColumnType.DECIMAL):
        return _plan_decimal(column)
    if column.type == ColumnType.TIMESTAMP and utc:
        return ColumnPlan(column.name, Kind.DATETIME, pa.timestamp("us", "UTC"))
    kind = _kind(column)
    return ColumnPlan(column.name, kind, _TYPES[kind])


def _kind(column: Column) -> Kind:
    """Types that are not listed, unknown ones included, are text or bytes, as their character set says."""
    if column.type in _INTEGERS:
        signed, unsigned = _INTEGERS[column.type]
        return unsigned if column.unsigned else signed
    return _KINDS.get(column.type, Kind.BYTES if column.charset == BINARY_CHARSET else Kind.TEXT)


def _plan_decimal(column: Column) -> ColumnPlan:
    """The display width counts the digits, the sign unless unsigned, and the point if there is one.

    Raises MalformedPacketError for a scale that no server has: Arrow would make a type of it without values.
    """
    scale = column.decimals
    if scale > _MOST_DIGITS:
        raise MalformedPacketError("a decimal column has an impossible scale")
    precision = column.length - (0 if column.unsigned else 1) - (1 if scale else 0)
    precision = min(max(precision, scale, 1), _MOST_DIGITS)
    if precision <= 38:
        return ColumnPlan(column.name, Kind.DECIMAL128, pa.decimal128(precision, scale), precision, scale)
    return ColumnPlan(column.name, Kind.DECIMAL256, pa.decimal256(precision, scale), precision, scale)


_MOST_DIGITS = 76
_INTEGERS: Mapping[int, tuple[Kind, Kind]] = {
    ColumnType.TINY: (Kind.INT8, Kind.UINT8),
    ColumnType.SHORT: (Kind.INT16, Kind.UINT16),
    ColumnType.INT24: (Kind.INT32, Kind.UINT32),
    ColumnType.LONG: (Kind.INT32, Kind.UINT32),
    ColumnType.LONGLONG: (Kind.INT64, Kind.UINT64),
}

_KINDS: Mapping[int, Kind] = {
    ColumnType.YEAR: Kind.UINT16,
    ColumnType.BIT: Kind.BIT,
    ColumnType.FLOAT: Kind.FLOAT32,
    ColumnType.DOUBLE: Kind.FLOAT64,
    ColumnType.DATE: Kind.DATE,
    ColumnType.NEWDATE: Kind.DATE,
    ColumnType.DATETIME: Kind.DATETIME,
    ColumnType.TIMESTAMP: Kind.DATETIME,
    ColumnType.TIME: Kind.DURATION,
    ColumnType.NULL: Kind.NULL,
    ColumnType.JSON: Kind.TEXT,
    ColumnType.GEOMETRY: Kind.BYTES,
    ColumnType.VECTOR: Kind.BYTES,
}

_TYPES = {
    Kind.NULL: pa.null(),
    Kind.INT8: pa.int8(),
    Kind.UINT8: pa.uint8(),
    Kind.INT16: pa.int16(),
    Kind.UINT16: pa.uint16(),
    Kind.INT32: pa.int32(),
    Kind.UINT32: pa.uint32(),
    Kind.INT64: pa.int64(),
    Kind.UINT64: pa.uint64(),
    Kind.FLOAT32: pa.float32(),
    Kind.FLOAT64: pa.float64(),
    Kind.DATE: pa.date32(),
    Kind.DATETIME: pa.timestamp("us"),
    Kind.DURATION: pa.duration("us"),
    Kind.TEXT: pa.utf8(),
    Kind.BYTES: pa.binary(),
    Kind.BIT: pa.uint64(),
}
_VARIABLE = (pa.utf8(), pa.binary())
