"""Each database passes the conformance kit, like every data source."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from headwater.testing import DataSourceConfig, DataSourceConformance, ParameterProbe, Probes, TypeProbe
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
        duplicate_columns={"rawSql": "SELECT 1 AS a, 2 AS a"},
        parameter=ParameterProbe(lambda value: ({"rawSql": "SELECT $1::text AS p"}, [value])),
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
