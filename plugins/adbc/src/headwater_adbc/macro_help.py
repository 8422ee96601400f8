"""What users are told of the macros, for each way to write times."""

from __future__ import annotations

from headwater.sdk import QueryMacro


def macro_help(
    *, start: str, end: str, time: str, epoch: str, group: str, epoch_group: str
) -> tuple[QueryMacro, ...]:
    """`start` and `end` of the range; what `$__time`, `$__timeEpoch` and the groups of `column` become."""
    seconds = "{from}", "{to}"
    nanoseconds = "{from}000000000", "{to}000000000"
    return (
        QueryMacro(
            "$__timeFilter(column)",
            f"column BETWEEN {start} AND {end}" if "{from}" in start else "column is within the range",
        ),
        QueryMacro("$__timeFrom()", start),
        QueryMacro("$__timeTo()", end),
        QueryMacro("$__timeGroup(column, '5m')", group),
        QueryMacro(
            "$__timeGroup(column, '5m', NULL)", "the same; missing groups become null, or previous, or 0"
        ),
        QueryMacro("$__timeGroupAlias(column, '5m')", f'{group} AS "time"'),
        QueryMacro("$__time(column)", time),
        QueryMacro("$__timeEpoch(column)", epoch),
        QueryMacro("$__unixEpochFilter(column)", f"column >= {seconds[0]} AND column <= {seconds[1]}"),
        QueryMacro("$__unixEpochFrom()", seconds[0]),
        QueryMacro("$__unixEpochTo()", seconds[1]),
        QueryMacro("$__unixEpochGroup(column, '5m')", epoch_group),
        QueryMacro("$__unixEpochGroupAlias(column, '5m')", f'{epoch_group} AS "time"'),
        QueryMacro(
            "$__unixEpochNanoFilter(column)", f"column >= {nanoseconds[0]} AND column <= {nanoseconds[1]}"
        ),
        QueryMacro("$__unixEpochNanoFrom()", nanoseconds[0]),
        QueryMacro("$__unixEpochNanoTo()", nanoseconds[1]),
        QueryMacro("$__interval", "the step that suits the time range, such as 30s; also within strings"),
        QueryMacro("$__interval_ms", "the step in milliseconds"),
    )


POSTGRESQL = macro_help(
    start="the beginning of the range, such as '2024-01-02T03:04:05Z'",
    end="the end of the range, such as '2024-01-02T04:04:05Z'",
    time='column AS "time"',
    epoch='extract(epoch from column) as "time"',
    group="floor(extract(epoch from column)/300)*300",
    epoch_group="floor((column)/300)*300",
)
SQLITE = macro_help(
    start="datetime({from}, 'unixepoch')",
    end="datetime({to}, 'unixepoch')",
    time="CAST(strftime('%s', column) AS INTEGER) AS \"time\"",
    epoch="CAST(strftime('%s', column) AS INTEGER) AS \"time\"",
    group="(CAST(strftime('%s', column) AS INTEGER)) / 300 * 300",
    epoch_group="(column) / 300 * 300",
)
DUCKDB = macro_help(
    start="to_timestamp({from})",
    end="to_timestamp({to})",
    time='column AS "time"',
    epoch='epoch(column) AS "time"',
    group="time_bucket(INTERVAL '300 seconds', column::TIMESTAMP, TIMESTAMP '1970-01-01')",
    epoch_group="floor(column/300)*300",
)
STANDARD = macro_help(
    start="the beginning of the range, such as TIMESTAMP '2024-01-02 03:04:05'",
    end="the end of the range, such as TIMESTAMP '2024-01-02 04:04:05'",
    time='column AS "time"',
    epoch='EXTRACT(EPOCH FROM column) AS "time"',
    group="floor(EXTRACT(EPOCH FROM column)/300)*300",
    epoch_group="floor(column/300)*300",
)
