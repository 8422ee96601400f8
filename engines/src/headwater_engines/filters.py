"""Conditions that a data source does not apply itself, applied to its rows by Arrow."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from headwater import Filter

__all__ = ["expression_of", "matching"]


def expression_of(filters: Iterable[Filter]) -> pc.Expression | None:
    """The conjunction of `filters`; None without any."""
    terms = [_term(each) for each in filters]
    return reduce(lambda left, right: left & right, terms) if terms else None


def matching(batch: pa.RecordBatch, condition: pc.Expression | None) -> pa.RecordBatch:
    """The rows of `batch` for which `condition` holds."""
    return batch if condition is None else batch.filter(condition)


def _term(each: Filter) -> pc.Expression:
    column = pc.field(each.column)
    match each.operator:
        case "is null":
            return column.is_null()
        case "is not null":
            return column.is_valid()
        case "in":
            return column.isin(list(each.value))
        case "=":
            return column == pc.scalar(each.value)
        case "!=":
            return column != pc.scalar(each.value)
        case "<":
            return column < pc.scalar(each.value)
        case "<=":
            return column <= pc.scalar(each.value)
        case ">":
            return column > pc.scalar(each.value)
        case ">=":
            return column >= pc.scalar(each.value)
