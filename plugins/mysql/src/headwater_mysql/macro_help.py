"""What users are told of the macros. `{from}` and `{to}` stand for the time range in unix seconds."""

from __future__ import annotations

from headwater.sdk import QueryMacro

MACROS = (
    QueryMacro("$__timeFilter(column)", "column BETWEEN FROM_UNIXTIME({from}) AND FROM_UNIXTIME({to})"),
    QueryMacro("$__timeFrom()", "FROM_UNIXTIME({from})"),
    QueryMacro("$__timeTo()", "FROM_UNIXTIME({to})"),
    QueryMacro("$__timeGroup(column, '5m')", "UNIX_TIMESTAMP(column) DIV 300 * 300"),
    QueryMacro("$__timeGroup(column, '5m', NULL)", "the same; missing groups become null, or previous, or 0"),
    QueryMacro("$__timeGroupAlias(column, '5m')", 'UNIX_TIMESTAMP(column) DIV 300 * 300 AS "time"'),
    QueryMacro("$__time(column)", "UNIX_TIMESTAMP(column) as time_sec"),
    QueryMacro("$__timeEpoch(column)", "UNIX_TIMESTAMP(column) as time_sec"),
    QueryMacro("$__unixEpochFilter(column)", "column >= {from} AND column <= {to}"),
    QueryMacro("$__unixEpochFrom()", "{from}"),
    QueryMacro("$__unixEpochTo()", "{to}"),
    QueryMacro("$__unixEpochGroup(column, '5m')", "column DIV 300 * 300"),
    QueryMacro("$__unixEpochGroupAlias(column, '5m')", 'column DIV 300 * 300 AS "time"'),
    QueryMacro("$__unixEpochNanoFilter(column)", "column >= {from}000000000 AND column <= {to}000000000"),
    QueryMacro("$__unixEpochNanoFrom()", "{from}000000000"),
    QueryMacro("$__unixEpochNanoTo()", "{to}000000000"),
    QueryMacro("$__interval", "the step that suits the time range, such as 30s; also within strings"),
    QueryMacro("$__interval_ms", "the step in milliseconds"),
)
