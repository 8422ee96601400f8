"""Divide a query into read tasks: by a primary key among its columns, evenly or by a sample of the keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Final, TypeAlias

import pyarrow as pa

from headwater.sdk import Filter, Partitions
from headwater.sdk.sql import Cutter, without_semicolon
from headwater_mysql.dialect import DEFAULT, quoted
from headwater_mysql.partitions import MOST_PARTS_OF_YEARS
from headwater_mysql.protocol.columns import Column
from headwater_mysql.protocol.constants import ColumnType
from headwater_mysql.query_model import MySQLQuery

Records: TypeAlias = Callable[[str], tuple[Sequence[dict[str, Any]], Sequence[Column]]]

_INTEGERS: Final = frozenset(
    {ColumnType.TINY, ColumnType.SHORT, ColumnType.INT24, ColumnType.LONG, ColumnType.LONGLONG}
)
_COMPARED_OTHERWISE: Final = frozenset({ColumnType.JSON, ColumnType.YEAR})


def divide(
    query: MySQLQuery,
    target: int,
    columns: tuple[str, ...] | None,
    filters: tuple[Filter, ...],
    ask: Callable[[str], pa.Table],
    records: Records,
) -> Partitions:
    """About `target` parts. Texts compare by collation and impossible dates are null in frames, so that
    conditions on both narrow the parts and are left to the reader besides.

    `ask` and `records` run a statement as `query` is run.
    """

    @cache
    def described() -> Sequence[Column]:
        return records(f"{without_semicolon(query.raw_sql, DEFAULT)}\nLIMIT 0")[1]

    if target > MOST_PARTS_OF_YEARS and _is_year(query.partition_column, described):
        target = MOST_PARTS_OF_YEARS
    return _CUTTER.divide(
        query,
        target,
        columns,
        filters,
        ask,
        key=lambda: _primary_key(described()),
        estimate=lambda statements: [_estimate(each, records) for each in statements],
        may_push=lambda each: _is_compared_by_value(each.column, described()),
    )


def _primary_key(columns: Sequence[Column]) -> str:
    """The first column of the result that is a whole number of its table's primary key; else empty."""
    keys = (column.name for column in columns if column.is_primary_key and column.type in _INTEGERS)
    return next(keys, "")


def _is_year(name: str, described: Callable[[], Sequence[Column]]) -> bool:
    return name != "" and any(each.name == name and each.type == ColumnType.YEAR for each in described())


def _is_compared_by_value(name: str, columns: Sequence[Column]) -> bool:
    """Not a document, which equals no text, nor a year, which equals its last two digits."""
    return not any(each.name == name and each.type in _COMPARED_OTHERWISE for each in columns)


def _estimate(sql: str, records: Records) -> int | None:
    """The optimizer's guess, which costs it a look into an index."""
    plan, _ = records(f"EXPLAIN FORMAT=TRADITIONAL {sql}")
    rows = [int(step["rows"]) for step in plan if step.get("rows") is not None]
    return max(rows, default=None)


def _text(value: str) -> str:
    """Hexadecimal, because what a backslash means depends on the session."""
    encoded = value.encode("utf-8", "surrogatepass").hex()
    return f"_utf8mb4 X'{encoded}'"


def _time(value: date) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return f"'{value.isoformat(' ') if isinstance(value, datetime) else value.isoformat()}'"


_CUTTER: Final = Cutter(DEFAULT, quoted, _text, _time)
