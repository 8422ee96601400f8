"""A query as a lazy frame of Polars.

```python
orders = scan_headwater(headwater, "shop", "SELECT * FROM orders")
orders.filter(pl.col("id") > 1000).select("city").collect()
```
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Unpack

import polars as pl
import pyarrow as pa
from polars.io.plugins import register_io_source

from headwater import Filter, Headwater
from headwater.queries import QueryOptions

from .local import read_side_by_side

__all__ = ["filters_of", "scan_headwater"]

_PARTS = 8
_OPERATORS = {"Eq": "=", "NotEq": "!=", "Lt": "<", "LtEq": "<=", "Gt": ">", "GtEq": ">="}
_TURNED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001


def scan_headwater(
    headwater: Headwater,
    data_source: str,
    query: str | Mapping[str, Any] = "",
    *,
    target: int = _PARTS,
    **options: Unpack[QueryOptions],
) -> pl.LazyFrame:
    """`query` as a lazy frame that is read anew by each collect, in about `target` parts; options as for
    `Headwater.query`. Columns that a plan does not use, and rows that the data source can leave out
    exactly, are not read. Plans once to know the schema; raises what `Headwater.read_tasks` raises."""

    def read(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, batch_rows: int | None
    ) -> Iterator[pl.DataFrame]:
        del batch_rows
        filters = filters_of(predicate)
        tasks = headwater.read_tasks(
            data_source, query, target=target, columns=_needed(columns, predicate), filters=filters, **options
        )
        with_rows = read_side_by_side(headwater, tasks)
        try:
            for batch in with_rows:
                frame = pl.DataFrame(pa.Table.from_batches([batch]))  # of a batch, it misreads small decimals
                if predicate is not None:
                    frame = frame.filter(predicate)
                if columns is not None:
                    frame = frame.select(columns)
                if rows is not None:
                    frame = frame.head(rows)
                    rows -= frame.height
                yield frame
                if rows == 0:
                    return
        finally:
            with_rows.close()

    schema = headwater.read_tasks(data_source, query, target=1, **options).schema
    return register_io_source(read, schema=pl.DataFrame(schema.empty_table()).schema)


def filters_of(predicate: pl.Expr | None) -> list[Filter]:
    """Conditions that hold for every row that `predicate` lets through: the comparisons of a column with a
    whole number, a text or a time among the terms of its conjunction."""
    if predicate is None:
        return []
    try:
        return _terms(json.loads(predicate.meta.serialize(format="json")))
    except (pl.exceptions.PolarsError, ValueError):  # holds what has no such form, a function say
        return []


def _terms(node: Any) -> list[Filter]:
    match node:
        case {"BinaryExpr": {"left": left, "op": "And", "right": right}}:
            return _terms(left) + _terms(right)
        case {"BinaryExpr": {"left": {"Column": str(column)}, "op": str(op), "right": {"Literal": literal}}}:
            return _comparison(column, _OPERATORS.get(op), literal)
        case {"BinaryExpr": {"left": {"Literal": literal}, "op": str(op), "right": {"Column": str(column)}}}:
            return _comparison(column, _TURNED.get(_OPERATORS.get(op, "")), literal)
        case {"Function": {"input": [{"Column": str(column)}], "function": {"Boolean": "IsNotNull"}}}:
            return [Filter(column, "is not null")]
        case {"Function": {"input": [{"Column": str(column)}], "function": {"Boolean": "IsNull"}}}:
            return [Filter(column, "is null")]
    return []


def _comparison(column: str, operator: Any, literal: Any) -> list[Filter]:
    value = _value(literal)
    return [] if operator is None or value is None else [Filter(column, operator, value)]


def _value(literal: Any) -> int | str | date | datetime | None:
    """Floats are left out: Polars has NaN above all numbers, and databases have it nowhere."""
    match literal:
        case {"Dyn": {"Int": int(value)}}:
            return value
        case {"Scalar": {"String": str(value)}}:
            return value
        case {"Scalar": {"Date": int(days)}}:
            return _EPOCH.date() + timedelta(days=days)
        case {"Scalar": {"Datetime": [int(count), "Microseconds", zone]}}:
            moment = _EPOCH + timedelta(microseconds=count)
            return moment if zone is None else moment.replace(tzinfo=UTC)
        case {"Scalar": dict(scalar)} if len(scalar) == 1:
            [(kind, value)] = scalar.items()
            return value if kind.startswith(("Int", "UInt")) and type(value) is int else None
    return None


def _needed(columns: list[str] | None, predicate: pl.Expr | None) -> list[str] | None:
    if columns is None or predicate is None:
        return columns
    return list(dict.fromkeys([*columns, *predicate.meta.root_names()]))
