"""The query model of Grafana's SQL data sources, with bound parameters and partitioned reads besides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import frozen

from headwater.errors import QueryError
from headwater.sdk.data_source import Query
from headwater.sdk.schema import field

__all__ = ["LONG_SERIES", "TABLE", "TIME_SERIES", "SqlQuery"]

TABLE = "table"
TIME_SERIES = "time_series"
LONG_SERIES = "time_series_long"

_FILL_KEYS = ("fill", "fillInterval", "fillMode", "fillValue")


@frozen(kw_only=True)
class SqlQuery(Query):
    """`format` and the rest are checked by `check`, so that each fault carries Grafana's words."""

    other_keys: ClassVar[tuple[str, ...]] = _FILL_KEYS

    raw_sql: str = field("", doc="One SQL statement; macros such as $__timeFilter(column) are expanded.")
    format: str = field(
        TABLE,
        doc="table, or time_series: wide series with one column per metric, or time_series_long: the same as "
        "rows.",
    )
    params: tuple[Any, ...] | Mapping[str, Any] = field(
        (), doc="Values of ? placeholders in order, or of :name ones by name; a list fills IN (?)."
    )
    partitions: int = field(
        1, minimum=1, maximum=64, doc="Connections to read over; more than one needs partitionColumn."
    )
    partition_column: str = field("", doc="Integer column of the result whose range is divided.")

    query_caching_ranges: bool = field(
        False,
        doc="Each row is of one time group alone: the range is widened to whole groups, and of a range that "
        "moves only new groups are asked for where answers are remembered.",
    )

    @property
    def is_series(self) -> bool:
        """Whether rows are to be made into time series."""
        return self.format in (TIME_SERIES, LONG_SERIES)

    def check(self) -> None:
        """Raises QueryError for a model that can't be run."""
        if any(key in self.data_query.json for key in _FILL_KEYS):
            raise QueryError("query fill-parameters not supported")
        if self.format not in (TABLE, TIME_SERIES, LONG_SERIES):
            raise QueryError(f"Unrecognized query model format: {self.format}")
        if self.partitions > 1 and not self.partition_column:
            raise QueryError("partitions need a partitionColumn")
        if self.partitions > 1 and self.query_caching_ranges:
            raise QueryError("queryCachingRanges: a query that is read in partitions has no whole groups")
