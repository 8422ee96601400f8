"""Every first-party plugin, with its real server, under the Go host."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from headwater import Headwater
from servers.database_files import duckdb_file, sqlite_file
from servers.flight_sql import start_flight_sql
from servers.go_programs import started
from servers.mariadb import start_mariadb
from servers.mysql_family import DatabaseServer
from servers.postgresql import PASSWORD as POSTGRES_PASSWORD, USER as POSTGRES_USER, start_postgresql
from servers.prometheus import start_prometheus
from servers.prometheus_samples import openmetrics
from servers.rest_api import start_rest_api

from .sources import Sides, Source


@pytest.fixture(scope="session")
def mariadb() -> Iterator[DatabaseServer]:
    with start_mariadb() as server:
        server.execute(
            "CREATE TABLE every (id BIGINT PRIMARY KEY, price DECIMAL(12,2), at DATETIME(6), day DATE, "
            "note TEXT, raw BLOB, ratio DOUBLE, small TINYINT UNSIGNED, doc JSON)",
            "INSERT INTO every VALUES "
            "(9007199254740993, 12345.67, '2024-01-01 00:10:00.123456', '2024-02-29', 'Zürich', 0x00ff, 0.1, "
            "255, '{\"a\": [1, null]}'), (-1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        )
        yield server


@contextmanager
def testdata_source() -> Iterator[Source]:
    yield Source(
        "testdata",
        answered=(
            {"scenario": "random_walk", "seed": 7, "seriesCount": 3},
            {"scenario": "all_types"},
            {"scenario": "csv", "csvContent": "city,people\nBern,134794\nBasel,173863\n"},
            {"scenario": "streaming_rows", "rows": 5000, "batchRows": 1000},
        ),
        refused=tuple(
            {"scenario": "error", "error": kind, "message": f"A fault of {kind}"}
            for kind in ("caller", "downstream", "timeout", "auth")
        ),
        resource="scenarios/csv",
        json_data={"seed": 3},
        secrets={"apiKey": "s3cret"},
    )


@contextmanager
def prometheus_source() -> Iterator[Source]:
    with start_prometheus(openmetrics=openmetrics()) as server:
        yield Source(
            "prometheus",
            answered=(
                {"expr": "requests", "range": True},
                {"expr": "sum by (zone) (requests)", "range": True, "instant": True},
                {"expr": "special", "range": True},
            ),
            refused=({"expr": "sum(("}, {"expr": "requests", "range": True, "interval": "nonsense"}),
            resource="api/v1/label/job/values",
            url=server.url,
            json_data={"timeInterval": "15s"},
        )


@contextmanager
def postgresql_source() -> Iterator[Source]:
    with start_postgresql() as server:
        yield Source(
            "postgresql",
            answered=(
                {
                    "rawSql": "SELECT 9007199254740993 AS big, 12.50::numeric(8, 2) AS price, "
                    "'2024-01-01 00:00:00.123456+00'::timestamptz AS at, ARRAY[1, 2] AS a, "
                    "NULL::text AS nothing"
                },
                {"rawSql": "SELECT n FROM generate_series(1, 2000) AS n ORDER BY n"},
            ),
            refused=({"rawSql": "SELECT broken"}, {"rawSql": "SELEC"}),
            resource="tables",
            url=f"127.0.0.1:{server.port}",
            user=POSTGRES_USER,
            database="postgres",
            json_data={"sslmode": "disable"},
            secrets={"password": POSTGRES_PASSWORD},
        )


@contextmanager
def clickhouse_source() -> Iterator[Source]:
    yield Source(
        "clickhouse",
        answered=(
            {"rawSql": "SELECT number AS n, toString(number) AS s FROM numbers(3)"},
            {
                "rawSql": "SELECT toDecimal64(1.25, 2) AS d, [1, 2] AS a, map('k', 1) AS m, "
                "toDateTime64('2024-01-01 00:00:00.123456', 6, 'UTC') AS t, "
                "toUInt64(18446744073709551615) AS u, toDate32('2100-01-01') AS day, NULL AS nothing"
            },
            {
                "rawSql": "SELECT toDateTime(1704067200 + number * 60) AS time, "
                "number % 2 = 0 ? 'a' : 'b' AS l, number AS v FROM numbers(10) "
                "WHERE $__timeFilter(time) ORDER BY time",
                "format": 0,
            },
        ),
        refused=({"rawSql": "SELECT broken"}, {"rawSql": "SELECT throwIf(1, 'stop here')"}),
        resource="tables",
        url="chdb://",
    )


def mysql_source(server: DatabaseServer) -> Source:
    return Source(
        "mysql",
        answered=(
            {"rawSql": "SELECT * FROM every ORDER BY id"},
            {
                "rawSql": "SELECT $__timeGroupAlias(at, '5m'), COUNT(*) AS n FROM every "
                "WHERE $__timeFilter(at) GROUP BY 1 ORDER BY 1",
                "format": "time_series",
            },
            {"rawSql": "SELECT 1 WHERE FALSE"},
        ),
        refused=({"rawSql": "SELECT broken"}, {"rawSql": "DELETE FROM every"}, {"rawSql": "SELEC"}),
        resource="tables",
        url=server.address,
        user=server.user,
        database=server.database,
        secrets={"password": server.password},
    )


@contextmanager
def sqlite_source() -> Iterator[Source]:
    rows = "CREATE TABLE t AS SELECT 9007199254740993 AS big, 2.5 AS ratio, 'żółw' AS text, x'00ff' AS raw"
    with TemporaryDirectory() as folder:
        yield Source(
            "sqlite",
            answered=({"rawSql": "SELECT * FROM t"}, {"rawSql": "SELECT 1 AS one WHERE FALSE"}),
            refused=({"rawSql": "SELECT broken"}, {"rawSql": "DELETE FROM t"}),
            resource="tables",
            url=str(sqlite_file(Path(folder), rows)),
        )


_DUCKDB_ANSWERED = (
    {
        "rawSql": "SELECT 9007199254740993 AS big, 12.50::DECIMAL(8, 2) AS price, [1, 2] AS list, "
        "TIMESTAMPTZ '2024-01-01 00:00:00.123456+00' AS at, DATE '2024-02-29' AS day, NULL::TEXT AS nothing"
    },
    {"rawSql": "SELECT n FROM range(2000) AS t(n) ORDER BY n"},
)


@contextmanager
def duckdb_source() -> Iterator[Source]:
    with TemporaryDirectory() as folder:
        yield Source(
            "duckdb",
            answered=_DUCKDB_ANSWERED,
            refused=({"rawSql": "SELECT broken"}, {"rawSql": "DROP TABLE t"}),
            resource="tables",
            url=str(duckdb_file(Path(folder), "CREATE TABLE t (a INTEGER)")),
        )


@contextmanager
def flightsql_source() -> Iterator[Source]:
    with (
        TemporaryDirectory() as folder,
        start_flight_sql(duckdb_file(Path(folder), "CREATE TABLE t (a INTEGER)")) as server,
    ):
        yield Source(
            "flightsql",
            answered=_DUCKDB_ANSWERED,
            refused=({"rawSql": "SELECT broken"},),
            resource="tables",
            url=server.url,
            json_data={"metadata": list(server.metadata)},
            secrets={"token": server.token},
        )


@contextmanager
def rest_source() -> Iterator[Source]:
    with start_rest_api() as api:
        echo = {
            "path": "echo",
            "params": {"value": "{value}"},
            "columns": [{"name": "value", "type": "string"}],
        }
        yield Source(
            "rest",
            answered=(
                {"endpoint": "orders", "limit": 3},
                {"endpoint": "echo", "params": {"value": "żółw"}},
            ),
            refused=({"endpoint": "no_such_endpoint"},),
            resource="tables",
            url=api.url,
            json_data={"endpoints": {"orders": {"path": "orders"}, "echo": echo}},
        )


_SOURCES = {
    "testdata": testdata_source,
    "postgresql": postgresql_source,
    "prometheus": prometheus_source,
    "clickhouse": clickhouse_source,
    "sqlite": sqlite_source,
    "duckdb": duckdb_source,
    "flightsql": flightsql_source,
    "rest": rest_source,
}


@pytest.fixture(scope="module", params=["mysql", *_SOURCES])
def source(request: pytest.FixtureRequest) -> Iterator[Source]:
    if request.param == "mysql":
        yield mysql_source(request.getfixturevalue("mariadb"))
        return
    with _SOURCES[request.param]() as source:
        yield source


@pytest.fixture(scope="module")
def sides(source: Source, go_host_program: Path) -> Iterator[Sides]:
    with Headwater() as headwater:
        source.add_to(headwater)
        command = (sys.executable, "-I", "-m", "headwater_grafana", source.type)
        with started(go_host_program, *command) as go:
            yield Sides(source, go, headwater)
