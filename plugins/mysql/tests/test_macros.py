"""Macros: what each expands to, and what is left alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headwater.errors import MacroError, QueryError
from headwater.frames import Fill, FillMode
from headwater.models import TimeRange
from headwater.sdk.sql import EpochUnit, ExpandedQuery
from headwater_mysql.dialect import dialect_of
from headwater_mysql.macros import expand, refuse_restricted, unix_times_of

# 2018-04-12 18:00 to 18:05 UTC
RANGE = TimeRange.from_epoch_ms(1_523_556_000_000, 1_523_556_300_000)
BEFORE_1970 = TimeRange.from_epoch_ms(-1_000_000, 5_000_000)
SINCE_1970 = TimeRange.from_epoch_ms(0, 5_000_000)


def expanded(sql: str, time_range: TimeRange = RANGE, interval_ms: int = 60_000) -> ExpandedQuery:
    return expand(sql, time_range, timedelta(milliseconds=interval_ms))


@pytest.mark.parametrize(
    ("macro", "sql"),
    [
        ("$__time(t)", "UNIX_TIMESTAMP(t) as time_sec"),
        ("$__timeEpoch(t)", "UNIX_TIMESTAMP(t) as time_sec"),
        ("$__timeFilter(t)", "t BETWEEN FROM_UNIXTIME(1523556000) AND FROM_UNIXTIME(1523556300)"),
        ("$__timeFrom()", "FROM_UNIXTIME(1523556000)"),
        ("$__timeTo()", "FROM_UNIXTIME(1523556300)"),
        ("$__timeGroup(t,'5m')", "UNIX_TIMESTAMP(t) DIV 300 * 300"),
        ("$__timeGroup(t , '1h')", "UNIX_TIMESTAMP(t) DIV 3600 * 3600"),
        ("$__timeGroup(t, 1d)", "UNIX_TIMESTAMP(t) DIV 86400 * 86400"),
        ("$__timeGroupAlias(t,'5m')", 'UNIX_TIMESTAMP(t) DIV 300 * 300 AS "time"'),
        ("$__unixEpochFilter(t)", "t >= 1523556000 AND t <= 1523556300"),
        ("$__unixEpochNanoFilter(t)", "t >= 1523556000000000000 AND t <= 1523556300000000000"),
        ("$__unixEpochNanoFrom()", "1523556000000000000"),
        ("$__unixEpochNanoTo()", "1523556300000000000"),
        ("$__unixEpochGroup(t,'5m')", "t DIV 300 * 300"),
        ("$__unixEpochGroupAlias(t,'5m')", 't DIV 300 * 300 AS "time"'),
        ("$__unixEpochFrom()", "1523556000"),
        ("$__unixEpochTo()", "1523556300"),
        ("$__interval_ms", "60000"),
        ("$__interval", "1m"),
    ],
)
def test_each_macro_expands_as_in_grafana(macro: str, sql: str) -> None:
    assert expanded(f"SELECT {macro} FROM x").sql == f"SELECT {sql} FROM x"


def test_filters_of_whole_groups_leave_out_the_end_of_the_range() -> None:
    query = "SELECT $__unixEpochGroup(t,'5m') FROM x WHERE $__unixEpochFilter(t) GROUP BY 1 ORDER BY 1"
    sql = expand(query, RANGE, timedelta(minutes=1), whole_groups=True).sql
    assert "WHERE (t >= 1523556000 AND t < 1523556600) GROUP" in sql  # the last group, whole


def test_times_before_1970_are_counted_from_1970() -> None:
    sql = expanded("$__timeFilter(t)", BEFORE_1970).sql
    assert sql == "t BETWEEN DATE_ADD(FROM_UNIXTIME(0), INTERVAL -1000 SECOND) AND FROM_UNIXTIME(5000)"


@pytest.mark.parametrize(
    ("macro", "sql"),
    [
        ("$__time(t)", "(TIMESTAMPDIFF(SECOND, FROM_UNIXTIME(1), t) + 1) as time_sec"),
        (
            "$__timeGroup(t,'5m')",
            "FLOOR((TIMESTAMPDIFF(SECOND, FROM_UNIXTIME(1), t) + 1) / 300) * 300",
        ),
        ("$__unixEpochGroup(t,'5m')", "FLOOR(t / 300) * 300"),
    ],
)
def test_seconds_of_a_range_that_begins_before_1970_may_be_negative(macro: str, sql: str) -> None:
    assert expanded(macro, BEFORE_1970).sql == sql


@pytest.mark.parametrize(
    ("macro", "sql"),
    [
        ("$__time(t)", "UNIX_TIMESTAMP(t) as time_sec"),
        ("$__timeFilter(t)", "t BETWEEN FROM_UNIXTIME(0) AND FROM_UNIXTIME(5000)"),
        ("$__unixEpochGroup(t,'5m')", "t DIV 300 * 300"),
    ],
)
def test_a_range_since_1970_is_counted_as_in_grafana(macro: str, sql: str) -> None:
    assert expanded(macro, SINCE_1970).sql == sql


@pytest.mark.parametrize(
    ("version", "start", "end", "first", "last"),
    [
        ("8.0.44", 0, 2**32, "FROM_UNIXTIME(0)", "FROM_UNIXTIME(4294967296)"),
        ("10.11.14-MariaDB", 0, 2**31 - 1, "FROM_UNIXTIME(0)", "FROM_UNIXTIME(2147483647)"),
        ("10.11.14-MariaDB", -5, 2**31, "DATE_ADD(FROM_UNIXTIME(0), INTERVAL -5 SECOND)",
            "DATE_ADD(FROM_UNIXTIME(0), INTERVAL 2147483648 SECOND)"),
        ("11.8.9-MariaDB-4", 0, 1, "DATE_ADD(FROM_UNIXTIME(1), INTERVAL -1 SECOND)", "FROM_UNIXTIME(1)"),
        ("12.0.2-MariaDB", 1, 2**31, "FROM_UNIXTIME(1)",
            "DATE_ADD(FROM_UNIXTIME(1), INTERVAL 2147483647 SECOND)"),
    ],
)  # fmt: skip
def test_times_that_a_server_has_no_unix_time_for_are_counted(
    version: str, start: int, end: int, first: str, last: str
) -> None:
    time_range, unix_times = TimeRange.from_epoch_ms(start * 1000, end * 1000), unix_times_of(version)
    sql = expand("$__timeFilter(t)", time_range, timedelta(minutes=1), unix_times=unix_times).sql
    assert sql == f"t BETWEEN {first} AND {last}"
    counted = expand("$__timeEpoch(t)", time_range, timedelta(minutes=1), unix_times=unix_times).sql
    assert counted.startswith("(TIMESTAMPDIFF(SECOND, " if "DATE_ADD" in sql else "UNIX_TIMESTAMP(t)")


@pytest.mark.parametrize(
    ("sql", "units"),
    [
        ("SELECT $__time(t)", {EpochUnit.SECONDS}),
        ("SELECT $__timeGroup(t,'5m') AS time", {EpochUnit.SECONDS}),
        ("SELECT t AS time FROM x WHERE $__unixEpochFilter(t)", {EpochUnit.SECONDS}),
        ("SELECT t AS time FROM x WHERE $__unixEpochNanoFilter(t)", {EpochUnit.NANOSECONDS}),
        ("SELECT t AS time FROM x WHERE $__timeFilter(t)", set()),
    ],
)
def test_macros_tell_what_they_count_times_in(sql: str, units: set[EpochUnit]) -> None:
    assert expanded(sql).epoch_units == units


def test_arguments_may_hold_brackets_strings_and_other_macros() -> None:
    sql = expanded("$__timeGroup(STR_TO_DATE(CONCAT(a, ',)'), '%Y'), $__interval)").sql
    assert sql == "UNIX_TIMESTAMP(STR_TO_DATE(CONCAT(a, ',)'), '%Y')) DIV 60 * 60"
    assert expanded("$__timeFilter(FROM_UNIXTIME($__unixEpochNanoFrom()))").sql.startswith(
        "FROM_UNIXTIME(1523556000000000000) BETWEEN"
    )


def test_the_interval_is_replaced_inside_strings_too() -> None:
    assert expanded("$__timeGroup(t, '$__interval')").sql == "UNIX_TIMESTAMP(t) DIV 60 * 60"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT '$__timeFilter(t)'",
        "SELECT 'it''s $__unknown(' , \"$__timeFrom()\", `$__timeTo()`",
        "SELECT 'a\\'$__timeFilter(t)'",
        "SELECT 1 -- $__timeFilter(t)\n",
        "SELECT 1 # $__timeFilter(",
        "SELECT /* $__timeFilter(t) */ 1",
        "SELECT /*+ MAX_EXECUTION_TIME(1000) */ 1 /*traceparent='00-1'*/",
    ],
)
def test_strings_and_comments_stay_as_they_are(sql: str) -> None:
    assert expanded(sql).sql == sql


@pytest.mark.parametrize(
    ("argument", "fill"),
    [
        ("NULL", Fill(FillMode.NULL)),
        ("previous", Fill(FillMode.PREVIOUS)),
        ("0", Fill(FillMode.VALUE, 0.0)),
        ("-1.5", Fill(FillMode.VALUE, -1.5)),
    ],
)
@pytest.mark.parametrize("macro", ["timeGroup", "timeGroupAlias", "unixEpochGroup", "unixEpochGroupAlias"])
def test_a_third_argument_asks_for_gaps_to_be_filled(macro: str, argument: str, fill: Fill) -> None:
    query = expanded(f"$__{macro}(t, '5m', {argument})")
    assert (query.fill, query.fill_interval) == (fill, timedelta(minutes=5))


def test_without_a_third_argument_nothing_is_filled() -> None:
    query = expanded("$__timeGroup(t, '5m')")
    assert (query.fill, query.fill_interval) == (None, None)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("$__nonsense(t)", "unknown macro"),
        ("$__timeFilter()", "missing time column argument for macro __timeFilter"),
        ("$__time", "missing time column argument for macro __time"),
        ("$__timeGroup(t)", "macro __timeGroup needs time column and interval"),
        ("$__timeGroup(t, 'soon')", "error parsing interval soon"),
        ("$__timeGroup(t, '0s')", "interval must be positive, got 0s"),
        ("$__timeGroup(t, '-5m')", "interval must be positive, got -5m"),
        ("$__timeGroup(t, '5m', nothing)", "error parsing fill value nothing"),
        ("$__timeFilter(t", "missing close bracket"),
    ],
)
def test_a_misused_macro_says_what_is_wrong(sql: str, message: str) -> None:
    with pytest.raises(MacroError, match="interpolation failed") as caught:
        expanded(sql)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT user()",
        "SELECT USER ( )",
        "SELECT current_user",
        "SELECT CURRENT_USER()",
        "SELECT session_user()",
        "SELECT system_user()",
        "SHOW GRANTS",
        "show /* x */ grants for 'a'@'b'",
        "SELECT us/**/er()/*!50000 , user() */",
        "SELECT /*M!100000 user() */",
        "SELECT /*! user( */ )",
    ],
)
def test_statements_that_show_the_data_sources_user_are_refused(sql: str) -> None:
    with pytest.raises(QueryError, match=r"^invalid query"):
        refuse_restricted(sql)


def test_no_quote_of_the_sessions_mode_hides_the_user() -> None:
    hidden = r"SELECT 'a\', user() -- '"
    refuse_restricted(hidden)
    with pytest.raises(QueryError, match="own user"):
        refuse_restricted(hidden, dialect_of("NO_BACKSLASH_ESCAPES"))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'user()'",
        "SELECT 1 -- user()\n",
        "SELECT username(), users FROM user",
        "SELECT /* user() */ 1",
    ],
)
def test_what_only_looks_like_them_is_not(sql: str) -> None:
    refuse_restricted(sql)


@pytest.mark.parametrize(
    "sql",
    ["SELECT 1 /*! , CURRENT_USER() */", "SELECT 1 /*!50000 , /*!99999 CURRENT_USER", "SELECT /*M!1 user()"],
)
def test_the_account_is_not_asked_for_in_comments_that_the_server_executes(sql: str) -> None:
    with pytest.raises(QueryError, match="own user"):
        refuse_restricted(sql)


def test_any_number_of_opened_comments_is_read() -> None:
    refuse_restricted("SELECT 1 " + "/*!" * 100_000)
