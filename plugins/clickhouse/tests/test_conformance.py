"""ClickHouse passes the conformance kit, as a server and embedded."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

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
from headwater_clickhouse.embedded_process import open_connections
from servers.clickhouse import ADMIN, ADMIN_PASSWORD, ClickHouseServer


def _values(
    name: str, type_: pa.DataType, declared: str, *literals: str, values: tuple[object, ...]
) -> TypeProbe:
    items = ", ".join((*literals, "NULL"))
    sql = f"SELECT arrayJoin(CAST([{items}], 'Array(Nullable({declared}))')) AS v"
    return TypeProbe(name, {"rawSql": sql}, type_, (*values, None))


PROBES = Probes(
    simple={"rawSql": "SELECT 1 AS one, 'a' AS text"},
    wrong={"rawSql": "SELEC 1"},
    rows=lambda count: {"rawSql": f"SELECT number AS n FROM numbers({count})"},
    empty={"rawSql": "SELECT 1 AS one WHERE 0"},
    slow={"rawSql": "SELECT sum(sleepEachRow(1)) FROM numbers(60) SETTINGS max_block_size = 1"},
    text=lambda text: {"rawSql": "SELECT {t:String} AS text", "params": {"t": text}},
    duplicate_columns={"rawSql": "SELECT a, a FROM (SELECT 1 AS a)"},
    parameter=ParameterProbe(
        lambda value: ({"rawSql": "SELECT {p:String} AS p"}, {"p": value}),
        placed=lambda name, _: {"rawSql": f"SELECT {name} AS p"},
    ),
    types=(
        _values("whole numbers", pa.int64(), "Int64", "-5000000000", values=(-5_000_000_000,)),
        _values("floating point", pa.float64(), "Float64", "2.5", values=(2.5,)),
        _values("decimals", pa.decimal128(18, 3), "Decimal(18, 3)", "-1.125", values=(Decimal("-1.125"),)),
        _values("text", pa.string(), "String", "'żółw'", values=("żółw",)),
        _values("dates", pa.date32(), "Date", "'2024-02-29'", values=(dt.date(2024, 2, 29),)),
        _values(
            "moments",
            pa.timestamp("s", "UTC"),
            "DateTime(\\'UTC\\')",
            "'2024-01-02 03:04:05'",
            values=(dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC),),
        ),
        _values("addresses", pa.string(), "IPv4", "'1.2.3.4'", values=("1.2.3.4",)),
    ),
    over_time={"rawSql": "SELECT $__fromTime AS time, $__toTime AS value"},
    resource="databases",
)


class TestServer(DataSourceConformance):
    plugin_id = "clickhouse"
    title = "ClickHouse"
    driver_modules = ("urllib3", "chdb", "pyarrow")
    probes = attrs.evolve(PROBES, divisible={"rawSql": "SELECT n FROM divisible"})

    @pytest.fixture
    def config(self, server: ClickHouseServer) -> DataSourceConfig:
        server.command(
            "CREATE TABLE IF NOT EXISTS divisible ENGINE = MergeTree ORDER BY n "
            "SETTINGS index_granularity = 100 AS SELECT number AS n FROM numbers(1000)"
        )
        return DataSourceConfig(url=server.url, user=ADMIN, secure_json_data={"password": ADMIN_PASSWORD})


class TestEmbedded(DataSourceConformance):
    plugin_id = "clickhouse"
    title = "ClickHouse, embedded"
    features = Features(network=Support.UNSUPPORTED, secrets=Support.UNSUPPORTED)
    probes = PROBES

    def test_closing_the_host_leaves_no_thread_and_no_file_open(self, config: DataSourceConfig) -> None:
        """The engine keeps files of /proc open for its threads, as long as the process lives."""
        self._use_once(config)
        assert open_connections() == 0

    @pytest.fixture
    def config(self) -> DataSourceConfig:
        pytest.importorskip("chdb")
        return DataSourceConfig(url="chdb://")
