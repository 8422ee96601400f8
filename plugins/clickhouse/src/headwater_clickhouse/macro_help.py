"""What users are told of the macros. `{from}` and `{to}` stand for the time range in unix seconds."""

from __future__ import annotations

from headwater.sdk import QueryMacro

MACROS = (
    QueryMacro("$__timeFilter(column)", "column >= toDateTime({from}) AND column <= toDateTime({to})"),
    QueryMacro(
        "$__timeFilter_ms(column)",
        "column >= fromUnixTimestamp64Milli({from}000) AND column <= fromUnixTimestamp64Milli({to}000)",
    ),
    QueryMacro("$__dateFilter(column)", "column between the days of the time range"),
    QueryMacro("$__dateTimeFilter(date, time)", "both of the above, for a date and a time column"),
    QueryMacro("$__dt(date, time)", "short for $__dateTimeFilter"),
    QueryMacro("$__fromTime", "toDateTime({from})"),
    QueryMacro("$__toTime", "toDateTime({to})"),
    QueryMacro("$__fromTime_ms", "fromUnixTimestamp64Milli({from}000)"),
    QueryMacro("$__toTime_ms", "fromUnixTimestamp64Milli({to}000)"),
    QueryMacro("$__timeFrom(column)", "column >= toDateTime({from})"),
    QueryMacro("$__timeTo(column)", "column <= toDateTime({to})"),
    QueryMacro("$__timeInterval(column)", "toStartOfInterval(toDateTime(column), INTERVAL {step} second)"),
    QueryMacro(
        "$__timeInterval_ms(column)",
        "toStartOfInterval(toDateTime64(column, 3), INTERVAL {step}000 millisecond)",
    ),
    QueryMacro("$__timeGroup(column, '5m')", "toStartOfInterval(toDateTime(column), INTERVAL 300 second)"),
    QueryMacro("$__interval", "the step that suits the time range, such as 30s"),
    QueryMacro("$__interval_s", "{step}"),
    QueryMacro("$__interval_ms", "{step}000"),
    QueryMacro("$__table", "the table of the query model's variables"),
    QueryMacro("$__column", "the column of the query model's variables"),
    QueryMacro("$__adHocFilters('table')", "additional_table_filters={…} of adHocFilters; for SETTINGS"),
    QueryMacro("$__conditionalAll(condition, $variable)", "condition, or 1=1 where the variable is all"),
    QueryMacro(
        "$__columns(time, key, value)", "a time series per key: SELECT … GROUP BY … ORDER BY around it"
    ),
    QueryMacro("$__rateColumns(time, key, value)", "the same, as rate per second"),
    QueryMacro("$__perSecondColumns(time, key, counter)", "the rate per second of a counter, by key"),
    QueryMacro("$__increaseColumns(time, key, counter)", "the increase of a counter, by key"),
    QueryMacro(
        "$__lttb(buckets, time, value)", "as many points as buckets, chosen so that the shape remains"
    ),
)
