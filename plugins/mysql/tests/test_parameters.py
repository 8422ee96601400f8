"""Parameters by position, by name and as lists: what each placeholder becomes, and that the server agrees."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from headwater import Headwater
from headwater.errors import QueryError
from headwater.sdk import CallContext
from headwater.sdk.sql import Parameters, bind
from headwater_mysql.dialect import DEFAULT, PLACEHOLDERS
from servers.mysql_checks import DataSourceFactory, query
from servers.mysql_family import DatabaseServer


@pytest.mark.parametrize(
    ("sql", "parameters", "bound", "values"),
    [
        ("SELECT ?, ?", [1, "x"], "SELECT ?, ?", (1, "x")),
        ("SELECT :b, :a, :b", {"a": 1, "b": 2}, "SELECT ?, ?, ?", (2, 1, 2)),
        ("SELECT 1 IN (:ids)", {"ids": [1, 2]}, "SELECT 1 IN (?, ?)", (1, 2)),
        ("SELECT 1 IN (?) = ?", [[1, 2], 3], "SELECT 1 IN (?, ?) = ?", (1, 2, 3)),
        ("SELECT ':a', `:a`, :a -- :a", {"a": 1}, "SELECT ':a', `:a`, ? -- :a", (1,)),
        ("SELECT @x:=:a, '?'", {"a": 1}, "SELECT @x:=?, '?'", (1,)),
        ("SELECT '?', ? /* ? */", [[1]], "SELECT '?', ? /* ? */", (1,)),
    ],
)
def test_each_single_value_has_a_placeholder(
    sql: str, parameters: Parameters, bound: str, values: tuple[Any, ...]
) -> None:
    assert bind(sql, parameters, DEFAULT, PLACEHOLDERS) == (bound, values)


@pytest.mark.parametrize(
    ("sql", "parameters", "message"),
    [
        ("SELECT ?, ?", {"a": 1, "b": 2}, "give a list, or use :name"),
        ("SELECT :a", {"b": 2}, "the placeholder :a has no value in params"),
        ("SELECT :a", {"a": 1, "b": 2}, "the statement has no placeholder :b"),
        ("SELECT ?", [[1, 2], 3], r"has 1 placeholder\(s\), but 2 value\(s\) came"),
        ("SELECT ?, ?", [[1, 2]], r"has 2 placeholder\(s\), but 1 value\(s\) came"),
    ],
)
def test_what_does_not_fit_says_why(sql: str, parameters: Parameters, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        bind(sql, parameters, DEFAULT, PLACEHOLDERS)


@pytest.mark.parametrize(
    ("condition", "parameters", "numbers"),
    [
        ("n IN (:some)", {"some": [1, 3]}, [1, 3]),
        ("n NOT IN (:some)", {"some": [1, 3]}, [2]),
        ("n IN (:some)", {"some": []}, []),
        ("n NOT IN (:some)", {"some": []}, [1, 2, 3]),
        ("n IN (?) AND n < ?", [[1, 2, 3], 3], [1, 2]),
        ("n = :x OR n = :x + 1", {"x": 1}, [1, 2]),
    ],
)
def test_the_server_gets_what_was_meant(
    headwater: Headwater, condition: str, parameters: Parameters, numbers: list[int]
) -> None:
    sql = f"SELECT n FROM (SELECT 1 AS n UNION SELECT 2 UNION SELECT 3) AS t WHERE {condition}"
    rows = headwater.query("db", sql, params=parameters).to_pylist()
    assert [row["n"] for row in rows] == numbers


@pytest.mark.parametrize("zone", ["", "+05:30", "-03:00"])
def test_a_moment_is_the_same_one_in_every_zone_of_the_session(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext, zone: str
) -> None:
    server.execute(
        "DROP TABLE IF EXISTS moments",
        "CREATE TABLE moments (at TIMESTAMP)",
        "SET time_zone = '+00:00'",
        "INSERT INTO moments VALUES ('2026-01-01 12:00:00'), ('2026-01-01 13:00:00')",
    )
    data_source = open_data_source(server, timezone=zone)
    sql, noon = "SELECT at FROM moments WHERE at = :at", datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert query(data_source, sql, context, params={"at": noon}).collect().num_rows == 1


def test_a_moment_is_refused_where_nobody_knows_the_sessions_zone(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(server, timezone="SYSTEM")
    with pytest.raises(QueryError, match="without a zone"):
        query(data_source, "SELECT :at", context, params={"at": datetime(2026, 1, 1, tzinfo=UTC)})
