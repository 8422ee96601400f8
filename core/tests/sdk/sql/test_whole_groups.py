"""Which queries may say that each of their rows is of one time group."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headwater.errors import QueryError
from headwater.models import AnswerSteps, DataQuery, TimeRange
from headwater.sdk.sql import Dialect, SqlQuery, StandardMacros, TimeMacros, whole_group_steps

MACROS = StandardMacros(Dialect())
RANGE = TimeRange(datetime(2024, 1, 1, 0, 1, 30, tzinfo=UTC), datetime(2024, 1, 1, 0, 8, tzinfo=UTC))
SUMS = "SELECT $__timeGroupAlias(t, '5m'), sum(v) FROM x WHERE $__timeFilter(t) GROUP BY 1 ORDER BY 1"


def steps_of(sql: str, macros: TimeMacros = MACROS, **keys: Any) -> AnswerSteps | None:
    asked = DataQuery(ref_id="A", time_range=RANGE, json={"rawSql": sql, "format": "time_series"})
    query = SqlQuery(raw_sql=sql, data_query=asked, **{"query_caching_ranges": True, **keys})
    return whole_group_steps(query, macros, timedelta(seconds=30))


def test_the_step_is_the_width_of_the_group() -> None:
    steps = steps_of(SUMS, format="time_series")
    assert steps is not None
    assert (steps.step_ms, steps.rows, steps.wide) == (300_000, True, True)
    assert steps.query.json["format"] == "time_series_long"
    table = steps_of(SUMS.replace("'5m'", "'$__interval'"))
    assert table is not None
    assert (table.step_ms, table.rows, table.wide) == (30_000, True, False)


def test_a_query_whose_author_says_nothing_has_no_steps() -> None:
    assert steps_of(SUMS, query_caching_ranges=False) is None


def test_the_range_is_widened_to_whole_groups() -> None:
    expanded = MACROS.expand(SUMS, RANGE, timedelta(seconds=30), whole_groups=True)
    assert "(t >= TIMESTAMP '2024-01-01 00:00:00' AND t < TIMESTAMP '2024-01-01 00:10:00')" in expanded.sql
    epochs = SUMS.replace("$__timeGroupAlias", "$__unixEpochGroupAlias").replace("$__time", "$__unixEpoch")
    expanded = MACROS.expand(
        epochs.replace("ORDER BY 1", "ORDER BY time"), RANGE, timedelta(), whole_groups=True
    )
    assert "(t >= 1704067200 AND t < 1704067800)" in expanded.sql


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT 1", "has one $__timeGroup"),
        (SUMS.replace("sum(v)", "sum(v), $__timeGroup(t, '1m')"), "several of one width"),
        (SUMS.replace("$__timeFilter(t)", "t > 1"), "needs $__timeFilter"),
        (SUMS.replace("$__timeFilter(t)", "$__timeFilter(u)"), "groups by t and filters u"),
        (SUMS.replace("sum(v)", "sum(v) / $__unixEpochTo()"), "$__unixEpochTo tells rows"),
        (SUMS.replace("WHERE", "WHERE t <> $__timeTo() AND"), "$__timeTo tells rows"),
        (SUMS.replace("'5m'", "'5m', 0"), "third argument"),
        (SUMS.replace("sum(v)", "sum(sum(v)) OVER (ORDER BY 1)"), "OVER looks at several groups"),
        (SUMS.replace("FROM x", "FROM (SELECT * FROM x LIMIT 9) x"), "LIMIT looks at several groups"),
        (SUMS.replace("GROUP BY 1", ""), "an aggregate without GROUP BY"),
        (SUMS.replace("SELECT", "SELECT DISTINCT ON (v)"), "DISTINCT ON looks at several groups"),
        (f"{SUMS} limit 9", "LIMIT looks at several groups"),
        (SUMS.replace("ORDER BY 1", ""), "ends with ORDER BY 1"),
        (f"{SUMS} DESC", "ends with ORDER BY 1"),
        (SUMS.replace("ORDER BY 1", "ORDER BY 2"), "ends with ORDER BY 1"),
        (SUMS.replace("ORDER BY 1", ") AS y").replace("SELECT", "SELECT * FROM (SELECT"), "ORDER BY 1"),
        (f"EXPLAIN {SUMS}", "the query is a SELECT"),
        (SUMS.replace("'5m'", "'1500ms'"), None),
    ],
)
def test_what_speaks_against_it_is_refused_by_name(sql: str, reason: str | None) -> None:
    if reason is None:  # groups of the SDK are of whole seconds
        assert steps_of(sql) is not None
        return
    with pytest.raises(QueryError, match="queryCachingRanges: ") as refused:
        steps_of(sql)
    assert reason in str(refused.value)


def test_groups_of_less_than_seconds_are_refused() -> None:
    class Fine(StandardMacros):
        group_step = timedelta(milliseconds=1)

    with pytest.raises(QueryError, match="queryCachingRanges: groups are of whole seconds"):
        steps_of(SUMS.replace("'5m'", "'1500ms'"), Fine(Dialect()))


def test_a_quoted_column_may_have_the_name_of_a_clause() -> None:
    assert steps_of(SUMS.replace("sum(v)", 'max("limit")')) is not None


def test_partitions_have_no_whole_groups() -> None:
    with pytest.raises(QueryError, match="read in partitions"):
        steps_of(SUMS, partitions=2, partition_column="v")
