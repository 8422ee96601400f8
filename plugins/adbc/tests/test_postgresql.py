"""What a PostgreSQL data source does on a real server: sessions, cancellation, faults, formats, browsing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from headwater import Filter, Headwater
from headwater.errors import (
    DownstreamAuthError,
    DownstreamConnectionError,
    DownstreamServerError,
    HeadwaterError,
    QueryCanceledError,
    QueryError,
)
from headwater.frames import Frame, FrameStream
from headwater.models import DataQuery, HealthStatus, TimeRange
from headwater.sdk import CallContext
from headwater.sdk.sql import SqlQuery
from headwater_adbc.data_source import AdbcDataSource

from .conftest import OpenPostgres

HOUR = TimeRange.from_epoch_ms(1_704_103_200_000, 1_704_106_800_000)  # 2024-01-01 10:00 to 11:00 UTC


@pytest.fixture(scope="module", autouse=True)
def orders(database: psycopg.Connection) -> Iterator[None]:
    database.execute("DROP TABLE IF EXISTS orders")
    database.execute(
        "CREATE TABLE orders (id int PRIMARY KEY, created timestamptz, region text, total numeric(10,2))"
    )
    database.execute(
        "INSERT INTO orders SELECT n, '2024-01-01 10:00+00'::timestamptz + n * interval '30 s', "
        "CASE n % 2 WHEN 0 THEN 'north' ELSE 'south' END, n FROM generate_series(0, 9) AS n"
    )
    database.execute("COMMENT ON TABLE orders IS 'What was sold'")
    yield
    database.execute("DROP TABLE orders")


def ask(source: AdbcDataSource, sql: str, context: CallContext, **keys: Any) -> pa.Table:
    query = SqlQuery(raw_sql=sql, data_query=DataQuery(time_range=HOUR, json={"rawSql": sql}), **keys)
    answer = source.query(query, context)
    if isinstance(answer, FrameStream):
        answer = answer.collect()
    assert isinstance(answer, Frame)
    return answer.table


def running(database: psycopg.Connection, text: str) -> int:
    row = database.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s AND pid <> "
        "pg_backend_pid()", (f"%{text}%",)
    ).fetchone()  # fmt: skip
    assert row is not None
    return int(row[0])


def drop_connections(database: psycopg.Connection) -> None:
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'headwater'"
    )


def wait_for(condition: Any, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


# --- sessions --------------------------------------------------------------------------------------


def test_nothing_is_left_in_the_session(open_postgres: OpenPostgres, context: CallContext) -> None:
    source = open_postgres(max_open_conns=1)
    ask(source, "SELECT set_config('search_path', 'nowhere', false)", context)
    assert ask(source, "SELECT current_setting('search_path') AS p", context).to_pylist() != [
        {"p": "nowhere"}
    ]
    assert source.pool.state.open == 1


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM orders",
        "INSERT INTO orders VALUES (99)",
        "COPY orders TO '/tmp/x'",
        "SET ROLE x",
        "VACUUM",
        "BEGIN",
        "CALL x()",
        "WITH d AS (SELECT 1) DELETE FROM orders",
        "EXPLAIN ANALYZE DELETE FROM orders",
        "SELECT 1; DELETE FROM orders",
        "DO $$ BEGIN END $$",
    ],
)
def test_statements_that_do_not_read_are_refused(
    open_postgres: OpenPostgres, context: CallContext, sql: str
) -> None:
    source = open_postgres()
    with pytest.raises(QueryError):
        ask(source, sql, context)
    assert source.pool.state.open == 0


@pytest.mark.parametrize(
    "sql",
    [
        "WITH gone AS (DELETE FROM orders RETURNING id) SELECT * FROM gone",
        "SELECT * INTO copied FROM orders",
        "SELECT nextval(pg_get_serial_sequence('x', 'y')) FROM orders FOR UPDATE",
    ],
)
def test_what_slips_through_fails_at_the_read_only_transaction(
    open_postgres: OpenPostgres, context: CallContext, sql: str
) -> None:
    source = open_postgres()
    with pytest.raises(HeadwaterError):
        ask(source, sql, context)
    assert ask(source, "SELECT count(*) AS n FROM orders", context).to_pylist() == [{"n": 10}]


def test_a_data_source_that_may_write_does(open_postgres: OpenPostgres, context: CallContext) -> None:
    source = open_postgres(read_only=False)
    ask(source, "CREATE TABLE written (a int)", context)
    ask(source, "INSERT INTO written VALUES (1)", context)
    assert ask(source, "SELECT * FROM written", context).to_pylist() == [{"a": 1}]
    ask(source, "DROP TABLE written", context)


@pytest.mark.parametrize("returned", ["inet", "void"])
def test_a_function_that_writes_is_called_once_whatever_it_returns(
    open_postgres: OpenPostgres, context: CallContext, database: psycopg.Connection, returned: str
) -> None:
    source = open_postgres(read_only=False)
    database.execute("DROP TABLE IF EXISTS calls; CREATE TABLE calls (at inet)")
    database.execute(
        f"CREATE OR REPLACE FUNCTION note_{returned}() RETURNS {returned} LANGUAGE sql AS "
        "$$ INSERT INTO calls VALUES ('10.0.0.1'); "
        f"{'SELECT at FROM calls' if returned == 'inet' else ''} $$"
    )
    ask(source, f"SELECT note_{returned}()", context)
    assert ask(source, "SELECT count(*) AS n FROM calls", context).to_pylist() == [{"n": 1}]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO kept VALUES ('10.0.0.1', '{1}') RETURNING at",
        "INSERT INTO kept VALUES ($1::inet, '{1}') RETURNING parts",
        "WITH new AS (INSERT INTO kept VALUES ('10.0.0.1', '{1}') RETURNING at) SELECT * FROM new",
    ],
)
def test_a_write_whose_answer_cannot_be_read_is_refused_before_it_writes(
    open_postgres: OpenPostgres, context: CallContext, database: psycopg.Connection, sql: str
) -> None:
    source = open_postgres(read_only=False)
    database.execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept (at inet, parts int[])")
    params = ("10.0.0.1",) if "$1" in sql else ()
    with pytest.raises(QueryError, match=r"RETURNING column::text\. Nothing was written"):
        ask(source, sql, context, params=params)
    assert ask(source, "SELECT count(*) AS n FROM kept", context).to_pylist() == [{"n": 0}]
    sql = "INSERT INTO kept VALUES ('10.0.0.1', '{1}') RETURNING parts::text AS parts"
    assert ask(source, sql, context).to_pylist() == [{"parts": "{1}"}]


def test_nothing_is_left_in_the_session_of_a_data_source_that_may_write(
    open_postgres: OpenPostgres, context: CallContext
) -> None:
    source = open_postgres(read_only=False, max_open_conns=1)
    ask(source, "SET search_path = nowhere", context)
    assert ask(source, "SELECT count(*) AS n FROM orders", context).to_pylist() == [{"n": 10}]
    assert source.pool.state.open == 1


def test_an_advisory_lock_ends_with_its_query(
    open_postgres: OpenPostgres, database: psycopg.Connection, context: CallContext
) -> None:
    ask(open_postgres(), "SELECT pg_try_advisory_lock(7) AS taken", context)

    def locks() -> int:
        row = database.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()
        assert row is not None
        return int(row[0])

    assert wait_for(lambda: locks() == 0)


@pytest.mark.parametrize(("text", "told"), [("SELECT 1 \0 + 1", "NUL"), ("SELECT '\ud800'", "surrogate")])
def test_a_text_that_would_not_arrive_as_it_is_is_refused(
    open_postgres: OpenPostgres, context: CallContext, text: str, told: str
) -> None:
    with pytest.raises(QueryError, match=told):
        ask(open_postgres(), text, context)


@pytest.mark.parametrize("sql", ["SHOW server_version", "EXPLAIN SELECT 1", "VALUES (1)", "TABLE orders",
                                 "SELECT 1 -- done", "SELECT 1; /* done */", "(SELECT 1)"])  # fmt: skip
def test_everything_that_reads_is_read(open_postgres: OpenPostgres, context: CallContext, sql: str) -> None:
    assert ask(open_postgres(), sql, context).num_rows > 0


# --- cancellation and time --------------------------------------------------------------------------


def test_a_cancelled_query_is_gone_from_the_server(
    open_postgres: OpenPostgres, database: psycopg.Connection
) -> None:
    source = open_postgres()
    failures: list[BaseException] = []
    with CallContext(timeout=30) as call:

        def work() -> None:
            try:
                ask(source, "SELECT pg_sleep(20) AS cancelled_soon", call)
            except HeadwaterError as error:
                failures.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        assert wait_for(lambda: running(database, "cancelled_soon"))
        call.cancel()
        thread.join(5)
        assert wait_for(lambda: not running(database, "cancelled_soon"), 1.0)
    assert isinstance(failures[0], QueryCanceledError)


def test_a_stream_that_is_closed_early_ends_at_the_server(
    open_postgres: OpenPostgres, database: psycopg.Connection, context: CallContext
) -> None:
    source = open_postgres()
    sql = "SELECT generate_series(1, 50000000) AS closed_early"
    stream = source.query(SqlQuery(raw_sql=sql, data_query=DataQuery(json={"rawSql": sql})), context)
    assert isinstance(stream, FrameStream)
    with stream:
        assert next(stream).num_rows > 0
    assert wait_for(lambda: not running(database, "closed_early"), 1.0)
    assert ask(source, "SELECT 1 AS one", context).to_pylist() == [{"one": 1}]


def test_the_deadline_is_the_servers_statement_timeout_too(
    open_postgres: OpenPostgres, context: CallContext
) -> None:
    with CallContext(timeout=12.5) as call:
        limit = ask(open_postgres(), "SHOW statement_timeout", call).to_pylist()[0]["statement_timeout"]
    assert 12_000 < int(limit.removesuffix("ms")) <= 13_500


# --- faults -----------------------------------------------------------------------------------------


def test_a_dead_connection_is_replaced(
    open_postgres: OpenPostgres, database: psycopg.Connection, context: CallContext
) -> None:
    source = open_postgres()
    ask(source, "SELECT 1", context)
    drop_connections(database)
    assert ask(source, "SELECT 1 AS one", context).to_pylist() == [{"one": 1}]
    assert source.pool.state.open == 1


def test_a_server_lost_amid_rows_is_a_lost_connection(
    open_postgres: OpenPostgres, database: psycopg.Connection, context: CallContext
) -> None:
    source = open_postgres()
    sql = "SELECT generate_series(1, 20000000) AS n, repeat('x', 100)"
    stream = source.query(SqlQuery(raw_sql=sql, data_query=DataQuery(json={"rawSql": sql})), context)
    assert isinstance(stream, FrameStream)
    next(stream)
    drop_connections(database)
    with stream, pytest.raises(DownstreamConnectionError):
        list(stream)
    assert ask(source, "SELECT 1 AS one", context).to_pylist() == [{"one": 1}]


def test_a_wrong_password_is_told_without_it(open_postgres: OpenPostgres, context: CallContext) -> None:
    with pytest.raises(DownstreamAuthError) as caught:
        ask(open_postgres(password="not the password"), "SELECT 1", context)
    assert "not the password" not in str(caught.value)


def test_a_database_that_does_not_exist_is_told(open_postgres: OpenPostgres, context: CallContext) -> None:
    with pytest.raises(DownstreamServerError, match="does not exist"):
        ask(open_postgres(database="nowhere"), "SELECT 1", context)


def test_nobody_listening_is_a_refused_connection(open_postgres: OpenPostgres, context: CallContext) -> None:
    with pytest.raises(DownstreamConnectionError):
        ask(open_postgres(url="127.0.0.1:1"), "SELECT 1", context)


def test_tls_is_asked_for_unless_it_is_turned_off(open_postgres: OpenPostgres, context: CallContext) -> None:
    with pytest.raises(DownstreamConnectionError, match="TLS"):
        ask(open_postgres(sslmode=""), "SELECT 1", context)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT nothing FROM orders", 'column "nothing" does not exist'),
        ("SELECT 1/0", "division by zero"),
        ("SELECT 1 / (n - 40000) FROM generate_series(1, 100000) AS n", "division by zero"),
        ("SELECT 'x'::int", "invalid input syntax"),
    ],
)
def test_a_mistake_in_a_statement_is_told_in_the_servers_words(
    open_postgres: OpenPostgres, context: CallContext, sql: str, words: str
) -> None:
    source = open_postgres()
    with pytest.raises(DownstreamServerError, match=words) as caught:
        ask(source, sql, context)
    assert caught.value.status == 400
    assert ask(source, "SELECT 1 AS one", context).to_pylist() == [{"one": 1}]
    assert source.pool.state.open == 1


def test_many_columns_and_large_values_arrive(open_postgres: OpenPostgres, context: CallContext) -> None:
    source = open_postgres()
    wide = ask(source, "SELECT " + ", ".join(f"{n} AS c{n}" for n in range(1600)), context)
    assert wide.num_columns == 1600
    large = ask(source, "SELECT repeat('x', 100000000) AS v", context)
    assert len(large.column(0)[0].as_buffer()) == 100_000_000


# --- formats, parts, browsing ------------------------------------------------------------------------


def test_a_time_series_is_wide_and_its_gaps_are_filled(
    open_postgres: OpenPostgres, context: CallContext
) -> None:
    table = ask(
        open_postgres(),
        "SELECT $__timeGroupAlias(created, '2m', 0), region AS metric, avg(total) AS total FROM orders "
        "WHERE $__timeFilter(created) GROUP BY 1, 2 ORDER BY 1",
        context,
        format="time_series",
    )
    assert table.column_names == ["Time", "north", "south"]
    assert table.num_rows == 31
    assert table.column("north").to_pylist()[:4] == [1.0, 5.0, 8.0, 0.0]
    assert table.column("south").to_pylist()[:4] == [2.0, 6.0, 9.0, 0.0]


def test_timescaledb_groups_times_and_lists_its_tables(
    open_postgres: OpenPostgres, database: psycopg.Connection, context: CallContext
) -> None:
    """What stands for the extension has its names, which is all that is used of it."""
    database.execute(
        "CREATE FUNCTION time_bucket(width interval, at timestamptz) RETURNS timestamptz LANGUAGE sql "
        "AS $$ SELECT date_bin(width, at, 'epoch') $$; CREATE SCHEMA timescaledb_information; "
        "CREATE VIEW timescaledb_information.hypertables AS "
        "SELECT 'public'::name AS hypertable_schema, 'orders'::name AS hypertable_name"
    )
    sql = (
        "SELECT $__timeGroupAlias(created, '2m', 0), region AS metric, avg(total) AS total FROM orders "
        "WHERE $__timeFilter(created) GROUP BY 1, 2 ORDER BY 1"
    )
    source = open_postgres(timescaledb=True)
    grouped = ask(source, sql, context, format="time_series")
    assert grouped.to_pylist() == ask(open_postgres(), sql, context, format="time_series").to_pylist()
    assert source.browse("hypertables", (), context) == [{"schema": "public", "name": "orders"}]
    database.execute("DROP SCHEMA timescaledb_information CASCADE; DROP FUNCTION time_bucket")


def test_a_result_is_read_in_parts(open_postgres: OpenPostgres, context: CallContext) -> None:
    table = ask(
        open_postgres(),
        "SELECT n, n * 2 AS twice FROM generate_series(1, 100000) AS n WHERE n <> $1::int",
        context,
        params=(7,),
        partitions=4,
        partition_column="n",
    )
    assert table.num_rows == 99_999
    assert sorted(table.column("n").to_pylist()) == [n for n in range(1, 100_001) if n != 7]


def test_a_result_with_columns_of_one_name_is_not_divided_by_them(headwater: Headwater) -> None:
    sql = "SELECT n, -n AS n FROM generate_series(1, 10) AS n"
    (task,) = headwater.read_tasks("db", sql)
    assert task.read(headwater).read_all().num_rows == 10
    with pytest.raises(QueryError, match=r"several columns 'n' \(partitionColumn\)"):
        headwater.read_tasks("db", {"rawSql": sql, "partitionColumn": "n"})
    with pytest.raises(QueryError, match="several columns 'n'"):
        headwater.read_tasks("db", sql, filters=[Filter("n", "<", 5)])


def test_browsing_lists_what_there_is(headwater: Headwater, database: psycopg.Connection) -> None:
    def get(path: str, query: str = "") -> Any:
        return json.loads(headwater.call_resource("db", path, query_string=query).body)

    database.execute("CREATE SCHEMA archive; CREATE TABLE archive.orders AS SELECT 1 AS old")
    assert {"name": "public", "comment": "standard public schema"} in get("schemas")
    hidden = {each["schema"]: each["needsSchema"] for each in get("tables") if each["name"] == "orders"}
    assert hidden == {"archive": True, "public": False}
    assert [each["name"] for each in get("columns", "table=orders&schema=archive")] == ["old"]
    database.execute("DROP SCHEMA archive CASCADE")
    found = next(each for each in get("tables", "schema=public") if each["name"] == "orders")
    assert (found["kind"], found["comment"]) == ("table", "What was sold")
    assert [
        (each["name"], each["type"], each["nullable"]) for each in get("columns", "table=public.orders")
    ] == [
        ("id", "integer", False),
        ("created", "timestamp with time zone", True),
        ("region", "text", True),
        ("total", "numeric(10,2)", True),
    ]
    assert {"date_trunc", "count", "row_number"} <= {each["name"] for each in get("functions")}
    assert get("hypertables") == []


def test_health_names_the_server(headwater: Headwater) -> None:
    health = headwater.check_health("db")
    assert (health.status, health.message) == (HealthStatus.OK, "Database Connection OK")
    assert health.details["server"] == "PostgreSQL"
