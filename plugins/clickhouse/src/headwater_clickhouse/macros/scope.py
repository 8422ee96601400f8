"""What macros refer to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from headwater.models import TimeRange
from headwater_clickhouse.query_model import AdHocFilter, ClickHouseQuery


@frozen
class Scope:
    """The request around a query. `interval_ms` is at least 1."""

    sql: str
    time_range: TimeRange
    interval_ms: int
    table: str
    column: str
    ad_hoc_filters: tuple[AdHocFilter, ...]
    variables: Mapping[str, Any]

    @classmethod
    def of(cls, query: ClickHouseQuery) -> Scope:
        json = query.data_query.json
        return cls(
            sql=query.raw_sql,
            time_range=query.time_range,
            interval_ms=max(1, query.interval_ms),
            table=str(json.get("table") or ""),
            column=str(json.get("column") or ""),
            ad_hoc_filters=query.ad_hoc_filters,
            variables=query.variables,
        )

    @property
    def interval_s(self) -> int:
        """Whole seconds, at least one."""
        return max(1, self.interval_ms // 1000)
