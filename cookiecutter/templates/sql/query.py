"""What a query can ask for."""

from __future__ import annotations

from typing import Any

import attrs
from headwater.sdk import Query, field


@attrs.frozen(kw_only=True)
class SqlQuery(Query):
    """`raw_sql` is the JSON key `rawSql`, as Grafana's SQL data sources call it.

    `time_range`, `interval_ms` and `max_data_points` are there already.
    """

    raw_sql: str = field(doc="SQL, with macros such as $__timeFilter(time).")
    params: list[Any] | dict[str, Any] = field(factory=list, doc="Bound to ? or :name, never pasted.")
