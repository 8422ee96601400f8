"""Columns and filters that a data source does not apply itself, applied to its rows by Arrow."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from headwater import Filter
from headwater.queries import ReadTasks, expression_of

__all__ = ["check_filters", "columns_read", "narrowed", "schema_of"]


def columns_read(columns: Sequence[str] | None, filters: Sequence[Filter]) -> Sequence[str] | None:
    """`columns`, and those that `filters` may need at the reader; None for all."""
    return None if columns is None else [*dict.fromkeys((*columns, *(each.column for each in filters)))]


def schema_of(read: pa.Schema, columns: Sequence[str] | None) -> pa.Schema:
    """Of the rows that the engine gets: `columns` of what is read, all for None."""
    return read if columns is None else pa.schema([read.field(name) for name in dict.fromkeys(columns)])


def check_filters(tasks: ReadTasks) -> None:
    """Raises QueryError, where the read is planned, for a filter that its column cannot be compared with."""
    expression_of(tasks.unhandled_filters, tasks.schema)


def narrowed(batch: pa.RecordBatch, filters: Sequence[Filter], schema: pa.Schema) -> pa.RecordBatch:
    """The rows of `batch` for which `filters` hold, with the columns of `schema`."""
    condition = expression_of(filters, batch.schema)
    kept = batch if condition is None else batch.filter(condition)
    return kept if len(kept.schema) == len(schema) else kept.select(schema.names)
