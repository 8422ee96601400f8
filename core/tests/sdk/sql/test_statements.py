"""The allow-list of statements that read, and the words that it looks at."""

from __future__ import annotations

import pytest

from headwater.errors import QueryError
from headwater.sdk.sql import Dialect, ReadStatements, without_semicolon

READS = ReadStatements()
DIALECT = Dialect()


@pytest.mark.parametrize(
    ("sql", "verb"),
    [
        ("select 1;", "SELECT"),
        ("/* DELETE */ SELECT 'a; b'", "SELECT"),
        ("(SELECT 1) UNION (SELECT 2)", "SELECT"),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "WITH"),
        ("WITH a AS (SELECT 1) VALUES (1)", "WITH"),
        ("EXPLAIN ANALYZE SELECT 1", "EXPLAIN"),
        ("EXPLAIN WITH a AS (SELECT 1) SELECT 1", "EXPLAIN"),
        ("SHOW tables", "SHOW"),
    ],
)
def test_what_reads_is_let_through_with_its_verb(sql: str, verb: str) -> None:
    assert READS.check(sql, DIALECT) == verb


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM t",
        "SET x = 1",
        "WITH a AS (SELECT 1) DELETE FROM t",
        "WITH a AS (SELECT 1) INSERT INTO t SELECT 1",
        "EXPLAIN ANALYZE DELETE FROM t",
        "SELECT 1; DELETE FROM t",
        "",
        "-- nothing",
        "EXPLAIN",
        "WITH",
    ],
)
def test_what_writes_or_may_is_refused(sql: str) -> None:
    with pytest.raises(QueryError):
        READS.check(sql, DIALECT)


@pytest.mark.parametrize(
    ("sql", "without"),
    [("SELECT 1; ;\n", "SELECT 1"), ("SELECT 1; -- done", "SELECT 1"), ("SELECT ';'", "SELECT ';'")],
)
def test_semicolons_at_the_end_are_dropped(sql: str, without: str) -> None:
    assert without_semicolon(sql, DIALECT) == without
