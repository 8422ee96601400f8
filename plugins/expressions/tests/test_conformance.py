"""Expressions pass the conformance kit, as far as it concerns a plugin without data sources of its own."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from headwater import Headwater
from headwater.testing import (
    DataSourceConfig,
    DataSourceConformance,
    Features,
    ParameterProbe,
    Probes,
    Support,
    TypeProbe,
)


def sql(statement: str) -> dict[str, Any]:
    return {"type": "sql", "expression": statement}


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


class TestExpressions(DataSourceConformance):
    plugin_id = "__expr__"
    title = "Expressions"
    driver_modules = ("duckdb",)
    features = Features(
        network=Support.UNSUPPORTED,
        resources=Support.UNSUPPORTED,
        streaming=Support.UNSUPPORTED,
        secrets=Support.UNSUPPORTED,
    )
    probes = Probes(
        simple={"type": "math", "expression": "1 + 1"},
        wrong={"type": "math", "expression": "1 +"},
        rows=lambda count: sql(f"SELECT range AS number FROM range({count})"),
        empty=sql("SELECT range AS number FROM range(0)"),
        slow=sql("SELECT count(*) AS n FROM range(10000000) a, range(10000000) b"),
        text=lambda text: sql(f"SELECT {literal(text)} AS text"),
        duplicate_columns=sql("SELECT 1 AS a, 2 AS a"),
        parameter=ParameterProbe(
            lambda value: (sql("SELECT $value AS value"), {"value": value}),
            placed=lambda placeholder, _: sql(f"SELECT {placeholder} AS value"),
        ),
        types=(TypeProbe("numbers", sql("FROM (VALUES (1), (NULL)) t(x)"), pa.int32(), (1, None)),),
    )

    def add(self, headwater: Headwater, config: DataSourceConfig, name: str, **changes: Any) -> str:
        """Every host has the one data source of expressions."""
        return "__expr__"

    def test_two_data_sources_share_no_state(self) -> None:  # type: ignore[override]
        pytest.skip("there is one data source of expressions")

    def test_read_tasks_hold_every_row_once(self) -> None:  # type: ignore[override]
        pytest.skip("an expression is no result of one data source")

    def test_read_tasks_narrow_exactly(self) -> None:  # type: ignore[override]
        pytest.skip("an expression is no result of one data source")

    def test_an_unknown_setting_is_refused_by_name(self) -> None:  # type: ignore[override]
        pytest.skip("the data source of expressions has no settings")
