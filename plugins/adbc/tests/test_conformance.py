"""Each database passes the conformance kit, like every data source."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import attrs
import pyarrow as pa
import pytest

from headwater.testing import (
    DataSourceConfig,
    DataSourceConformance,
    Features,
    ParameterProbe,
    Probes,
    Support,
    TypeProbe,
)
from servers.database_files import duckdb_file, sqlite_file
from servers.flight_sql import FlightAddress
from servers.postgresql import PASSWORD, USER, PostgresServer


def _values(name: str, type_: pa.DataType, text: str, value: object) -> TypeProbe:
    sql = f"SELECT v FROM generate_series(1, 2) AS n LEFT JOIN (SELECT {text} AS v) AS t ON n = 1"
    return TypeProbe(name, {"rawSql": sql}, type_, (value, None))


class TestPostgreSQL(DataSourceConformance):
    plugin_id = "postgresql"
    title = "PostgreSQL"
    driver_modules = ("adbc_driver_manager", "adbc_driver_postgresql", "pyarrow")
    probes = Probes(
        simple={"rawSql": "SELECT 1 AS one, 'a' AS text"},
        wrong={"rawSql": "SELECT nothing FROM nowhere"},
        rows=lambda count: {"rawSql": f"SELECT n FROM generate_series(1, {count}) AS n"},
        empty={"rawSql": "SELECT 1 AS one WHERE FALSE"},
        slow={"rawSql": "SELECT pg_sleep(45)"},
        text=lambda text: {"rawSql": "SELECT $1::text AS text", "params": [text]},
        divisible={"rawSql": "SELECT n FROM generate_series(1, 1000) AS n", "partitionColumn": "n"},
        over_time={"rawSql": "SELECT $__timeFrom()::text AS since"},
        duplicate_columns={"rawSql": "SELECT 1 AS a, 2 AS a"},
        parameter=ParameterProbe(
            lambda value: ({"rawSql": "SELECT $1::text AS p"}, [value]),
            placed=lambda name, _: {"rawSql": f"SELECT {name} AS p"},
        ),
        types=(
            _values("whole numbers", pa.int64(), "-5000000000::int8", -5_000_000_000),
            _values("floating point", pa.float64(), "2.5::float8", 2.5),
            _values(
                "decimals", pa.decimal128(12, 3), "(-123456789.125)::numeric(12,3)", Decimal("-123456789.125")
            ),
            _values("text", pa.string(), "'żółw'", "żółw"),
            _values("bytes", pa.binary(), r"'\x6100'::bytea", b"a\0"),
            _values("dates", pa.date32(), "DATE '2024-02-29'", dt.date(2024, 2, 29)),
            _values("times", pa.time64("us"), "TIME '10:00:01'", dt.time(10, 0, 1)),
            _values(
                "moments",
                pa.timestamp("us", "UTC"),
                "TIMESTAMPTZ '2024-01-02 03:04:05.678901+00'",
                dt.datetime(2024, 1, 2, 3, 4, 5, 678901, dt.UTC),
            ),
        ),
        resource="schemas",
    )

    @pytest.fixture
    def config(self, postgres: PostgresServer) -> DataSourceConfig:
        return DataSourceConfig(
            url=f"127.0.0.1:{postgres.port}",
            user=USER,
            database="postgres",
            json_data={"sslmode": "disable"},
            secure_json_data={"password": PASSWORD},
        )


class TestSQLite(DataSourceConformance):
    plugin_id = "sqlite"
    title = "SQLite"
    driver_modules = ("adbc_driver_manager", "adbc_driver_sqlite", "pyarrow")
    features = Features(network=Support.UNSUPPORTED, cancel=Support.UNSUPPORTED, secrets=Support.UNSUPPORTED)
    probes = Probes(
        simple={"rawSql": "SELECT 1 AS one, 'a' AS text"},
        wrong={"rawSql": "SELECT nothing FROM nowhere"},
        rows=lambda count: {
            "rawSql": "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers "
            f"WHERE n < {count}) SELECT n FROM numbers LIMIT {count}"
        },
        empty={"rawSql": "SELECT 1 AS one WHERE FALSE"},
        text=lambda text: {"rawSql": "SELECT ? AS text", "params": [text]},
        duplicate_columns={"rawSql": "SELECT 1 AS a, 2 AS a"},
        parameter=ParameterProbe(
            lambda value: ({"rawSql": "SELECT ? AS p"}, [value]),
            placed=lambda name, _: {"rawSql": f"SELECT {name} AS p"},
        ),
        types=(
            TypeProbe("whole numbers", {"rawSql": "SELECT -5000000000 AS v"}, pa.int64(), (-5_000_000_000,)),
            TypeProbe("floating point", {"rawSql": "SELECT 2.5 AS v"}, pa.float64(), (2.5,)),
            TypeProbe("text", {"rawSql": "SELECT 'żółw' AS v"}, pa.string(), ("żółw",)),
            TypeProbe("bytes", {"rawSql": "SELECT x'6100' AS v"}, pa.binary(), (b"a\0",)),
        ),
        resource="schemas",
    )

    @pytest.fixture
    def config(self, tmp_path: Path) -> DataSourceConfig:
        return DataSourceConfig(url=str(sqlite_file(tmp_path, "CREATE TABLE t (a INTEGER)")))


def _duckdb_values(name: str, type_: pa.DataType, literal: str, value: object) -> TypeProbe:
    return TypeProbe(name, {"rawSql": f"SELECT {literal} AS v UNION ALL SELECT NULL"}, type_, (value, None))


DUCKDB_PROBES = Probes(
    simple={"rawSql": "SELECT 1 AS one, 'a' AS text"},
    wrong={"rawSql": "SELECT nothing FROM nowhere"},
    rows=lambda count: {"rawSql": f"SELECT n FROM range(1, {count + 1}) AS t(n)"},
    empty={"rawSql": "SELECT 1 AS one WHERE FALSE"},
    slow={"rawSql": "SELECT count(*) FROM range(1000000000) AS a, range(10000) AS b WHERE a.range % 7 = 1"},
    text=lambda text: {"rawSql": "SELECT $1 AS text", "params": [text]},
    duplicate_columns={"rawSql": "SELECT 1 AS a, 2 AS a"},
    parameter=ParameterProbe(
        lambda value: ({"rawSql": "SELECT $1 AS p"}, [value]),
        placed=lambda name, _: {"rawSql": f"SELECT {name} AS p"},
    ),
    types=(
        _duckdb_values("whole numbers", pa.int64(), "-5000000000::BIGINT", -5_000_000_000),
        _duckdb_values("floating point", pa.float64(), "2.5::DOUBLE", 2.5),
        _duckdb_values(
            "decimals", pa.decimal128(12, 3), "(-123456789.125)::DECIMAL(12,3)", Decimal("-123456789.125")
        ),
        _duckdb_values("text", pa.string(), "'żółw'", "żółw"),
        _duckdb_values("bytes", pa.binary(), r"'\x61\x00'::BLOB", b"a\0"),
        _duckdb_values("dates", pa.date32(), "DATE '2024-02-29'", dt.date(2024, 2, 29)),
        _duckdb_values("times", pa.time64("us"), "TIME '10:00:01'", dt.time(10, 0, 1)),
        _duckdb_values("lists", pa.list_(pa.field("l", pa.int32())), "[1, 2]", [1, 2]),
    ),
    resource="schemas",
)


class TestDuckDB(DataSourceConformance):
    plugin_id = "duckdb"
    title = "DuckDB"
    driver_modules = ("adbc_driver_manager", "_duckdb", "pyarrow")
    features = Features(network=Support.UNSUPPORTED, secrets=Support.UNSUPPORTED)
    probes = DUCKDB_PROBES

    @pytest.fixture
    def config(self, tmp_path: Path) -> DataSourceConfig:
        return DataSourceConfig(url=str(duckdb_file(tmp_path, "CREATE TABLE t (a INTEGER)")))


class TestFlightSQL(DataSourceConformance):
    plugin_id = "flightsql"
    title = "Flight SQL"
    driver_modules = ("adbc_driver_manager", "adbc_driver_flightsql", "pyarrow")
    probes = attrs.evolve(
        DUCKDB_PROBES,
        text=lambda text: {"rawSql": "SELECT ? AS text", "params": [text]},
        parameter=ParameterProbe(
            lambda value: ({"rawSql": "SELECT ? AS p"}, [value]),
            placed=lambda name, _: {"rawSql": f"SELECT {name} AS p"},
        ),
    )

    @pytest.fixture
    def config(self, flight_sql: FlightAddress) -> DataSourceConfig:
        return DataSourceConfig(
            url=flight_sql.url,
            json_data={"metadata": list(flight_sql.metadata)},
            secure_json_data={"token": flight_sql.token},
        )
