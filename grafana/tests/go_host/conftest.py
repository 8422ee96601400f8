"""Every first-party plugin, with its real server, under the Go host."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headwater import Headwater
from servers.go_programs import started
from servers.mariadb import start_mariadb
from servers.mysql_family import DatabaseServer
from servers.postgresql import PASSWORD as POSTGRES_PASSWORD, USER as POSTGRES_USER, start_postgresql
from servers.prometheus import start_prometheus
from servers.prometheus_samples import openmetrics

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


@pytest.fixture(scope="module", params=["testdata", "mysql", "postgresql", "prometheus", "clickhouse"])
def sides(request: pytest.FixtureRequest, go_host_program: Path, mariadb: DatabaseServer) -> Iterator[Sides]:
    mysql = Source(
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
        url=mariadb.address,
        user=mariadb.user,
        database=mariadb.database,
        secrets={"password": mariadb.password},
    )
    with opened(request.param, mysql) as source, Headwater() as headwater:
        source.add_to(headwater)
        command = (sys.executable, "-I", "-m", "headwater_grafana", source.type)
        with started(go_host_program, *command) as go:
            yield Sides(source, go, headwater)


@contextmanager
def opened(plugin_id: str, mysql: Source) -> Iterator[Source]:
    others = {
        "testdata": testdata_source, "postgresql": postgresql_source, "prometheus": prometheus_source,
        "clickhouse": clickhouse_source,
    }  # fmt: skip
    if plugin_id == "mysql":
        yield mysql
        return
    with others[plugin_id]() as source:
        yield source
