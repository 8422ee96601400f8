"""SQL over data sources: `headwater.sql`."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from attrs import evolve

from headwater import AsyncHeadwater, CallContext, Frame, Headwater, QueryLimits
from headwater.calls import Progress
from headwater.errors import (
    DeadlineExceededError,
    DownstreamError,
    HeadwaterError,
    LimitExceededError,
    QueryCanceledError,
    QueryError,
    TruncatedResultWarning,
)
from headwater.frames import Notice
from headwater.models import (
    DataQuery,
    DataResponse,
    Partitions,
    PluginInfo,
    QueryDataRequest,
    QueryDataResponse,
)
from headwater.plugins import hookimpl


def rows(count: int, **keys: Any) -> str:
    """The test data's table of rows, as a table function."""
    return f"shop('{json.dumps({'scenario': 'streaming_rows', 'rows': count, **keys})}')"


class Recorder:
    """A plugin that pushes nothing down; its rows carry a notice."""

    def __init__(self) -> None:
        self.queries: list[DataQuery] = []

    @hookimpl
    def query_data(self, request: QueryDataRequest) -> QueryDataResponse:
        (query,) = request.queries
        self.queries.append(query)
        frame = Frame.from_pydict({"x": [1, 2, 3], "y": ["a", "b", "c"]}).with_notice(Notice.warning("stale"))
        return QueryDataResponse({query.ref_id: DataResponse((frame,))})


class Whole(Recorder):
    """A plugin that pushes down what it can, which is nothing of its present queries."""

    @hookimpl
    def describe_plugin(self) -> PluginInfo:
        return PluginInfo(id="whole", capabilities=frozenset({"pushdown"}))

    @hookimpl
    def partitions(self, request: QueryDataRequest) -> Partitions:
        (query,) = request.queries
        return Partitions.whole(evolve(query, json={**query.json, "parts": 1}), "It groups its rows.")


@pytest.fixture
def host() -> Iterator[Headwater]:
    with Headwater(allow_plugins={"__expr__", "testdata"}) as headwater:
        headwater.add_data_source("shop", type="testdata", uid="shop")
        headwater.add_data_source("my metrics", type="testdata", uid="metrics", json_data={"seed": 3})
        yield headwater


@pytest.fixture
def recorder(host: Headwater) -> Recorder:
    plugin = Recorder()
    host.add_plugin("recorder", plugin)
    host.add_data_source("other", type="recorder")
    return plugin


def test_two_sources_are_joined(host: Headwater) -> None:
    frame = host.sql(
        f"""
        SELECT s.city, count(*) AS n, max(m.id) AS last
        FROM {rows(1000)} s
        JOIN "my metrics"('{{"scenario": "streaming_rows", "rows": 10}}') m USING (id)
        GROUP BY s.city ORDER BY s.city
        """
    )
    assert sum(row["n"] for row in frame.to_pylist()) == 10
    assert max(row["last"] for row in frame.to_pylist()) == 9


def test_sources_are_named_by_uid_too(host: Headwater) -> None:
    assert host.sql("SELECT count(*) AS n FROM metrics.no_data").to_pylist() == [{"n": 0}]


@pytest.mark.parametrize("name", ["Wide Shop", "ÉTÉ", 'say "Hi"', "P12AB"])
def test_names_keep_their_capitals(host: Headwater, name: str) -> None:
    host.add_data_source(name, type="testdata")
    quoted = name.replace('"', '""')
    statement = f"""SELECT 'ü' AS u, count(*) AS n FROM "{quoted}"('no_data') a, "{quoted}".no_data b"""
    assert host.sql(statement).to_pylist() == [{"u": "ü", "n": 0}]


def test_capitals_may_stand_for_small_letters(host: Headwater) -> None:
    assert host.sql("SELECT count(*) AS n FROM SHOP.no_data, SHOP('no_data') b").to_pylist() == [{"n": 0}]


def test_a_table_of_a_source_is_named_with_a_dot(host: Headwater) -> None:
    frame = host.sql("SELECT * FROM shop.streaming_rows LIMIT 2")
    assert frame.schema.names == ["id", "time", "city", "value"]


def test_a_text_is_the_plugins_main_text_or_an_object(host: Headwater, recorder: Recorder) -> None:
    host.sql("SELECT * FROM other('{\"a\": 1}'), shop('no_data')")
    assert recorder.queries[0].json == {"a": 1}


def test_sources_get_the_range_and_the_step_of_the_statement(host: Headwater, recorder: Recorder) -> None:
    host.sql("SELECT * FROM other()", from_=0, to=60_000, interval_ms=500, max_data_points=7)
    (query,) = recorder.queries
    assert (query.time_range.to_ms, query.interval_ms, query.max_data_points) == (60_000, 500, 7)


def test_parameters_are_bound(host: Headwater) -> None:
    hostile = "Bern' OR 1=1 --"
    statement = f"SELECT count(*) AS n FROM {rows(100)} WHERE city = $city"
    assert host.sql(statement, params={"city": hostile}).to_pylist() == [{"n": 0}]
    assert host.sql("SELECT ? AS x", params=[hostile]).to_pylist() == [{"x": hostile}]


def test_a_source_is_asked_once_and_its_notices_are_kept(host: Headwater, recorder: Recorder) -> None:
    frame = host.sql("SELECT y FROM other('{}') WHERE x > 1")
    assert frame.to_pylist() == [{"y": "b"}, {"y": "c"}]
    assert len(recorder.queries) == 1
    assert [notice.text for notice in frame.notices] == ["stale"]


def test_notices_of_a_source_that_is_not_read_to_its_end_are_kept(
    host: Headwater, recorder: Recorder
) -> None:
    assert [notice.text for notice in host.sql("SELECT y FROM other() LIMIT 1").notices] == ["stale"]


def test_a_query_that_nothing_can_be_pushed_into_is_asked_once(host: Headwater) -> None:
    plugin = Whole()
    host.add_plugin("whole", plugin)
    host.add_data_source("groups", type="whole")
    lines = host.sql("EXPLAIN ANALYZE SELECT y FROM groups() WHERE x > 1").table.column("explain").to_pylist()
    assert len(plugin.queries) == 1
    assert "  is read whole: It groups its rows." in lines


def test_filters_are_pushed_down_where_the_plugin_can(host: Headwater) -> None:
    statement = f"SELECT city FROM {rows(100_000)} WHERE id >= 99990 AND city <> 'Bern'"
    lines = host.sql(f"EXPLAIN ANALYZE {statement}").table.column("explain").to_pylist()
    assert "  pushed down filters: id >= 99990" in lines
    assert '  asked: {"scenario": "streaming_rows", "rows": 100000, "firstRow": 99990}' in lines
    assert any(line.startswith("  fetched: 10 rows") for line in lines)
    assert host.sql(statement).num_rows <= 10


def test_explain_takes_parameters(host: Headwater) -> None:
    lines = host.sql(
        f"EXPLAIN ANALYZE SELECT city FROM {rows(100)} WHERE id >= $least", params={"least": 90}
    ).table.column("explain")
    assert any(line.startswith("  fetched: 10 rows") for line in lines.to_pylist())


def test_explain_says_what_is_read_whole(host: Headwater, recorder: Recorder) -> None:
    lines = host.sql("EXPLAIN SELECT y FROM other('{}')").table.column("explain").to_pylist()
    assert lines[-2:] == ["other: {}", "  is read whole: its plugin pushes nothing down"]
    assert any("Projections: y" in line for line in lines)


@pytest.mark.parametrize("where", ["id = 7", "id > 5 AND id < 8 AND city IS NOT NULL", "id IN (6, 7)"])
def test_filtered_rows_are_those_of_the_whole(host: Headwater, where: str) -> None:
    whole = host.query("shop", {"scenario": "streaming_rows", "rows": 20}).table
    expected = [row for row in whole.to_pylist() if row["id"] in ({7} if "=" in where else {6, 7})]
    assert host.sql(f"SELECT * FROM {rows(20)} WHERE {where} ORDER BY id").to_pylist() == expected


@pytest.mark.parametrize(
    "name",
    ["decimal128", "timestamp_us_zurich", "list", "struct", "map", "dictionary", "date32", "uint64",
     "float16", "binary", "bool", "timestamp_ns_utc"],
)  # fmt: skip
def test_types_survive(host: Headwater, name: str) -> None:
    query = {"scenario": "all_types", "types": [name]}
    whole = host.query("shop", query).table
    found = host.sql(f"SELECT * FROM shop('{json.dumps(query)}')").table
    assert [str(value) for value in found.column(name).to_pylist()] == [
        str(value).replace("Europe/Zurich", "UTC") if name != "timestamp_us_zurich" else value
        for value in _instants(whole.column(name), name)
    ]


def _instants(column: pa.ChunkedArray, name: str) -> list[Any]:
    if name == "float16":
        column = column.cast(pa.float32())  # NumPy's own numbers are shown with fewer digits
    if name != "timestamp_us_zurich":
        return list(column.to_pylist())
    return [str(value) for value in column.cast(pa.timestamp("us", "UTC")).to_pylist()]


def test_rows_are_limited_as_those_of_a_query(host: Headwater) -> None:
    frame = host.sql(f"SELECT * FROM {rows(100)}", max_rows=5)
    assert (frame.num_rows, frame.truncated) == (5, True)
    with pytest.warns(TruncatedResultWarning, match="cut at 1,000,000 rows"):
        host.sql("FROM range(1000001)")


def test_rows_stream_while_they_arrive(host: Headwater) -> None:
    with host.sql_stream("SELECT id * 2 AS id FROM shop.endless") as stream:
        assert next(stream).column("id")[:3].to_pylist() == [0, 2, 4]
    assert stream.closed


def test_a_limit_ends_a_source_without_end(host: Headwater) -> None:
    assert host.sql("SELECT id FROM shop.endless LIMIT 3").num_rows == 3


def test_asyncio(host: Headwater) -> None:
    async def ask() -> int:
        headwater = AsyncHeadwater(host)
        frame = await headwater.sql(f"SELECT count(*) AS n FROM {rows(10)}")
        async with headwater.sql_stream(f"SELECT id FROM {rows(10)}") as stream:
            counts: list[int] = [batch.num_rows async for batch in stream]
        await headwater.close()
        return int(frame.table.column("n")[0].as_py()) + sum(counts)

    assert asyncio.run(ask()) == 20


def test_progress_is_that_of_all_sources(host: Headwater) -> None:
    class Slow:
        @hookimpl
        def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
            context.report_progress(rows=3, bytes=30, total_rows=3)
            return Recorder().query_data(request)

    host.add_plugin("slow", Slow())
    host.add_data_source("a", type="slow")
    host.add_data_source("b", type="slow")
    seen: list[Progress] = []
    host.sql("SELECT * FROM a('{}') JOIN b('{}') USING (x)", on_progress=seen.append)
    assert seen[-1] == Progress(rows=6, bytes=60, total_rows=6)


def test_statements_do_not_wait_for_each_other_with_half_of_their_queries() -> None:
    limits = QueryLimits(max_concurrent_queries=2)
    slow = """shop('{"scenario": "slow", "delayMs": 300}')"""
    plugins = {"__expr__", "testdata"}
    with Headwater(allow_plugins=plugins, limits=limits) as host, ThreadPoolExecutor() as pool:
        host.add_data_source("shop", type="testdata")
        statements = [f"SELECT count(*) AS n FROM {slow} a, {slow} b"] * 2
        found = [pool.submit(host.sql, each, timeout=20) for each in statements]
        assert [each.result().num_rows for each in found] == [1, 1]


class TestFailures:
    """Errors name what is wrong, and are those of the source where it failed."""

    @pytest.mark.parametrize(
        ("statement", "message"),
        [
            ("SELECT * FROM nope('x')", "There is no data source 'nope'"),
            ("SELECT * FROM nope.orders", "There is no data source 'nope'"),
            ("SELECT * FROM nope", r"There is no table 'nope'; write DATA_SOURCE\('query'\)"),
            ("SELECT * FROM shop", r"shop is a data source; write shop\('query'\)"),
            ('SELECT * FROM shop."no such; table"', "is no name of a table"),
            ("SELECT * FROM shop.a.b", "is no name of a table"),
            ("SELECT * FROM other.orders", "other knows no tables"),
            ("SELECT * FROM shop('a', 'b')", "takes one text"),
            ("SELECT * FROM shop(1)", "takes texts in quotes"),
            ("SELECT * FROM shop('nope')", "There is no scenario 'nope'"),
            ("SELECT nope FROM shop.no_data", 'column "nope" not found'),
            ("SELECT * FROM read_csv('/etc/passwd')", "There is no data source 'read_csv'"),
            ("SELECT * FROM '/etc/passwd'", "There is no table"),
            ("DROP TABLE shop", "Only SELECT statements"),
            ("SELECT ? AS x", "(?i)parameter"),
            ("", "Give one SELECT statement|syntax error"),
        ],
    )
    def test_wrong_statements(
        self, host: Headwater, recorder: Recorder, statement: str, message: str
    ) -> None:
        with pytest.raises(QueryError, match=message):
            host.sql(statement)

    def test_a_source_that_fails_at_once(self, host: Headwater) -> None:
        with pytest.raises(DownstreamError, match="is on fire"):
            host.sql('SELECT * FROM shop(\'{"scenario": "error", "message": "is on fire"}\')')

    def test_a_source_that_fails_on_the_way(self, host: Headwater) -> None:
        failing = rows(100_000, failAfterRows=50_000, message="disk is gone")
        with pytest.raises(DownstreamError, match="disk is gone"):
            host.sql(f"SELECT sum(id) FROM {failing}")

    def test_values_that_the_engine_has_no_type_for(self, host: Headwater) -> None:
        with pytest.raises(QueryError, match=r"^\[shop\] cannot be read by SQL: .* precision 38$"):
            host.sql('SELECT * FROM shop(\'{"scenario": "all_types", "types": ["decimal256"]}\')')

    def test_other_answers_than_one_table(self, host: Headwater) -> None:
        with pytest.raises(HeadwaterError, match="several frames"):
            host.sql('SELECT * FROM shop(\'{"scenario": "random_walk", "seriesCount": 2}\')')

    def test_more_tables_than_a_source_runs_at_once(self, host: Headwater) -> None:
        tables = ", ".join(f"shop.no_data t{index}" for index in range(9))
        with pytest.raises(LimitExceededError, match="reads shop 9 times; a data source runs 8"):
            host.sql(f"SELECT 1 FROM {tables}")

    def test_cancelling_ends_engine_and_sources(self, host: Headwater) -> None:
        context = CallContext()
        threading.Timer(0.3, context.cancel).start()
        with pytest.raises(QueryCanceledError):
            host.sql("SELECT count(*) FROM shop.endless", context=context, timeout=None)

    def test_a_deadline_ends_engine_and_sources(self, host: Headwater) -> None:
        with pytest.raises(DeadlineExceededError):
            host.sql("SELECT count(*) FROM shop.endless", timeout=0.3)

    def test_without_the_plugin(self) -> None:
        with (
            Headwater(allow_plugins={"testdata"}) as headwater,
            pytest.raises(HeadwaterError, match="Plugin '__expr__' of headwater-expressions is BLOCKED"),
        ):
            headwater.sql("SELECT 1")


def test_nothing_is_left_behind(host: Headwater, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    host.sql(f"SELECT * FROM {rows(100)} ORDER BY value")
    with host.sql_stream("SELECT id FROM shop.endless") as stream:
        next(stream)
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []
