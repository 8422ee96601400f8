"""A REST API passes the conformance kit, like every data source."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from headwater.testing import (
    DataSourceConfig,
    DataSourceConformance,
    ParameterProbe,
    Probes,
    TypeProbe,
)
from servers.rest_api import RestApi

NUMBERS = {"path": "rows", "params": {"count": "{count}"}, "columns": [{"name": "n", "type": "int64"}]}
ECHO = {"path": "echo", "params": {"value": "{value}"}, "columns": [{"name": "value", "type": "string"}]}


class TestRest(DataSourceConformance):
    plugin_id = "rest"
    title = "REST API"
    driver_modules = ("pyarrow", "msgspec", "urllib3")
    probes = Probes(
        simple={"endpoint": "orders", "limit": 3},
        wrong={"endpoint": "no_such_endpoint"},
        rows=lambda count: {"endpoint": "rows", "params": {"count": count}},
        empty={"endpoint": "rows", "params": {"count": 0}},
        slow={"endpoint": "slow"},
        text=lambda text: {"endpoint": "echo", "params": {"value": text}},
        types=(
            TypeProbe("whole numbers", {"endpoint": "int64"}, pa.int64(), (-5_000_000_000, None)),
            TypeProbe("decimals", {"endpoint": "decimal"}, pa.decimal128(9, 3), (Decimal("1.250"), None)),
            TypeProbe("dates", {"endpoint": "date"}, pa.date32(), (dt.date(2024, 2, 29), None)),
            TypeProbe(
                "times",
                {"endpoint": "time"},
                pa.timestamp("us", "UTC"),
                (dt.datetime(2024, 1, 2, 3, 4, 5, 678901, dt.UTC), None),
            ),
        ),
        parameter=ParameterProbe(lambda value: ({"endpoint": "echo"}, {"value": value}), column="value"),
        resource="tables",
    )

    @pytest.fixture
    def config(self, api: RestApi) -> DataSourceConfig:
        endpoints = {
            "orders": {"path": "orders"},
            "rows": {**NUMBERS, "paginator": {"type": "page_number"}},
            "echo": ECHO,
            "slow": {"path": "slow"},
        }
        for name, type_, text in (
            ("int64", "int64", "-5000000000"),
            ("decimal", "decimal128(9, 3)", "1.25"),
            ("date", "date32", "2024-02-29"),
            ("time", "timestamp", "2024-01-02T04:04:05.678901+01:00"),
        ):
            columns = [{"name": "v", "path": "value", "type": type_}]
            endpoints[name] = {"path": "with_null", "params": {"value": text}, "columns": columns}
        return DataSourceConfig(url=api.url, json_data={"endpoints": endpoints})
