"""Macros of PostgreSQL: what each expands to."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headwater.errors import MacroError
from headwater.frames import Fill, FillMode
from headwater.models import TimeRange
from headwater.sdk import QueryMacro
from headwater.sdk.sql import Dialect, EpochUnit, StandardMacros, TimeMacros
from headwater_adbc.macro_help import DUCKDB, POSTGRESQL, SQLITE, STANDARD
from headwater_adbc.presets.duckdb import DuckDBMacros
from headwater_adbc.presets.postgresql import PostgreSQLMacros
from headwater_adbc.presets.sqlite import SQLiteMacros

# 2018-04-12 18:00 to 18:05 UTC
RANGE = TimeRange.from_epoch_ms(1_523_556_000_000, 1_523_556_300_500)
PLAIN = PostgreSQLMacros(timescaledb=False)
TIMESCALE = PostgreSQLMacros(timescaledb=True)


def expanded(sql: str, macros: PostgreSQLMacros = PLAIN) -> str:
    return macros.expand(sql, RANGE, timedelta(minutes=1)).sql


@pytest.mark.parametrize(
    ("macro", "sql"),
    [
        ("$__time(t)", 't AS "time"'),
        ("$__timeEpoch(t)", 'extract(epoch from t) as "time"'),
        ("$__timeFilter(t)", "t BETWEEN '2018-04-12T18:00:00Z' AND '2018-04-12T18:05:00.5Z'"),
        ("$__timeFrom()", "'2018-04-12T18:00:00Z'"),
        ("$__timeTo()", "'2018-04-12T18:05:00.5Z'"),
        ("$__timeGroup(t,'5m')", "floor(extract(epoch from t)/300)*300"),
        ("$__timeGroup(t, '500ms')", "floor(extract(epoch from t)/0.5)*0.5"),
        ("$__timeGroupAlias(t,'$__interval')", 'floor(extract(epoch from t)/60)*60 AS "time"'),
        ("$__unixEpochFilter(t)", "t >= 1523556000 AND t <= 1523556300"),
        ("$__unixEpochNanoFilter(t)", "t >= 1523556000000000000 AND t <= 1523556300500000000"),
        ("$__unixEpochNanoFrom()", "1523556000000000000"),
        ("$__unixEpochNanoTo()", "1523556300500000000"),
        ("$__unixEpochGroup(t,'5m')", "floor((t)/300)*300"),
        ("$__unixEpochGroupAlias(t,'5m')", 'floor((t)/300)*300 AS "time"'),
        ("$__unixEpochFrom()", "1523556000"),
        ("$__unixEpochTo()", "1523556300"),
    ],
)
def test_each_macro_expands_as_in_grafana(macro: str, sql: str) -> None:
    assert expanded(f"SELECT {macro} FROM x") == f"SELECT {sql} FROM x"


def test_a_range_within_one_second_keeps_both_ends() -> None:
    within = TimeRange.from_epoch_ms(1_523_556_000_100, 1_523_556_000_900)
    assert PLAIN.expand("$__timeFilter(t)", within, timedelta(minutes=1)).sql == (
        "t BETWEEN '2018-04-12T18:00:00.1Z' AND '2018-04-12T18:00:00.9Z'"
    )


def test_a_time_group_before_a_comma_is_called_time_as_grafana_5_did() -> None:
    assert expanded("SELECT $__timeGroup(t,'5m'), avg(v) FROM x GROUP BY $__timeGroup(t,'5m'), 1") == (
        'SELECT floor(extract(epoch from t)/300)*300 AS "time", avg(v) FROM x '
        "GROUP BY floor(extract(epoch from t)/300)*300, 1"
    )


def test_timescaledb_groups_by_its_own_function() -> None:
    assert expanded("$__timeGroupAlias(t,'5m')", TIMESCALE) == "time_bucket('300.000s',t) AS \"time\""


def test_casts_strings_and_dollar_quotes_stay_as_they_are() -> None:
    sql = "SELECT t::date, '$__timeFrom()', $$ $__timeTo() $$, $a$ it's $__time(x) $a$ FROM x -- $__time("
    assert expanded(sql) == sql


def test_a_group_says_how_its_gaps_are_filled_and_what_it_counts_in() -> None:
    query = PLAIN.expand("$__timeGroup(t,'5m',previous)", RANGE, timedelta(minutes=1))
    assert (query.fill, query.fill_interval) == (Fill(FillMode.PREVIOUS), timedelta(minutes=5))
    assert query.epoch_units == {EpochUnit.SECONDS}


@pytest.mark.parametrize("sql", ["$__timeGroup(t)", "$__timeGroup(t,'x')", "$__timeFilter()", "$__no(t)"])
def test_what_does_not_fit_says_why(sql: str) -> None:
    with pytest.raises(MacroError, match="interpolation failed"):
        expanded(sql)


@pytest.mark.parametrize(
    ("told", "macros"),
    [
        (POSTGRESQL, PLAIN),
        (SQLITE, SQLiteMacros(Dialect())),
        (DUCKDB, DuckDBMacros(Dialect())),
        (STANDARD, StandardMacros(Dialect())),
    ],
    ids=["postgresql", "sqlite", "duckdb", "standard"],
)
def test_a_macro_expands_as_its_help_says(told: tuple[QueryMacro, ...], macros: TimeMacros) -> None:
    whole = TimeRange.from_epoch_ms(1_523_556_000_000, 1_523_556_300_000)
    for macro in told:
        found = macros.expand(macro.usage, whole, timedelta(minutes=1)).sql
        if not macro.expansion.startswith(("the ", "column is")):
            assert found == macro.expansion.replace("{from}", "1523556000").replace("{to}", "1523556300")
    assert {f"${name}" for name in macros.names} <= {macro.usage.partition("(")[0] for macro in told}
