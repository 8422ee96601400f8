"""Texts of queries: macros, allow-lists, placeholders."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from fuzz.target import target
from headwater.errors import QueryError
from headwater.models import TimeRange
from headwater.sdk.sql import (
    IN_ORDER,
    NUMBERED,
    Dialect,
    ReadStatements,
    SpanKind,
    StandardMacros,
    bind,
    scan,
    statement_tokens,
    statement_words,
    strip_comments,
    why_whole,
    without_semicolon,
)
from headwater_adbc.presets.sqlite import SQLite
from headwater_clickhouse import dialect as clickhouse
from headwater_mysql.dialect import dialect_of
from headwater_mysql.macros import executed_text
from headwater_mysql.statements import check_reads_only

DIALECTS = (
    Dialect(), Dialect(quotes="'\"`["), Dialect(quotes="'\"",heredocs=True,nested_comments=True),
    clickhouse.DIALECT, dialect_of(""), dialect_of("ANSI_QUOTES"), dialect_of("NO_BACKSLASH_ESCAPES"),
    dialect_of("MSSQL"),
)  # fmt: skip
MACROS_OF = {dialect: StandardMacros(dialect) for dialect in DIALECTS}
RANGE = TimeRange(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
SQL = (
    "'", '"', "`", "\\", "/*", "*/", "/*!", "--", "#", "$$", "$t$", "(", ")", "[", "]", ";", ",", " ", "\n",
    "SELECT ", "WITH ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "REPLACE ", "EXPLAIN ", "ANALYZE ",
    "VALUES ", "TABLE ", "SHOW ", "DESCRIBE ", "AS ", "FROM t ", "INTO OUTFILE ", "SET ", "1", "a", "t",
)  # fmt: skip
MACROS = (
    "$__timeFilter(t)", "$__timeGroup(t, '5m', 0)", "$__timeGroupAlias(", "$__interval", "$__interval_ms",
    "$__unixEpochFilter(t)", "$__unixEpochNanoFilter(", "$__timeFrom()", "$__unixEpochTo()", "$__time(",
    "previous",
)  # fmt: skip


def choose(data: bytes) -> tuple[Dialect, str]:
    """A dialect by the first byte, and the rest as text."""
    return DIALECTS[data[0] % len(DIALECTS) if data else 0], data[1:].decode("utf-8", "replace")


@target(QueryError, tokens=SQL)
def scanner(data: bytes) -> None:
    dialect, sql = choose(data)
    found = list(scan(sql, dialect))
    assert "".join(sql[each.start : each.end] for each in found) == sql, "spans do not tile the text"
    assert all(each.start < each.end for each in found), "a span is empty"
    bare = strip_comments(sql, dialect)
    words = [list(statement_tokens(each, dialect)) for each in (sql, bare)]
    assert words[0] == words[1], "without its comments a text says something else"
    without_semicolon(sql, dialect)
    why_whole(sql, dialect)


@target(QueryError, tokens=SQL + MACROS)
def macros(data: bytes) -> None:
    dialect, sql = choose(data)
    expanded = MACROS_OF[dialect].expand(sql, RANGE, timedelta(minutes=1))
    assert len(expanded.sql) <= (1 << 21) + 64 * len(sql), "the text grew beyond its bounds"
    if "$" not in sql:
        assert expanded.sql == sql, "a text without macros changed"


@target(QueryError, tokens=("?", "$1", "$2", ":a", ":b", "::", *SQL))
def parameters(data: bytes) -> None:
    dialect, sql = choose(data)
    named = len(data) % 2 == 0
    given = {"a": 1, "b": [1, 2]} if named else [1, [2, 3]]
    quoted = [sql[each.start : each.end] for each in scan(sql, dialect) if each.kind is SpanKind.QUOTED]
    for placeholders in (NUMBERED, IN_ORDER):
        with suppress(QueryError):
            text, _ = bind(sql, given, dialect, placeholders)
            assert all(each in text for each in quoted), "a quoted text changed"


@target(QueryError, tokens=SQL)
def read_statements(data: bytes) -> None:
    dialect, sql = choose(data)
    reads = ReadStatements()
    word = reads.check(sql, dialect)
    assert word == statement_words(sql, dialect)[0], "the verb is another one than the first word"
    for write in ("DROP TABLE t;", "INSERT INTO t VALUES (1);", "WITH a AS (SELECT 1) DELETE FROM t;"):
        try:
            reads.check(write + sql, dialect)
        except QueryError:
            continue
        raise AssertionError(f"a read behind {write} is let through")


@target(QueryError, tokens=SQL)
def sqlite(data: bytes) -> None:
    """What the allow-list lets through only reads: SQLite's own compiler says so."""
    sql = data.decode("utf-8", "replace")
    SQLite.reads.check(sql, SQLite.dialect)
    with suppress(sqlite3.Error, sqlite3.Warning, ValueError):
        _SQLITE.execute("EXPLAIN " + sql if sql.lstrip()[:7].upper() != "EXPLAIN" else sql).close()
    done, _ACTIONS[:] = list(_ACTIONS), []
    assert not done, f"SQLite would do {done}"


_READS = frozenset(
    {sqlite3.SQLITE_READ, sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
_ACTIONS: list[int] = []


def _authorize(action: int, *_: str | None) -> int:
    if action not in _READS:
        _ACTIONS.append(action)
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _sqlite() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript("CREATE TABLE t (a, t)")
    connection.set_authorizer(_authorize)
    return connection


_SQLITE = _sqlite()


@target(QueryError, tokens=SQL)
def mysql(data: bytes) -> None:
    dialect = DIALECTS[4 + (data[0] % 4 if data else 0)]
    sql = data[1:].decode("utf-8", "replace")
    executed_text(sql, dialect)
    check_reads_only(sql, dialect)
    first = statement_words(sql, dialect)[0]
    assert first not in {"INSERT", "UPDATE", "DELETE", "REPLACE", "CALL", "SET", "DROP", "CREATE"}, first


@target(QueryError, tokens=SQL)
def clickhouse_statement(data: bytes) -> None:
    sql = data.decode("utf-8", "replace")
    prepared = clickhouse.prepare_statement(sql, allow_writes=False)
    assert clickhouse.is_read(prepared), "what is let through is no read"
    clickhouse.asks_for_extremes(prepared)
    clickhouse.asks_for_totals(prepared)
    assert clickhouse.prepare_statement(prepared, allow_writes=False) == prepared, (
        "prepared twice, it differs"
    )
