"""MySQL and MariaDB pass the conformance kit, like every data source."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from headwater.testing import DataSourceConfig, DataSourceConformance, ParameterProbe, Probes, TypeProbe
from servers.mysql_family import DatabaseServer


def _values(name: str, type_: pa.DataType, *literals: str, values: tuple[object, ...]) -> TypeProbe:
    sql = " UNION ALL ".join(f"SELECT {literal} AS v" for literal in (*literals, "NULL"))
    return TypeProbe(name, {"rawSql": sql}, type_, (*values, None))


def _numbers(count: int) -> dict[str, str]:
    return {"rawSql": f"{_powers_of_ten(count)} LIMIT {count}"}


def _powers_of_ten(count: int) -> str:
    """The numbers below the next power of ten."""
    digits = " UNION ALL ".join(f"SELECT {digit} AS d" for digit in range(10))
    places = max(1, len(str(count - 1)))
    number = " + ".join(f"t{place}.d * {10**place}" for place in range(places))
    tables = ", ".join(f"({digits}) AS t{place}" for place in range(places))
    return f"SELECT {number} AS n FROM {tables}"


class TestMySQLFamily(DataSourceConformance):
    plugin_id = "mysql"
    title = "MySQL and MariaDB"
    driver_modules = ("pymysql", "pyarrow")
    probes = Probes(
        simple={"rawSql": "SELECT 1 AS one, 'a' AS text"},
        wrong={"rawSql": "SELEC 1"},
        rows=_numbers,
        empty={"rawSql": "SELECT 1 AS one FROM DUAL WHERE FALSE"},
        slow={"rawSql": "SELECT SLEEP(45)"},
        text=lambda text: {"rawSql": "SELECT ? AS text", "params": [text]},
        duplicate_columns={"rawSql": "SELECT 1 AS a, 2 AS a"},
        parameter=ParameterProbe(
            lambda value: ({"rawSql": "SELECT ? AS p"}, [value]),
            placed=lambda name, _: {"rawSql": f"SELECT {name} AS p"},
        ),
        types=(
            _values("whole numbers", pa.int64(), "-5000000000", values=(-5_000_000_000,)),
            _values("floating point", pa.float64(), "2.5e0", values=(2.5,)),
            _values(
                "decimals",
                pa.decimal128(12, 3),
                "CAST(-123456789.125 AS DECIMAL(12,3))",
                values=(Decimal("-123456789.125"),),
            ),
            _values("text", pa.string(), "'żółw'", values=("żółw",)),
            _values("bytes", pa.binary(), "CAST('ab' AS BINARY(3))", values=(b"ab\0",)),
            _values("dates", pa.date32(), "DATE '2024-02-29'", values=(dt.date(2024, 2, 29),)),
            _values("times", pa.duration("us"), "TIME '-10:00:01'", values=(-dt.timedelta(seconds=36_001),)),
            _values(
                "moments",
                pa.timestamp("us"),
                "TIMESTAMP '2024-01-02 03:04:05.678901'",
                values=(dt.datetime.fromisoformat("2024-01-02 03:04:05.678901"),),
            ),
        ),
        divisible={"rawSql": _powers_of_ten(1000), "partitionColumn": "n"},
        over_time={
            "rawSql": "SELECT $__unixEpochFrom() AS time, $__unixEpochTo() AS value",
        },
        resource="databases",
    )

    @pytest.fixture
    def config(self, server: DatabaseServer) -> DataSourceConfig:
        return DataSourceConfig(
            url=server.address,
            user=server.user,
            database=server.database,
            secure_json_data={"password": server.password},
        )
