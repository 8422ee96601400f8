"""DataFusion scans the parts of a query as the fragments of an Arrow dataset."""

from __future__ import annotations

import pytest

from headwater import Headwater
from headwater.errors import QueryError
from headwater_engines.dataset import dataset

datafusion = pytest.importorskip("datafusion", reason="nox -s engines -- datafusion installs DataFusion")
ORDERS = {"scenario": "streaming_rows", "rows": 20_000, "batchRows": 500, "seed": 5}


def rows(driver: Headwater, sql: str) -> list[tuple[object, ...]]:
    context = datafusion.SessionContext()
    context.register_dataset("orders", dataset(driver, "shop", ORDERS))
    return [tuple(row.values()) for batch in context.sql(sql).collect() for row in batch.to_pylist()]


def test_all_rows_are_scanned_each_once(driver: Headwater) -> None:
    assert rows(driver, "SELECT count(*), sum(id) FROM orders") == [(20_000, 199_990_000)]


def test_values_are_those_of_one_process(driver: Headwater) -> None:
    whole = driver.query("shop", ORDERS).table.slice(500, 200)
    found = rows(driver, "SELECT id, city, value FROM orders WHERE id >= 500 AND id < 700 ORDER BY id")
    assert found == list(zip(*(whole[name].to_pylist() for name in ("id", "city", "value")), strict=True))


def test_filters_that_are_not_the_sources_are_applied(driver: Headwater) -> None:
    cities = driver.query("shop", ORDERS).table["city"].to_pylist()
    assert rows(driver, "SELECT count(*) FROM orders WHERE city LIKE 'B%'") == [
        (sum(city.startswith("B") for city in cities),)
    ]


def test_what_cannot_be_planned_fails_at_once(driver: Headwater) -> None:
    with pytest.raises(QueryError, match="no scenario 'no'"):
        dataset(driver, "shop", {"scenario": "no"})
