"""Engines without a cluster: what they read is what one process reads, and no more than they need."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import duckdb
import polars as pl
import pytest

from headwater import Filter, Headwater
from headwater.errors import QueryError
from headwater_engines import polars as lazy
from headwater_engines.dataset import dataset
from headwater_engines.polars import scan_headwater

ORDERS = {"scenario": "streaming_rows", "rows": 10_000, "batchRows": 512, "seed": 5}
NOON = datetime(2026, 1, 1, 12, 0, 0, 500, tzinfo=UTC)
TYPES = (
    "bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32",
    "float64", "float64_infinite", "decimal32", "decimal64", "decimal128", "date32", "date64", "time32_s",
    "time32_ms", "time64_us", "time64_ns", "timestamp_s", "timestamp_s_utc", "timestamp_ms",
    "timestamp_ms_utc", "timestamp_us", "timestamp_us_utc", "duration_us", "timestamp_ns", "timestamp_ns_utc",
    "duration_ns", "timestamp_us_zurich", "string", "large_string", "string_view", "binary", "large_binary",
    "binary_view", "fixed_size_binary", "list", "large_list", "fixed_size_list", "list_of_list", "struct",
    "map", "dictionary", "uuid", "json",
)  # fmt: skip
"""What both take. Polars has no list views, run ends or intervals, DuckDB no half floats and no durations in
seconds or milliseconds, and neither has unions or decimals of 256 bits."""


def rows(sql: str, **sources: object) -> list[Any]:
    """What DuckDB answers."""
    with duckdb.connect() as connection:
        for name, source in sources.items():
            connection.register(name, source)
        return connection.execute(sql).fetchall()


@pytest.fixture
def planned(host: Headwater, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The columns and filters of every plan, as `(columns, filters)`."""
    plans: list[Any] = []
    plan = host.read_tasks

    def read_tasks(*args: Any, **options: Any) -> Any:
        plans.append((options.get("columns"), list(options.get("filters", ()))))
        return plan(*args, **options)

    monkeypatch.setattr(host, "read_tasks", read_tasks)
    return plans


@pytest.mark.parametrize("name", TYPES)
def test_every_type_is_what_the_engine_makes_of_the_same_table(host: Headwater, name: str) -> None:
    query = {"scenario": "all_types", "types": [name]}
    whole = host.query("shop", query).table
    source = dataset(host, "shop", query)
    assert source.schema.equals(whole.schema)
    assert scan_headwater(host, "shop", query).collect().equals(pl.DataFrame(whole))
    assert str(rows("FROM source", source=source)) == str(rows("FROM whole", whole=whole))


def test_duckdb_reads_the_columns_and_rows_that_it_needs(host: Headwater, planned: list[Any]) -> None:
    orders = dataset(host, "shop", ORDERS)
    sql = "SELECT city, count(*) FROM orders WHERE id >= 100 AND id < 200 AND city <> 'Bern' GROUP BY ALL"
    found = dict(rows(sql, orders=orders))
    expected = host.query("shop", ORDERS).table.slice(100, 100)["city"].value_counts().to_pylist()
    assert found == {each["values"]: each["counts"] for each in expected if each["values"] != "Bern"}
    columns, filters = planned[-1]
    assert sorted(columns) == ["city", "id"]
    assert filters == [Filter("id", ">=", 100), Filter("id", "<", 200), Filter("city", "!=", "Bern")]


def test_polars_reads_the_columns_and_rows_that_it_needs(host: Headwater, planned: list[Any]) -> None:
    orders = scan_headwater(host, "shop", ORDERS)
    asked = (pl.col("id") >= 100) & (pl.col("id") < 200) & (pl.col("city") != "Bern")
    found = orders.filter(asked).select(pl.len()).collect().item()
    cities = host.query("shop", ORDERS).table.slice(100, 100)["city"].to_pylist()
    assert found == sum(city != "Bern" for city in cities)
    columns, filters = planned[-1]
    assert sorted(columns) == ["city", "id"]
    assert {each.column: each for each in filters}["city"] == Filter("city", "!=", "Bern")
    assert {Filter("id", ">=", 100), Filter("id", "<", 200)} < set(filters)


def test_polars_stops_reading_at_its_limit(host: Headwater) -> None:
    assert scan_headwater(host, "shop", "endless", target=1).head(3).collect()["id"].to_list() == [0, 1, 2]


def test_a_source_is_read_anew_each_time(host: Headwater) -> None:
    orders = dataset(host, "shop", ORDERS)
    assert rows("SELECT count(*) FROM orders", orders=orders) == [(10_000,)]
    assert rows("SELECT count(*) FROM orders", orders=orders) == [(10_000,)]
    assert orders.count_rows() == 10_000


@pytest.mark.parametrize("engine", [dataset, scan_headwater])
def test_a_query_that_is_wrong_fails_where_it_is_made_a_source(host: Headwater, engine: Any) -> None:
    with pytest.raises(QueryError, match="There is no scenario 'streaming_row'"):
        engine(host, "shop", {"scenario": "streaming_row"})


def test_what_fails_while_it_is_read_fails_in_the_engine(host: Headwater) -> None:
    failing = {**ORDERS, "failAfterRows": 9000, "error": "downstream", "message": "disk is gone"}
    source = dataset(host, "shop", failing)
    with pytest.raises(Exception, match="disk is gone"):
        rows("SELECT sum(id) FROM source", source=source)
    with pytest.raises(Exception, match="disk is gone"):
        scan_headwater(host, "shop", failing).select(pl.col("id").sum()).collect()
    assert source.schema.names == ["id", "time", "city", "value"]


@pytest.mark.parametrize(
    ("predicate", "filters"),
    [
        (None, []),
        (pl.col("a") == 3, [Filter("a", "=", 3)]),
        (3 < pl.col("a"), [Filter("a", ">", 3)]),  # noqa: SIM300
        (pl.col("b").is_null(), [Filter("b", "is null")]),
        (pl.col("a").is_not_null(), [Filter("a", "is not null")]),
        (pl.col("t") >= NOON, [Filter("t", ">=", NOON)]),
        (pl.col("t") >= datetime(2026, 1, 1), [Filter("t", ">=", datetime(2026, 1, 1))]),  # noqa: DTZ001
        (pl.col("t") >= date(2026, 1, 1), [Filter("t", ">=", date(2026, 1, 1))]),
        ((pl.col("a") > 1) | (pl.col("a") < 0), []),
        ((pl.col("a") > 1.5) & (pl.col("b") == "x"), [Filter("b", "=", "x")]),
        (pl.col("a").map_batches(lambda a: a > 1, return_dtype=pl.Boolean), []),
        (pl.col("a") + 1 == 3, []),
        (pl.col("a") == pl.col("b"), []),
    ],
)  # fmt: skip
def test_filters_are_read_from_a_predicate_of_polars(predicate: Any, filters: list[Filter]) -> None:
    assert lazy.filters_of(predicate) == filters
