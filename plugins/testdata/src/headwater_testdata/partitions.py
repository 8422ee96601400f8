"""The rows of `streaming_rows` in parts: ranges of their ids."""

from __future__ import annotations

from itertools import pairwise

from attrs import evolve

from headwater.sdk import Consistency, DataQuery, Filter, Partition, Partitions

from .query import ScenarioQuery
from .scenarios.rows import ROW_BYTES, SCHEMA


def divide(query: ScenarioQuery, target: int, filters: tuple[Filter, ...]) -> Partitions:
    """At most `target` parts. Bounds of `id` are applied, so that parts without such rows are not read."""
    bounds = [each for each in filters if _is_bound(each)]
    first, last = query.first_row, query.rows
    for each in bounds:
        match each.operator:
            case ">=":
                first = max(first, each.value)
            case ">":
                first = max(first, each.value + 1)
            case "<=":
                last = min(last, each.value + 1)
            case "<":
                last = min(last, each.value)
    last = max(first, last)
    count = max(1, min(target, last - first))
    cuts = [first + (last - first) * part // count for part in range(count + 1)]
    parts = tuple(_part(query.data_query, *cut) for cut in pairwise(cuts))
    return Partitions(parts, Consistency.SNAPSHOT, SCHEMA, handled_filters=tuple(bounds))


def _part(query: DataQuery, first: int, last: int) -> Partition:
    json = {**query.json, "firstRow": first, "rows": last}
    return Partition(evolve(query, json=json), last - first, (last - first) * ROW_BYTES)


def _is_bound(each: Filter) -> bool:
    return each.column == "id" and each.operator in ("<", "<=", ">", ">=") and type(each.value) is int
