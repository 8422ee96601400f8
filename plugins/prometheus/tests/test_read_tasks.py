"""Read tasks: slices of a range on the borders of its steps, all with the same columns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from headwater import Filter, Headwater
from headwater.errors import HeadwaterError, QueryError
from headwater.models import Consistency
from headwater.queries import ReadTasks
from servers.prometheus_samples import HOUR, START, STEP, Live

HALF = datetime.fromtimestamp(START, UTC) + timedelta(minutes=30)


@pytest.fixture(scope="module")
def host(live: Live) -> Any:
    with Headwater(allow_plugins=["prometheus"]) as host:
        host.add_data_source("prom", type="prometheus", url=live.server.url)
        yield host


def rows_of(tasks: ReadTasks, host: Headwater) -> pa.Table:
    tables = [task.read(host).read_all().table for task in tasks]
    return pa.concat_tables(table.replace_schema_metadata(None) for table in tables)


def same(left: pa.Table, right: pa.Table) -> bool:
    return sorted(map(str, left.to_pylist())) == sorted(map(str, right.to_pylist()))


@pytest.mark.parametrize(
    "expr",
    [
        "requests",
        "rate(requests[1m])",
        "sum by (zone) (requests)",
        "gappy or requests",
        "absent(gappy)",
        "special",
    ],
)
@pytest.mark.parametrize("interval", ["15s", "1m"])
def test_the_slices_hold_each_sample_once_and_have_the_columns_of_the_whole(
    host: Headwater, expr: str, interval: str
) -> None:
    query = {"expr": expr, "interval": interval}
    tasks = host.read_tasks("prom", query, target=4, time_range=HOUR)
    whole = host.query("prom", query, time_range=HOUR).table
    assert len(tasks) == 4
    assert tasks.consistency is Consistency.NONE
    assert tasks.schema.equals(whole.schema)
    assert same(rows_of(tasks, host), whole)


@pytest.mark.parametrize("offset", [0, 3600, 19800])
def test_slices_are_cut_where_steps_are_whatever_they_are_aligned_to(host: Headwater, offset: int) -> None:
    query = {"expr": "requests", "interval": "7m", "utcOffsetSec": offset}
    tasks = host.read_tasks("prom", query, target=3, time_range=HOUR)
    assert same(rows_of(tasks, host), host.query("prom", query, time_range=HOUR).table)


def test_variables_mean_the_whole_range(host: Headwater) -> None:
    query = "sum_over_time(requests[$__range])"
    tasks = host.read_tasks("prom", query, target=3, time_range=HOUR)
    assert same(rows_of(tasks, host), host.query("prom", query, time_range=HOUR).table)


def test_more_slices_than_steps_are_one_for_each_step(host: Headwater) -> None:
    query = {"expr": "requests", "interval": "30m"}
    tasks = host.read_tasks("prom", query, target=50, time_range=HOUR)
    assert len(tasks) == 3
    assert tasks.estimated_rows == 9
    assert same(rows_of(tasks, host), host.query("prom", query, time_range=HOUR).table)


def test_filters_of_the_query_are_in_every_slice(host: Headwater) -> None:
    query = {"expr": "requests", "adhocFilters": [{"key": "job", "operator": "equals", "value": "j1"}]}
    tasks = host.read_tasks("prom", query, target=3, time_range=HOUR)
    table = rows_of(tasks, host)
    assert set(table["job"].to_pylist()) == {"j1"}
    assert same(table, host.query("prom", query, time_range=HOUR).table)


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
@pytest.mark.parametrize(
    "moment", [HALF, HALF + timedelta(seconds=1), HALF + timedelta(days=9), HALF - timedelta(9)]
)
def test_bounds_of_the_time_narrow_the_slices(host: Headwater, operator: Any, moment: datetime) -> None:
    query = {"expr": "requests", "interval": "15s"}
    bound = Filter("Time", operator, moment)
    tasks = host.read_tasks("prom", query, target=3, time_range=HOUR, filters=[bound])
    whole = host.query("prom", query, time_range=HOUR).table
    compare = {"<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__"}[operator]
    expected = [row for row in whole.to_pylist() if getattr(row["Time"], compare)(moment)]
    found = rows_of(tasks, host).to_pylist()
    if tasks.unhandled_filters:  # no step at all holds: one point is read, and left to the reader
        assert expected == []
        assert len(found) <= 3
    else:
        assert sorted(map(str, found)) == sorted(map(str, expected))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"expr": "requests", "layout": "wide"}, "layout long"),
        ({"expr": "requests", "instant": True}, "layout long"),
        ({"expr": "requests @ end()"}, "depend on the whole range"),
        ({"expr": "1 + 1"}, "labels of the result cannot be asked for"),
    ],
)
def test_what_is_not_one_table_of_samples_is_one_part(
    host: Headwater, query: dict[str, Any], words: str
) -> None:
    tasks = host.read_tasks("prom", query, target=3, time_range=HOUR)
    assert len(tasks) == 1
    assert words in tasks.notices[0]
    assert tasks.consistency is Consistency.STATEMENT
    assert same(rows_of(tasks, host), host.query("prom", query, time_range=HOUR).table)


def test_nothing_is_divided_into_slices_without_rows(host: Headwater) -> None:
    tasks = host.read_tasks("prom", "no_such_metric", target=3, time_range=HOUR)
    assert tasks.schema.names == ["Time", "Value"]
    assert rows_of(tasks, host).num_rows == 0


def test_a_wrong_expression_fails_where_it_is_planned(host: Headwater) -> None:
    with pytest.raises(HeadwaterError, match="parse"):
        host.read_tasks("prom", "requests{", target=3, time_range=HOUR)


def test_a_series_with_a_label_that_came_after_the_plan_is_refused_by_it(host: Headwater) -> None:
    query = {"expr": "requests", "labelColumns": ["__name__", "job"]}
    with pytest.raises(QueryError, match="'zone', which is not among labelColumns"):
        host.query("prom", query, time_range=HOUR)


def test_labels_that_no_series_has_are_columns_of_nulls(host: Headwater) -> None:
    query = {"expr": "requests", "labelColumns": ["__name__", "job", "shop", "zone"], "interval": f"{STEP}s"}
    table = host.query("prom", query, time_range=HOUR).table
    assert table.column_names == ["Time", "__name__", "job", "shop", "zone", "Value"]
    assert table["shop"].null_count == table.num_rows
