"""A streamed table in parts."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headwater import Filter, Headwater
from headwater.models import Consistency

QUERY = {"scenario": "streaming_rows", "rows": 1000, "seed": 3, "batchRows": 64}


@pytest.fixture
def host() -> Headwater:
    host = Headwater(allow_plugins={"testdata"})
    host.add_data_source("shop", type="testdata")
    return host


@pytest.mark.parametrize("target", [1, 3, 1000, 1001])
def test_the_parts_are_the_table(host: Headwater, target: int) -> None:
    with host:
        tasks = host.read_tasks("shop", QUERY, target=target)
        whole = host.query("shop", QUERY).table
        parts = pa.concat_tables([task.read(host).read_all().table for task in tasks])
        assert len(tasks) == min(target, 1000)
        assert tasks.consistency is Consistency.SNAPSHOT
        assert tasks.estimated_rows == 1000
        assert parts.equals(whole)


def test_bounds_of_the_id_narrow_the_parts_and_other_filters_are_left(host: Headwater) -> None:
    bounds = [Filter("id", ">", 9), Filter("id", "<=", 19), Filter("id", ">=", 5), Filter("id", "<", 30)]
    city = Filter("city", "=", "Bern")
    with host:
        tasks = host.read_tasks("shop", QUERY, target=2, filters=[*bounds, city], columns=["id"])
        ids = [row for task in tasks for row in task.read(host).read_all().table["id"].to_pylist()]
    assert ids == list(range(10, 20))
    assert tasks.unhandled_filters == (city,)


@pytest.mark.parametrize("filters", [[Filter("id", ">", 5000)], [Filter("id", "<", -1)]])
def test_bounds_that_no_row_is_within_give_one_empty_part(host: Headwater, filters: list[Filter]) -> None:
    with host:
        (task,) = host.read_tasks("shop", QUERY, target=4, filters=filters)
        assert task.read(host).read_all().num_rows == 0


@pytest.mark.parametrize("query", [{"scenario": "random_walk"}, {**QUERY, "failAfterRows": 5}])
def test_other_scenarios_are_one_part(host: Headwater, query: dict[str, object]) -> None:
    with host:
        assert len(host.read_tasks("shop", query)) == 1
