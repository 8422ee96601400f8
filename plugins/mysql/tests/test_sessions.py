"""What a session remembers, and how it reads text: on both servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from headwater.errors import DeadlineExceededError, DownstreamServerError, HeadwaterError, QueryError
from headwater.models import TimeRange
from headwater.sdk import CallContext
from headwater_mysql.datasource import MySQLDataSource
from headwater_mysql.protocol.columns import Column
from headwater_mysql.protocol.constants import ColumnType, Command
from headwater_mysql.protocol.statements import LAST_PREPARED
from servers.mysql_checks import DataSourceFactory, query
from servers.mysql_fake import fake_mysql
from servers.mysql_family import DatabaseServer
from servers.mysql_wire import err, result_set, wire


def value(data_source: MySQLDataSource, sql: str, context: CallContext, **options: Any) -> Any:
    """The only value of the answer."""
    (row,) = query(data_source, sql, context, **options).read_all().to_pylist()
    (only,) = row.values()
    return only


@contextmanager
def sql_mode(server: DatabaseServer, mode: str) -> Iterator[None]:
    """The mode of sessions that are opened within the block."""
    before = server.rows("SELECT @@GLOBAL.sql_mode")[0][0]
    server.execute(f"SET GLOBAL sql_mode = '{mode}'")
    try:
        yield
    finally:
        server.execute(f"SET GLOBAL sql_mode = '{before}'")


@pytest.mark.parametrize(
    ("leaves", "asks", "untouched"),
    [
        ("SELECT GET_LOCK('left behind', 1) AS x", "SELECT IS_USED_LOCK('left behind') AS x", None),
        ("SELECT @left := 'behind' AS x", "SELECT @left AS x", None),
        ("SELECT LAST_INSERT_ID(7) AS x", "SELECT LAST_INSERT_ID() AS x", 0),
    ],
)
def test_what_a_reading_statement_leaves_is_gone_before_the_next_has_the_connection(
    server: DatabaseServer,
    open_data_source: DataSourceFactory,
    context: CallContext,
    leaves: str,
    asks: str,
    untouched: object,
) -> None:
    data_source = open_data_source(server, max_open_conns=1)
    connection = value(data_source, "SELECT CONNECTION_ID() AS x", context)
    query(data_source, leaves, context).read_all()
    assert value(data_source, asks, context) == untouched
    assert value(data_source, "SELECT CONNECTION_ID() AS x", context) == connection, "the pool is of use"


@pytest.mark.parametrize(
    ("leaves", "asks"),
    [
        ("CREATE TEMPORARY TABLE left_behind (n INT)", "SELECT * FROM left_behind"),
        ("PREPARE left_behind FROM 'SELECT 1'", "EXECUTE left_behind"),
        ("SET SESSION sql_mode = 'ANSI_QUOTES'", 'SELECT "left behind" FROM DUAL WHERE 1 = "n"'),
    ],
)
def test_what_a_writing_statement_leaves_is_gone_too(
    server: DatabaseServer,
    open_data_source: DataSourceFactory,
    context: CallContext,
    leaves: str,
    asks: str,
) -> None:
    data_source = open_data_source(server, max_open_conns=1, read_only=False)
    query(data_source, leaves, context).read_all()
    if "ANSI" in leaves:
        assert query(data_source, asks, context).read_all().num_rows == 0
    else:
        with pytest.raises((DownstreamServerError, QueryError)):
            query(data_source, asks, context).read_all()


def test_warnings_that_may_quote_values_are_gone_before_the_next_has_the_connection(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(server, max_open_conns=1)
    query(data_source, "SELECT 'a secret' + 1 AS x", context).read_all()
    assert "secret" not in str(query(data_source, "SHOW WARNINGS", context).read_all().to_pylist())


def test_texts_stay_texts_where_the_server_expects_another_character_set(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    """A reset gives the session the server's own, which is latin1 for MySQL 5.7."""
    variables = [f"character_set_{name}" for name in ("client", "connection", "results")]
    server.execute("SET " + ", ".join(f"GLOBAL {name} = latin1" for name in variables))
    try:
        data_source = open_data_source(server, max_open_conns=1)
        for _ in range(3):
            assert value(data_source, "SELECT '日本 €' AS x", context) == "日本 €"
    finally:
        server.execute("SET " + ", ".join(f"GLOBAL {name} = utf8mb4" for name in variables))


def test_a_session_that_takes_long_to_renew_can_be_cancelled(
    server: DatabaseServer, open_data_source: DataSourceFactory
) -> None:

    def instead(command: bytes) -> list[bytes] | None:
        return [] if command[:1] == bytes((Command.RESET_CONNECTION,)) else None

    def answers(command: bytes) -> bytes:
        if command[0] == Command.STATEMENT_PREPARE:
            return wire([err(1295, "not supported in prepared form")])
        return result_set([Column("a", ColumnType.LONG)], [[1]], binary=False)

    with fake_mysql(answers, instead=instead) as address:
        data_source = open_data_source(url=address, max_open_conns=1)
        with CallContext(timeout=30) as context:
            assert value(data_source, "SELECT 1", context) == 1
        with CallContext(timeout=0.2) as context, pytest.raises(DeadlineExceededError):
            query(data_source, "SELECT 1", context)
        assert data_source.pool.state.open == 0


def test_a_renewed_session_is_set_up_like_a_new_one(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(server, max_open_conns=1, timezone="+05:30")
    settings = "SELECT CONCAT_WS(' ', @@session.time_zone, @@session.net_write_timeout, @@autocommit) AS x"
    new = value(data_source, settings, context)
    assert new.startswith("+05:30 600 ")
    for _ in range(3):
        assert value(data_source, settings, context) == new
        assert value(data_source, "SELECT '日本 €' AS x", context) == "日本 €"
    with pytest.raises(QueryError, match="read-only"):
        query(data_source, "CREATE TABLE never (n INT)", context)


def test_a_session_keeps_the_sql_mode_that_it_began_with(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(server, max_open_conns=1)
    with sql_mode(server, "NO_BACKSLASH_ESCAPES"):
        assert value(data_source, r"SELECT 'C:\' AS x", context) == "C:\\"
    assert value(data_source, r"SELECT 'C:\' AS x", context) == "C:\\"


def test_macros_are_found_where_no_backslash_escapes(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(server)
    day = TimeRange.from_epoch_ms(0, 86_400_000)
    with sql_mode(server, "NO_BACKSLASH_ESCAPES"):
        (row,) = (
            query(data_source, r"SELECT 'C:\' AS p, '$__timeFilter(x)' AS s", context, time_range=day)
            .read_all()
            .to_pylist()
        )
        assert row == {"p": "C:\\", "s": "$__timeFilter(x)"}
        counted = (
            r"SELECT COUNT(*) AS n FROM (SELECT TIMESTAMP'1970-01-01 05:00:00' AS ts, 'a' AS name) t "
            r"WHERE 'C:\' <> '' AND $__timeFilter(ts) AND name <> 'it''s'"
        )
        assert value(data_source, counted, context, time_range=day) == 1
        assert value(data_source, r"SELECT ':n' AS x WHERE '\' <> :n", context, params={"n": "b"}) == ":n"


@pytest.mark.parametrize("mode", ["ANSI_QUOTES", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES", "ANSI"])
def test_macros_are_found_behind_names_in_double_quotes(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext, mode: str
) -> None:
    data_source = open_data_source(server)
    with sql_mode(server, mode):
        sql = r"""SELECT "a\" AS x FROM (SELECT 5 AS "a\") t WHERE $__unixEpochFilter("a\")"""
        assert value(data_source, sql, context, time_range=TimeRange.from_epoch_ms(0, 60_000)) == 5


@pytest.mark.parametrize(
    ("mode", "sql"),
    [
        ("NO_BACKSLASH_ESCAPES", r"SELECT '\' INTO OUTFILE '/tmp/never' -- '"),
        ("NO_BACKSLASH_ESCAPES", r"WITH a AS (SELECT '\') DELETE FROM t -- ') SELECT 1"),
        ("ANSI_QUOTES", r"""SELECT 1 AS "\" INTO OUTFILE '/tmp/never' -- " """),
        ("ANSI_QUOTES", r"""SELECT 1 AS "\", USER() -- " """),
        ("", r"SELECT 'it\'s' INTO OUTFILE '/tmp/never'"),
    ],
)
def test_no_mode_hides_what_a_reader_may_not_do(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext, mode: str, sql: str
) -> None:
    data_source = open_data_source(server)
    with sql_mode(server, mode), pytest.raises(QueryError, match=r"read-only|own user"):
        query(data_source, sql, context)


def test_mariadbs_names_in_brackets_hide_nothing(
    mariadb_server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(mariadb_server)
    with sql_mode(mariadb_server, "MSSQL"):
        (row,) = query(data_source, "SELECT '$__x' AS [it's]]]", context).read_all().to_pylist()
        assert row == {"it's]": "$__x"}
        with pytest.raises(QueryError, match="read-only"):
            query(data_source, "SELECT 1 AS ['] INTO OUTFILE '/tmp/never' -- '", context)


@pytest.mark.parametrize(
    "sql",
    [
        r"SELECT 'C:\', 1 INTO OUTFILE '/tmp/never' -- '",
        r"""SELECT 1 AS "C:\" INTO OUTFILE '/tmp/never' -- " """,
        r"SELECT 'C:\', USER() -- '",
    ],
)
def test_a_server_that_does_not_tell_its_mode_is_expected_to_have_any(
    open_data_source: DataSourceFactory, context: CallContext, sql: str
) -> None:
    def answers(command: bytes) -> bytes:
        if command[0] == Command.STATEMENT_PREPARE:
            return wire([err(1295, "not supported in prepared form")])
        return result_set([Column("a", ColumnType.LONG)], [[1]], binary=False)

    def untold(command: bytes) -> list[bytes] | None:
        return [wire([err(1193, "Unknown system variable")])] if b"sql_mode" in command else None

    with fake_mysql(answers, instead=untold) as address:
        data_source = open_data_source(url=address)
        assert value(data_source, "SELECT 'it''s', \"x\" FROM t", context) == 1
        with pytest.raises(QueryError, match=r"read-only|own user"):
            query(data_source, sql, context)


def test_partitions_are_read_as_the_session_does_for_which_they_were_written(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(server)
    held = query(data_source, "SELECT 1 AS n", context)
    with sql_mode(server, "NO_BACKSLASH_ESCAPES"):
        value(data_source, "SELECT 1", context)  # is taken first, and of another mode than the one held
    held.read_all()
    sql = r"SELECT n, 'it\'s $__x' AS t FROM (SELECT 1 AS n UNION ALL SELECT 2) u"
    options: dict[str, Any] = {"partitions": 2, "partition_column": "n"}
    assert query(data_source, sql, context, **options).read_all().num_rows == 2


def test_texts_that_only_look_like_more_pass_in_every_mode(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(server)
    with sql_mode(server, "NO_BACKSLASH_ESCAPES"):
        assert value(data_source, r"SELECT 'INTO OUTFILE \' AS x", context) == "INTO OUTFILE \\"


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT nothing FROM nowhere", "exist"),
        ("SELECT ? + 1 AS x", r"1 placeholder\(s\), but 0 value\(s\)"),
        ("SELECT * FROM (SELECT 1 AS a, 2 AS a) AS t", "Duplicate column"),
    ],
)
def test_a_refused_statement_leaves_the_connection_in_step(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext, sql: str, error: str
) -> None:
    data_source = open_data_source(server, max_open_conns=1)
    connection = value(data_source, "SELECT CONNECTION_ID() AS x", context)
    for _ in range(3):
        with pytest.raises(HeadwaterError, match=error):
            query(data_source, sql, context)
        assert value(data_source, "SELECT 7 AS x", context) == 7
    assert value(data_source, "SELECT CONNECTION_ID() AS x", context) == connection


def test_a_server_that_executes_nothing_at_once_is_asked_twice_once(
    open_data_source: DataSourceFactory, context: CallContext
) -> None:
    """Some proxies speak for MariaDB, but do not know its short cut."""
    column = Column("x", ColumnType.LONGLONG)
    executed: list[int] = []

    def script(command: bytes) -> bytes:
        if command[0] == Command.STATEMENT_PREPARE:
            return wire([b"\0" + (9).to_bytes(4, "little") + bytes(7)])
        if command[0] == Command.STATEMENT_CLOSE:
            return b""
        executed.append(int.from_bytes(command[1:5], "little"))
        if executed[-1] == LAST_PREPARED:
            return wire([err(1243, "Unknown prepared statement handler")])
        return result_set([column], [(7,)], binary=True)

    with fake_mysql(script, version="5.5.5-10.1.0-MariaDB") as address:
        data_source = open_data_source(url=address, max_open_conns=1)
        answers = [value(data_source, "SELECT 7 AS x", context) for _ in range(3)]
    assert answers == [7, 7, 7]
    assert executed == [LAST_PREPARED, 9, 9, 9]
