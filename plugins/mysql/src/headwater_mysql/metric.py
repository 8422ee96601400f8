"""Which column of a result names the series."""

from __future__ import annotations

from collections.abc import Sequence

from headwater_mysql.protocol.columns import Column
from headwater_mysql.protocol.constants import BINARY_CHARSET, ColumnFlag, ColumnType

_TEXT_TYPES = {
    ColumnType.VARCHAR, ColumnType.VAR_STRING, ColumnType.STRING,
    ColumnType.TINY_BLOB, ColumnType.MEDIUM_BLOB, ColumnType.LONG_BLOB, ColumnType.BLOB,
}  # fmt: skip


def metric_index(columns: Sequence[Column]) -> int | None:
    """The column called `metric`, else the first one of a text type. ENUM and SET do not count as text."""
    for index, column in enumerate(columns):
        if column.name == "metric":
            return index
    return next((index for index, column in enumerate(columns) if _is_text(column)), None)


def _is_text(column: Column) -> bool:
    other = column.flags & (ColumnFlag.ENUM | ColumnFlag.SET) or column.charset == BINARY_CHARSET
    return column.type in _TEXT_TYPES and not other
