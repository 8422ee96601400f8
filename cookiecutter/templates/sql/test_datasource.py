from __future__ import annotations

import pytest
from headwater import Headwater
from headwater.errors import MacroError, QueryError


def test_times_are_timestamps(headwater: Headwater) -> None:
    frame = headwater.query("demo", "SELECT * FROM readings WHERE station = ?", params=["north"])
    assert [str(each) for each in frame.schema.types] == ["timestamp[s, tz=UTC]", "string", "double"]
    assert frame.table["level"].to_pylist() == [4.1, 4.3]


def test_a_time_filter_keeps_what_lies_in_the_time_range(headwater: Headwater) -> None:
    sql = "SELECT level FROM readings WHERE $__timeFilter(time) AND station = 'north'"
    frame = headwater.query("demo", sql, from_="2026-01-01T00:10:00Z", to="2026-01-01T01:00:00Z")
    assert frame.table["level"].to_pylist() == [4.3]


def test_the_executed_sql_is_told(headwater: Headwater) -> None:
    frame = headwater.query("demo", "SELECT $__timeFrom() AS start", from_="60000", to="120000")
    assert frame.meta is not None
    assert frame.meta.executed_query_string == "SELECT 60 AS start"


def test_each_macro_that_users_are_told_of_works(headwater: Headwater) -> None:
    told = headwater.plugin_info("{{ cookiecutter.slug }}").macros
    for macro in told:
        usage = macro.usage.replace("column", "time")
        expected = macro.expansion.replace("column", "time").replace("{from}", "60").replace("{to}", "120")
        frame = headwater.query("demo", f"SELECT {usage} FROM readings", from_="60000", to="120000")
        assert frame.meta is not None
        assert frame.meta.executed_query_string == f"SELECT {expected} FROM readings"


def test_a_macro_in_a_string_is_only_text(headwater: Headwater) -> None:
    frame = headwater.query("demo", "SELECT '$__timeFrom()' AS text")
    assert frame.to_pylist() == [{"text": "$__timeFrom()"}]


def test_an_unknown_macro_is_named(headwater: Headwater) -> None:
    with pytest.raises(MacroError, match="__timeFiler"):
        headwater.query("demo", "SELECT * FROM readings WHERE $__timeFiler(time)")


def test_no_file_of_the_host_can_be_opened(headwater: Headwater) -> None:
    with pytest.raises(QueryError, match="ATTACH statements are not allowed"):
        headwater.query("demo", "ATTACH DATABASE '/tmp/other.db' AS other")
