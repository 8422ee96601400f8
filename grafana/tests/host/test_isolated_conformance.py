"""A plugin in a process of its own passes the conformance kit as one in this process does.

`nox -s isolated` runs the suites of all plugins so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from headwater import Headwater
from headwater.calls import CallContext, Progress
from headwater.errors import QueryError
from headwater.frames import Frame
from headwater.models import DataQuery, Filter, QueryChunk, QueryDataRequest, TimeRange
from headwater.plugins import PluginRecord
from headwater.testing import DataSourceConformance, Features, Probes, Support, TypeProbe
from headwater_grafana import Isolation
from headwater_grafana.serve.data import _first_rows_first


class TestIsolatedTestData(DataSourceConformance):
    plugin_id = "testdata"
    title = "Test data in a process of its own"
    plugin_sources = (Isolation({"testdata"}),)
    features = Features(network=Support.UNSUPPORTED, parameters=Support.UNSUPPORTED)
    probes = Probes(
        simple={"scenario": "random_walk", "seed": 3},
        wrong={"scenario": "no_such_scenario"},
        rows=lambda count: {"scenario": "streaming_rows", "rows": count},
        empty={"scenario": "streaming_rows", "rows": 0},
        slow={"scenario": "slow", "delayMs": 60_000},
        types=(
            TypeProbe(
                "text and numbers of a CSV",
                {"scenario": "csv", "csvContent": "n,m\n1,a\n,b\n3,c\n"},
                pa.int64(),
                (1, None, 3),
            ),
        ),
        resource="scenarios",
    )


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[Headwater, Headwater]]:
    """One that imports the plugin, and one that runs it elsewhere."""
    with (
        Headwater(allow_plugins={"testdata"}) as here,
        Headwater(allow_plugins={"testdata"}, plugin_sources=[Isolation()]) as elsewhere,
    ):
        for host in (here, elsewhere):
            host.add_data_source("demo", type="testdata")
        yield here, elsewhere


@pytest.mark.parametrize(
    "query",
    [
        {"scenario": "all_types"},
        {"scenario": "random_walk", "seed": 7, "seriesCount": 3, "format": "wide"},
        {"scenario": "streaming_rows", "rows": 20_000},
        {"scenario": "no_data"},
    ],
    ids=lambda query: query["scenario"],
)
def test_answers_are_the_same_to_the_last_type(
    hosts: tuple[Headwater, Headwater], query: dict[str, object]
) -> None:
    here, elsewhere = (host.query_frames("demo", query, from_=0, to=3_600_000) for host in hosts)
    assert here == elsewhere
    assert [frame.schema for frame in here] == [frame.schema for frame in elsewhere]


def test_progress_is_told_as_it_is_here(hosts: tuple[Headwater, Headwater]) -> None:
    query = {"scenario": "streaming_rows", "rows": 20_000, "batchRows": 5_000}
    here, elsewhere = list[Progress](), list[Progress]()
    for host, told in zip(hosts, (here, elsewhere), strict=True):
        assert host.query("demo", query, on_progress=told.append).num_rows == 20_000
    assert len(here) > 1
    assert here == elsewhere


def test_the_first_rows_of_a_large_chunk_come_by_themselves(hosts: tuple[Headwater, Headwater]) -> None:
    query = {"scenario": "streaming_rows", "rows": 60_000, "batchRows": 50_000}
    with hosts[1].stream("demo", query) as stream:
        rows = [batch.num_rows for batch in stream]
    assert rows[0] < 50_000
    assert rows[0] + rows[1] == 50_000
    assert rows[2:] == [10_000]


def test_a_large_chunk_of_one_row_stays_one() -> None:
    row = QueryChunk("A", "0", Frame.from_pydict({"text": ["x" * 1_000_000]}))
    assert list(_first_rows_first([row])) == [row]


def test_the_plugin_says_the_same_of_itself(hosts: tuple[Headwater, Headwater]) -> None:
    here, elsewhere = (host.plugin_info("testdata") for host in hosts)
    assert here == elsewhere


@pytest.mark.parametrize("error", ["bug", "caller", "limit", "downstream", "auth", "timeout", "protocol"])
def test_errors_have_the_same_type_and_words(hosts: tuple[Headwater, Headwater], error: str) -> None:
    found = []
    for host in hosts:
        with pytest.raises(Exception) as raised:
            host.query("demo", {"scenario": "error", "error": error, "message": "so it is"})
        found.append(raised.value)
    here, elsewhere = found
    assert type(here) is type(elsewhere)
    assert str(here) == str(elsewhere)
    assert vars(here).keys() - {"message_id", "status", "source"} == vars(elsewhere).keys() - {
        "message_id",
        "status",
        "source",
    }


def test_an_error_keeps_its_words_however_many_they_are(hosts: tuple[Headwater, Headwater]) -> None:
    found = []
    for host in hosts:
        with pytest.raises(QueryError) as raised:
            host.call_resource("demo", "columns", query_string="table=" + "x" * 200_000)
        found.append(str(raised.value))
    assert found[0] == found[1]
    assert len(found[0]) > 200_000


def test_its_result_is_divided_and_its_answers_described_as_here(hosts: tuple[Headwater, Headwater]) -> None:
    query = DataQuery(
        json={"scenario": "streaming_rows", "rows": 1000}, time_range=TimeRange.from_epoch_ms(0, 1)
    )
    found = []
    for host in hosts:
        plugin: Any = host.registry.plugin("testdata")
        context = host.plugin_contexts.get_with_data_source(host.data_source("demo"))
        filters = (Filter("id", ">=", 5),)
        with CallContext() as call:
            request = QueryDataRequest(context, (query,))
            parts = plugin.partitions(request, 4, ("id", "city"), filters, call)
        found.append((parts, plugin.describe_answer(query, context)))
    here, elsewhere = found
    assert here == elsewhere
    assert len(here[0].parts) == 4


def test_expressions_stay_in_the_host() -> None:
    record = PluginRecord(
        "__expr__", entry_point="x:y", distribution="x", version="1", import_=lambda: object()
    )
    assert Isolation().records([record]) == [record]


def test_a_text_isolates_one_plugin_and_none_whose_name_is_in_it() -> None:
    record = PluginRecord("sql", entry_point="x:y", distribution="x", version="1", import_=lambda: object())
    assert Isolation("mysql").records([record]) == [record]
    assert Isolation("sql").records([record]) != [record]
