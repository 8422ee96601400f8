"""Queries, resources and health, from the host down to the server."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from headwater import Headwater
from headwater.errors import HeadwaterError, QueryError, ValidationError
from headwater.frames import Frame
from headwater.models import DataQuery, HealthStatus
from headwater.sdk import CallContext
from headwater_mysql.datasource import MySQLDataSource
from headwater_mysql.decode.choice import NATIVE, NUMPY, DecoderFactory
from headwater_mysql.query_model import MySQLQuery
from servers.mysql_checks import DataSourceFactory, query, running
from servers.mysql_family import DatabaseServer

DAY = {"from_": "1704067200000", "to": "1704067200000"}


@pytest.fixture(scope="module")
def orders(server: DatabaseServer) -> DatabaseServer:
    """A table `orders`: every minute from 2024-01-01 00:00, two regions, a gap from minute 2 to 3."""
    server.execute(
        "DROP TABLE IF EXISTS orders",
        "CREATE TABLE orders (id INT PRIMARY KEY COMMENT 'the number', created DATETIME NOT NULL, "
        "region VARCHAR(10) NOT NULL, total DECIMAL(8,2), KEY (region)) "
        "COMMENT='what was sold' CHARSET=utf8mb4",
        "INSERT INTO orders VALUES "
        "(1,'2024-01-01 00:00:10','north',1.5), (2,'2024-01-01 00:00:20','south',2),"
        "(3,'2024-01-01 00:01:10','north',3), (4,'2024-01-01 00:04:00','north',4)",
        "DROP VIEW IF EXISTS totals",
        "CREATE VIEW totals AS SELECT region, SUM(total) AS total FROM orders GROUP BY region",
    )
    return server


def series(headwater: Headwater, sql: str, **changes: Any) -> Frame:
    options = {"from_": "1704067200000", "to": "1704067500000", **changes}
    return headwater.query("db", {"rawSql": sql, "format": "time_series"}, **options)


def result_sets(data_source: MySQLDataSource, sql: str, context: CallContext) -> list[Frame]:
    frames = data_source.query(MySQLQuery(raw_sql=sql, data_query=DataQuery(json={"rawSql": sql})), context)
    assert isinstance(frames, list)
    return frames


def test_a_table_keeps_its_types(orders: DatabaseServer, headwater: Headwater) -> None:
    frame = headwater.query("db", "SELECT id, created, region, total FROM orders ORDER BY id LIMIT 1")
    assert frame.schema.types == [pa.int32(), pa.timestamp("us"), pa.string(), pa.decimal128(8, 2)]
    assert frame.to_pylist() == [
        {
            "id": 1,
            "created": dt.datetime.fromisoformat("2024-01-01 00:00:10"),
            "region": "north",
            "total": Decimal("1.50"),
        }
    ]
    assert frame.meta is not None
    assert frame.meta.executed_query_string.startswith("SELECT id, created")


def test_a_time_series_has_one_column_for_each_metric(orders: DatabaseServer, headwater: Headwater) -> None:
    frame = series(
        headwater,
        "SELECT $__timeGroupAlias(created, '1m', NULL), region AS metric, SUM(total) AS total FROM orders "
        "WHERE $__timeFilter(created) GROUP BY 1, 2 ORDER BY 1",
    )
    assert frame.schema.names == ["Time", "north", "south"]
    assert frame.table.column(0).cast(pa.int64())[0].as_py() == 1_704_067_200_000_000_000
    assert frame.table.column(1).to_pylist() == [1.5, 3.0, None, None, 4.0, None]
    assert frame.table.column(2).to_pylist() == [2.0, None, None, None, None, None]


@pytest.mark.parametrize(
    ("value", "drawn"),
    [
        ("18014398509481985", 18014398509481984.0),
        ("-9223372036854775807", -9223372036854775808.0),
        ("15783287073902532070", 15783287073902532608.0),
        ("CAST(18446744073709551615 AS UNSIGNED)", 18446744073709551616.0),
        ("CAST(18014398509481985 AS DECIMAL(40,5))", 18014398509481984.0),
    ],
)
def test_a_series_rounds_integers_that_a_float_cannot_hold(
    server: DatabaseServer, headwater: Headwater, value: str, drawn: float
) -> None:
    frame = series(headwater, f"SELECT TIMESTAMP'2024-01-01 00:00:00' AS time, {value} AS v")
    assert frame.table.column("v").to_pylist() == [drawn]


def test_a_series_takes_its_times_from_dates_and_unsigned_seconds(
    server: DatabaseServer, headwater: Headwater
) -> None:
    for time in ("DATE'2024-01-01'", "CAST(1704067200 AS UNSIGNED)"):
        times = series(headwater, f"SELECT {time} AS time, 1 AS v").table.column("Time")
        assert times.cast(pa.timestamp("ms")).to_pylist() == [dt.datetime.fromisoformat("2024-01-01")]


@pytest.mark.parametrize(
    "day", ["1999-01-02", "1970-01-02", "1970-01-01", "1969-12-31", "1871-05-10", "2037-12-31", "2200-01-01"]
)
def test_macros_find_times_of_every_year(server: DatabaseServer, headwater: Headwater, day: str) -> None:
    at = dt.datetime.fromisoformat(f"{day}T00:00:00+00:00")
    ends = [str(int((at + dt.timedelta(days=days)).timestamp() * 1000)) for days in (-1, 2)]
    rows = f"FROM (SELECT TIMESTAMP'{day} 10:00:00' AS x) t WHERE $__timeFilter(x)"
    options: dict[str, Any] = {"from_": ends[0], "to": ends[1]}
    filled = series(headwater, f"SELECT $__timeGroup(x,'1d',0) AS time, 1 AS v {rows}", **options)
    assert filled.table.column("v").to_pylist() == [0, 1, 0, 0]
    assert not filled.notices
    plain = headwater.query("db", f"SELECT $__time(x) {rows}", **options)
    assert plain.table.column("time_sec").to_pylist() == [at + dt.timedelta(hours=10)]


def test_a_time_of_day_is_no_time_column(server: DatabaseServer, headwater: Headwater) -> None:
    with pytest.raises(QueryError, match="db has no time column"):
        series(headwater, "SELECT CAST('10:00:00' AS TIME) AS time, 1 AS v")


def test_the_time_filter_selects_the_range(orders: DatabaseServer, headwater: Headwater) -> None:
    sql = "SELECT id FROM orders WHERE $__timeFilter(created) ORDER BY id"
    frame = headwater.query("db", sql, from_="1704067220000", to="1704067270000")
    assert frame.table.column(0).to_pylist() == [2, 3]


def test_the_shortest_interval_of_the_settings_counts(
    orders: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    sql = "SELECT '$__interval' AS i, $__interval_ms AS ms"
    data_source = open_data_source(orders, time_interval=">30s")
    assert query(data_source, sql, context).read_all().to_pylist() == [{"i": "30s", "ms": 30_000}]
    with pytest.raises(ValidationError, match=r"jsonData\.timeInterval"):
        open_data_source(orders, time_interval="soon")


def test_no_rows_of_a_series_are_a_frame_without_columns(
    orders: DatabaseServer, headwater: Headwater
) -> None:
    frame = series(headwater, "SELECT created AS time, total FROM orders WHERE FALSE")
    assert (frame.num_columns, frame.num_rows) == (0, 0)


def test_an_empty_statement_is_skipped(orders: DatabaseServer, headwater: Headwater) -> None:
    assert headwater.query_frames("db", {"rawSql": "  "}) == []


def test_each_ref_id_has_its_own_outcome(orders: DatabaseServer, headwater: Headwater) -> None:
    source = {"uid": headwater.data_source("db").uid}
    answer = headwater.query_data(
        {
            "from": "now-1h",
            "to": "now",
            "queries": [
                {"refId": "A", "datasource": source, "rawSql": "SELECT 1 AS a", "format": "table"},
                {"refId": "B", "datasource": source, "rawSql": "SELECT FROM", "format": "table"},
                {"refId": "C", "datasource": source, "rawSql": "", "format": "table"},
            ],
        }
    )
    assert set(answer.responses) == {"A", "B"}
    assert answer.responses["A"].frames[0].to_pylist() == [{"a": 1}]
    assert "1064" in str(answer.responses["B"].error)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"format": "logs"}, "Unrecognized query model format: logs"),
        ({"fill": True}, "query fill-parameters not supported"),
        ({"fillMode": "null"}, "query fill-parameters not supported"),
        ({"partitions": 2}, "partitions need a partitionColumn"),
    ],
)
def test_a_query_model_that_cannot_be_run_says_why(
    orders: DatabaseServer, headwater: Headwater, keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(QueryError, match=message):
        headwater.query("db", {"rawSql": "SELECT 1", **keys})


@pytest.mark.parametrize(
    "value",
    [
        None, True, -5, 2**63 - 1, 2**64 - 1, 1.5, "x' OR '1'='1", "żółw\0\\", b"\x00\xff", Decimal("-1.50"),
        dt.date(2024, 2, 29), dt.datetime.fromisoformat("2024-01-02 03:04:05.678901"),
        dt.timedelta(hours=-30, microseconds=5), dt.time(1, 2, 3), 10**30,
    ],
    ids=repr,
)  # fmt: skip
def test_parameters_of_every_type_reach_the_server_unharmed(
    server: DatabaseServer, headwater: Headwater, value: Any
) -> None:
    expected = dt.timedelta(hours=1, minutes=2, seconds=3) if isinstance(value, dt.time) else value
    column = {
        dt.date: "DATE", dt.datetime: "DATETIME(6)", dt.timedelta: "TIME(6)", dt.time: "TIME(6)",
        Decimal: "DECIMAL(8,2)", bytes: "BINARY",
    }.get(type(value))  # fmt: skip
    sql = "SELECT ? AS v" if column is None else f"SELECT CAST(? AS {column}) AS v"
    (row,) = headwater.query("db", sql, params=[value]).to_pylist()
    assert row == {"v": expected}


@pytest.mark.parametrize("size", [2**24 - 12, 2**24 - 1, 2**24, 2**25 - 1, 40_000_000])
def test_statements_and_parameters_of_16_mib_and_more_are_sent(
    server: DatabaseServer, headwater: Headwater, size: int
) -> None:
    value = "y" * size
    for sql, params in (("SELECT LENGTH(?) AS n", [value]), (f"SELECT LENGTH('{value}') AS n", [])):
        assert headwater.query("db", sql, params=params).to_pylist() == [{"n": size}]


@pytest.mark.parametrize("params", [[], [1], [1, 2, 3], [[1, 2], 3, 4], [[[1]], 2]])
def test_parameters_that_do_not_fit_are_the_callers_fault(
    server: DatabaseServer, headwater: Headwater, params: list[Any]
) -> None:
    with pytest.raises(QueryError):
        headwater.query("db", "SELECT ?, ?", params=params)


@pytest.fixture(scope="module")
def procedures(server: DatabaseServer) -> DatabaseServer:
    """Procedures `several` (two results, one without rows between them), `silent` and `failing`."""
    server.execute(
        "DROP PROCEDURE IF EXISTS several",
        "CREATE PROCEDURE several() BEGIN SELECT 1 AS a; SELECT 'x' AS b FROM DUAL WHERE 1 = 0; "
        "SELECT 'y' AS c, 2 AS d UNION ALL SELECT 'z', 3; END",
        "DROP PROCEDURE IF EXISTS silent",
        "CREATE PROCEDURE silent() BEGIN DO 1; END",
        "DROP PROCEDURE IF EXISTS failing",
        "CREATE PROCEDURE failing() BEGIN SELECT 1 AS a; SELECT * FROM nowhere; END",
    )
    return server


@pytest.mark.parametrize("wire_protocol", ["binary", "text"])
def test_a_procedures_results_are_a_frame_each(
    procedures: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext, wire_protocol: str
) -> None:
    data_source = open_data_source(procedures, wire_protocol=wire_protocol, allow_calls=True)
    for _ in range(2):
        frames = result_sets(data_source, "CALL /* all of them */ several()", context)
        assert [frame.to_pylist() for frame in frames] == [
            [{"a": 1}],
            [],
            [{"c": "y", "d": 2}, {"c": "z", "d": 3}],
        ]
        assert [frame.schema.names for frame in frames] == [["a"], ["b"], ["c", "d"]]
    (frame,) = result_sets(data_source, "CALL silent()", context)
    assert (frame.num_columns, frame.num_rows) == (0, 0)
    with pytest.raises(HeadwaterError, match="nowhere"):
        result_sets(data_source, "CALL failing()", context)


def test_a_procedures_results_are_time_series_and_within_the_limits_too(
    procedures: DatabaseServer, headwater: Headwater
) -> None:
    headwater.update_data_source("db", json_data={"allowCalls": True})
    procedures.execute(
        "DROP PROCEDURE IF EXISTS points",
        "CREATE PROCEDURE points() BEGIN SELECT 1704067200 AS time, 1 AS v; "
        "SELECT 1704067200 AS time, 'a' AS metric, 2 AS v; END",
    )
    points = {"rawSql": "CALL points()", "format": "time_series"}
    frames = headwater.query_frames("db", points, from_="1704067200000", to="1704067200000")
    assert [frame.schema.names for frame in frames] == [["Time", "v"], ["Time", "a"]]
    frames = headwater.query_frames("db", "CALL several()", max_rows=2)
    assert [frame.num_rows for frame in frames] == [1, 0, 1]
    assert frames[-1].notices


def test_the_row_limit_cuts_with_a_notice(server: DatabaseServer, headwater: Headwater) -> None:
    frame = headwater.query("db", "SELECT 1 AS a FROM information_schema.COLUMNS", max_rows=10)
    assert frame.num_rows == 10
    assert [notice.text for notice in frame.notices] == [
        "Results have been limited to 10 because the row limit was reached"
    ]


def test_zero_dates_are_counted_in_a_notice_or_refused(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    server.execute("DROP TABLE IF EXISTS zero", "CREATE TABLE zero (d DATE)")
    with server.admin() as admin, admin.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode = ''")
        cursor.execute("INSERT INTO zero VALUES (0), (0)")
    sql = "SELECT d FROM zero"
    frame = query(open_data_source(server), sql, context).read_all()
    assert frame.to_pylist() == [{"d": None}, {"d": None}]
    assert [notice.text for notice in frame.notices] == ["2 zero or impossible date(s) became null"]
    with pytest.raises(QueryError, match="zero or impossible dates"):
        query(open_data_source(server, zero_dates="error"), sql, context).read_all()


@pytest.mark.parametrize(
    ("wire_protocol", "decoder"), [("text", NATIVE), ("text", NUMPY), ("binary", NUMPY)], indirect=["decoder"]
)
def test_the_protocol_and_the_decoder_can_be_chosen(
    server: DatabaseServer,
    open_data_source: DataSourceFactory,
    context: CallContext,
    wire_protocol: str,
    decoder: DecoderFactory,
    request: pytest.FixtureRequest,
) -> None:
    chosen = request.node.callspec.params["decoder"]
    data_source = open_data_source(server, wire_protocol=wire_protocol, decoder=chosen)
    frame = query(data_source, "SELECT 1.5e0 AS a, 'x' AS b", context).read_all()
    assert frame.to_pylist() == [{"a": 1.5, "b": "x"}]
    prepared = server.rows("SHOW GLOBAL STATUS LIKE 'Com_stmt_prepare'")
    query(data_source, "SELECT 2", context).read_all()
    more = int(server.rows("SHOW GLOBAL STATUS LIKE 'Com_stmt_prepare'")[0][1]) - int(prepared[0][1])
    assert more == (1 if wire_protocol == "binary" else 0)
    if wire_protocol == "text":
        with pytest.raises(QueryError, match="parameters need the binary protocol"):
            query(data_source, "SELECT ?", context, params=(1,))


def test_progress_is_reported(server: DatabaseServer, headwater: Headwater) -> None:
    seen: list[int] = []
    headwater.query(
        "db",
        "SELECT 1 AS a FROM information_schema.COLUMNS LIMIT 100",
        on_progress=lambda p: seen.append(p.rows),
    )
    assert seen[-1] == 100


def test_the_pool_follows_the_settings(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    unkept = open_data_source(server, max_idle_conns=0)
    query(unkept, "SELECT 1", context).read_all()
    assert unkept.pool.state.open == 0
    kept = open_data_source(server, conn_max_lifetime=3600)
    ids = set()
    for age in (0, 3601, 0):
        (row,) = query(kept, "SELECT CONNECTION_ID() AS id", context).read_all().to_pylist()
        ids.add(row["id"])
        connection, _ = kept.pool._idle[-1]
        connection.opened_at -= age
    assert len(ids) == 2


# --- resources and health ---------------------------------------------------------------------------------


def resource(headwater: Headwater, path: str, query_string: str = "") -> list[dict[str, Any]]:
    answer = headwater.call_resource("db", path, query_string=query_string)
    assert answer.status == 200
    rows: list[dict[str, Any]] = json.loads(answer.body)
    return rows


def test_databases_tables_and_columns_can_be_browsed(orders: DatabaseServer, headwater: Headwater) -> None:
    assert {"name": "headwater"} in resource(headwater, "databases")
    tables = {row["name"]: row for row in resource(headwater, "tables")}
    assert (tables["orders"]["kind"], tables["orders"]["comment"]) == ("base table", "what was sold")
    assert tables["totals"]["kind"] == "view"
    columns = {row["name"]: row for row in resource(headwater, "columns", "database=headwater&table=orders")}
    assert columns["id"]["nullable"] is False
    assert (columns["id"]["key"], columns["id"]["comment"]) == ("PRI", "the number")
    assert (columns["total"]["type"], columns["total"]["nullable"]) == ("decimal(8,2)", True)
    assert columns["region"]["key"] == "MUL"


def test_a_hostile_name_is_only_a_name(orders: DatabaseServer, headwater: Headwater) -> None:
    assert resource(headwater, "columns", "database=x'%20OR%201%3D1%20--%20&table=orders") == []


def test_functions_are_offered_for_completion(orders: DatabaseServer, headwater: Headwater) -> None:
    orders.execute(
        "DROP FUNCTION IF EXISTS doubled",
        "CREATE FUNCTION doubled(x INT) RETURNS INT DETERMINISTIC COMMENT 'twice' RETURN x * 2",
    )
    functions = {row["name"]: row for row in resource(headwater, "functions")}
    assert "DATE_FORMAT" in functions
    assert (functions["doubled"]["database"], functions["doubled"]["comment"]) == ("headwater", "twice")


def test_metadata_is_kept_for_a_while(
    orders: DatabaseServer,
    open_data_source: DataSourceFactory,
    context: CallContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data_source = open_data_source(orders)
    orders.execute("DROP DATABASE IF EXISTS fresh")
    before = data_source._metadata.databases(context)
    orders.execute("CREATE DATABASE fresh")
    try:
        assert data_source._metadata.databases(context) == before
        with CallContext(timeout=10, skip_cache=True) as demanding:
            assert {"name": "fresh"} in data_source._metadata.databases(demanding)
        monkeypatch.setattr(data_source._metadata._kept, "_seconds", 0.0)
        orders.execute("DROP DATABASE fresh")
        assert data_source._metadata.databases(context) == before
    finally:
        orders.execute("DROP DATABASE IF EXISTS fresh")


def test_health_says_ok_and_what_is_in_use(server: DatabaseServer, headwater: Headwater) -> None:
    result = headwater.check_health("db")
    assert (result.status, result.message) == (HealthStatus.OK, "Database Connection OK")
    assert result.details["decoder"] in ("native", "numpy")
    assert result.details["server"] == ("MariaDB" if server.flavour == "mariadb" else "MySQL")
    assert result.details["tls"] == "none"


def test_ill_health_has_details_for_administrators_and_no_secret(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    result = open_data_source(server, password="wrong-7f3a").check_health(context)
    assert result.status is HealthStatus.ERROR
    assert "1045" in result.message
    assert server.user not in result.message
    assert "MySQL error number: 1045" in result.details["verboseMessage"]
    assert result.details["errorDetailsLink"].startswith("https://")
    assert "7f3a" not in str(result)


def test_an_unreachable_server_is_a_network_error(
    open_data_source: DataSourceFactory, context: CallContext
) -> None:
    result = open_data_source(url="127.0.0.1:1").check_health(context)
    assert result.message == "failed to connect to server - connection refused"
    assert result.details["verboseMessage"].startswith("Network error: Failed to connect to the server.")


# --- partitioned reads ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def numbers(server: DatabaseServer) -> DatabaseServer:
    """10,000 rows: keys from -4,999 to 4,999 and one NULL."""
    with server.admin() as admin, admin.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS numbers")
        cursor.execute("CREATE TABLE numbers (k BIGINT NULL, t VARCHAR(10), KEY (k))")
        rows = [(key, f"v{key}") for key in range(-4999, 5000)]
        cursor.executemany("INSERT INTO numbers VALUES (%s, %s)", [*rows, (None, "none")])
    return server


@pytest.mark.parametrize("partitions", [2, 3, 7, 64])
def test_partitions_together_hold_every_row_once(
    numbers: DatabaseServer, headwater: Headwater, partitions: int
) -> None:
    asked = {"rawSql": "SELECT k, t FROM numbers; -- all", "partitions": partitions, "partitionColumn": "k"}
    with headwater.stream("db", asked) as stream:
        keys = [key for batch in stream for key in batch.column(0).to_pylist()]
    assert len(keys) == 10_000
    assert set(keys) == {None, *range(-4999, 5000)}
    assert any(
        "several connections" in notice.text for notice in (stream.meta.notices if stream.meta else ())
    )


def test_partitions_take_parameters_and_any_select(numbers: DatabaseServer, headwater: Headwater) -> None:
    asked = {
        "rawSql": "SELECT k DIV 10 AS tens, COUNT(*) AS n FROM numbers WHERE k >= ? GROUP BY 1",
        "partitions": 4,
        "partitionColumn": "tens",
    }
    frame = headwater.query("db", asked, params=[0])
    assert sorted(frame.table.column(0).to_pylist()) == list(range(500))
    assert set(frame.table.column(1).to_pylist()) == {10}


def test_partitions_of_nothing_are_nothing(numbers: DatabaseServer, headwater: Headwater) -> None:
    asked = {"rawSql": "SELECT k FROM numbers WHERE FALSE", "partitions": 4, "partitionColumn": "k"}
    assert headwater.query("db", asked).num_rows == 0


@pytest.mark.parametrize("column", ["t", "nope"])
def test_a_column_that_cannot_be_divided_is_refused(
    numbers: DatabaseServer, headwater: Headwater, column: str
) -> None:
    asked = {"rawSql": "SELECT k, t FROM numbers", "partitions": 4, "partitionColumn": column}
    with pytest.raises(HeadwaterError, match=column):
        headwater.query("db", asked)


def test_partitions_wait_for_connections_where_there_are_few(
    numbers: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(numbers, max_open_conns=2)
    stream = query(data_source, "SELECT k FROM numbers", context, partitions=8, partition_column="k")
    assert stream.read_all().num_rows == 10_000
    assert data_source.pool.state.open <= 2


def test_leaving_a_partitioned_read_early_leaves_nothing_running(
    numbers: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(numbers, max_open_conns=2)
    sql = "SELECT a.k, b.t FROM numbers a, numbers b"
    with query(data_source, sql, context, partitions=4, partition_column="k") as stream:
        assert next(stream).num_rows > 0
    data_source.close()
    assert data_source.pool.state.open == 0
    assert running(numbers, "SELECT * FROM (") == 0


def test_an_error_of_one_partition_ends_them_all(
    numbers: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(numbers)
    sql = (
        "SELECT k, IF(k > 4000, (SELECT k FROM numbers), 1) AS v FROM numbers"  # more than one row: an error
    )
    with pytest.raises(HeadwaterError):
        query(data_source, sql, context, partitions=4, partition_column="k").read_all()
    data_source.close()
    assert data_source.pool.state.open == 0
